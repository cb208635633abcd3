"""Whatever a URL says, nothing but public addresses is ever connected to."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from ssl import CERT_REQUIRED

import pytest
from aiohttp.abc import AbstractResolver
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.egress import (
    Forbidden,
    GuardedResolver,
    Network,
    SystemResolver,
    guarded_sockets,
    is_allowed,
    trusting_the_system,
)
from tests.dispatcher.endpoints import Names, Said, a_client, said

LOOPBACK = (ip_network("127.0.0.0/8"),)
PUBLIC_V4 = "93.184.216.34"
PUBLIC_V6 = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"

# ── which addresses ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "address",
    [
        PUBLIC_V4,
        "1.0.0.0",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "128.0.0.1",
        "168.63.129.17",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.1",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        PUBLIC_V6,
        "2001:200::1",
        "2000::1",
        "64:ff9b::5db8:d822",
    ],
)
def test_public_addresses_are_allowed(address: str) -> None:
    assert is_allowed(address, ())


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.7",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::93.184.216.34",
        "::ffff:127.0.0.1",
        "::ffff:93.184.216.34",
        "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::5db8:d822",
        "64:ff9b:1:ffff:ffff:ffff:7f00:1",
        "100::1",
        "2001::1",
        "2001:0:5ef5:79fd:0:1:a247:27dd",
        "2001:2::1",
        "2001:10::1",
        "2001:20::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:5db8:d822::1",
        "3fff::1",
        "4000::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        f"{PUBLIC_V6}%eth0",
    ],
)
def test_no_other_address_is(address: str) -> None:
    assert not is_allowed(address, ())


@pytest.mark.parametrize(
    "spelling",
    [
        "",
        "localhost",
        "2130706433",
        "127.1",
        "0x7f.1",
        "0x5db8d822",
        "0135.0270.0330.042",
        "１.1.1.1",
        " 1.1.1.1",
        "[::1]",
    ],
)
def test_what_is_no_plain_address_is_refused_even_where_its_network_is_allowed(spelling: str) -> None:
    assert not is_allowed(spelling, (ip_network("0.0.0.0/0"), ip_network("::/0")))


@pytest.mark.parametrize(
    ("allow", "address", "allowed"),
    [
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "192.168.0.1", False),
        ("10.0.0.0/8", "64:ff9b::10.1.2.3", True),
        ("10.0.0.0/8", "::ffff:10.1.2.3", False),
        ("fd00::/8", "fd00::1", True),
        ("fd00::/8", "fd00::1%eth0", False),
        ("64:ff9b:1::/96", "64:ff9b:1::a01:203", True),
        ("::1/128", "::1", True),
        ("::1/128", "127.0.0.1", False),
    ],
)
def test_the_operator_makes_exceptions_by_network(allow: str, address: str, allowed: bool) -> None:
    assert is_allowed(address, (ip_network(allow),)) is allowed


@given(st.ip_addresses(v=4))
def test_an_address_that_python_calls_private_is_never_allowed(address: IPv4Address) -> None:
    assert not (is_allowed(str(address), ()) and (address.is_private or address.is_multicast or address.is_reserved))


@given(st.ip_addresses(v=6))
def test_an_allowed_ipv6_address_is_global_unicast_or_leads_to_a_public_one(address: IPv6Address) -> None:
    inner = IPv4Address(int(address) & 0xFFFF_FFFF)
    is_nat64 = address in IPv6Network("64:ff9b::/96")

    assert not is_allowed(str(address), ()) or (is_allowed(str(inner), ()) if is_nat64 else address.is_global)


@given(st.ip_addresses(v=4))
def test_nat64_leads_just_where_the_inner_address_may(address: IPv4Address) -> None:
    assert is_allowed(f"64:ff9b::{address}", ()) is is_allowed(str(address), ())


@given(st.text())
def test_no_text_makes_the_guard_fail(address: str) -> None:
    assert is_allowed(address, ()) in {True, False}


# ── connections ─────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Door:
    """Something that listens on loopback, on both families where there are two, and counts who comes."""

    port: int
    visits: int = 0


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    opened = Door(0)

    async def count(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.visits += 1
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(count, "127.0.0.1", 0) as server:
        opened.port = server.sockets[0].getsockname()[1]
        try:
            also = await asyncio.start_server(count, "::1", opened.port)
        except OSError:  # a machine without IPv6
            yield opened
        else:
            async with also:
                yield opened


@pytest.fixture(params=["ours", "aiohttp"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which client: whatever holds for one holds for the other."""
    return str(request.param)


