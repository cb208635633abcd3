"""What is known of a number, how it came to be, and what happens just now."""

import json
import signal

import pytest

from consent.ledger import Ledger, Store
from consent.model import Account, Msisdn
from console.commands.events import why_so_few
from tests.builders import ACME, ALERTS, ANN, BOB, NOON, a_campaign, a_change, a_start, a_stop
from tests.console.command_line import CommandLine


@pytest.fixture
def cli(cli: CommandLine) -> CommandLine:
    async def record(store: Store) -> None:
        await Ledger(store).apply(a_start(at=NOON))
        await Ledger(store).apply(a_stop(at=NOON + 2000))
        await Ledger(store).apply(a_start(at=NOON + 1000, received_at=NOON + 3000))

    cli.register(Account(id=ACME), a_campaign(), a_campaign("1117", title="News"))
    cli.in_store(record)
    return cli


def test_every_campaign_is_told_the_known_ones_first(cli: CommandLine) -> None:
    stopped, unknown = cli.json("consent", "get", "+1 650 242 6055")

    assert stopped == {
        "account": "acme",
        "campaign": "1116",
        "title": "My Campaign Name",
        "status": "opted_out",
        "may_text": False,
        "actor": "recipient",
        "via": "MO",
        "source": "nexmo-main",
        "since": "2025-11-24T16:00:02Z",
        "keyword": "STOP",
        "rule": "exact:stop",
        "sequence": 2,
    }
    assert (unknown["campaign"], unknown["status"], unknown["since"]) == ("1117", "unknown", None)


def test_one_campaign_is_told_alone_and_an_unknown_one_is_no_answer(cli: CommandLine) -> None:
    assert [each["status"] for each in cli.json("consent", "get", ANN, "--campaign", "1117")] == ["unknown"]
    assert "there is no acme campaign 1118; did you mean" in cli.run(
        "consent", "get", ANN, "--campaign", "1118", exit_code=1
    )


def test_history_is_newest_last_and_tells_what_came_too_late(cli: CommandLine) -> None:
    lines = cli.run("consent", "history", ANN).splitlines()

    assert [line.split()[2] for line in lines] == ["consent.opted_in", "consent.opted_out", "consent.opted_in"]
    assert [line.endswith("something newer had decided") for line in lines] == [False, False, True]


def test_nobody_is_told_to_be_nobody(cli: CommandLine) -> None:
    assert "Nothing is on the record about 15558937009" in cli.run("consent", "history", BOB)
    assert cli.json("consent", "history", BOB) == []
    assert "number is empty" in cli.run("consent", "get", " ", exit_code=1)


def test_the_tail_masks_numbers_unless_told_otherwise(cli: CommandLine) -> None:
    assert ANN not in cli.run("events", "tail")

    cli.configure("[log]\nmask_numbers = false")

    assert cli.run("events", "tail", "-n", "2").count(ANN) == 2


def test_the_tail_shows_the_wanted_types_one_object_a_line(cli: CommandLine) -> None:
    async def texted(store: Store) -> None:
        await Ledger(store).apply(a_change(None, at=NOON + 5000, detail='{"text":"hello"}', campaigns=()))

    cli.in_store(texted)
    printed = cli.run("events", "tail", "--json", "--type", "message.*")

    (event,) = [json.loads(line) for line in printed.splitlines()]
    assert (event["type"], event["campaign"], event["detail"]) == ("message.received", None, None)
    assert "no event is called" in cli.run("events", "tail", "--type", "consent.gone", exit_code=2)


def test_a_tail_without_such_events_says_so_and_not_that_nothing_happened(cli: CommandLine) -> None:
    with cli.process("events", "tail", "--type", "message.received") as tail:
        printed, told = tail.communicate(timeout=30)
    with cli.process("events", "tail", "-n", "0") as tail:
        _, told_of_none = tail.communicate(timeout=30)

    assert (printed, told_of_none) == ("", "")
    assert told == "There is no such event among the 3 that there are.\n"


def test_before_anything_happens_the_tail_says_how_to_make_it_happen() -> None:
    assert "consent-relay simulate stop NUMBER" in why_so_few(0, looked_at=0, is_all=True)


@pytest.mark.parametrize(
    ("found", "is_all", "told"),
    [
        (0, False, "There is none among the last 1,000 events: a larger -n looks further back."),
        (2, False, "These are 2 among the last 1,000 events: a larger -n looks further back."),
        (2, True, ""),
    ],
)
def test_a_part_of_what_there_is_is_not_shown_as_if_it_were_all(found: int, is_all: bool, told: str) -> None:
    assert why_so_few(found, looked_at=1000, is_all=is_all) == told


