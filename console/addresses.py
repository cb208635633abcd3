"""Where do our processes answer? URLs for providers, for people and for us, and whether a port is free to listen on."""

import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from config.settings import Settings
from consent.errors import Misconfigured

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - to reach what listens there, not to listen


def public_url(settings: Settings) -> str:
    """Of the receiver, as providers see it."""
    where = settings.receiver
    return where.public_url or local_url(where.host, where.port)


def console_url(settings: Settings) -> str:
    """As a browser sees it."""
    where = settings.console
    return where.public_url or local_url(where.host, where.port)


def local_url(host: str, port: int) -> str:
    """To be reached from this machine."""
    reached = _EVERYWHERE.get(host, host)
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"


@dataclass(frozen=True, slots=True)
class Listener:
    key: str
    """Of the setting that an operator would change."""
    host: str
    port: int

    def meets(self, other: "Listener") -> bool:
        """Could the two not listen on one machine? 0 is any port that is free."""
        is_same_host = self.host == other.host or not {self.host, other.host}.isdisjoint(_EVERYWHERE)
        return 0 != self.port == other.port and is_same_host


def receiver_listeners(settings: Settings) -> list[Listener]:
    where = settings.receiver
    return [
        Listener("receiver.port", where.host, where.port),
        Listener("receiver.internal_port", where.internal_host, where.internal_port),
    ]


def dispatcher_listeners(settings: Settings) -> list[Listener]:
    return [Listener("dispatcher.port", settings.dispatcher.host, settings.dispatcher.port)]


def console_listeners(settings: Settings) -> list[Listener]:
    return [Listener("console.port", settings.console.host, settings.console.port)]


def all_listeners(settings: Settings) -> list[Listener]:
    return [*receiver_listeners(settings), *dispatcher_listeners(settings), *console_listeners(settings)]


def clashes(listeners: Sequence[Listener]) -> Iterator[str]:
    """Those of our own that would be in each other's way."""
    for earlier, later in combinations(listeners, 2):
        if later.meets(earlier):
            yield f"{later.key}: expected a port of its own, got {later.port}, which is {earlier.key}"


def ensure_free(listeners: Sequence[Listener]) -> None:
    if told := list(clashes(listeners)):
        raise Misconfigured("\n".join(told))
    for listener in listeners:
        _ensure_free(listener)


def _ensure_free(listener: Listener) -> None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            listener.host, listener.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as exc:
        variable = f"CONSENT_RELAY_{listener.key.replace('.', '__').upper()}"
        raise Misconfigured(
            f"{listener.key}: cannot listen on {listener.host} port {listener.port} ({exc.strerror}): "
            f"stop what is running there, or set another with {variable}"
        ) from None
