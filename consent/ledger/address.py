"""Which servers does `store.url` name? One server, the sentinels that know where it is, or some nodes of a Cluster.

    redis://  rediss://  unix://      [user:password@]host:port[/database]
    redis+sentinel://                 [user:password@]host:port,host:port/service[/database]
    redis+cluster://                  [user:password@]host:port,host:port

rediss+… speaks TLS, to sentinels too. What may stand behind "?" is in `_OPTIONS`.
"""

import ssl
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from redis.asyncio.connection import SSLConnection, UnixDomainSocketConnection, parse_url

from consent.errors import Misconfigured

_SENTINEL_PORT = 26379
_PORT = 6379
_EXPECTED = "expected redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://"
_TLS_OPTIONS = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname"})
_SENTINEL_OPTIONS = frozenset({"sentinel_username", "sentinel_password"})
_OPTIONS = {
    "redis": frozenset({"db"}),
    "rediss": {"db"} | _TLS_OPTIONS,
    "unix": frozenset({"db"}),
    "redis+sentinel": {"db"} | _SENTINEL_OPTIONS,
    "rediss+sentinel": {"db"} | _SENTINEL_OPTIONS | _TLS_OPTIONS,
    "redis+cluster": frozenset[str](),
    "rediss+cluster": _TLS_OPTIONS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    ca_certs: str | None = None
    """A file of authorities in place of the system's."""
    certfile: str | None = None
    keyfile: str | None = None
    """What we show, where the server asks who we are."""
    checks_hostname: bool = True

    def context(self) -> ssl.SSLContext:
        """Made for each connection: files that were renewed meanwhile are taken."""
        context = ssl.create_default_context(cafile=self.ca_certs)
        context.check_hostname = self.checks_hostname
        if self.certfile:
            context.load_cert_chain(self.certfile, self.keyfile)
        return context

    def options(self) -> dict[str, Any]:
        """The same for redis-py."""
        return {
            "ssl": True,
            "ssl_ca_certs": self.ca_certs,
            "ssl_certfile": self.certfile,
            "ssl_keyfile": self.keyfile,
            "ssl_check_hostname": self.checks_hostname,
        }


@dataclass(frozen=True, slots=True)
class Address:
    host: str = ""
    port: int = _PORT
    path: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    database: int = 0
    tls: Tls | None = None

    @classmethod
    def of(cls, url: str) -> "Address":
        """From a redis://, rediss:// or unix:// URL, as redis-py reads them."""
        try:
            split = urlsplit(url)
            if split.scheme != "unix":
                _ensure_number(split.path.strip("/"), "redis://host:6379/0")
            _ensure_number(dict(parse_qsl(split.query)).get("db", ""), "?db=0")
            parts: dict[str, Any] = dict(parse_url(url))
        except ValueError as exc:
            raise Misconfigured(f"store.url: {_EXPECTED} ({exc})") from exc
        connection = parts.get("connection_class")
        path = parts.get("path", "") if connection is UnixDomainSocketConnection else ""
        return cls(
            parts.get("host", "localhost"),
            parts.get("port", _PORT),
            path,
            parts.get("username") or "",
            parts.get("password") or "",
            parts.get("db", 0),
            _tls(_options(split)) if connection is SSLConnection else None,
        )

    @property
    def name(self) -> str:
        """For messages."""
        return self.path or f"{self.host}:{self.port}"

    async def found(self) -> "Address":
        """Where the server is now: a single one stays where it is."""
        return self

    def at(self, host: str, port: int) -> "Address":
        """Another server of the same installation."""
        return replace(self, host=host, port=port)

    def access(self) -> dict[str, Any]:
        """For redis-py: whatever is not host and port."""
        return {
            "username": self.username or None,
            "password": self.password or None,
            **(self.tls.options() if self.tls else {}),
        }


@dataclass(frozen=True, slots=True)
class Sentinels:
    service: str
    sentinels: tuple[Address, ...]
    master: Address
    """Without host and port, which they know."""


@dataclass(frozen=True, slots=True)
class Cluster:
    seeds: tuple[Address, ...]
    """Some of its nodes, who know the others."""


Location = Address | Sentinels | Cluster


def location_of(url: str) -> Location:
    parts = urlsplit(url)
    options = _options(parts)
    match parts.scheme:
        case "redis+sentinel" | "rediss+sentinel":
            return _sentinels(parts, options)
        case "redis+cluster" | "rediss+cluster":
            if parts.path not in {"", "/"}:
                raise Misconfigured("store.url: a Cluster has no databases: leave out what is behind the hosts")
            return Cluster(_addresses(parts, options, default_port=_PORT))
    return Address.of(url)


def _sentinels(parts: SplitResult, options: dict[str, str]) -> Sentinels:
    service, _, database = parts.path.strip("/").partition("/")
    if not service:
        raise Misconfigured("store.url: redis+sentinel:// needs the service's name, as in …host:26379/mymaster")
    database = options.get("db") or database
    _ensure_number(database, "…host:26379/mymaster/0")
    found = _addresses(parts, options, default_port=_SENTINEL_PORT)
    name, password = options.get("sentinel_username", ""), options.get("sentinel_password", "")
    return Sentinels(
        unquote(service),
        tuple(replace(each, username=name, password=password) for each in found),
        replace(found[0], host="", port=_PORT, database=int(database or 0)),
    )


def _ensure_number(database: str, example: str) -> None:
    """Or redis-py takes it for database 0, and says nothing."""
    if database and not (database.isascii() and database.isdecimal()):
        # A password with a slash in it ends up here.
        got = "something else: a / in a password is written %2F" if "@" in database else f'"{database}"'
        raise Misconfigured(f"store.url: the database is a number, as in {example}; got {got}")


def _addresses(parts: SplitResult, options: dict[str, str], *, default_port: int) -> tuple[Address, ...]:
    credentials, _, hosts = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    tls = _tls(options) if parts.scheme.startswith("rediss") else None
    addresses = []
    for place in hosts.split(","):
        try:
            one = urlsplit(f"//{place}")
            host, port = one.hostname, one.port
        except ValueError:
            host, port = None, None
        if not host:
            raise Misconfigured(f"store.url: expected hosts as in host:{default_port},host:{default_port}")
        addresses.append(Address(host, port or default_port, "", unquote(username), unquote(password), 0, tls))
    return tuple(addresses)


def _options(parts: SplitResult) -> dict[str, str]:
    known = _OPTIONS.get(parts.scheme)
    if known is None:
        raise Misconfigured(f"store.url: {_EXPECTED}")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := sorted(options.keys() - known):
        offered = f"known are {', '.join(sorted(known))}" if known else "there are none"
        raise Misconfigured(f'store.url: unknown option "{unknown[0]}" for {parts.scheme}://: {offered}')
    return options


def _tls(options: dict[str, str]) -> Tls:
    tls = Tls(
        ca_certs=options.get("ssl_ca_certs"),
        certfile=options.get("ssl_certfile"),
        keyfile=options.get("ssl_keyfile"),
        checks_hostname=options.get("ssl_check_hostname", "true").lower() not in {"false", "no", "0"},
    )
    try:
        tls.context()
    except OSError as exc:  # no such file, or nothing like a certificate in it
        raise Misconfigured(f"store.url: the files of ssl_… cannot be used: {exc}") from exc
    return tls