def test_following_goes_on_until_interrupted(cli: CommandLine) -> None:
    async def another(store: Store) -> None:
        await Ledger(store).apply(a_stop(msisdn=BOB))

    with cli.process("events", "tail", "-f", "-n", "1", "--json") as tail:
        assert tail.stdout is not None
        try:
            before = json.loads(tail.stdout.readline())
            cli.in_store(another)
            after = json.loads(tail.stdout.readline())
            tail.send_signal(signal.SIGINT)
            _, complaints = tail.communicate(timeout=10)
        finally:
            tail.kill()

    assert (tail.returncode, complaints) == (130, "")
    assert (before["msisdn"][-4:], after["msisdn"][-4:]) == (ANN[-4:], BOB[-4:])


@pytest.mark.parametrize(
    ("typed", "read"), [("1 (650) 242-6055", "+1 650-242-6055"), ("(555) 893-7009", "+55 58937009"), ("12345", "12345")]
)
def test_a_decision_tells_the_number_as_it_was_read(cli: CommandLine, typed: str, read: str) -> None:
    decided = ("--campaign", "1116", "--status", "opted_out", "--reason", "she called")

    assert cli.run("consent", "set", typed, *decided).startswith(f"{read}  opted_out  acme/1116")


@pytest.mark.parametrize(
    ("typed", "doubt"),
    [
        ("foo", "'foo' is no number with its country code: looked up as it is\n"),
        ("999", "'999' is no number with its country code: looked up as it is\n"),
        ("5558937009", "+55 58937009 exists in no numbering plan: is the country code missing?\n"),
        ("447911123456", ""),
    ],
)
def test_what_can_hardly_be_meant_is_looked_up_and_doubted(cli: CommandLine, typed: str, doubt: str) -> None:
    assert cli.remarks("consent", "get", typed) == doubt
    assert cli.remarks("consent", "history", typed) == doubt
    assert cli.remarks("consent", "get", typed, "--json") == ""


def test_a_number_that_is_on_the_record_is_not_doubted(cli: CommandLine) -> None:
    cli.run("consent", "set", "5558937009", "--status", "opted_out", "--reason", "x", "--campaign", ALERTS)

    assert cli.remarks("consent", "get", "5558937009") == ""


def test_a_decision_about_what_is_no_number_is_recorded_and_doubted(cli: CommandLine) -> None:
    decided = ("--campaign", "1116", "--status", "opted_out", "--reason", "she called")

    doubt = "'1555893700O' is no number with its country code: recorded as it is"
    assert doubt in cli.remarks("consent", "set", "1555893700O", *decided)
    assert cli.remarks("consent", "set", "447911123456", *decided) == ""
    assert cli.json("consent", "set", "1555893700O", *decided)["odd"] is True
    assert cli.json("consent", "set", "447911123456", *decided)["odd"] is False


def test_nor_is_a_number_without_its_country_code_recorded_in_silence(cli: CommandLine) -> None:
    """She would go on being texted at the number that she has."""
    decided = ("--campaign", "1116", "--status", "opted_out", "--reason", "she called")

    assert "is the country code missing?" in cli.remarks("consent", "set", "2125550123", *decided)
    assert cli.remarks("consent", "set", "2125550123", *decided) == ""  # it is on the record now


def test_who_is_opted_out_is_listed_page_by_page(cli: CommandLine) -> None:
    async def more(store: Store) -> None:
        for number in range(4):
            await Ledger(store).apply(a_stop(msisdn=Msisdn(f"1555893700{number}"), at=NOON))

    cli.in_store(more)

    pages = [cli.json("consent", "list", "--campaign", "1116", "-n", "2", "--page", page) for page in ("1", "2", "3")]
    told = cli.remarks("consent", "list", "-n", "2", "--page", "2")

    assert sorted(line["msisdn"] for page in pages for line in page) == sorted(
        (ANN, "15558937000", "15558937001", "15558937002", "15558937003")
    )
    assert next(line for page in pages for line in page if line["msisdn"] == ANN) == {
        "msisdn": ANN,
        "account": "acme",
        "campaign": "1116",
        "opted_out_at": "2025-11-24T16:00:02Z",
        "opted_in_at": "2025-11-24T16:00:00Z",
    }
    assert "5 in all; this is page 2 of 3." in told
    assert "Of 5 none is on this page." in cli.remarks("consent", "list", "--page", "2")


def test_where_nobody_is_opted_out_the_list_says_so(cli: CommandLine) -> None:
    assert "Nobody is opted out." in cli.remarks("consent", "list", "--campaign", "1117")


def test_a_line_that_is_written_in_two_ways_is_told_by_both(cli: CommandLine) -> None:
    assert "the same line is also written 5215512345678" in cli.remarks("consent", "get", "525512345678")
    assert "also written" not in cli.remarks("consent", "get", ANN)
