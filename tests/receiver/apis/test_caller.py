"""Who called, when proxies stand in between and anybody may claim anything."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.apis.caller import caller_of

PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "caller"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "203.0.113.9,198.51.100.7 , 10.9.9.9", "198.51.100.7"),
        ("10.0.0.1", "10.2.2.2", "10.2.2.2"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7, unknown", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7:51234", "198.51.100.7"),
        ("fd00::1", "[2001:db8::7]:51234", "2001:db8::7"),
        ("fd00::1", "[2001:db8::7]", "2001:db8::7"),
        ("fd00::1", "2001:db8::7", "2001:db8::7"),
        ("::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "::ffff:198.51.100.7", "198.51.100.7"),
        ("", "198.51.100.7", ""),
    ],
)
def test_the_last_address_that_no_trusted_proxy_has_is_the_callers(peer: str, forwarded_for: str, caller: str) -> None:
    assert caller_of(peer, forwarded_for, trusted=PROXIES) == caller


def test_where_no_proxy_is_trusted_the_peer_is_the_caller() -> None:
    assert caller_of("10.0.0.1", "198.51.100.7", trusted=()) == "10.0.0.1"


@given(st.text(max_size=60))
def test_whatever_a_caller_claims_before_the_proxys_own_word_changes_nothing(claimed: str) -> None:
    assert caller_of("10.0.0.1", f"{claimed}, 198.51.100.7", trusted=PROXIES) == "198.51.100.7"
    assert caller_of("192.0.2.1", claimed, trusted=PROXIES) == "192.0.2.1"
