import pytest

from consent.errors import Refused, TooLarge
from receiver.codecs import form
from receiver.inbound import Inbound


def a_request(method: str = "POST", *, query: str = "", body: bytes = b"") -> Inbound:
    return Inbound(method=method, query=query, content_type="application/json", body=body)


@pytest.mark.parametrize(
    ("body", "pairs"),
    [
        (b"", ()),
        (b"a=1&b=2&a=1&a=", (("a", "1"), ("b", "2"), ("a", "1"), ("a", ""))),
        (b"&&a&=b&", (("a", ""), ("", "b"))),
        (b"a=%2B1+2%20%26", (("a", "+1 2 &"),)),
        (b"a=ARR%C3%8AT", (("a", "ARRÊT"),)),
        (b"a=ARR%CAT", (("a", "ARRÊT"),)),
        ("a=ARRÊT".encode(), (("a", "ARRÊT"),)),
        ("a=ARRÊT".encode("latin-1"), (("a", "ARRÊT"),)),
        (b"a=%ED%A0%80", (("a", "í\xa0\x80"),)),
        (b'{"a":1}', (('{"a":1}', ""),)),
    ],
)
def test_all_pairs_are_read_in_their_order_whatever_the_content_type_says(
    body: bytes, pairs: tuple[tuple[str, str], ...]
) -> None:
    assert form.pairs_of(a_request(query="a=query", body=body)) == pairs


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_get_says_it_in_the_query(method: str) -> None:
    assert form.pairs_of(a_request(method, query="a=1&a=%C3%8A", body=b"b=2")) == (("a", "1"), ("a", "Ê"))


def test_a_get_without_a_query_says_it_in_its_body() -> None:
    assert form.pairs_of(a_request("GET", body=b"b=2")) == (("b", "2"),)


def test_too_many_pairs_are_not_read() -> None:
    assert len(form.pairs_of(a_request(body=b"&".join([b"a=1"] * 256)))) == 256
    with pytest.raises(TooLarge):
        form.pairs_of(a_request(body=b"&".join([b"a=1"] * 257)))


def test_a_query_that_is_no_text_is_refused() -> None:
    assert form.query_of(a_request(query="a=\udcca")) == (("a", "Ê"),)
    with pytest.raises(Refused):
        form.query_of(a_request(query="a=\ud800"))
