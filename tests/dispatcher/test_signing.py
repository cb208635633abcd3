"""A receiver with a Standard Webhooks library of its own believes us, and nobody else."""

import time
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from consent.errors import Misconfigured
from dispatcher.signing import Signer, new_secret

MESSAGE = "msg_p5jXN8AQM9LWM0D4loKWxJek"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SECRET = new_secret(bytes(range(24)))
PUBLISHED_BODY = b'{"test": 2432232314}'


# The first is published with the specification; the others were computed independently of this code.
# https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
@pytest.mark.parametrize(
    ("secret", "body", "signature"),
    [
        (SECRET, PUBLISHED_BODY, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        (SECRET, b"", "v1,v48jdbgvh29KJz2Qc+ghw8G6vG3nAKnujWBg8oM/62A="),
        (SECRET, '{"text":"ARRÊT 停止"}'.encode(), "v1,vDLwcGfoQt/uJ1LzszzmbnlaO9278MWOwAH4d2m5tkk="),
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", PUBLISHED_BODY, "v1,LVOXivKoo4FWasi/IaHvzhE/u+7/cu2AME+zS/nXqzk="),
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwBr", PUBLISHED_BODY, "v1,yK2tMbA6BHPrMEJ1lLv7UlJJbgFoqGenJkiajZ29evg="),
    ],
)
def test_the_known_vectors_are_met(secret: str, body: bytes, signature: str) -> None:
    assert Signer((secret,)).headers(MESSAGE, 1614265330, body) == {
        "webhook-id": MESSAGE,
        "webhook-timestamp": "1614265330",
        "webhook-signature": signature,
    }


@pytest.mark.parametrize("body", [b"", b"{}", '{"text":"ARRÊT 停止 😀"}'.encode(), b"<POSTBACK/>"])
@pytest.mark.parametrize("verifying", [SECRET, OTHER_SECRET])
def test_while_secrets_rotate_the_reference_library_verifies_with_either(verifying: str, body: bytes) -> None:
    headers = Signer((SECRET, OTHER_SECRET)).headers("evt_3_1764000000000_0", int(time.time()), body)

    Webhook(verifying).verify(body, headers, json_parse=False)

    assert len(headers["webhook-signature"].split(" ")) == 2


@given(st.text(), st.lists(st.binary(min_size=24, max_size=64), min_size=1, max_size=4))
def test_the_reference_library_verifies_every_body_with_every_active_secret(text: str, keys: list[bytes]) -> None:
    body = text.encode(errors="replace")
    secrets = tuple("whsec_" + b64encode(key).decode() for key in keys)

    headers = Signer(secrets).headers("evt_1", int(time.time()), body)

    for secret in secrets:
        Webhook(secret).verify(body, headers, json_parse=False)


@pytest.mark.parametrize("changed", ["webhook-id", "webhook-timestamp", "body", "secret"])
def test_whatever_is_changed_on_the_way_is_noticed(changed: str) -> None:
    now = int(time.time())
    headers = Signer((SECRET,)).headers("evt_1", now, b"{}")
    forged = {"webhook-id": "evt_2", "webhook-timestamp": str(now - 1)}
    received = headers | {name: value for name, value in forged.items() if name == changed}

    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER_SECRET if changed == "secret" else SECRET).verify(b"[]" if changed == "body" else b"{}", received)


def test_a_signer_leaves_nothing_of_one_message_in_the_next() -> None:
    signer = Signer((SECRET,))

    assert signer.headers("evt_1", 1, b"a") == signer.headers("evt_1", 1, b"a")


@pytest.mark.parametrize("secret", [f"  {SECRET}\n", SECRET + "==", SECRET.removeprefix("whsec_")])
def test_a_secret_is_taken_as_people_paste_it(secret: str) -> None:
    assert Signer((secret,)).headers("evt_1", 1, b"a") == Signer((SECRET,)).headers("evt_1", 1, b"a")


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_====", "whsec_!!!not-base64!!!", "whsec_c2hvcnQ=", "whsec_é" + "A" * 32, "A" * 33]
)
def test_an_unusable_secret_is_refused_with_the_remedy_and_not_repeated(secret: str) -> None:
    with pytest.raises(Misconfigured, match=r"endpoints\.secret: expected .* leave the key out") as refused:
        Signer((SECRET, secret))

    assert secret == "" or secret not in str(refused.value).replace('"whsec_"', "")


def test_an_endpoint_without_secrets_cannot_sign() -> None:
    with pytest.raises(Misconfigured, match=r"endpoints\.secret: none is given"):
        Signer(())


def test_a_new_secret_is_one_that_signs() -> None:
    secret = new_secret(bytes(24))

    assert secret == "whsec_" + "A" * 32
    assert Signer((secret,)).headers("evt_1", 1, b"")


@pytest.mark.parametrize("length", [0, 23, 25])
def test_a_new_secret_is_made_of_24_bytes(length: int) -> None:
    with pytest.raises(ValueError, match="24 random bytes"):
        new_secret(bytes(length))
