"""What the whole of the dispatcher makes of settings, and of a registry that changes."""

from config.sections import Dispatcher
from consent.directory import Directory
from consent.ledger import HealthRules
from dispatcher.app import enabled_again, rules_of
from tests.builders import an_endpoint


def test_the_settings_are_the_rules_and_the_longest_wait_follows_from_the_first() -> None:
    assert rules_of(Dispatcher()) == HealthRules()
    assert rules_of(Dispatcher.model_validate({"breaker_wait": "1s"})).breaker_longest == 30_000


def test_the_directory_says_who_was_enabled_again() -> None:
    before = Directory.of(
        1, endpoints=[an_endpoint("a", disabled="gone"), an_endpoint("b"), an_endpoint("c", disabled="gone")]
    )
    now = Directory.of(
        2, endpoints=[an_endpoint("a"), an_endpoint("b"), an_endpoint("c", disabled="gone"), an_endpoint("d")]
    )

    assert enabled_again(before, now) == ["acme/a"]
    assert enabled_again(None, now) == []
