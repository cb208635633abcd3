import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.errors import Refused, TooLarge
from receiver.codecs import document


def test_what_it_says_itself_is_text_and_what_is_inside_is_asked_for_by_name() -> None:
    read = document.read('\ufeff{"a":"x","n":1.50,"t":true,"no":null,"blank":"","in":{"er":{"b":"y"}}}'.encode())

    assert document.texts(read) == {"a": "x", "n": "1.50", "t": "true"}
    assert document.inside(read, "in", "er") == {"b": "y"}
    assert document.inside(read, "in", "nothing", "here") == {}
    assert document.inside(read, "a") == {}


def test_only_a_list_is_listed() -> None:
    read = document.read(b'{"l":[1,{"a":"b"}],"s":"text"}')

    assert [*document.listed(read, "l")] == ["1", {"a": "b"}]
    assert [*document.listed(read, "s"), *document.listed(read, "nothing")] == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_a_text_is_read_in_whatever_its_letters_were_sent(encoding: str) -> None:
    assert document.texts(document.read('{"text":"ARRÊT"}'.encode(encoding))) == {"text": "ARRÊT"}


def test_half_an_emoji_becomes_a_question_mark() -> None:
    assert document.texts(document.read(b'{"a":"\\ud83d","\\ud83d":"\\ud83d\\uded1"}')) == {"a": "?", "?": "🛑"}


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"{", b"from=1", b'{"a":\xff}', b"[" * 65_536, b'{"a":' * 13_107, b"{}{}"]
)
def test_what_is_no_document_is_refused(body: bytes) -> None:
    with pytest.raises(Refused):
        document.read(body)


def test_too_many_members_are_too_many() -> None:
    with pytest.raises(TooLarge):
        document.read(b"{%s}" % b",".join(b'"%d":1' % n for n in range(257)))


@given(st.binary(max_size=80).map(lambda inside: b'{"a":' + inside + b"}"))
def test_any_bytes_become_a_document_or_are_refused(body: bytes) -> None:
    try:
        read = document.read(body)
    except Refused:
        return

    assert all(text.encode() for text in document.texts(read).values())
