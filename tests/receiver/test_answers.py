"""A reply says the same whichever way it is written."""

import pytest

from receiver.answers import response, serialised
from receiver.codecs.codec import Reply

REPLIES = [
    Reply(status=200),
    Reply(status=503, retry_after=5),
    Reply(status=400, body=b"<RESPONSE/>", content_type="text/xml"),
]


def read(data: bytes) -> tuple[str, dict[str, str], bytes]:
    head, _, body = data.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return status, dict(line.split(": ", 1) for line in lines), body


@pytest.mark.parametrize("reply", REPLIES)
def test_both_ways_say_status_body_type_and_when_to_come_again(reply: Reply) -> None:
    built = response(reply)
    status, headers, body = read(serialised(reply, closing=False))

    assert int(status.split(" ")[1]) == built.status == reply.status
    assert body == (built.body or b"") == reply.body
    assert headers["Content-Length"] == str(len(reply.body))
    assert headers.get("Retry-After") == built.headers.get("Retry-After")
    assert headers.get("Content-Type", "") == reply.content_type
    assert not reply.content_type or built.content_type == reply.content_type


def test_only_the_last_answer_of_a_connection_says_so() -> None:
    assert "Connection" not in read(serialised(REPLIES[0], closing=False))[1]
    assert read(serialised(REPLIES[0], closing=True))[1]["Connection"] == "close"
