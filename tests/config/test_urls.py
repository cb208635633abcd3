"""URLs are refused with the reason, and shown without what they hide."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.urls import without_secrets, wrong_with_public_url, wrong_with_store_url, wrong_with_web_url


@pytest.mark.parametrize(
    "url",
    [
        "https://crm.example.com/hooks",
        "http://10.0.0.1:8080",
        "https://[::1]/x?a=b",
        "http://[fe80::1%25eth0]/",
        "https://bücher.example/",
        "http://my_crm:8080/",
    ],
)
def test_an_address_on_the_web_is_fine(url: str) -> None:
    assert wrong_with_web_url(url) == ""


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "http://"),
        ("crm.example.com", "http://"),
        ("ftp://crm.example.com", "http://"),
        ("https:///path", "host"),
        ("https://crm.example.com:eighty/", "a port from 1 to 65535"),
        ("https://crm.example.com:99999/", "a port from 1 to 65535"),
        ("https://crm.example.com:0/", "a port from 1 to 65535"),
        ("https://crm.example.com/\nx", "without spaces and line breaks"),
        ("https://crm.example.com/a b", "without spaces and line breaks"),
        ("http://127.1/", "a host by its name, or by an IP address in full"),
        ("http://2130706433/", "a host by its name"),
        ("http://0177.0.0.1/", "a host by its name"),
        ("http://crm..example.com/", "a host by its name"),
        ("https://[::1/", "http://"),
        ("https://user:pass@crm.example.com/", "logs"),
        ("https://crm.example.com/#top", "fragment"),
    ],
)
def test_what_cannot_be_delivered_to_is_refused_with_the_reason(url: str, reason: str) -> None:
    assert reason in wrong_with_web_url(url)


@pytest.mark.parametrize(
    ("url", "is_fine"), [("", True), ("https://sms.example.com/in", True), ("https://x/?a=1", False), ("x", False)]
)
def test_a_public_url_can_be_continued(url: str, is_fine: bool) -> None:
    assert (wrong_with_public_url(url) == "") is is_fine


@pytest.mark.parametrize(
    ("url", "is_fine"),
    [
        ("", True),
        ("redis://localhost", True),
        ("rediss://user:pass@redis.example.com:6380/2", True),
        ("unix:///run/valkey.sock", True),
        ("redis+sentinel://a:26379,b:26379/main", True),
        ("redis+cluster://a:7000", True),
        ("redis://", False),
        ("unix://", False),
        ("redis://localhost:99999", False),
        ("http://localhost", False),
        ("localhost:6379", False),
    ],
)
def test_a_store_is_named_by_a_scheme_that_we_speak(url: str, is_fine: bool) -> None:
    assert (wrong_with_store_url(url) == "") is is_fine


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://crm.example.com/hooks", "https://crm.example.com/hooks"),
        ("redis://user:p@ss@host:6379/0", "redis://…@host:6379/0"),
        ("https://host/hook?key=abc", "https://host/hook?…"),
    ],
)
def test_a_url_is_shown_without_password_and_query(url: str, shown: str) -> None:
    assert without_secrets(url) == shown


@given(st.text(), st.text())
def test_what_stands_before_the_last_at_sign_is_never_shown(before: str, after: str) -> None:
    secret = "hunter2-correct-horse"

    assert secret not in without_secrets(f"redis://{before}{secret}@{after}")
