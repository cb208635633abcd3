"""Are the packs compiled into what they say, and is a mistake in the configuration named?"""

import pytest

from consent.errors import Misconfigured
from consent.rules import OptIn, OptOut, ReachedCampaigns, rules


def test_an_unknown_pack_is_named_together_with_those_that_there_are() -> None:
    with pytest.raises(Misconfigured, match=r"'xx'.* en, fr, es"):
        rules(["en", "xx"])


@pytest.mark.parametrize("kind", ["opt_out", "opt_in", "help"])
def test_a_keyword_without_letters_is_a_mistake_of_the_configuration(kind: str) -> None:
    with pytest.raises(Misconfigured, match=f"keywords.{kind}"):
        rules(**{kind: ["!!!"]})


def test_the_operators_own_words_are_normalised_and_count() -> None:
    own = rules(opt_out=["Bäh!"], opt_in=["Juhu"], help=["???wie"])

    assert own.exact["bah"] == OptOut(ReachedCampaigns(), "BAH", "exact:bah")
    assert own.exact["juhu"] == OptIn(ReachedCampaigns(), "JUHU", "exact:juhu")
    assert "wie" in own.exact


def test_a_word_with_two_meanings_opts_out() -> None:
    own = rules(opt_out=["start"], opt_in=["stop"])

    assert isinstance(own.exact["start"], OptOut)
    assert isinstance(own.exact["stop"], OptOut)


def test_the_version_is_stable_and_changes_with_the_words() -> None:
    assert rules().version == rules().version
    assert len({rules().version, rules(["en"]).version, rules(opt_out=["bah"]).version}) == 3


def test_no_packs_at_all_are_possible() -> None:
    assert rules([]).exact == {}
