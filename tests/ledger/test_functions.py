"""The library in the store is exactly the one this process was written against."""

from importlib.resources import files

import pytest

from consent.ledger import Ledger, Store
from consent.ledger.functions import FUNCTIONS, function_name, library, version
from consent.model import Recorded
from tests.builders import a_start, a_stop


def test_a_function_bears_the_version_of_the_code() -> None:
    assert function_name("apply") == f"apply_{version()}"
    assert library().startswith(f"#!lua name=consent_relay_{version()}\n")


def test_a_function_that_is_not_listed_has_no_name() -> None:
    with pytest.raises(KeyError, match="drop_everything"):
        function_name("drop_everything")


def test_every_listed_function_registers_itself_and_no_other_does() -> None:
    scripts = (entry for entry in files("consent.ledger.lua").iterdir() if entry.name.endswith(".lua"))
    registering = {entry.name.removesuffix(".lua") for entry in scripts if "\nregister(" in entry.read_text("utf-8")}

    assert registering == set(FUNCTIONS)


async def test_the_store_holds_every_function_under_its_name(ledger: Ledger, store: Store) -> None:
    await store.redis.function_flush()
    await ledger.apply(a_stop())

    listed = await store.redis.function_list(library=f"consent_relay_{version()}")
    functions = dict(zip(listed[0][::2], listed[0][1::2], strict=True))[b"functions"]
    assert {function[1].decode() for function in functions} == {function_name(name) for name in FUNCTIONS}


async def test_old_and_new_functions_serve_side_by_side(ledger: Ledger, store: Store) -> None:
    older = library().replace(version(), "0123456789")
    await store.redis.function_load(older, replace=True)
    try:
        assert isinstance(await ledger.apply(a_stop()), Recorded)
        assert isinstance(await ledger.apply(a_start(at=2_000_000_000_000)), Recorded)
        assert await store.redis.fcall_ro("look_0123456789", 3, "{0}:next", "{0}:leased", "{0}:unheard", 1)
    finally:
        await store.redis.function_delete("consent_relay_0123456789")
