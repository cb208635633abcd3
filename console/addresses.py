"""Where do our processes answer? URLs for providers, for people and for us, and whether a port is free to listen on."""

import socket

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


def ensure_free(host: str, port: int, *, key: str) -> None:
    """`key` names the setting that an operator would change."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as exc:
        raise Misconfigured(
            f"{key}: cannot listen on {host} port {port} ({exc.strerror}): "
            f"stop what is running there, or set another with CONSENT_RELAY_{key.replace('.', '__').upper()}"
        ) from None


def ensure_receiver_free(settings: Settings) -> None:
    where = settings.receiver
    ensure_free(where.host, where.port, key="receiver.port")
    ensure_free(where.internal_host, where.internal_port, key="receiver.internal_port")


def ensure_dispatcher_free(settings: Settings) -> None:
    ensure_free(settings.dispatcher.host, settings.dispatcher.port, key="dispatcher.port")


def ensure_console_free(settings: Settings) -> None:
    ensure_free(settings.console.host, settings.console.port, key="console.port")
