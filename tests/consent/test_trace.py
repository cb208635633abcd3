"""An event's id names its trace, in a way that anybody can compute."""

import hashlib

from consent.model import EventId
from consent.trace import root_of, traceparent

EVENT = EventId("evt_3_1764000000123_0")


def test_the_trace_is_the_beginning_of_the_digest_of_the_id() -> None:
    digest = hashlib.sha256(EVENT.encode()).hexdigest()
    root = root_of(EVENT)

    assert f"{root.trace_id:032x}" == digest[:32] == "cfd2fb663e9d4c474c7b67e9cb44317f"
    assert f"{root.span_id:016x}" == digest[32:48]


def test_events_have_traces_of_their_own() -> None:
    assert root_of(EVENT) != root_of(EventId("evt_3_1764000000123_1"))


def test_a_header_has_its_numbers_in_full_length() -> None:
    assert traceparent(0xABC, 0x12) == "00-00000000000000000000000000000abc-0000000000000012-01"
