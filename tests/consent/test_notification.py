"""The object that endpoints are sent and the feed lists. Key by key: tests/dispatcher/test_formats.py."""

import json

from hypothesis import given
from hypothesis import strategies as st

from consent.directory import Directory
from consent.model import EventType, UnixMs
from consent.notification import encoded, notification, written
from tests.builders import a_campaign, an_event

DIRECTORY = Directory.of(1, campaigns=[a_campaign()])
anything = st.text(st.characters(codec=None, exclude_categories=()), max_size=20)


def test_encoded_alone_or_in_a_list_it_is_the_same() -> None:
    one = notification(an_event(EventType.MESSAGE_RECEIVED, detail='{"text": "a\\ud83d ARRÊT"}'), DIRECTORY)

    assert encoded([one, one]) == b"[" + encoded(one) + b"," + encoded(one) + b"]"


@given(anything)
def test_whatever_a_text_holds_the_result_is_json_in_utf_8(text: str) -> None:
    read = json.loads(encoded({"text": text}).decode())

    assert read["text"] == text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def test_an_instant_is_written_in_utc_with_a_fraction_only_where_there_is_one() -> None:
    assert written(UnixMs(1_403_893_893_000)) == "2014-06-27T18:31:33Z"
    assert written(UnixMs(1_403_893_893_007)) == "2014-06-27T18:31:33.007Z"


def test_an_instant_behind_the_last_year_is_told_as_its_end() -> None:
    """One such date, once recorded, would otherwise hold up its number's deliveries and the feed for good."""
    assert written(UnixMs(253_402_351_199_000)) == "9999-12-31T23:59:59.999Z"
