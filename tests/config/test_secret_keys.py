"""The key of the store is the configured one, else the embedded store's own, which is made once and kept."""

import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from config.secret_keys import ensure_key, file_of, seals_of
from config.sections import Store
from config.settings import judged
from consent.errors import Misconfigured
from consent.ledger.sealing import UNSEALED, Key

HERE = ("accounts", "acme", "api_secret")
KEYS = [base64.b64encode(bytes([n]) * 32).decode() for n in range(3)]
IDS = [Key(bytes([n]) * 32).id for n in range(3)]


def a_store(folder: Path, **said: object) -> Store:
    return judged({"store": {"data_dir": str(folder), **said}}, {}, where="a test").store


def test_the_embedded_store_gets_a_key_of_its_own_once(tmp_path: Path) -> None:
    where = a_store(tmp_path)

    before, made, again = seals_of(where), ensure_key(where), ensure_key(where)

    assert before is UNSEALED
    assert (made, again) == (True, False)
    assert [file.name for file in tmp_path.iterdir()] == ["secret.key"]
    assert stat.S_IMODE(file_of(where).stat().st_mode) == 0o600
    sealed = seals_of(where).sealed("s3cr3t", HERE)
    assert seals_of(where).opened(sealed, HERE) == "s3cr3t" != sealed


def test_of_many_that_start_at_once_one_makes_the_key(tmp_path: Path) -> None:
    where = a_store(tmp_path)

    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: ensure_key(where), range(8)))

    assert sum(made) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["secret.key"]


@pytest.mark.parametrize("said", [{"secret_key": KEYS[0]}, {"url": "redis://localhost"}])
def test_no_key_is_made_where_one_is_configured_or_the_store_is_somebody_elses(
    tmp_path: Path, said: dict[str, object]
) -> None:
    where = a_store(tmp_path, **said)

    assert not ensure_key(where)
    assert list(tmp_path.iterdir()) == []


def test_the_configured_key_seals_and_every_other_opens(tmp_path: Path) -> None:
    own = a_store(tmp_path)
    ensure_key(own, lambda _: bytes([2]) * 32)
    sealed = {n: seals_of(a_store(tmp_path / "no", secret_key=KEYS[n])).sealed("s3cr3t", HERE) for n in range(3)}

    seals = seals_of(a_store(tmp_path, secret_key=KEYS[0], old_secret_keys=[KEYS[1]]))

    assert seals.newest is not None
    assert seals.newest.id == IDS[0]
    assert [seals.opened(each, HERE) for each in sealed.values()] == ["s3cr3t"] * 3


def test_old_keys_alone_open_and_seal_nothing(tmp_path: Path) -> None:
    seals = seals_of(a_store(tmp_path, url="redis://localhost", old_secret_keys=KEYS[:1]))

    assert seals.newest is None
    assert seals.sealed("s3cr3t", HERE) == "s3cr3t"


def test_a_store_elsewhere_does_not_use_the_file(tmp_path: Path) -> None:
    ensure_key(a_store(tmp_path))

    assert seals_of(a_store(tmp_path, url="redis://localhost")) is UNSEALED


@pytest.mark.parametrize("content", [b"", b"hunter2", b"aHVudGVyMg==", b"\xff"])
def test_a_damaged_key_file_is_not_gone_on_without(tmp_path: Path, content: bytes) -> None:
    where = a_store(tmp_path)
    file_of(where).write_bytes(content)

    with pytest.raises(Misconfigured, match=r"holds no key .* restore it") as told:
        seals_of(where)

    assert "hunter2" not in str(told.value)


def test_a_key_file_that_cannot_be_read_or_written_is_told(tmp_path: Path) -> None:
    where = a_store(tmp_path)
    file_of(where).mkdir()

    with pytest.raises(Misconfigured, match="cannot be read: Is a directory"):
        seals_of(where)
    with pytest.raises(Misconfigured, match="cannot be written: No such file"):
        ensure_key(a_store(tmp_path / "not" / "there"))
