"""A client certificate is shown, or it is told by key what is wrong with its files."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from config.client_certificates import Unpresentable, expiry, present, unpresentable
from tests.builders import an_endpoint

END = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(tmp_path: Path, authority: trustme.CA) -> Path:
    """Certificate, key, and both in one file."""
    issued = authority.issue_cert("relay@example.com", not_after=END)
    issued.cert_chain_pems[0].write_to_path(tmp_path / "client.pem")
    issued.private_key_pem.write_to_path(tmp_path / "client.key")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    authority.issue_cert("other@example.com").private_key_pem.write_to_path(tmp_path / "other.key")
    key = load_pem_private_key(issued.private_key_pem.bytes(), None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"hunter2"))
    (tmp_path / "locked.key").write_bytes(locked)
    (tmp_path / "no.pem").write_text("no certificate")
    return tmp_path


@pytest.mark.parametrize(("certificate", "key"), [("client.pem", "client.key"), ("both.pem", "")])
def test_a_certificate_is_shown_and_its_end_is_known(files: Path, certificate: str, key: str) -> None:
    endpoint = an_endpoint(client_certificate=str(files / certificate), client_key=key and str(files / key))

    present(ssl.create_default_context(), endpoint)

    assert abs(expiry(endpoint) - END) <= timedelta(days=1)


@pytest.mark.parametrize(
    ("certificate", "key", "told"),
    [
        (
            "gone.pem",
            "client.key",
            r'endpoints "acme/crm"\.client_certificate: .*gone\.pem cannot be read: No such',
        ),
        ("client.pem", "gone.key", r'endpoints "acme/crm"\.client_key: .*gone\.key cannot be read: No such file'),
        ("client.pem", "other.key", "and the private key do not belong together"),
        ("client.pem", "locked.key", "unencrypted private key"),
        ("client.pem", "", "is no PEM file of a certificate and its"),
        ("no.pem", "client.key", "is no PEM file of a certificate and its"),
    ],
)
def test_a_wrong_file_is_told_by_its_key(files: Path, certificate: str, key: str, told: str) -> None:
    endpoint = an_endpoint(client_certificate=str(files / certificate), client_key=key and str(files / key))

    with pytest.raises(Unpresentable, match=told):
        present(ssl.create_default_context(), endpoint)


def test_all_that_cannot_be_shown_are_told_at_once(files: Path) -> None:
    good = an_endpoint("good", client_certificate=str(files / "both.pem"))
    wrong = [an_endpoint(name, client_certificate=str(files / f"{name}.pem")) for name in ("no", "gone")]

    told = unpresentable([an_endpoint("without"), good, *wrong])

    assert sorted(told) == ["acme/gone", "acme/no"]