async def visit(kind: str, url: str, *, names: AbstractResolver | None = None, allow: tuple[Network, ...] = ()) -> Said:
    async with a_client(kind, names=names, allow=allow) as client:
        return await said(client, url)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "localhost.",
        "2130706433",
        "017700000001",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "127.0.1",
        "0",
        "0.0.0.0",
        "１２７.0.0.1",
        "127。0。0。1",
        "%31%32%37.0.0.1",
        "public.example@127.0.0.1",
        "[::1]",
        "[::]",
        "[0:0:0:0:0:0:0:1]",
        "[::127.0.0.1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::7f00:1]",
        "[2002:7f00:1::]",
        "[::1%25lo]",
        "[fe80::1%25lo]",
    ],
)
async def test_no_spelling_of_loopback_is_connected_to(door: Door, kind: str, host: str) -> None:
    assert await visit(kind, f"http://{host}:{door.port}/") in {"egress_refused", "dns_failed", "bad_url"}
    assert door.visits == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "localhost"])
async def test_a_refusal_can_be_told_from_a_failure(door: Door, kind: str, host: str) -> None:
    assert await visit(kind, f"http://{host}:{door.port}/") == "egress_refused"


@pytest.mark.parametrize(
    "answer",
    [
        ["127.0.0.1"],
        [PUBLIC_V4, "127.0.0.1"],
        ["127.0.0.1", PUBLIC_V4],
        [PUBLIC_V6, PUBLIC_V4, "10.0.0.1"],
        [PUBLIC_V4, "::1"],
        [PUBLIC_V4, "::ffff:127.0.0.1"],
        [PUBLIC_V4, "64:ff9b::7f00:1"],
        [],
    ],
)
async def test_one_forbidden_answer_refuses_them_all(door: Door, kind: str, answer: list[str]) -> None:
    assert await visit(kind, f"http://crm.example:{door.port}/", names=Names(answer)) == "egress_refused"
    assert door.visits == 0


async def test_a_name_that_is_bound_to_another_address_after_it_was_vetted_is_refused(door: Door, kind: str) -> None:
    """Allowed is 127.0.0.1 alone here, in the place of a public address."""
    names = Names(["127.0.0.1"], ["::1"])
    allow = (ip_network("127.0.0.1/32"),)
    url = f"http://crm.example:{door.port}/"

    assert await visit(kind, url, names=names, allow=allow) == (204, b"")
    assert await visit(kind, url, names=names, allow=allow) == "egress_refused"
    assert door.visits == 1


async def test_the_connection_is_made_to_what_was_vetted(door: Door, kind: str) -> None:
    """One question, one answer: nobody asks again between the check and the connection."""
    names = Names(["127.0.0.1"], ["192.168.0.1"])

    assert await visit(kind, f"http://crm.example:{door.port}/", names=names, allow=LOOPBACK) == (204, b"")
    assert door.visits == 1


async def test_an_allowed_network_is_reached(door: Door, kind: str) -> None:
    assert await visit(kind, f"http://127.0.0.1:{door.port}/", names=Names([]), allow=LOOPBACK) == (204, b"")


def test_certificates_and_names_are_verified() -> None:
    context = trusting_the_system()

    assert (context.check_hostname, context.verify_mode) == (True, CERT_REQUIRED)


@pytest.mark.parametrize(
    "address", [("127.0.0.1", 80), ("2130706433", 80), ("127.1", 80), ("::1", 80, 0, 0), ("fe80::1%lo", 80, 0, 1)]
)
def test_the_last_line_looks_at_what_is_about_to_be_connected(address: tuple[str, int]) -> None:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET

    with pytest.raises(Forbidden):
        guarded_sockets(())((family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address))


async def test_the_system_resolver_finds_numeric_addresses() -> None:
    resolver = SystemResolver()

    found = await resolver.resolve("localhost", 8080)

    await resolver.close()
    assert {result["host"] for result in found} <= {"127.0.0.1", "::1"}
    assert {result["port"] for result in found} == {8080}


async def test_closing_the_guard_closes_what_it_guards() -> None:
    resolver = SystemResolver()

    await GuardedResolver(resolver, ()).close()

    with pytest.raises(RuntimeError, match="shutdown"):
        await resolver.resolve("localhost")


def test_a_refusal_names_no_address() -> None:
    assert not any(character.isdigit() for character in Forbidden().strerror or "0")


def test_networks_of_both_kinds_are_told_apart() -> None:
    assert not is_allowed("::7f00:1", (IPv4Network("127.0.0.0/8"),))
