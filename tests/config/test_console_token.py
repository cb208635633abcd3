"""The console's first token: the configured one, or one of its own, made once and readable by its owner alone."""

import stat
from pathlib import Path

import pytest

from config.console_token import configured, ensure_token, file_of
from config.settings import Settings, judged
from consent.errors import Misconfigured


def settings_in(folder: Path, token: str = "") -> Settings:
    return judged({"store": {"data_dir": str(folder)}, "console": {"token": token}}, {}, where="a test")


def test_it_is_made_once_kept_for_its_owner_alone_and_handed_out_when_it_is_made(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "not" / "there")

    made, again = (ensure_token(settings, lambda count, byte=byte: bytes([byte]) * count) for byte in (1, 2))

    assert made is not None
    assert (again, configured(settings)) == (None, made)
    assert stat.S_IMODE(file_of(settings).stat().st_mode) == 0o600
    assert stat.S_IMODE(file_of(settings).parent.stat().st_mode) == 0o700


def test_a_configured_one_counts_and_none_is_made(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, token="c0nfigured-token-of-16")

    assert ensure_token(settings) is None
    assert configured(settings) == "c0nfigured-token-of-16"
    assert not file_of(settings).exists()


def test_before_the_first_start_there_is_none(tmp_path: Path) -> None:
    assert configured(settings_in(tmp_path)) is None


def test_a_file_that_holds_no_token_is_named_with_the_remedy(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    file_of(settings).write_bytes(b"\xff\xfe")

    with pytest.raises(Misconfigured, match="remove it"):
        configured(settings)


def test_a_directory_that_cannot_be_written_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(Misconfigured, match=r"console\.token"):
        ensure_token(settings_in(tmp_path / "file" / "below"))
