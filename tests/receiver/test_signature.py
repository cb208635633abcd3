import hashlib
from collections.abc import Mapping
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.errors import Unverified
from consent.model import Millis, SignatureMethod, UnixMs
from receiver import signature

TESTING = "my_secret_key_for_testing"
TOLERANCE = Millis(300_000)
NOW = UnixMs(1_461_605_396_000)
ALERT = {"a": "1", "b": "2", "timestamp": "1461605396"}

# The clients' own published vectors, by the file of the client that has them, and two of the relay's own (STOP, query).
V1 = {"message-timestamp": "2013-11-21 15:27:30", "messageId": "020000001B0FE827", "msisdn": "14843472194",
      "text": "Test again", "timestamp": "1385047698", "to": "13239877404", "type": "text"}  # fmt: skip
V2 = {"keyword": "TESTINGS", "message-timestamp": "2017-04-04 23:05:22", "messageId": "0C00000027217D5B",
      "msisdn": "14843472194", "nonce": "c4ab6ed2-9bf5-48a0-af91-107e29bdd399", "text": "Testings",
      "timestamp": "1491347122", "to": "12192259404", "type": "text"}  # fmt: skip
V3 = {"keyword": "TEST", "message-timestamp": "2017-04-04 22:57:47", "messageId": "0B00000042AC53BD",
      "msisdn": "14843472194", "nonce": "929d6744-bd28-42c8-b6cf-31d5b4f43732", "text": "Test with & and =",
      "timestamp": "1491346667", "to": "12192259404", "type": "text"}  # fmt: skip
V4 = {"api_key": "not_a_key", "from": "12192259404", "text": "Test&test=something", "timestamp": "1490638615",
      "to": "14843472194"}  # fmt: skip
V8 = {"a": "alphabet", "b": "bananas", "timestamp": "2100"}
V10 = {"api_key": "testkey", "timestamp": "10"}
V13 = {"param1": "value1", "param2": "value2", "timestamp": "1234567890"}
V13_ESCAPED = {"param1": "value&1", "param2": "value=2", "timestamp": "1234567890"}
STOP = {"api-key": "abcd1234", "keyword": "STOP", "message-timestamp": "2014-06-27 18:31:33",
        "messageId": "0A0000000123ABCD1", "msisdn": "15558937009", "nonce": "aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
        "text": "STOP", "timestamp": "1403893893", "to": "96167", "type": "text"}  # fmt: skip
QUERY = {"api_key": "abcd1234", "page": "0", "page-size": "100", "timestamp": "1461605396"}

