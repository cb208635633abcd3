"""One event, one format, one picture of the registry: one body."""

from consent.directory import Directory
from consent.model import EventId
from dispatcher import bodies
from dispatcher.bodies import Bodies
from dispatcher.formats import body
from tests.builders import a_campaign, an_event


def test_a_body_is_built_once_for_all_who_are_told() -> None:
    event, directory, built = an_event(), Directory.of(1, campaigns=[a_campaign()]), Bodies()

    first = built.of(event, "json", directory)

    assert first == body(event, "json", directory)
    assert built.of(event, "json", directory) is first


def test_each_format_and_each_event_has_its_own() -> None:
    event, directory, built = an_event(), Directory.of(1, campaigns=[a_campaign()]), Bodies()
    other = an_event(id=EventId(f"{event.id}0"))

    told = [built.of(one, form, directory) for one in (event, other) for form in ("json", "wxml")]

    assert told == [body(one, form, directory) for one in (event, other) for form in ("json", "wxml")]


def test_what_was_built_before_the_registry_changed_is_built_anew() -> None:
    event, built = an_event(), Bodies()
    built.of(event, "json", Directory.of(1, campaigns=[a_campaign()]))
    renamed = Directory.of(2, campaigns=[a_campaign(title="Another title")])

    assert b"Another title" in built.of(event, "json", renamed).content


def test_no_more_are_kept_than_are_told_of_at_once() -> None:
    event, directory, built = an_event(), Directory.of(1, campaigns=[a_campaign()]), Bodies()
    first = built.of(event, "json", directory)
    for n in range(bodies._MOST):
        built.of(an_event(id=EventId(f"{event.id}{n}")), "json", directory)

    again = built.of(event, "json", directory)

    assert again == first
    assert again is not first
