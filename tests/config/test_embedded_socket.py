"""The embedded store's socket has a path that the system takes, the same for every process."""

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio.connection import parse_url

from config.embedded_socket import LONGEST_PATH, socket_path, socket_url


def test_it_lies_in_the_data_directory() -> None:
    assert socket_path(Path("/srv/relay/var")) == Path("/srv/relay/var/store.sock")
    assert socket_url(Path("/srv/relay/var")) == "unix:///srv/relay/var/store.sock"


@given(st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=200))
def test_its_path_always_fits(name: str) -> None:
    assert len(os.fsencode(socket_path(Path("/srv") / name))) <= LONGEST_PATH


def test_deep_data_directories_have_one_short_path_each() -> None:
    deep, other = Path("/srv") / ("deep" * 40), Path("/srv") / ("well" * 40)

    assert socket_path(deep) == socket_path(deep)
    assert socket_path(deep) != socket_path(other)


@given(st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=20))
def test_the_url_leads_to_the_path_whatever_the_directory_is_called(name: str) -> None:
    data_dir = Path("/srv") / name

    assert parse_url(socket_url(data_dir))["path"] == str(socket_path(data_dir))