VECTORS: list[tuple[str, Mapping[str, str], str, SignatureMethod, str]] = [
    ("php SignatureTest", V1, TESTING, "md5hash", "d2e7b1dc968737c5998ad624e02f90b7"),
    ("php SignatureTest", V1, TESTING, "md5", "DDEBD46008C2D4E93CCE578A332A52D5"),
    ("php SignatureTest", V1, TESTING, "sha1", "27D0D05C2876C7CB1720DBCDBA4D492E1E55C09A"),
    ("php SignatureTest", V1, TESTING, "sha256", "DDB8397C2B90AAC7F3882D306475C9A5058C92322EEF43C92B298B6E0FC0D330"),
    ("php SignatureTest", V1, TESTING, "sha512",
     ("E0D3C650F8C9D1A5C174D10DDDBFB003E561F59B265616208B0487C5D819481C"
     "D3C311D59CF6165ECD1139622D5BA3A256C0D763AC4A9AD9144B5A426B94FE82")),
    ("php, inbound", V2, TESTING, "md5hash", "ff933bf31c79ab3fc6a38d100191c48f"),
    ("php, escaping", V3, TESTING, "md5hash", "e06d9763e3fd0b9c31beb5fc2fcb011c"),
    ("php, outbound", V4, TESTING, "md5hash", "17f5e3b22f778ec73464c01d180e9d0f"),
    ("python test_nexmo", ALERT, "secret", "md5hash", "6af838ef94998832dbfc29020b564830"),
    ("python test_nexmo", ALERT, "secret", "md5", "c15c21ced558c93a226c305f58f902f2"),
    ("python test_nexmo", ALERT, "secret", "sha1", "3e19a4e6880fdc2c1426bfd0587c98b9532f0210"),
    ("python test_nexmo", ALERT, "secret", "sha256",
     "a321e824b9b816be7c3f28859a31749a098713d39f613c80d455bbaffae1cd24"),
    ("python test_nexmo", ALERT, "secret", "sha512",
     ("812a18f76680fa0fe1b8bd9ee1625466ceb1bd96242e4d050d2cfd9a7b40166c"
     "63ed26ec9702168781b6edcf1633db8ff95af9341701004eec3fcf9550572ee8")),
    ("java RequestSigningTest", V8, "abcde", "md5hash", "7d43241108912b32cc315b48ce681acf"),
    ("java RequestSigningTest", V8, "abcde", "md5", "e0afe267aefd6dd18a848c1681517a19"),
    ("java RequestSigningTest", V8, "abcde", "sha1", "b7f749de27b4adcf736cc95c9a7e059a16c85127"),
    ("java RequestSigningTest", V8, "abcde", "sha256",
     "8d1b0428276b6a070578225914c3502cc0687a454dfbbbb370c76a14234cb546"),
    ("java RequestSigningTest", V8, "abcde", "sha512",
     ("1c834a1f6a377d4473971387b065cb38e2ad6c4869ba77b7b53e207a344e87ba"
     "04b456dfc697b371a2d1ce476d01dafd4394aa97525eff23badad39d2389a710")),
    (".NET AccountTest", V10, "yolo", "md5hash", "1b692bddcdbb74dcafaa0a036a1200c2"),
    ("go signature_test, nothing", {}, "secret", "md5hash", "5ebe2294ecd0e0f08eab7690d2a6ee69"),
    ("go signature_test, nothing", {}, "secret", "md5", "5c8db03f04cec0f43bcb060023914190"),
    ("go signature_test, nothing", {}, "secret", "sha1", "25af6174a0fcecc4d346680a72b7ce644b9a88e8"),
    ("go signature_test, nothing", {}, "secret", "sha256",
     "f9e66e179b6747ae54108f82f8ade8b3c25d76fd30afde6c395822c530196169"),
    ("go signature_test", {"from": "NEXMO"}, "secret", "md5hash", "2cdd20a2a0f7270545a98b3ccb87ba51"),
    ("python 4 test_auth", V13, "signature_secret", "sha256",
     "280c4320703dbc98bfa22db676655ed2acfbfe8792b062ff7622e67f1183c287"),
    ("python 4 test_auth", V13, "signature_secret", "md5", "724c2bf6ca423c36e20631b11d1c5753"),
    ("python 4 test_auth, escaping", V13_ESCAPED, "signature_secret", "md5", "2bbf0abafb2c55e5af6231513896a2ac"),
    ("STOP", STOP, TESTING, "md5hash", "b0cdcba814b7ee89379933044b4d0165"),
    ("STOP", STOP, TESTING, "sha256", "f2130db7edc664f99bcd8686bc058de5c10225a002bb2423b8e6055762a1da9d"),
    ("query", QUERY, TESTING, "md5hash", "bd5ed4e689d93cdad6647547a24146c6"),
    ("query", QUERY, TESTING, "sha256", "c0bcd1380ff2f8c3bbbbe5e216218f72b503be2c6bd441ac3e658df321563ff6"),
]  # fmt: skip


def check(
    given_: Mapping[str, str],
    *,
    secret: str = "secret",
    method: SignatureMethod = "md5hash",
    now: UnixMs = NOW,
    tolerance: Millis = TOLERANCE,
) -> None:
    signature.verify(given_, secret=secret, method=method, tolerance=tolerance, now=now)


def signed(given_: Mapping[str, str], *, secret: str = "secret", method: SignatureMethod = "md5hash") -> dict[str, str]:
    return {**given_, "sig": signature.sign(given_, secret=secret, method=method)}


@pytest.mark.parametrize(("where", "params", "secret", "method", "sig"), VECTORS)
def test_we_sign_as_every_published_client_does(
    where: str, params: Mapping[str, str], secret: str, method: SignatureMethod, sig: str
) -> None:
    assert signature.sign(params, secret=secret, method=method) == sig.lower(), where


@pytest.mark.parametrize(
    ("where", "params", "secret", "method", "sig"), [vector for vector in VECTORS if "timestamp" in vector[1]]
)
def test_we_verify_what_every_published_client_signs_in_either_case(
    where: str, params: Mapping[str, str], secret: str, method: SignatureMethod, sig: str
) -> None:
    now = UnixMs(int(params["timestamp"]) * 1000)

    check({**params, "sig": sig.lower()}, secret=secret, method=method, now=now)
    check({"sig": sig.upper(), **params}, secret=secret, method=method, now=now)


