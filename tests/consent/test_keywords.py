"""Is every opt-out heard, and does ordinary English stay ordinary?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.keywords import (
    DEFAULT_PACKS,
    Aliases,
    Help,
    NamedCampaigns,
    OptIn,
    OptOut,
    Other,
    ReachedCampaigns,
    Verdict,
    WholeAccount,
    Yes,
    judge,
    rules,
)
from consent.locales import PACKS
from consent.model import CampaignId

RULES = rules()
EVERY_PACK = rules(tuple(PACKS))
PIZZA, DEALS, NUMBERED = CampaignId("c1"), CampaignId("c2"), CampaignId("c3")
ALIASES: Aliases = {"pizza": (PIZZA,), "hot deals": (DEALS,), "777": (NUMBERED,)}

WORDS = (
    *("stop", "start", "all", "please", "don't", "not", "never", "remove", "me", "take", "off", "your", "list"),
    *("pizza", "777", "12345", "yes", "help", "cancel", ".", "!", "\n"),
)
TALK = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)


def verdict(text: str) -> Verdict:
    return judge(text, RULES, ALIASES)


def out(keyword: str, rule: str, *, review: bool = False) -> OptOut:
    return OptOut(ReachedCampaigns(), keyword, rule, review)


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        ("STOP", "STOP"),
        ("Stop.", "STOP"),
        ("ＳＴＯＰ", "STOP"),
        ("🆂🆃🅾🅿", "STOP"),
        ("🅢🅣🅞🅟", "STOP"),
        ("🇸\u200b🇹\u200b🇴\u200b🇵", "STOP"),
        ("Stop\u200b", "STOP"),
        ("stop \n", "STOP"),
        ("end", "END"),
        ("Cancel", "CANCEL"),
        ("UNSUBSCRIBE", "UNSUBSCRIBE"),
        ("unsub", "UNSUB"),
        ("QUIT!", "QUIT"),
        ("revoke", "REVOKE"),
        ("Opt-out", "OPT OUT"),
        ("OPTOUT", "OPTOUT"),
        ("remove", "REMOVE"),
        ("TD", "TD"),
        ("ARRÊT", "ARRET"),
        ("Arrete", "ARRETE"),
        ("ARRETT", "ARRETT"),
        ("Stopp", "STOPP"),
        ("stop2quit", "STOP2QUIT"),
        ("STOP 2 QUIT", "STOP 2 QUIT"),
        ("STOP2END", "STOP2END"),
        ("Stop 2 end", "STOP 2 END"),
        ("stop=quit", "STOP QUIT"),
        ("Detener", "DETENER"),
        ("SALIR", "SALIR"),
        ("Alto", "ALTO"),
        ("PARAR", "PARAR"),
        ("Cancelar", "CANCELAR"),
    ],
)
def test_a_keyword_alone_opts_out(text: str, keyword: str) -> None:
    assert verdict(text) == out(keyword, f"exact:{keyword.lower()}")


@pytest.mark.parametrize("text", ["S.T.O.P.", "s t o p", "S-T-O-P !!", "🇸 🇹 🇴 🇵"])
def test_a_keyword_letter_by_letter_opts_out(text: str) -> None:
    assert verdict(text) == out("STOP", "spelt:stop")


@pytest.mark.parametrize("text", ["s t a r t", "y e s", "t d", "s t o", "s t o p s"])
def test_nothing_else_counts_letter_by_letter(text: str) -> None:
    assert verdict(text) == Other()


@pytest.mark.parametrize("text", ["st op", "STO P", "un-subscribe", "Un subscribe!"])
def test_a_plain_word_with_a_blank_inside_opts_out(text: str) -> None:
    keyword = text.replace(" ", "").replace("-", "").rstrip("!").upper()

    assert verdict(text) == out(keyword, f"spelt:{keyword.lower()}")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("STOOOP", "exact:stop"),
        ("stoppp", "exact:stop"),
        ("STOPPPPP!!!", "exact:stop"),
        ("Stooop texting meee", "prefix:stop"),
        ("plz stoppp", "prefix:stop"),
        ("ENDDD", "exact:end"),
    ],
)
def test_a_letter_that_was_held_down_counts_once(text: str, rule: str) -> None:
    assert verdict(text) == out(rule.partition(":")[2].upper(), rule)


@pytest.mark.parametrize("text", ["Ïíìk", "STÖÓÒP"])
def test_letters_that_only_sound_alike_were_not_held_down(text: str) -> None:
    assert verdict(text) == Other()


@pytest.mark.parametrize(
    ("text", "keyword"),
    [("ꜱᴛᴏᴘ", "STOP"), ("ЅТОР", "STOP"), ("ΤОР STO", ""), ("ST0P", "STOP"), ("5top!", "STOP"), ("ΕND", "END")],
)
def test_letters_that_look_like_a_keyword_opt_out_and_ask_for_a_look(text: str, keyword: str) -> None:
    assert verdict(text) == (out(keyword, f"alike:{keyword.lower()}", review=True) if keyword else Other())


@pytest.mark.parametrize("text", ["ЅТАRТ", "5tart", "5UB5CR1BE", "уеѕ", "ТОР", "СТОП", "100"])
def test_they_opt_nobody_in_and_make_no_keyword_of_another_word(text: str) -> None:
    assert verdict(text) == Other()


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        ("STPO", "STOP"),
        ("sotp.", "STOP"),
        ("unsusbcribe", "UNSUBSCRIBE"),
        ("Unsuscribe", "UNSUBSCRIBE"),
        ("unsubcribe", "UNSUBSCRIBE"),
        ("arrte", "ARRET"),
    ],
)
def test_a_plain_word_that_was_mistyped_opts_out_and_asks_for_a_look(text: str, keyword: str) -> None:
    assert verdict(text) == out(keyword, f"mistyped:{keyword.lower()}", review=True)


@pytest.mark.parametrize(
    "text", ["top", "sop", "stp", "pots", "spot", "step", "shop", "stoop", "alot", "dne", "cancle my order"]
)
def test_no_other_word_is_taken_for_a_mistyped_one(text: str) -> None:
    assert verdict(text) == Other()


@pytest.mark.parametrize("text", ["Reply STOP", "I'm texting STOP", "Im done with this STOP!", "where is the bus STOP"])
def test_a_plain_word_in_capitals_behind_a_few_small_ones_opts_out_and_asks_for_a_look(text: str) -> None:
    assert verdict(text) == out("STOP", "ending:stop", review=True)


@pytest.mark.parametrize(
    "text",
    [
        "WHERE IS THE BUS STOP",
        "where is the bus stop",
        "Please don't STOP",
        "I will never STOP",
        "they say that one should write STOP",
        "👍 to “Reply STOP”",
        'Le gustó "Responde STOP"',
        "Meet me at the PIT STOP cafe",
    ],
)
def test_neither_in_small_letters_nor_quoted_negated_or_far_behind(text: str) -> None:
    assert verdict(text) == Other()


def test_a_stop_behind_a_very_long_text_is_heard() -> None:
    assert verdict("I have told you so many times. " * 200 + "STOP") == out("STOP", "sentence:stop")
    assert verdict("I have told you so many times. " * 40 + "STOP. " + "They never listen. " * 200) == Other()


@pytest.mark.parametrize("text", ["stop all", "STOP ALL!", "stop all texts please", "please stop all", "opt out all"])
def test_all_means_the_whole_account(text: str) -> None:
    found = verdict(text)

    assert isinstance(found, OptOut)
    assert found.scope == WholeAccount()
    assert found.keyword.endswith(" ALL")
    assert found.rule == f"all:{found.keyword.lower()}"


def test_stopall_is_one_word_too() -> None:
    assert verdict("StopAll") == OptOut(WholeAccount(), "STOPALL", "all:stopall")


@pytest.mark.parametrize(
    ("text", "campaign", "keyword", "rule"),
    [
        ("STOP pizza", PIZZA, "STOP PIZZA", "alias:stop"),
        ("Stop Hot-Deals.", DEALS, "STOP HOT DEALS", "alias:stop"),
        ("stop 777", NUMBERED, "STOP 777", "alias:stop"),
        ("opt out pizza", PIZZA, "OPT OUT PIZZA", "alias:opt out"),
        ("cancel pizza", PIZZA, "CANCEL PIZZA", "alias:cancel"),
        ("please stop pizza now", PIZZA, "STOP PIZZA", "alias:stop"),
        ("PIZZA STOP", PIZZA, "STOP PIZZA", "alias:stop"),
        ("hot deals stop please", DEALS, "STOP HOT DEALS", "alias:stop"),
        ("pizza opt out", PIZZA, "OPT OUT PIZZA", "alias:opt out"),
        ("pizza stop all", PIZZA, "STOP ALL PIZZA", "alias:stop all"),
    ],
)
def test_a_campaigns_own_keyword_narrows_the_opt_out(text: str, campaign: CampaignId, keyword: str, rule: str) -> None:
    assert verdict(text) == OptOut(NamedCampaigns((campaign,)), keyword, rule)


def test_a_keyword_of_several_campaigns_opts_out_of_all_and_in_to_the_first() -> None:
    shared: Aliases = {"pizza": (PIZZA, DEALS)}

    assert judge("STOP PIZZA", RULES, shared) == OptOut(NamedCampaigns((PIZZA, DEALS)), "STOP PIZZA", "alias:stop")
    assert judge("START PIZZA", RULES, shared) == OptIn(NamedCampaigns((PIZZA,)), "START PIZZA", "alias:start")


def test_an_alias_cannot_take_a_keyword_away() -> None:
    assert judge("stop all", RULES, {"all": (PIZZA,)}) == OptOut(WholeAccount(), "STOP ALL", "all:stop all")


@pytest.mark.parametrize("text", ["STOP 12345", "unsubscribe 4", "stop texting 07911 123456"])
def test_digits_that_name_no_campaign_opt_out_and_ask_for_a_look(text: str) -> None:
    found = verdict(text)

    assert isinstance(found, OptOut)
    assert found.scope == ReachedCampaigns()
    assert found.rule.endswith(" digits")
    assert found.review


def test_the_rule_for_digits_names_them() -> None:
    assert verdict("STOP - John Smith, 12 Main Street") == out("STOP", "prefix:stop digits", review=True)
    assert verdict("STOP 12345") == out("STOP", "prefix:stop digits", review=True)


@pytest.mark.parametrize(
    "text",
    [
        "stop please",
        "please stop",
        "stop texting me",
        "stop it",
        "Stop it!",
        "STOP STOP STOP",
        "stop marketing",
        "Stop. Thank you",
        "STOP\nSent from my iPhone",
        "ok stop",
        "So stop!",
        "stop it right now please, ok, thank you",
        "STOP the daily ads please, thank you very much",
        "Stop these ads, pls, thank you so much, bye",
        "Stop please, thank you, so much for one day",
    ],
)
def test_a_short_sentence_that_opens_with_stop_opts_out(text: str) -> None:
    assert verdict(text) == out("STOP", "prefix:stop")


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        ("unsubscribe me please", "UNSUBSCRIBE"),
        ("Opt out now", "OPT OUT"),
        ("arrêt svp", "ARRET"),
        ("stopp bitte", "STOPP"),
    ],
)
def test_other_plain_words_open_a_sentence_too(text: str, keyword: str) -> None:
    assert verdict(text) == out(keyword, f"prefix:{keyword.lower()}")


def test_a_negation_after_stop_leaves_her_out_and_asks_for_a_look() -> None:
    assert verdict("Stop, I don't want this") == out("STOP", "prefix:stop negated", review=True)


@pytest.mark.parametrize(
    "text",
    [
        "STOP!!! I have asked you to leave me and my family in peace so many times",
        "I moved away in May. Stop.",
        "STOP\n\nJohn Smith, Director of Sales, Acme Corporation, 1 Main Street",
    ],
)
def test_a_sentence_of_its_own_in_a_longer_message_opts_out(text: str) -> None:
    assert verdict(text) == out("STOP", "sentence:stop")


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        ("STOP, I never signed up for this and I'm reporting you", "STOP"),
        ("STOP - John Smith, 12 Main Street, Springfield", "STOP"),
        ("STOP--I never signed up for this nonsense of yours", "STOP"),
        ("STOP- John Smith of 12 Main Street, Springfield", "STOP"),
        ("STOP — I never signed up for this and I'm reporting you", "STOP"),
        ("Stop; I never signed up for this nonsense of yours", "STOP"),
        ("Stop: whoever you are, I am at work and busy", "STOP"),
        ('"STOP" I never signed up for this nonsense of yours', "STOP"),
        ("“Stop” I never signed up for this nonsense of yours", "STOP"),
        ("Now stop, I have asked you so many times by now", "STOP"),
        ("I'm not interested, STOP", "STOP"),
        ("i want peace, STOP", "STOP"),
        ("I am not interested in any of this - unsubscribe", "UNSUBSCRIBE"),
        ("Revoke, I never signed up for this and I'm reporting you", "REVOKE"),
        ("I've had quite enough of this, opt-out", "OPT OUT"),
    ],
)
def test_a_clause_of_its_own_opts_out_and_asks_for_a_look(text: str, keyword: str) -> None:
    assert verdict(text) == out(keyword, f"clause:{keyword.lower()}", review=True)


def test_a_clause_may_mean_the_whole_account() -> None:
    said = verdict("STOPALL, I never signed up for this and I'm reporting you")

    assert said == OptOut(WholeAccount(), "STOPALL", "clause:stopall", review=True)


@pytest.mark.parametrize("text", ["start stop", "Start. No, wait, stop!", "help stop", "yes stop", "no stop please"])
def test_an_opt_out_wins_over_other_keywords_in_the_same_text(text: str) -> None:
    found = verdict(text)

    assert isinstance(found, OptOut)
    assert found.keyword == "STOP"
    assert not found.review


def test_a_curse_around_stop_is_a_stop() -> None:
    assert verdict("Fuck off stop") == out("STOP", "prefix:stop")


def test_stop_then_start_is_an_opt_out_too() -> None:
    assert verdict("stop start") == out("STOP", "prefix:stop")


@pytest.mark.parametrize("text", ["PLEASE CANCEL", "cancel please", "ok cancel", "yes, cancel"])
def test_courtesies_around_a_weaker_word_opt_out_and_ask_for_a_look(text: str) -> None:
    assert verdict(text) == out("CANCEL", "words:cancel", review=True)


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("take me off your list", "take me off"),
        ("Remove me", "remove me"),
        ("would you remove my name from this", "remove my name"),
        ("Lose my number!", "lose my number"),
        ("delete my number", "delete my number"),
        ("I opt out", "i opt out"),
        ("opt me out", "opt me out"),
        ("Don't contact me again", "dont contact me"),
        ("do not text me", "do not text me"),
        ("I want to unsubscribe", "want to unsubscribe"),
        ("no more texts", "no more texts"),
        ("just leave me alone", "leave me alone"),
        ("Hey, can you stop texting me?", "can you stop texting"),
        ("I did not sign up for this, remove me", "remove me"),
        ("never mind. take me off", "take me off"),
        ("I revoke my consent", "revoke my consent"),
        ("I hereby withdraw my consent to all of this", "withdraw my consent"),
        ("never text me again", "never text me again"),
        ("can you please stop", "please stop"),
        ("I want to stop receiving these messages", "stop receiving"),
        ("how do I stop getting these?", "stop getting"),
        ("How do I stop these texts", "stop these texts"),
        ("I would like to unsubscribe", "like to unsubscribe"),
        ("I'd like to opt out of this", "like to opt out"),
        ("Please make it stop", "make it stop"),
        ("i said stop", "i said stop"),
        ("can you unsubscribe this number from your list", "unsubscribe this number"),
        ("Please remove my phone number from your database", "remove my phone number"),
        ("get me off this list", "me off this list"),
        ("I would like to be taken off your list", "taken off your list"),
        ("quit sending me this", "quit sending me"),
        ("Please don't send me any more texts", "dont send me any more"),
        ("don't ever text me", "dont ever text me"),
        ("Do not call or text this number", "do not call or text this number"),
        ("I don't want to receive these anymore", "dont want to receive these"),
    ],
)
def test_what_a_reasonable_person_reads_as_revocation_opts_out(text: str, phrase: str) -> None:
    found = verdict(text)

    assert isinstance(found, OptOut)
    assert found.keyword == phrase.upper()
    assert found.rule.removesuffix(" negated") == f"phrase:{phrase}"


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("I have asked you twice now to stop sending these", "stop sending these"),
        ("I have told you people to stop texting this number", "stop texting this number"),
        ("you need to stop contacting us every single day", "stop contacting us"),
        ("can you guys please quit messaging us", "quit messaging us"),
        ("quit contacting me", "quit contacting me"),
        ("I'm on the bus stop texting me", "stop texting me"),
        ("Will you all quit sending these", "quit sending these"),
        ("I am asking you to unsubscribe from this list", "unsubscribe from this list"),
        ("Take us off your list", "us off your list"),
        ("don't send any more texts", "dont send any more texts"),
        ("don't send me anymore", "dont send me anymore"),
        ("do not ever message me again", "do not ever message me"),
        ("Never text this number again", "never text this number"),
        ("remove this number", "remove this number"),
        ("Please delete this number", "delete this number"),
        ("take this number off", "take this number off"),
        ("Put me on your do not call list", "do not call list"),
        ("I do not want any more texts", "do not want any more texts"),
        ("I'd like to cancel these messages", "cancel these messages"),
        ("please remove from your list", "remove from your list"),
        ("can you stop texting me", "can you stop texting"),
    ],
)
def test_what_can_only_mean_us_opts_out_and_needs_no_look(text: str, phrase: str) -> None:
    assert verdict(text) == out(phrase.upper(), f"phrase:{phrase}")


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("stop please and thank you so much for everything", "stop please"),
        ("let me off at the next stop please", "stop please"),
        ("They really ought to stop sending catalogs", "stop sending"),
        ("she should quit messaging my brother", "quit messaging"),
        ("don't send me any cash, I'll pay you later", "dont send me any"),
        ("I don't want to receive the parcel on Monday", "dont want to receive"),
        ("do not call or text while driving", "do not call or text"),
        ("I will unsubscribe from the channel", "unsubscribe from"),
        ("You have the wrong person", "wrong person"),
        ("Cancel my subscription", "cancel my subscription"),
        ("How do I unsubscribe?", "how do i unsubscribe"),
        ("How do I stop?", "how do i stop"),
        ("how to opt out", "how to opt out"),
        ("How do I get off this list", "how do i get off"),
        ("can you stop", "can you stop"),
        ("Could you stop at my house", "could you stop"),
        ("I want you to stop", "want you to stop"),
        ("I need to be removed from this list", "be removed from"),
        ("can i unsubscribe", "can i unsubscribe"),
    ],
)
def test_what_may_be_meant_otherwise_opts_out_and_asks_for_a_look(text: str, phrase: str) -> None:
    assert verdict(text) == out(phrase.upper(), f"phrase:{phrase}", review=True)


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("why did you remove me from the list?", "remove me"),
        ("When did I opt out?", "i opt out"),
        ("What happens if I opt out?", "i opt out"),
        ("did you take me off the schedule?", "take me off"),
        ("does this remove me from the list?", "remove me"),
        ("Why did you stop sending us the coupons", "stop sending us"),
    ],
)
def test_who_asks_about_it_is_out_and_an_operator_looks(text: str, phrase: str) -> None:
    assert verdict(text) == out(phrase.upper(), f"phrase:{phrase}", review=True)


def test_a_wrong_number_opts_out_and_asks_for_a_look() -> None:
    assert verdict("sorry, you have the wrong number") == out("WRONG NUMBER", "phrase:wrong number", review=True)


def test_a_negation_some_words_before_a_phrase_is_doubt_and_doubt_opts_out() -> None:
    assert verdict("this is not ok remove me") == out("REMOVE ME", "phrase:remove me negated", review=True)


@pytest.mark.parametrize(
    "text",
    [
        "don't stop",
        "please don't stop",
        "do not stop texting me",
        "never stop texting me",
        "can't stop won't stop",
        "non-stop",
        "nonstop",
        "unstoppable",
        "we have to STOP this bill",
        "Count me in! We have got to STOP this terrible bill from passing!!",
        "help stop this bill",
        "cancel my appointment tuesday",
        "Cancel, I can't make it on Tuesday",
        "End, of story",
        "Quit, that's funny",
        "yes, stop by tomorrow",
        "stop by at 5",
        "could you please stop by at 5",
        "he ran the second please stop sign",
        "please do not stop receiving new stock",
        "stop by, the kids are at home and dinner is at six",
        "non-stop, please",
        "it was non-stop, from the morning until the end of it",
        "don't stop, I like these so very much indeed",
        "next stop: Boston, and we are nearly there already",
        "see http://example.com/a:stop for more",
        "I do not revoke my consent",
        "end of month works",
        "I quit smoking",
        "remove the old one",
        "please do not remove me",
        "stop by tomorrow",
        "Stop signs at dangerous intersections",
        "Stop lights are out on Main Street",
        "stop watch is broken",
        "I will be at the bus stop",
        "Bus stop?",
        "stop by at five please, thank you so very much",
        "stop worrying about it and just come over please, thank you",
        "So end of month?",
        "why did it stop?",
        "don't opt out of pizza",
        "pizza, don't stop",
        "please don't quit texting me",
        "did you text this number?",
        "please remove this from my cart",
        "send me any more of those and I'll be so happy",
        "I never send these texts myself",
        "which list is this number off",
        "please do not stop sending me coupons",
        "why stop now",
        "How do I cancel my appointment?",
        "can you stop by at five",
        "can you cancel my 3pm",
        "stop worrying about it and just come over for dinner",
        "see http://www.stop.com/ for more",
        "Liked “Sale ends today. STOP”",
        "Laughed at “Don't text me”",
        "Reacted 👍 to “To stop receiving texts reply STOP”",
        "Reacted ❤️ to “Sale! STOP”",
        "\u200a👍\u200a to “\u200aTo stop receiving texts reply STOP\u200a”",
        "Removed a like from “Sale! STOP”",
        "Removed a question mark from “Sale! STOP”",
        "Removed 👍 from “Sale! STOP”",
        'Loved "Sale! STOP"',
        "\u200e\u2068Liked\u2069 “Sale! STOP”",
        "what's the quietest place",
        "baja",
        "sair",
        "abmelden",
        "12345",
        "thanks!",
        "please",
        "🛑",
        "   ",
        "",
    ],
)
def test_an_ordinary_text_stays_one(text: str) -> None:
    assert verdict(text) == Other()


@pytest.mark.parametrize(
    "word", ["start", "unstop", "subscribe", "resume", "resume all", "volver", "recibir", "voltar", "receber"]
)
def test_a_narrow_list_opts_in(word: str) -> None:
    assert verdict(word.title()) == OptIn(ReachedCampaigns(), word.upper(), f"exact:{word}")


def test_start_and_a_campaigns_keyword_opts_in_to_that_one() -> None:
    assert verdict("Start Pizza") == OptIn(NamedCampaigns((PIZZA,)), "START PIZZA", "alias:start")


@pytest.mark.parametrize(
    "text",
    [
        *("start please", "please start", "please start pizza", "start now", "pizza", "starting pizza"),
        *("pizza start", "hot deals unstop", "pizza resume all"),
    ],
)
def test_nothing_else_opts_in(text: str) -> None:
    assert verdict(text) == Other()


@pytest.mark.parametrize("word", ["yes", "continue", "begin", "go"])
def test_an_answer_is_a_yes_and_not_an_opt_in(word: str) -> None:
    assert verdict(word.upper()) == Yes(word.upper(), f"yes:{word}")


@pytest.mark.parametrize("text", ["yes please", "yes I'll be there", "go away"])
def test_an_answer_with_more_in_it_is_an_ordinary_text(text: str) -> None:
    assert verdict(text) == Other()


@pytest.mark.parametrize("word", ["help", "info", "aide"])
def test_help_is_help(word: str) -> None:
    assert verdict(f"{word}?") == Help(word.upper(), f"help:{word}")


@pytest.mark.parametrize("word", ["baja", "sair", "abmelden", "désabonner"])
def test_words_without_a_source_count_once_an_operator_asks_for_them(word: str) -> None:
    assert isinstance(judge(word, EVERY_PACK, {}), OptOut)


def test_a_pack_that_is_not_chosen_is_not_heard() -> None:
    assert judge("ARRET", rules(["en"]), {}) == Other()
    assert "fr" in DEFAULT_PACKS


@given(st.text(max_size=300) | TALK)
def test_any_text_has_a_verdict_in_words_of_ours(text: str) -> None:
    found = verdict(text)

    match found:
        case OptOut() | OptIn():
            words = {word for known in (RULES.exact, RULES.openings, RULES.phrases, ALIASES) for word in known}
            assert found.keyword.lower() in words or found.keyword.split()[-1].lower() in {"pizza", "deals", "777"}
        case _:
            assert isinstance(found, Yes | Help | Other)


@given(TALK)
def test_a_text_with_an_opt_out_sentence_never_opts_in(text: str) -> None:
    assert isinstance(verdict(f"{text}\nSTOP"), OptOut)
