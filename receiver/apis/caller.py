"""From which address does a call come? From the peer's, unless the peer is a proxy that we trust to know better."""

import ipaddress
import re
from collections.abc import Sequence

from config.fields import Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Some proxies write the port, too: "192.0.2.1:51234", "[2001:db8::1]:51234".
_WITH_PORT = re.compile(r"\[([^\]]*)\](?::[0-9]+)?|([0-9.]+):[0-9]+")


def caller_of(peer: str, forwarded_for: str, *, trusted: Sequence[Network]) -> str:
    """The last address that no trusted proxy has: whatever stands before it in X-Forwarded-For anybody can claim.

    https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/X-Forwarded-For#selecting_an_ip_address
    """
    if not trusted:
        return peer
    caller = peer
    for claimed in reversed(forwarded_for.split(",")):
        address = address_of(_without_port(claimed.strip()))
        if address is None or not _is_within(caller, trusted):
            break
        caller = str(address)
    return caller


def address_of(text: str) -> Address | None:
    """An IPv4 address that came over an IPv6 socket (::ffff:192.0.2.1) is an IPv4 address."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_within(text: str, networks: Sequence[Network]) -> bool:
    address = address_of(text)
    return address is not None and any(address in network for network in networks)


def _without_port(claimed: str) -> str:
    found = _WITH_PORT.fullmatch(claimed)
    return (found[1] or found[2]) if found else claimed
