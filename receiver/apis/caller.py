"""From which address does a call come? From the peer's, unless the peer is a proxy that we trust to know better."""

import ipaddress
from collections.abc import Sequence

from config.fields import Network


def caller_of(peer: str, forwarded_for: str, *, trusted: Sequence[Network]) -> str:
    """The last address that no trusted proxy has: whatever stands before it in X-Forwarded-For anybody can claim.

    https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/X-Forwarded-For#selecting_an_ip_address
    """
    caller = peer
    for claimed in reversed(forwarded_for.split(",")):
        if not _is_within(caller, trusted):
            break
        if not _address(claimed.strip()):
            break
        caller = claimed.strip()
    return caller


def _is_within(address: str, networks: Sequence[Network]) -> bool:
    parsed = _address(address)
    return parsed is not None and any(parsed in network for network in networks)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
