"""Which addresses may a delivery reach? Only public ones: a customer names the URL, but it is we who connect.

Names are vetted when they are resolved: one forbidden address among the answers refuses them all, and the connection is
made to what was vetted, so that a second answer cannot differ from the first (DNS rebinding). Literal addresses never
reach a resolver, so the socket factory looks again at what is about to be connected: nothing gets past it.

The tables follow https://www.iana.org/assignments/iana-ipv4-special-registry and
https://www.iana.org/assignments/iana-ipv6-special-registry, with multicast and what was never assigned besides.
`dispatcher.egress_allow` makes exceptions, for a customer system in one's own network.
"""

import asyncio
import errno
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from ssl import SSLContext, create_default_context

from aiohttp import AddrInfoType, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult

Network = IPv4Network | IPv6Network

DNS_CACHE_SECONDS = 30
KEEPALIVE_SECONDS = 30
LOOKUP_THREADS = 32

FORBIDDEN_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # "this network"
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # carrier-grade NAT; Alibaba's metadata service
            "127.0.0.0/8",  # loopback
            # Azure's metadata service lives in public space:
            # https://learn.microsoft.com/en-us/azure/virtual-network/what-is-ip-address-168-63-129-16
            "168.63.129.16/32",
            "169.254.0.0/16",  # link-local; the metadata service of most clouds
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments; Oracle's metadata service
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # 6to4 relays, deprecated
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarking
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)
GLOBAL_V6 = IPv6Network("2000::/3")
"""All that is handed out as global unicast. Outside: ::/8 with loopback and every form that wraps an IPv4 address,
local NAT64 (64:ff9b:1::/48), discard, segment routing (5f00::/16), unique local, link-local, multicast."""
FORBIDDEN_V6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments: Teredo, benchmarking, ORCHID
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4: an IPv4 address, reached through a relay nobody vouches for
            "3fff::/20",  # documentation
        ),
    )
)
# The last 32 bits are where the packet really goes: https://www.rfc-editor.org/rfc/rfc6052#section-2.1
# The local prefix has no fixed place for them, so it is refused whole: https://www.rfc-editor.org/rfc/rfc8215
NAT64 = IPv6Network("64:ff9b::/96")


EVERYWHERE: Sequence[Network] = (IPv4Network("0.0.0.0/0"), IPv6Network("::/0"))
"""For the way to a proxy, whose address the operator configured."""


class Forbidden(OSError):
    """An address that delivery may not reach: `dispatcher.egress_allow` is where the operator makes an exception.

    The sentence holds no address: it is shown to who owns the endpoint, who shall learn nothing about the network.
    """

    def __init__(self) -> None:
        super().__init__(errno.EACCES, "not a public address")


def is_allowed(address: str, allow: Sequence[Network]) -> bool:
    """Anything that is no plain numeric address is refused, an address with a zone ("fe80::1%eth0") as well."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.scope_id is not None:
        return False
    return any(parsed in network for network in allow) or _is_public(parsed, allow)


def _is_public(address: IPv4Address | IPv6Address, allow: Sequence[Network]) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in FORBIDDEN_V4)
    if address in NAT64:
        return is_allowed(str(IPv4Address(int(address) & 0xFFFF_FFFF)), allow)
    return address in GLOBAL_V6 and not any(address in network for network in FORBIDDEN_V6)


class SystemResolver(AbstractResolver):
    """The system's resolver on threads of our own.

    The event loop's are few (uvloop has four), and a customer's dead name server holds one for half a minute: a few
    such endpoints would keep every other name from being resolved.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(LOOKUP_THREADS, thread_name_prefix="dns")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host, port, family)
        return [
            ResolveResult(
                hostname=host, host=str(address[0]), port=port, family=of, proto=proto, flags=socket.AI_NUMERICHOST
            )
            for of, _, proto, _, address in found
        ]

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str, port: int, family: socket.AddressFamily) -> Sequence[AddrInfoType]:
    return socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)


class GuardedResolver(AbstractResolver):
    """Passes on what another resolver found, if that is anything and all of it is allowed."""

    def __init__(self, resolver: AbstractResolver, allow: Sequence[Network]) -> None:
        self._resolver = resolver
        self._allow = allow

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        if not found or not all(is_allowed(result["host"], self._allow) for result in found):
            raise Forbidden
        return found

    async def close(self) -> None:
        await self._resolver.close()


def guarded_sockets(
    allow: Sequence[Network], on_open: Callable[[], None] = lambda: None
) -> Callable[[AddrInfoType], socket.socket]:
    def open_socket(address: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, (host, *_) = address
        if not is_allowed(str(host), allow):
            raise Forbidden
        on_open()
        return socket.socket(family, kind, protocol)

    return open_socket


@cache
def trusting_the_system() -> SSLContext:
    """The one that all share who change nothing in it. Read once: it takes tens of milliseconds."""
    return new_context()


def new_context() -> SSLContext:
    """Certificate and name are verified; HTTP/1.1 is asked for, where a server could choose."""
    context = create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def connector(
    allow: Sequence[Network],
    *,
    resolver: AbstractResolver,
    tls: SSLContext | None = None,
    reuses_connections: bool = True,
    on_open: Callable[[], None] = lambda: None,
) -> TCPConnector:
    """The caller closes the resolver. Connections are not counted here: the loop limits what is in flight.

    `on_open` is called, in the context of the request that needs it, before a connection is made.
    """
    return TCPConnector(
        resolver=GuardedResolver(resolver, allow),
        socket_factory=guarded_sockets(allow, on_open),
        ttl_dns_cache=DNS_CACHE_SECONDS,
        ssl=tls or True,
        limit=0,
        force_close=not reuses_connections,
        keepalive_timeout=KEEPALIVE_SECONDS if reuses_connections else None,
    )
