"""A node that sends us elsewhere is understood; an error of the command's own is none of that."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.ledger.address import Address
from consent.ledger.redirects import Ask, Moved, Redirect, Wait, redirect_of

ASKED = Address("10.0.0.1", 7000, password="s3cret")


@pytest.mark.parametrize(
    ("error", "redirect"),
    [
        ("MOVED 3999 127.0.0.1:6381", Moved(3999, ASKED.at("127.0.0.1", 6381))),
        ("MOVED 3999 store.example:6381", Moved(3999, ASKED.at("store.example", 6381))),
        ("MOVED 3999 ::1:6381", Moved(3999, ASKED.at("::1", 6381))),
        ("MOVED 3999 :6381", Moved(3999, ASKED.at("10.0.0.1", 6381))),
        ("ASK 3999 127.0.0.1:6381", Ask(ASKED.at("127.0.0.1", 6381))),
        ("TRYAGAIN Multiple keys request during rehashing of slot", Wait()),
        ("MOVED 3999 ?:6381", None),
        ("MOVED 3999", None),
        ("CLUSTERDOWN The cluster is down", None),
        ("ERR Function not found", None),
        ("", None),
    ],
)
def test_a_redirect_is_told_from_an_error(error: str, redirect: Redirect | None) -> None:
    assert redirect_of(error, ASKED) == redirect


@given(st.text())
def test_whatever_a_node_says_is_a_redirect_or_none(error: str) -> None:
    assert isinstance(redirect_of(error, ASKED), Moved | Ask | Wait | None)