@pytest.mark.parametrize("text", ["STOP & GO", "a=b", "&", "="])
def test_what_parts_parameters_is_signed_as_a_line_where_it_is_in_a_value(text: str) -> None:
    cleaned = {"text": text.replace("&", "_").replace("=", "_"), "timestamp": "10"}

    assert signature.sign({**cleaned, "text": text}, secret="s", method="md5hash") == signature.sign(
        cleaned, secret="s", method="md5hash"
    )


def test_the_known_bug_of_one_client_does_not_verify() -> None:
    params = {"api_key": "12345", "timestamp": "10907902800"}
    wrong, right = "d7f81394898d98c876e782b3c98391b8", "cef8064b08b4d1e571219bde9aa85421"
    now = UnixMs(10_907_902_800_000)

    check({**params, "sig": right}, secret="ABCDE", now=now)
    with pytest.raises(Unverified):
        check({**params, "sig": wrong}, secret="ABCDE", now=now)


def test_blank_values_left_out_by_java_verify() -> None:
    now = UnixMs(2_100_000)

    for blank in ("", "  "):
        check({**V8, "b": blank, "sig": "a3368bf718ba104dcb392d8877e8eb2b"}, secret="abcde", now=now)


def test_pairs_sorted_as_an_early_sample_does_verify() -> None:
    by_pair = "&api_key=abcd1234&page-size=100&page=0&timestamp=1461605396"
    sig = hashlib.md5(f"{by_pair}secret".encode()).hexdigest()

    check({**QUERY, "sig": sig})


def test_one_name_does_not_pass_for_two() -> None:
    folded = {"a": "1&b=2", "timestamp": ALERT["timestamp"], "sig": signed(ALERT)["sig"]}
    named = {"a=1&b": "2", "timestamp": ALERT["timestamp"], "sig": signed(ALERT)["sig"]}

    for forged in (folded, named):
        with pytest.raises(Unverified):
            check(forged)


@pytest.mark.parametrize("seconds_off", [-300, 0, 300])
def test_a_timestamp_within_the_tolerance_verifies(seconds_off: int) -> None:
    check(signed(ALERT), now=UnixMs(NOW + seconds_off * 1000))


@pytest.mark.parametrize("millis_off", [-300_001, 300_001])
def test_a_timestamp_beyond_the_tolerance_does_not(millis_off: int) -> None:
    with pytest.raises(Unverified, match="clock"):
        check(signed(ALERT), now=UnixMs(NOW + millis_off))


@pytest.mark.parametrize("timestamp", ["", "yesterday", "-1", "1.5", "１４６１６０５３９６", "²", "9" * 13])
def test_a_signature_without_a_usable_timestamp_does_not_verify(timestamp: str) -> None:
    with pytest.raises(Unverified, match="timestamp"):
        check(signed({**ALERT, "timestamp": timestamp}))


def test_a_signature_that_lacks_the_timestamp_does_not_verify() -> None:
    with pytest.raises(Unverified, match="timestamp"):
        check(signed({"a": "1"}))


@pytest.mark.parametrize("sig", ["", "é", "0" * 32, "6af838ef94998832dbfc29020b56483", "\ud800"])
def test_a_missing_or_wrong_signature_does_not_verify(sig: str) -> None:
    with pytest.raises(Unverified):
        check({**ALERT, "sig": sig})


@pytest.mark.parametrize("method", get_args(SignatureMethod))
@given(
    params=st.dictionaries(st.text(), st.text(), max_size=5),
    name=st.text(),
    value=st.text(min_size=1).filter(str.strip),
)
def test_nothing_can_be_added_to_what_was_signed(
    method: SignatureMethod, params: dict[str, str], name: str, value: str
) -> None:
    whole = signed({**params, "timestamp": ALERT["timestamp"]}, method=method)

    check(whole, method=method)
    if name not in whole:
        with pytest.raises(Unverified):
            check({**whole, name: value}, method=method)


def test_the_method_must_be_the_one_agreed_on() -> None:
    with pytest.raises(Unverified, match="sha256"):
        check(signed(ALERT, method="sha512"), method="sha256")
