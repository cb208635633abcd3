"""Why did no answer come? One stable word for each reason, for people count them and alert on them. Pure.

egress_refused     the address is not public, and `dispatcher.egress_allow` does not name it
dns_failed         the name has no address, or nobody could say
dns_unavailable    our own resolver does not answer
connect_refused    nothing listens there
connect_timeout    no connection in time
unreachable        no way leads there
no_route           this machine has no way to anywhere like it
no_descriptors     this process or machine has too many files open
connect_failed     any other failure to connect
tls_failed         the certificate is not trusted, or that is no TLS
connection_reset   it hung up before it answered
timeout            it took the request, and did not answer in time
bad_response       it answered something that is not HTTP
bad_url            the endpoint's URL leads nowhere
bad_secret         the endpoint's secrets cannot sign
bad_certificate    the endpoint's client certificate cannot be shown
proxy_failed       the proxy cannot be reached, or does not know us
proxy_refused      the proxy does not connect us: it cannot, or may not
"""

import errno
import os
import socket
import ssl

import aiohttp

from config.client_certificates import Unpresentable
from consent.errors import Misconfigured
from dispatcher.egress import Forbidden
from dispatcher.exchange import BadResponse, CannotConnect, ConnectTimeout
from dispatcher.names import ResolverSilent

# The order matters: a class stands before those that it inherits from.
WORDS: tuple[tuple[type[Exception], str], ...] = (
    (Unpresentable, "bad_certificate"),
    (Misconfigured, "bad_secret"),
    (Forbidden, "egress_refused"),
    (aiohttp.ClientConnectorDNSError, "dns_failed"),
    (ResolverSilent, "dns_unavailable"),
    (socket.gaierror, "dns_failed"),
    (aiohttp.ClientSSLError, "tls_failed"),
    (ssl.SSLError, "tls_failed"),
    (aiohttp.ClientProxyConnectionError, "proxy_failed"),
    (aiohttp.ClientHttpProxyError, "proxy_refused"),
    (aiohttp.ConnectionTimeoutError, "connect_timeout"),
    (ConnectTimeout, "connect_timeout"),
    (TimeoutError, "timeout"),
    (aiohttp.ClientConnectorError, "connect_failed"),
    (CannotConnect, "connect_failed"),
    (aiohttp.ServerDisconnectedError, "connection_reset"),
    (OSError, "connection_reset"),
    (aiohttp.InvalidURL, "bad_url"),
    (aiohttp.NonHttpUrlClientError, "bad_url"),
    (aiohttp.ClientError, "bad_response"),
    (BadResponse, "bad_response"),
    (ValueError, "bad_url"),
    (RuntimeError, "connect_failed"),
)
_WANTS_CREDENTIALS = 407
CONNECT_WORDS = {
    errno.ECONNREFUSED: "connect_refused",
    errno.ETIMEDOUT: "connect_timeout",
    errno.ECONNRESET: "connection_reset",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "no_route",
    errno.EMFILE: "no_descriptors",
    errno.ENFILE: "no_descriptors",
}
EXPECTED = (aiohttp.ClientError, BadResponse, OSError, ValueError, RuntimeError, Misconfigured)
"""What an attempt may raise: uvloop gives RuntimeError for some failed connections, a name too long is a ValueError."""


def word_of(failure: Exception) -> str:
    cause = _cause(failure)
    told = cause if isinstance(cause, Forbidden) else failure
    if isinstance(told, aiohttp.ClientHttpProxyError) and told.status == _WANTS_CREDENTIALS:
        return "proxy_failed"
    word = next((word for kind, word in WORDS if isinstance(told, kind)), "connect_failed")
    number = cause.errno if isinstance(cause, OSError) else None
    return CONNECT_WORDS.get(number or 0, word) if word == "connect_failed" else word


def explanation_of(failure: Exception) -> str:
    """What tells a customer what to mend. Never an address: who names a URL shall learn nothing about our network."""
    match _cause(failure):
        case ssl.SSLCertVerificationError(verify_message=said) | ssl.SSLError(reason=str() as said):
            return said
        case ssl.SSLError():
            return ""
        case socket.gaierror(strerror=said) | Forbidden(strerror=said):
            return said or ""
        case aiohttp.ClientHttpProxyError(status=status):
            return f"it answered {status}"
        case OSError(errno=int() as number):
            return os.strerror(number)
        case _:
            return ""


def _cause(failure: Exception) -> Exception:
    return failure.os_error if isinstance(failure, aiohttp.ClientConnectorError) else failure
