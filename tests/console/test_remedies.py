"""What is wrong with an endpoint is told with what can be done about it."""

import pytest

from console.remedies import REMEDIES, remedy_for, remedy_of_reason


def test_who_does_not_know_us_most_likely_verifies_with_another_secret() -> None:
    remedy = remedy_for(error="", status=401)

    assert remedy.startswith("most likely it verifies our signature with another secret")
    assert "--header" in remedy


def test_a_port_that_is_silent_in_https_may_not_speak_tls() -> None:
    assert "TLS" in REMEDIES["connect_timeout"]


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("http_503", "it is overloaded, or closed for maintenance: look there"),
        ("connect_refused: Connection refused", REMEDIES["connect_refused"]),
        ("nothing was delivered for 120 h: tls_failed: certificate has expired", REMEDIES["tls_failed"]),
        ("nothing was delivered for 120 h: http_404", "it has no such path: check the URL"),
        ("a new certificate", ""),
        ("", ""),
    ],
)
def test_an_endpoints_record_leads_to_a_remedy(reason: str, remedy: str) -> None:
    assert remedy_of_reason(reason) == remedy
