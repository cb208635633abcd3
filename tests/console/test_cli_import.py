"""A list goes in once, however often it is read, wherever it is interrupted; and comes out as it went in."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from consent.ledger import Ledger, Listed, Registry, Store
from consent.ledger.bulk import Bulk
from consent.model import Account, AccountId, Actor, CampaignId, ConsentState, Msisdn, Question, Status, UnixMs, Via
from tests.builders import ACME, ALERTS, ANN, BOB, NOON, a_campaign, a_change, a_start, a_stop, an_origin
from tests.console.command_line import CommandLine

MANY = 120_000
KNOWN = (Account(id=ACME), a_campaign(), a_campaign("1117", title="News"))


@pytest.fixture
def cli(cli: CommandLine) -> CommandLine:
    cli.register(*KNOWN)
    return cli


def a_list(folder: Path, text: str, name: str = "list.csv") -> str:
    path = folder / name
    path.write_bytes(text.encode())
    return str(path)


def everything(cli: CommandLine) -> dict[tuple[str, str], ConsentState]:
    async def listed(store: Store) -> list[Listed]:
        return [each async for page in Bulk(store).listed([ACME]) for each in page]

    return {(each.msisdn, each.campaign): each.state for each in cli.in_store(listed)}


def events(cli: CommandLine) -> int:
    async def counted(store: Store) -> int:
        return sum([await store.redis.xlen(keys.log) for keys in store.keys])

    return cli.in_store(counted)


def recorded(*changes: object) -> Callable[[Store], Awaitable[None]]:
    async def record(store: Store) -> None:
        for change in changes:
            await Ledger(store).apply(change)  # type: ignore[arg-type]  # builders' changes

    return record


def test_bare_numbers_are_opted_out_as_the_command_says(cli: CommandLine, tmp_path: Path) -> None:
    numbers = a_list(tmp_path, "\ufeff+1 (650) 242-6055\r\n15558937009\r\n\r\n")

    summary = cli.json("consent", "import", numbers, "--campaign", ALERTS, "--status", "opted_out")

    assert {name: summary[name] for name in ("read", "changed", "bad")} == {"read": 2, "changed": 2, "bad": 0}
    states = everything(cli)
    assert states.keys() == {(ANN, ALERTS), (BOB, ALERTS)}
    assert {(state.status, state.actor, state.origin.via) for state in states.values()} == {
        (Status.OPTED_OUT, Actor.IMPORT, Via.MANAGER)
    }


def test_a_second_import_logs_nothing(cli: CommandLine, tmp_path: Path) -> None:
    cli.in_store(recorded(a_stop(msisdn=BOB)))
    mixed = a_list(
        tmp_path,
        "status;phone;date;campaign\n"
        "opted_out;16502426055;2024-01-02 03:04:05;1116\n"
        "opted_in;15558937009;;1116\n"
        "opted_in;16502426055;2024-01-02 03:04:05;1117\n"
        "opted_out;16502426055;;1117\n",
    )
    first = cli.json("consent", "import", mixed)
    before = events(cli), everything(cli)

    again = cli.json("consent", "import", mixed)

    assert (first["changed"], first["kept_out"]) == (3, 1)
    assert (again["changed"], again["confirmed"]) == (0, 0)
    assert (events(cli), everything(cli)) == before


def test_bad_lines_are_told_by_number_and_skipped(cli: CommandLine, tmp_path: Path) -> None:
    lines = a_list(
        tmp_path,
        "msisdn,campaign,status,date\n"
        "1.65024E+10,1116,out,\n"
        "16502426055,9999,out,\n"
        '"16502426055,1116,out,\n'
        "15558937009,1116,out,2024-02-30\n"
        "15558937009,1116,out,2024-02-29\n",
    )
    report = tmp_path / "bad.txt"

    told = cli.run("consent", "import", lines, "--errors", str(report), exit_code=3)

    assert "line 2: '1.65024E+10' was rounded by a spreadsheet" in told
    written = [line.split("\t") for line in report.read_text().splitlines()]
    assert [number for number, _ in written] == ["2", "3", "4", "5"]
    assert "acme has no campaign '9999'" in written[1][1]
    assert everything(cli).keys() == {(BOB, ALERTS)}


def test_many_bad_lines_are_counted_and_the_first_ones_shown(cli: CommandLine, tmp_path: Path) -> None:
    lines = a_list(tmp_path, "phone,status\n" + "nobody,out\n" * 100)

    told = cli.run("consent", "import", lines, "--campaign", ALERTS, exit_code=3)

    assert told.count("is no number with its country code") == 20
    assert "and 80 more bad lines" in told


@pytest.mark.parametrize(
    ("text", "words", "told"),
    [
        ("msisdn\n1\n", ["--campaign", "9999", "--status", "opted_out"], "there is no acme campaign 9999"),
        (
            "msisdn\n1\n",
            ["--status", "opted_out"],
            "more than one acme campaign, so say which campaign: 1116, 1117",
        ),
        ("msisdn\n1\n", ["--campaign", "1116"], "say --status"),
        ("16502426055\n", ["--campaign", "1116"], "say --status"),
        ("name,surname\nAnn,Smith\n", [], "names no column for the number, only 'name', 'surname'"),
        ("msisdn\n1\n", ["--account", "other"], "there is no account other"),
        ("PK\x03\x04", [], "is a spreadsheet"),
    ],
)
def test_what_cannot_work_is_told_before_anything_is_written(
    cli: CommandLine, tmp_path: Path, text: str, words: list[str], told: str
) -> None:
    assert told in cli.run("consent", "import", a_list(tmp_path, text), *words, exit_code=1)
    assert everything(cli) == {}


def test_a_file_that_is_not_there_is_named(cli: CommandLine) -> None:
    assert "nowhere.csv cannot be read: No such file" in cli.run("consent", "import", "nowhere.csv", exit_code=1)


@pytest.mark.parametrize("text", ["", "\ufeff"])
@pytest.mark.parametrize("words", [[], ["--campaign", ALERTS, "--status", "opted_out"]])
def test_an_empty_file_is_told_to_be_empty(cli: CommandLine, tmp_path: Path, text: str, words: list[str]) -> None:
    assert "list.csv is empty" in cli.run("consent", "import", a_list(tmp_path, text), *words, exit_code=1)


@pytest.mark.parametrize("text", ["msisdn\n", "\n\n", "msisdn,status\r\n\r\n"])
def test_a_list_without_a_line_is_told_to_have_none(cli: CommandLine, tmp_path: Path, text: str) -> None:
    words = ("--campaign", ALERTS, "--status", "opted_out")

    told = cli.run("consent", "import", a_list(tmp_path, text), *words, exit_code=1)

    assert "list.csv has no line with a number: there is nothing to import" in told


def test_lines_that_end_as_those_of_an_old_mac_are_read_one_by_one(cli: CommandLine, tmp_path: Path) -> None:
    numbers = a_list(tmp_path, "msisdn,status\r16502426055,out\r447911123456,out\r")

    assert cli.json("consent", "import", numbers, "--campaign", ALERTS)["changed"] == 2


def test_a_line_end_within_a_line_is_told_in_the_users_words(cli: CommandLine, tmp_path: Path) -> None:
    numbers = a_list(tmp_path, "msisdn\n16502426055\n165\r02\n")

    told = cli.run("consent", "import", numbers, "--campaign", ALERTS, "--status", "opted_out", exit_code=3)

    assert "line 3: no CSV: a carriage return within the line" in told


def test_a_directory_is_no_list(cli: CommandLine, tmp_path: Path) -> None:
    told = cli.run("consent", "import", str(tmp_path), exit_code=1)

    assert f"{tmp_path} cannot be read: Is a directory; name a CSV or NDJSON file" in told


def test_a_report_that_cannot_be_written_is_told_before_anything_is_recorded(cli: CommandLine, tmp_path: Path) -> None:
    report, given = tmp_path / "nowhere" / "bad.txt", ["--campaign", ALERTS, "--status", "opted_out"]

    told = cli.run("consent", "import", a_list(tmp_path, f"{ANN}\n"), *given, "--errors", str(report), exit_code=1)

    assert f"{report} cannot be written: No such file or directory; name another file with --errors" in told
    assert everything(cli) == {}


@pytest.mark.parametrize(("where", "what"), [("nowhere/out.csv", "cannot be written: No such file"), (".", "is a dir")])
def test_an_export_that_cannot_be_written_is_told_with_its_file(
    cli: CommandLine, tmp_path: Path, where: str, what: str
) -> None:
    assert f"{tmp_path / where} {what}" in cli.run("consent", "export", "-o", str(tmp_path / where), exit_code=1)


def test_a_device_is_not_replaced_by_an_export(cli: CommandLine, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    assert "is no regular file" in cli.run("consent", "export", "-o", str(pipe), exit_code=1)
    assert pipe.is_fifo()


def test_nothing_is_left_of_an_export_that_failed(cli: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()

    cli.run("consent", "export", "--campaign", "9999", "-o", str(folder / "out.csv"), exit_code=1)

    assert list(folder.iterdir()) == []


def test_an_export_tells_how_many_of_each_status_it_wrote(cli: CommandLine, tmp_path: Path) -> None:
    cli.in_store(recorded(a_stop(), a_stop(msisdn=Msisdn("447911123456")), a_start(msisdn=BOB)))
    out = tmp_path / "out.csv"

    with cli.process("consent", "export", "-o", str(out)) as running:
        printed, told = running.communicate(timeout=30)
    with cli.process("consent", "export", "--status", "opted_in") as running:
        _, told_of_one = running.communicate(timeout=30)

    assert (printed, told) == ("", f"2 opted_out, 1 opted_in: written to {out}.\n")
    assert told_of_one == "1 opted_in: written.\n"


NATIONAL = "".join(f"555893{n:04}\n" for n in range(1500))
INTERNATIONAL = "".join(f"+1650242{n:04}\n" for n in range(1500))


def test_a_list_without_country_codes_is_doubted_before_it_is_recorded_as_it_is(
    cli: CommandLine, tmp_path: Path
) -> None:
    given = ("--campaign", ALERTS, "--status", "opted_out")
    doubt = "of the first 250 numbers 250 exist in no numbering plan: are the country codes missing?"

    with cli.process("consent", "import", a_list(tmp_path, NATIONAL), *given) as running:
        _, told = running.communicate(timeout=30)
    summary = cli.json("consent", "import", a_list(tmp_path, NATIONAL), *given)
    doubtless = cli.json("consent", "import", a_list(tmp_path, INTERNATIONAL + NATIONAL), *given)

    assert (running.returncode, told) == (0, f"{doubt}\n")
    assert (summary["warning"], summary["unchanged"], summary["bad"]) == (doubt, 1500, 0)
    assert (doubtless["warning"], doubtless["changed"]) == (None, 1500)


def test_an_export_is_imported_to_the_same_states(cli: CommandLine, tmp_path: Path) -> None:
    cli.in_store(
        recorded(
            a_start(at=NOON - 5000),
            a_stop(at=NOON),
            a_stop(at=NOON + 90_000),
            a_start(msisdn=BOB, at=NOON + 123),
            a_stop(msisdn=Msisdn("12345"), is_odd=True, campaigns=(ALERTS, CampaignId("1117"))),
            a_stop(msisdn=Msisdn("=Brand"), is_odd=True, origin=an_origin(Actor.ACCOUNT)),
            a_change(Status.PENDING, msisdn=Msisdn("447911123456")),
        )
    )
    before = everything(cli)
    out = {name: tmp_path / f"out.{name}" for name in ("csv", "ndjson")}
    for path in out.values():
        cli.run("consent", "export", "-o", str(path))
    assert cli.run("consent", "export") == out["csv"].read_text()

    for path in out.values():
        cli.in_store(emptied)
        cli.register(*KNOWN)
        cli.json("consent", "import", str(path))

        after = everything(cli)
        assert after.keys() == {key for key, state in before.items() if state.status is not Status.PENDING}
        for key, state in after.items():
            was = before[key]
            assert (state.status, state.decides_at) == (was.status, was.decides_at)
            assert (state.opted_in_at, state.opted_out_at) == (was.opted_in_at, was.opted_out_at)
            assert state.actor == (was.actor if was.status is Status.OPTED_OUT else Actor.IMPORT)


def test_who_was_out_and_then_asked_is_exported_as_out_since_then(cli: CommandLine, tmp_path: Path) -> None:
    question = Question(until=UnixMs(NOON + 3_600_000))
    asked = a_change(Status.PENDING, at=NOON + 60_000, origin=an_origin(Actor.ACCOUNT), question=question)
    cli.in_store(recorded(a_stop(origin=an_origin(Actor.ACCOUNT)), asked))
    out = tmp_path / "out.csv"
    cli.run("consent", "export", "--status", "opted_out", "-o", str(out))
    cli.in_store(emptied)
    cli.register(*KNOWN)

    cli.json("consent", "import", str(out))

    (state,) = everything(cli).values()
    assert (state.status, state.opted_out_at) == (Status.OPTED_OUT, NOON)
    assert state.decides_at // 1000 == NOON // 1000


def test_opt_outs_move_to_a_campaign_that_was_registered_later(cli: CommandLine, tmp_path: Path) -> None:
    """As docs/providers.md says it: "A campaign registered later"."""
    cli.in_store(recorded(a_stop(), a_start(msisdn=BOB)))
    out, moved = tmp_path / "optouts.ndjson", tmp_path / "moved.ndjson"
    cli.run("consent", "export", "--account", ACME, "--campaign", ALERTS, "--status", "opted_out", "-o", str(out))
    moved.write_text(out.read_text().replace(f'"campaign": "{ALERTS}"', '"campaign": "1117"'))

    for done in ("changed", "unchanged"):
        assert cli.json("consent", "import", str(moved), "--account", ACME, "--restart")[done] == 1

    known = everything(cli)
    assert known.keys() == {(ANN, ALERTS), (BOB, ALERTS), (ANN, "1117")}
    heir, old = known[ANN, CampaignId("1117")], known[ANN, ALERTS]
    assert (heir.status, heir.actor, heir.opted_out_at) == (Status.OPTED_OUT, Actor.RECIPIENT, old.opted_out_at)


async def emptied(store: Store) -> None:
    await store.redis.flushall()


def test_an_export_is_for_its_owner_alone_and_has_what_was_asked_for(cli: CommandLine, tmp_path: Path) -> None:
    cli.in_store(recorded(a_stop(), a_start(msisdn=BOB), a_stop(msisdn=BOB, campaigns=(CampaignId("1117"),))))
    out = tmp_path / "out.ndjson"

    cli.run("consent", "export", "--campaign", ALERTS, "--status", "opted_out", "-o", str(out))

    assert [json.loads(line)["msisdn"] for line in out.read_text().splitlines()] == [ANN]
    assert out.stat().st_mode & 0o077 == 0
    assert "there is no acme campaign 1118" in cli.run("consent", "export", "--campaign", "1118", exit_code=1)


def test_lines_of_another_account_are_imported_for_it_unless_one_is_named(cli: CommandLine, tmp_path: Path) -> None:
    async def another(store: Store) -> None:
        await Registry(store).put(Account(id=AccountId("globex")))
        await Registry(store).put(a_campaign(account=AccountId("globex")))

    cli.in_store(another)
    both = a_list(tmp_path, f"account,number,campaign,status\nacme,{ANN},1116,out\nglobex,{BOB},1116,out\n")

    told = cli.run("consent", "import", both, "--account", "acme", exit_code=3)

    assert "line 3: of account 'globex': import it with --account globex" in told
    assert cli.json("consent", "import", both)["changed"] == 1


def test_standard_input_is_read_as_it_comes(cli: CommandLine) -> None:
    with cli.process("consent", "import", "-", "--json", stdin=subprocess.PIPE) as running:
        told, complaints = running.communicate(
            f'{{"phone": {ANN}, "campaign": 1116, "status": "opted_out", "date": "2024-01-02T03:04:05Z"}}\n'
        )

    assert (running.returncode, complaints) == (0, "")
    assert json.loads(told)["changed"] == 1
    assert everything(cli)[ANN, ALERTS].opted_out_at == 1_704_164_645_000


def test_a_separator_said_on_a_first_line_of_its_own_is_heard_however_the_list_comes(cli: CommandLine) -> None:
    with cli.process("consent", "import", "-", "--json", stdin=subprocess.PIPE) as running:
        assert running.stdin is not None
        running.stdin.write("sep=;\n")
        running.stdin.flush()
        time.sleep(0.5)
        told, complaints = running.communicate(f"msisdn;campaign;status\n{ANN};1116;opted_out\n", timeout=20)

    assert (running.returncode, complaints) == (0, "")
    assert json.loads(told)["changed"] == 1


def test_a_file_on_standard_input_is_read_from_where_it_stands(cli: CommandLine, tmp_path: Path) -> None:
    """Somebody may have read its beginning: a place counted from there leads elsewhere in the file."""
    asked = ("consent", "import", "-", "--campaign", ALERTS, "--status", "opted_out", "--json")
    for _ in range(2):
        with Path(a_list(tmp_path, "#" * 5001 + "\n" + numbers())).open("rb") as list_:
            os.lseek(list_.fileno(), 5002, os.SEEK_SET)
            with cli.process(*asked, stdin=list_) as running:
                deadline = time.monotonic() + 30
                while not events(cli) and time.monotonic() < deadline:
                    time.sleep(0.02)
                running.send_signal(signal.SIGKILL)
                running.wait()
            assert not cli.in_store(bookmarked)


def test_the_list_is_not_written_over_with_its_errors(cli: CommandLine, tmp_path: Path) -> None:
    text = f"msisdn,campaign,status\n{ANN},1116,out\nfoo,1116,out\n"
    file = a_list(tmp_path, text)

    assert "is the list itself" in cli.run("consent", "import", file, "--errors", file, exit_code=1)
    assert (Path(file).read_text(encoding="utf-8"), events(cli)) == (text, 0)


def numbers(count: int = MANY) -> str:
    return "".join(f"1555{n:07}\n" for n in range(count))


def kill_in_the_middle(cli: CommandLine, file: str, how: signal.Signals) -> str:
    with cli.process("consent", "import", file, "--campaign", ALERTS, "--status", "opted_out") as running:
        deadline = time.monotonic() + 30
        while not cli.in_store(bookmarked) and time.monotonic() < deadline:
            time.sleep(0.02)
        running.send_signal(how)
        return running.communicate(timeout=30)[1]


async def bookmarked(store: Store) -> bool:
    return bool(await store.redis.hlen("{registry}:bookmarks"))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_import_goes_on_where_it_stopped(cli: CommandLine, tmp_path: Path, how: signal.Signals) -> None:
    file = a_list(tmp_path, numbers())
    said = kill_in_the_middle(cli, file, how)
    if how is signal.SIGINT:
        assert "The same command goes on from there." in said
    stopped_at = events(cli)
    assert 0 < stopped_at < MANY

    summary = cli.json("consent", "import", file, "--campaign", ALERTS, "--status", "opted_out")

    assert summary["resumed_at_line"] > 16_000
    assert summary["read"] == MANY
    assert summary["changed"] + summary["unchanged"] == MANY
    assert events(cli) == MANY
    states = everything(cli)
    assert len(states) == MANY
    assert {state.status for state in states.values()} == {Status.OPTED_OUT}
    assert not cli.in_store(bookmarked)


def test_a_restart_forgets_where_it_stopped(cli: CommandLine, tmp_path: Path) -> None:
    file = a_list(tmp_path, numbers())
    kill_in_the_middle(cli, file, signal.SIGKILL)

    summary = cli.json("consent", "import", file, "--campaign", ALERTS, "--status", "opted_out", "--restart")

    assert (summary["resumed_at_line"], summary["read"], events(cli)) == (None, MANY, MANY)
