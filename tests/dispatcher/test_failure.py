"""Every way not to get an answer has its word, and no word gives an address away."""

import errno
import socket
import ssl
from typing import Any, cast

import aiohttp
import pytest

from consent.errors import Misconfigured
from dispatcher.egress import Forbidden
from dispatcher.exchange import BadResponse, CannotConnect, ConnectTimeout
from dispatcher.failure import explanation_of, word_of
from dispatcher.names import ResolverSilent

SOMEWHERE = cast("Any", None)
"""aiohttp keeps here to which host it was; we never look."""


def no_connection(number: int) -> aiohttp.ClientConnectorError:
    return aiohttp.ClientConnectorError(SOMEWHERE, OSError(number, "Connect call failed ('10.1.2.3', 80)"))


@pytest.mark.parametrize(
    ("failure", "word", "explanation"),
    [
        (no_connection(errno.ECONNREFUSED), "connect_refused", "Connection refused"),
        (no_connection(errno.ETIMEDOUT), "connect_timeout", "Connection timed out"),
        (no_connection(errno.ECONNRESET), "connection_reset", "Connection reset by peer"),
        (no_connection(errno.EHOSTUNREACH), "unreachable", "No route to host"),
        (no_connection(errno.ENETUNREACH), "no_route", "Network is unreachable"),
        (no_connection(errno.EMFILE), "no_descriptors", "Too many open files"),
        (aiohttp.ClientConnectorError(SOMEWHERE, OSError("Multiple exceptions: 10.1.2.3")), "connect_failed", ""),
        (aiohttp.ClientConnectorError(SOMEWHERE, Forbidden()), "egress_refused", "not a public address"),
        (aiohttp.ClientConnectorDNSError(SOMEWHERE, Forbidden()), "egress_refused", "not a public address"),
        (
            aiohttp.ClientConnectorDNSError(SOMEWHERE, socket.gaierror(socket.EAI_NONAME, "Name not known")),
            "dns_failed",
            "Name not known",
        ),
        (aiohttp.ConnectionTimeoutError("Connection timeout to host http://10.1.2.3/"), "connect_timeout", ""),
        (
            CannotConnect(errno.ECONNREFUSED, "Connect call failed ('10.1.2.3', 80)"),
            "connect_refused",
            "Connection refused",
        ),
        (CannotConnect(errno.ETIMEDOUT, "10.1.2.3"), "connect_timeout", "Connection timed out"),
        (CannotConnect(errno.ECONNRESET, "10.1.2.3"), "connection_reset", "Connection reset by peer"),
        (CannotConnect(errno.EHOSTUNREACH, "10.1.2.3"), "unreachable", "No route to host"),
        (CannotConnect(errno.ENETUNREACH, "10.1.2.3"), "no_route", "Network is unreachable"),
        (CannotConnect(errno.EMFILE, "10.1.2.3"), "no_descriptors", "Too many open files"),
        (ResolverSilent(), "dns_unavailable", "our resolver does not answer"),
        (CannotConnect("10.1.2.3"), "connect_failed", ""),
        (Forbidden(), "egress_refused", "not a public address"),
        (socket.gaierror(socket.EAI_NONAME, "Name not known"), "dns_failed", "Name not known"),
        (ConnectTimeout(), "connect_timeout", ""),
        (ConnectionResetError(), "connection_reset", ""),
        (ConnectionResetError(errno.ECONNRESET, "10.1.2.3"), "connection_reset", "Connection reset by peer"),
        (BadResponse(), "bad_response", ""),
        (TimeoutError(), "timeout", ""),
        (aiohttp.ServerDisconnectedError(), "connection_reset", ""),
        (aiohttp.ClientOSError(errno.EPIPE, "Broken pipe 10.1.2.3"), "connection_reset", "Broken pipe"),
        (ssl.SSLError(1, "without a reason, 10.1.2.3"), "tls_failed", ""),
        (aiohttp.ClientPayloadError("10.1.2.3"), "bad_response", ""),
        (aiohttp.InvalidURL("http://10.1.2.3/"), "bad_url", ""),
        (UnicodeError("label too long"), "bad_url", ""),
        (RuntimeError("File descriptor 7 is used by transport"), "connect_failed", ""),
        (Misconfigured("endpoints.secret: …"), "bad_secret", ""),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_each_failure_has_its_word(failure: Exception, word: str, explanation: str) -> None:
    assert (word_of(failure), explanation_of(failure)) == (word, explanation)
