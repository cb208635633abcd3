"""The image has all that the project is made of, and nothing else."""

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from console.cli import COMMANDS
from tests.e2e.installation import ROOT

DOCKERFILE = ROOT / "Dockerfile"
HADOLINT = shutil.which("hadolint", path=str(ROOT / ".venv/bin")) or shutil.which("hadolint")
INSTRUCTIONS = {
    "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "RUN", "STOPSIGNAL", "USER",
    "VOLUME", "WORKDIR",
}  # fmt: skip


def instructions() -> Iterator[tuple[str, str]]:
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    for line in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        if line.strip():
            word, _, rest = line.partition(" ")
            yield word, rest


def of(kind: str) -> list[str]:
    return [rest for word, rest in instructions() if word == kind]


def folders_of_code() -> set[str]:
    declared: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    return {name.partition(".")[0] for name in declared}


def is_sent(path: str) -> bool:
    """To the builder, by the rules of .dockerignore: the last one that matches decides."""
    sent = True
    for rule in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = rule.removeprefix("!")
        if not rule or rule.startswith("#"):
            continue
        if pattern == "*" or path == pattern or path.startswith(f"{pattern}/") or fnmatch(f"/{path}", pattern[1:]):
            sent = rule.startswith("!")
    return sent


@pytest.mark.skipif(HADOLINT is None, reason="hadolint has no wheel for this machine")
def test_the_linter_finds_nothing() -> None:
    assert HADOLINT
    subprocess.run([HADOLINT, "--no-color", "Dockerfile"], cwd=ROOT, check=True, timeout=60)


def test_every_instruction_is_one() -> None:
    assert {word for word, _ in instructions()} <= INSTRUCTIONS


def test_all_that_is_copied_is_there_and_reaches_the_builder() -> None:
    copied = [rest.split()[:-1] for rest in of("COPY") if not rest.startswith("--from")]

    for source in (name for names in copied for name in names):
        assert (ROOT / source).exists(), source
        assert is_sent(source), source
    assert folders_of_code() <= {name for names in copied for name in names}


@pytest.mark.parametrize("path", [".git/config", "consent-relay.toml", "var/secret.key", "deploy/compose/secrets/x"])
def test_secrets_and_history_do_not_reach_the_builder(path: str) -> None:
    assert not is_sent(path)


def test_every_package_and_every_file_beside_the_code_is_installed() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    declared, data = set(setuptools["packages"]), setuptools["package-data"]
    for top in sorted(folders_of_code()):
        for file in sorted((ROOT / top).rglob("*")):
            if file.is_dir() or "__pycache__" in file.parts:
                continue
            owner = next(folder for folder in file.parents if named(folder) in declared or folder == ROOT)
            if file.suffix == ".py":
                assert named(file.parent) in declared, f"{file} is in no package of pyproject.toml"
            else:
                patterns = data.get(named(owner), [])
                inside = str(file.relative_to(owner))
                assert any(fnmatch(inside, pattern) for pattern in patterns), f"{file} is not installed"


def test_every_package_that_is_declared_is_there() -> None:
    for name in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]:
        assert (ROOT / name.replace(".", "/")).is_dir(), name


def named(folder: Path) -> str:
    return ".".join(folder.relative_to(ROOT).parts) if folder.is_relative_to(ROOT) else ""


def test_it_runs_as_nobody_special_and_stops_in_order() -> None:
    (user,) = of("USER")

    assert re.fullmatch(r"[1-9][0-9]+:[1-9][0-9]+", user)
    assert of("STOPSIGNAL") == ["SIGTERM"]
    assert of("ENTRYPOINT") == ['["consent-relay"]']
    assert of("CMD") == ['["up"]']
    assert "up" in COMMANDS


def test_every_stage_comes_from_a_named_version() -> None:
    assert all(re.match(r"python:(\$\{PYTHON\}|\d)", rest) for rest in of("FROM"))
    assert re.match(r"PYTHON=3\.\d+-slim", of("ARG")[0])
