"""Whatever bytes come, and in whatever pieces, a response is read the same, or refused."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.exchange import KEPT_BYTES, READ_BYTES, BadResponse
from dispatcher.response import LONGEST_HEAD, MOST_LINES, Chunked, Framing, Head, Length, Reader, UntilClose, read_head
from tests.dispatcher.test_http_conformance import CASES, GARBAGE, Case

Outcome = tuple[Head | None, bytes, bool, bool] | None
"""Head, beginning, whether it is read, whether the connection can be kept; None for what is refused."""

ANSWERS = [case.answer for case in CASES.values()]
SNIPPETS = [b"\r\n", b"\n", b"\r", b" ", b":", b",", b"\0", b"0", b"5", b"chunked", b"close", b"Content-Length: 3\r\n"]


def read(*pieces: bytes) -> Outcome:
    reader = Reader()
    for number, piece in enumerate(pieces, 1):
        try:
            is_read = reader.feed(piece)
        except BadResponse:
            return None
        if is_read:
            # What comes in a piece of its own afterwards is seen by the connection.
            return reader.head, reader.beginning, True, reader.is_in_step and number == len(pieces)
    return reader.head, reader.beginning, False, False


@st.composite
def a_changed_answer(draw: st.DrawFn) -> bytes:
    """A few bytes of it are gone, others are new."""
    data = draw(st.sampled_from(ANSWERS))
    for _ in range(draw(st.integers(0, 3))):
        at, gone = draw(st.integers(0, len(data))), draw(st.integers(0, 3))
        data = data[:at] + draw(st.sampled_from([b"", *SNIPPETS]) | st.binary(max_size=2)) + data[at + gone :]
    return data


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_answers_that_both_clients_agree_on_are_read(case: Case) -> None:
    outcome = read(case.answer)

    assert outcome is not None
    head, beginning, _, is_in_step = outcome
    assert head is not None
    assert (head.status, beginning) == case.expected
    assert is_in_step is case.is_kept


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_is_refused(garbage: bytes) -> None:
    assert read(garbage) is None


@pytest.mark.parametrize("data", [*ANSWERS, *(data for data in GARBAGE.values() if len(data) < 2000)])
def test_byte_by_byte_is_the_same(data: bytes) -> None:
    assert read(*(data[at : at + 1] for at in range(len(data)))) == read(data)


@given(a_changed_answer(), st.lists(st.integers(0, 200), max_size=4))
def test_a_changed_answer_is_the_same_however_it_is_cut(data: bytes, cuts: list[int]) -> None:
    places = sorted({0, *(min(cut, len(data)) for cut in cuts), len(data)})

    assert read(*(data[begin:end] for begin, end in pairwise(places))) == read(data)


@given(st.binary() | st.binary().map(b"HTTP/1.1 200 OK\r\n".__add__))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    outcome = read(data)

    assert outcome is None or len(outcome[1]) <= KEPT_BYTES


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=5), st.binary(max_size=3))
def test_what_was_put_into_chunks_comes_out(chunks: list[bytes], surplus: bytes) -> None:
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"

    outcome = read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body + surplus)

    assert outcome is not None
    assert outcome[1:] == (b"".join(chunks), True, not surplus)


@pytest.mark.parametrize(
    ("lines", "framing", "is_kept"),
    [
        (b"", UntilClose(), True),
        (b"Content-Length: 007\r\n", Length(7), True),
        (b"Content-Length: 7, 7\r\n", Length(7), True),
        (b"Content-Length: 7\r\nContent-Length: 7\r\n", Length(7), True),
        (b"Transfer-Encoding: chunked\r\n", Chunked(), True),
        (b"Transfer-Encoding: gzip, chunked\r\n", Chunked(), True),
        (b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", Chunked(), True),
        (b"Transfer-Encoding: chunked, gzip\r\n", UntilClose(), True),
        (b"Transfer-Encoding: gzip\r\nContent-Length: 7\r\n", UntilClose(), False),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 7\r\n", Chunked(), False),
        (b"Content-Length: 7\r\nConnection: upgrade, close\r\n", Length(7), False),
        (b"Content-Length: 7\r\nConnection: keep-alive\r\nConnection: close\r\n", Length(7), False),
    ],
)
def test_how_a_body_ends_follows_from_the_head(lines: bytes, framing: Framing, is_kept: bool) -> None:
    head = read_head(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n")

    assert (head.framing, head.keeps_connection) == (framing, is_kept)


def test_chunks_in_an_old_version_end_the_connection() -> None:
    head = read_head(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n")

    assert (head.framing, head.keeps_connection) == (Chunked(), False)


@pytest.mark.parametrize(
    ("status", "line", "is_kept"),
    [
        (204, b"Content-Length: 0", True),
        (204, b"Content-Length: 2", False),
        (204, b"Transfer-Encoding: chunked", False),
        (304, b"Content-Length: 2", True),  # of what it would send
        (304, b"Transfer-Encoding: chunked", False),
    ],
)
def test_a_body_announced_where_none_may_be_ends_the_connection(status: int, line: bytes, is_kept: bool) -> None:
    """It may come all the same, and would be the beginning of the next answer."""
    head = read_head(b"HTTP/1.1 %d Odd\r\n%b\r\n\r\n" % (status, line))

    assert (head.framing, head.keeps_connection) == (Length(0), is_kept)


def test_who_switches_protocols_unasked_has_answered_and_is_left() -> None:
    assert read(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n") == (
        Head(101, None, Length(0), keeps_connection=False),
        b"",
        True,
        False,
    )


@pytest.mark.parametrize(
    ("line", "retry_after"),
    [(b"", None), (b"Retry-After: 30\r\n", "30"), (b"retry-after: \xe9\r\n", "é"), (b"Retry-After:\r\n", "")],
)
def test_retry_after_is_handed_on(line: bytes, retry_after: str | None) -> None:
    assert read_head(b"HTTP/1.1 503 Busy\r\n" + line + b"\r\n").retry_after == retry_after


def test_a_head_has_so_many_lines_and_no_more() -> None:
    assert read(b"HTTP/1.1 204 No Content\r\n" + b"A: b\r\n" * MOST_LINES + b"\r\n") is not None
    assert read(b"HTTP/1.1 204 No Content\r\n" + b"A: b\r\n" * (MOST_LINES + 1) + b"\r\n") is None


def test_all_heads_together_are_so_long_and_no_longer() -> None:
    one = b"HTTP/1.1 100 Continue\r\n\r\n"

    assert read(one * 100) == (None, b"", False, False)
    assert read(one * (LONGEST_HEAD // len(one) + 1)) is None


def test_each_head_is_read_once_however_slowly_they_come() -> None:
    def looks() -> int:
        told = read_head.cache_info()
        return told.hits + told.misses

    reader, before = Reader(), looks()
    for byte in b"HTTP/1.1 100 \r\n\r\n" * 500 + b"HTTP/1.1 204 \r\n\r\n":
        reader.feed(bytes((byte,)))

    assert (reader.is_in_step, looks() - before) == (True, 501)


def test_an_endless_line_is_refused_before_it_ends() -> None:
    assert read(b"HTTP/1.1 200 OK\r\nX: " + b"a" * LONGEST_HEAD) is None


@pytest.mark.parametrize(
    "body",
    [b"5\nhello\r\n0\r\n\r\n", b"-5\r\n", b"5\r\nhelloX\r\n", b"\r\n", b"g\r\n", b"1" * 16 + b"\r\n", b"5 5\r\n"],
)
def test_broken_chunks_take_nothing_back_and_end_the_connection(body: bytes) -> None:
    outcome = read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)

    assert outcome is not None
    assert outcome[2:] == (True, False)


@pytest.mark.parametrize("endless", [b"5;" + b"a" * 100_000, b"1\r\na\r\n" * 10_000, b"0\r\n" + b"A: b\r\n" * 10_000])
def test_endless_chunks_are_not_read_to_their_end(endless: bytes) -> None:
    outcome = read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + endless)

    assert outcome is not None
    assert outcome[2:] == (True, False)


@pytest.mark.parametrize(("length", "surplus", "is_kept"), [(0, 0, True), (2, 0, False), (0, 1, False), (-1, 2, False)])
def test_a_body_of_just_the_length_that_is_read_can_be_kept(length: int, surplus: int, is_kept: bool) -> None:
    octets = READ_BYTES + length

    outcome = read(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % octets + b"a" * (octets + surplus))

    assert outcome is not None
    assert outcome[1:] == (b"a" * KEPT_BYTES, True, is_kept)
