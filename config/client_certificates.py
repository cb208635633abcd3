"""Can this certificate be shown to an endpoint? Reads the files that it names, and says what is wrong by key."""

import ssl
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from consent.errors import Misconfigured
from consent.model import Endpoint, EndpointId


class Unpresentable(Misconfigured):
    """The files that an endpoint names for its client certificate cannot be used; the message says which, and why."""

    reason = "unpresentable"


def present(context: ssl.SSLContext, endpoint: Endpoint) -> None:
    """Have `context` show the endpoint's certificate where a server asks for one. Raises Unpresentable."""
    for key, file in (("client_certificate", endpoint.client_certificate), ("client_key", endpoint.client_key)):
        if file:
            _ensure_readable(endpoint, key, file)
    try:
        # Without a password of our own, OpenSSL would ask for one on the terminal of a daemon.
        context.load_cert_chain(endpoint.client_certificate, endpoint.client_key or None, password=lambda: "")
    except ssl.SSLError as exc:
        raise _wrong(endpoint, "client_certificate", _EXPLAINED.get(exc.reason or "", _ELSE)) from exc


def unpresentable(endpoints: Iterable[Endpoint]) -> dict[EndpointId, str]:
    """What is wrong with the certificates of those endpoints where something is."""
    wrong: dict[EndpointId, str] = {}
    for endpoint in endpoints:
        if endpoint.client_certificate:
            try:
                present(ssl.create_default_context(), endpoint)
            except Unpresentable as exc:
                wrong[endpoint.id] = str(exc)
    return wrong


def expiry(endpoint: Endpoint) -> datetime:
    """When the certificate ends, of one that `present` took."""
    content = Path(endpoint.client_certificate).read_bytes()
    return x509.load_pem_x509_certificate(content).not_valid_after_utc.astimezone(UTC)


_ELSE = "is no PEM file of a certificate and its unencrypted private key"
_EXPLAINED = {
    "KEY_VALUES_MISMATCH": "and the private key do not belong together",
    "KEY_TYPE_MISMATCH": "and the private key do not belong together",
}


def _ensure_readable(endpoint: Endpoint, key: str, file: str) -> None:
    try:
        with Path(file).open("rb") as opened:
            opened.read(1)
    except OSError as exc:
        raise _wrong(endpoint, key, f"cannot be read: {exc.strerror}") from exc


def _wrong(endpoint: Endpoint, key: str, what: str) -> Unpresentable:
    return Unpresentable(f'endpoints "{endpoint.id}".{key}: {getattr(endpoint, key)} {what}')
