"""A receiver with a Standard Webhooks library of its own believes us, and nobody else."""

import time
from base64 import b64decode, b64encode

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from consent.errors import Misconfigured
from consent.model import RetiringSecret, UnixMs
from dispatcher.signing import Signer, new_private_key, new_secret, public_key

MESSAGE = "msg_p5jXN8AQM9LWM0D4loKWxJek"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SECRET = new_secret(bytes(range(24)))
PRIVATE_KEY = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
PUBLIC_KEY = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
PUBLISHED_BODY = b'{"test": 2432232314}'


# The first and the last are published with the specification; the others were computed independently of this code.
# https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
@pytest.mark.parametrize(
    ("secret", "body", "signature"),
    [
        (SECRET, PUBLISHED_BODY, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        (SECRET, b"", "v1,v48jdbgvh29KJz2Qc+ghw8G6vG3nAKnujWBg8oM/62A="),
        (SECRET, '{"text":"ARRÊT 停止"}'.encode(), "v1,vDLwcGfoQt/uJ1LzszzmbnlaO9278MWOwAH4d2m5tkk="),
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", PUBLISHED_BODY, "v1,LVOXivKoo4FWasi/IaHvzhE/u+7/cu2AME+zS/nXqzk="),
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwBr", PUBLISHED_BODY, "v1,yK2tMbA6BHPrMEJ1lLv7UlJJbgFoqGenJkiajZ29evg="),
        (
            PRIVATE_KEY,
            PUBLISHED_BODY,
            "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==",
        ),
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


@given(st.binary(min_size=32, max_size=32), st.binary())
def test_whoever_has_the_public_key_can_verify_every_body(seed: bytes, body: bytes) -> None:
    secret = new_private_key(seed)

    headers = Signer((secret,)).headers("evt_1", 1614265330, body)

    version, _, signature = headers["webhook-signature"].partition(",")
    assert version == "v1a"
    _verify(public_key(secret), signature, b"evt_1.1614265330." + body)
    with pytest.raises(InvalidSignature):
        _verify(public_key(secret), signature, b"evt_1.1614265331." + body)


def _verify(public: str | None, signature: str, signed: bytes) -> None:
    assert public is not None
    key = Ed25519PublicKey.from_public_bytes(b64decode(public.removeprefix("whpk_")))
    key.verify(b64decode(signature), signed)


def test_a_shared_secret_and_a_key_pair_sign_side_by_side() -> None:
    headers = Signer((SECRET, PRIVATE_KEY)).headers("evt_1", int(time.time()), b"{}")

    Webhook(SECRET).verify(b"{}", headers)
    assert [each.split(",")[0] for each in headers["webhook-signature"].split(" ")] == ["v1", "v1a"]


def test_a_retiring_secret_signs_until_its_end_and_not_a_second_longer() -> None:
    signer = Signer((SECRET,), (RetiringSecret(value=OTHER_SECRET, until=UnixMs(100_000)),))
    alone = Signer((SECRET,))

    before, after = signer.headers("evt_1", 99, b"{}"), signer.headers("evt_1", 100, b"{}")

    both = Signer((SECRET, OTHER_SECRET)).headers("evt_1", 99, b"{}")
    assert before == both
    assert after == alone.headers("evt_1", 100, b"{}")


def test_the_public_key_is_told_of_a_key_pair_alone() -> None:
    assert public_key(PRIVATE_KEY) == PUBLIC_KEY
    assert public_key(f" {PRIVATE_KEY}\n") == PUBLIC_KEY
    assert public_key(SECRET) is None
    assert public_key("whsk_c2hvcnQ=") is None


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
    "secret",
    [
        "",
        "whsec_",
        "whsec_====",
        "whsec_!!!not-base64!!!",
        "whsec_c2hvcnQ=",
        "whsec_é" + "A" * 32,
        "A" * 33,
        "whsk_c2hvcnQ=",
        "whsk_" + "A" * 86 + "==",
        PUBLIC_KEY,
    ],
)
def test_an_unusable_secret_is_refused_with_the_remedy_and_not_repeated(secret: str) -> None:
    with pytest.raises(Misconfigured, match=r"endpoints\.secret: expected .* leave the key out") as refused:
        Signer((SECRET, secret))

    assert secret == "" or secret not in str(refused.value).replace('"whsec_"', "")


def test_a_private_key_whose_halves_do_not_belong_together_does_not_sign() -> None:
    pair = b64decode(PRIVATE_KEY.removeprefix("whsk_"))
    swapped = "whsk_" + b64encode(pair[32:] + pair[:32]).decode()

    with pytest.raises(Misconfigured, match='expected "whsk_" and the base64 of an ed25519 seed and its public key'):
        Signer((swapped,))


def test_an_endpoint_without_secrets_cannot_sign() -> None:
    with pytest.raises(Misconfigured, match=r"endpoints\.secret: none is given"):
        Signer(())


def test_a_new_secret_is_one_that_signs() -> None:
    secret = new_secret(bytes(24))

    assert secret == "whsec_" + "A" * 32
    assert Signer((secret,)).headers("evt_1", 1, b"")


def test_a_new_private_key_is_one_that_signs() -> None:
    pair = b64decode(PRIVATE_KEY.removeprefix("whsk_"))

    assert new_private_key(pair[:32]) == PRIVATE_KEY


@pytest.mark.parametrize("length", [0, 31, 64])
def test_a_new_private_key_is_made_of_32_bytes(length: int) -> None:
    with pytest.raises(ValueError, match="32 random bytes"):
        new_private_key(bytes(length))


@pytest.mark.parametrize("length", [0, 23, 25])
def test_a_new_secret_is_made_of_24_bytes(length: int) -> None:
    with pytest.raises(ValueError, match="24 random bytes"):
        new_secret(bytes(length))
