"""Is a bearer token believed that was signed with our secret by HS256, and no other?

J1 is of https://github.com/Vonage/vonage-ruby-sdk (test/vonage/test.rb), J2 of the Java SDK (MessagesClientTest).
"""

import base64
import hmac

import pytest

from consent.errors import Unverified
from receiver.codecs import bearer

J1_SECRET = "ZYtdTtGV3BCFN7tWmOWr1md66XsquMggr4W2cTtXtcPgfnI0Xw"
J1 = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
    "eyJpYXQiOjE1ODc0OTQ5NjIsImp0aSI6ImM1YmE4ZjI0LTFhMTQtNGMxMC1iZmRmLTNmYmU4Y2U1MTFiNSIsImlzcyI6IlZvbmFnZSIsInBh"
    "eWxvYWRfaGFzaCI6ImQ2YzBlNzRiNTg1N2RmMjBlM2I3ZTUxYjMwYzBjMmE0MGVjNzNhNzc4NzliNmYwNzRkZGM3YTIzMTdkZDAzMWIiLCJh"
    "cGlfa2V5IjoiYTFiMmMzZCIsImFwcGxpY2F0aW9uX2lkIjoiYWFhYWFhYWEtYmJiYi1jY2NjLWRkZGQtMDEyMzQ1Njc4OWFiIn0."
    "JQRKi1d0SQitmjPINfTWMpt3XZkGsLbD7EjCdXoNSbk"
)
J2_SECRET = "XsA09z2MhUxYcdbXaUX3aTT7TzGmnCLfkdILf0NIyC9hN9criTEUdlI3OZ5hRjR"
J2 = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
    "eyJzdWIiOiJTaW5hIiwibmFtZSI6IkphdmFfU0RLIiwiaWF0IjoxNjk4NjgwMzkyfQ."
    "4qJpi46NSYURiLI1xoLIfGRygA8IUI2QSG9P2Kus1Oo"
)


def a_token(header: bytes, payload: bytes, *, secret: str = "secret", digest: str = "sha256") -> str:
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in (header, payload))
    signature = base64.urlsafe_b64encode(hmac.digest(secret.encode(), signed, digest)).rstrip(b"=")
    return f"{signed.decode()}.{signature.decode()}"


def test_the_claims_of_the_published_tokens_are_read() -> None:
    assert bearer.claims(J1, secret=J1_SECRET) == {
        "iat": "1587494962",
        "jti": "c5ba8f24-1a14-4c10-bfdf-3fbe8ce511b5",
        "iss": "Vonage",
        "payload_hash": "d6c0e74b5857df20e3b7e51b30c0c2a40ec73a77879b6f074ddc7a2317dd031b",
        "api_key": "a1b2c3d",
        "application_id": "aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
    }
    assert bearer.claims(J2, secret=J2_SECRET) == {"sub": "Sina", "name": "Java_SDK", "iat": "1698680392"}


@pytest.mark.parametrize(
    ("token", "secret"),
    [
        (J1, "ZYtdTtGV3BCFN7tWmOWr1md66XsquMggr4W2cTtXtcPgf55555"),
        (J2.rpartition(".")[0] + ".XsaXHXqxe2kfIbPy-JH2J6hfbHnEv8jdWsOhEuvzU98", J2_SECRET),
        (J1, J2_SECRET),
        (J1.rpartition(".")[0] + ".", J1_SECRET),
        (J1 + "=", J1_SECRET),
        (J1 + "\ud800", J1_SECRET),
        ("", J1_SECRET),
        ("a.b", J1_SECRET),
        ("x" * 5000, J1_SECRET),
    ],
)
def test_a_token_that_was_signed_otherwise_is_not_believed(token: str, secret: str) -> None:
    with pytest.raises(Unverified):
        bearer.claims(token, secret=secret)


@pytest.mark.parametrize(
    "token",
    [
        a_token(b'{"alg":"HS512"}', b"{}", digest="sha512"),
        a_token(b'{"alg":"none"}', b"{}"),
        a_token(b'{"alg":"RS256"}', b"{}"),
        a_token(b"{}", b"{}"),
    ],
)
def test_the_token_cannot_choose_another_algorithm(token: str) -> None:
    with pytest.raises(Unverified):
        bearer.claims(token, secret="secret")


@pytest.mark.parametrize("payload", [b"", b"[]", b"{", b"\xff", b'{"a":' * 3000])
def test_a_token_of_ours_that_says_nothing_is_not_believed_either(payload: bytes) -> None:
    with pytest.raises(Unverified):
        bearer.claims(a_token(b'{"alg":"HS256"}', payload), secret="secret")


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Basic abc", ""),
        ("Bearer", ""),
        ("abc", ""),
        ("", ""),
    ],
)
def test_the_token_is_what_follows_the_scheme(header: str, token: str) -> None:
    assert bearer.token_in(header) == token
