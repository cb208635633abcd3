"""Whatever a spreadsheet or another system makes of a list: every line is an entry or a bad line with its reason."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.errors import Misconfigured, Refused
from consent.instants import is_unset, read_instant
from consent.ledger import Entry, Kind, Listed
from consent.model import AccountId, Actor, CampaignId, ConsentState, Msisdn, Status, UnixMs
from consent.numbers import recipient
from console import rolls
from console.rolls import BadLine, Block, Blocks, Layout, Rules
from tests.builders import ACME, ALERTS, ANN, BOB, NOON, an_origin

NOW = UnixMs(NOON + 3_600_000)
GLOBEX = AccountId("globex")
ODD_CAMPAIGN = CampaignId("=1;\"a,b'")
RULES = Rules(
    now=NOW,
    known={ACME: frozenset({ALERTS, ODD_CAMPAIGN}), GLOBEX: frozenset({ALERTS})},
    account=ACME,
    campaign=ALERTS,
    status=Status.OPTED_OUT,
)
OUT, IN = Status.OPTED_OUT, Status.OPTED_IN


def entries_of(data: bytes, name: str = "list.csv", rules: Rules = RULES) -> tuple[list[Entry], list[BadLine]]:
    layout = rolls.layout_of(data, name)
    blocks = Blocks(at=layout.begins_at, line=layout.begins_on, line_end=layout.line_end)
    read = [rolls.read(block, layout, rules) for block in (blocks.push(data[layout.begins_at :]), blocks.end())]
    return [entry for entries, _ in read for entry in entries], [bad for _, wrong in read for bad in wrong]


@pytest.mark.parametrize(
    "text",
    [
        "16502426055",
        "+16502426055\r\n",
        "\ufeff16502426055\n",
        "+1 (650) 242-6055\n",
        "\ufeffPhone\r\n+1 (650) 242-6055\r\n",
        "name;Mobile;status\nSmith, Ann;+1 (650) 242-6055;Opt-Out\n",
        "status\tnumber\nOPTED OUT\t16502426055\n",
        "sep=;\nmsisdn;name\n16502426055;x\n",
        '"msisdn","name"\n"16502426055","says ""no"""\n',
        'msisdn\n="16502426055"\n',
        "msisdn\n'16502426055\n",
        "msisdn\n16502426055.0\n",
        "msisdn,name\n16502426055,x,,\n",
        "msisdn\n\n\n16502426055\n\n",
        b"name,msisdn\nJos\xe9,16502426055\n",
        "name,msisdn\rx,16502426055\r",
        "sep=;\rmsisdn;name\r16502426055;x\r",
    ],
)
def test_one_number_is_read_however_it_is_written(text: str | bytes) -> None:
    entries, bad = entries_of(text.encode() if isinstance(text, str) else text)

    assert [(entry.msisdn, entry.kind) for entry in entries] == [
        (ANN, Kind(ACME, ALERTS, OUT, is_dated=False)),
    ]
    assert bad == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1.65024E+10,,,", "'1.65024E+10' was rounded by a spreadsheet"),
        ('"1,65024E+10",,,', "was rounded by a spreadsheet"),
        ("0650242605,,,", "'0650242605' is no number with its country code"),
        ("Ann,,,", "'Ann' is no number with its country code"),
        (",,out,", "no number"),
        (f"{ANN},,out,13/07/2024", "date '13/07/2024': expected ISO 8601, or YYYY-MM-DD HH:MM:SS in UTC"),
        (f"{ANN},,out,1961-01-01", "date '1961-01-01'"),
        (f"{ANN},,out,1970-01-01", "date '1970-01-01' is where clocks begin: leave the cell empty where none is known"),
        (f"{ANN},,pending,", "status 'pending': expected opted_out or opted_in"),
        (f"{ANN},9999,out,", "acme has no campaign '9999'"),
        (f"{ANN},,out,,nobody", "actor 'nobody': expected one of recipient, account, operator, import"),
        (f"{ANN},,out,,,,more", "7 cells where there should be 6"),
        (f'"{ANN},,out,', "is no number with its country code"),
        ("x" * (rolls.LONGEST_LINE + 1), "the line is too long"),
    ],
)
def test_a_bad_line_is_told_by_number_and_reason(line: str, reason: str) -> None:
    text = f"msisdn,campaign,status,date,actor,note\n{BOB},,out,\n{line}\n{ANN},,out,\n"

    entries, (bad,) = entries_of(text.encode())

    assert [entry.msisdn for entry in entries] == [BOB, ANN]
    assert bad.line == 3
    assert reason in bad.reason


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "no JSON"),
        ("[" * 100_000, "too long"),
        ("[" * 10_000, "no JSON"),
        ("17", "no JSON object"),
        ('{"msisdn": [1, 2]}', "is no number"),
        ('{"msisdn": null}', "no number"),
        ('{"msisdn": 16502426055, "status": "maybe"}', "status 'maybe'"),
        ('{"msisdn": 16502426055, "account": "initech"}', "of account 'initech': import it with --account initech"),
    ],
)
def test_a_bad_object_is_told_by_number_and_reason(line: str, reason: str) -> None:
    entries, (bad,) = entries_of(f'{{"phone": {ANN}}}\n\n{line}\n'.encode(), "list.ndjson")

    assert [entry.msisdn for entry in entries] == [ANN]
    assert bad.line == 3
    assert reason in bad.reason


def test_what_neither_line_nor_command_says_is_a_bad_line() -> None:
    nothing = Rules(now=NOW, known=RULES.known)

    reasons = [
        entries_of(line, "list.ndjson", nothing)[1][0].reason
        for line in (
            b'{"msisdn": 16502426055}',
            b'{"msisdn": 16502426055, "account": "initech"}',
            b'{"msisdn": 16502426055, "account": "acme"}',
            b'{"msisdn": 16502426055, "account": "acme", "campaign": 1116}',
        )
    ]

    assert [reason.partition(":")[0] for reason in reasons] == [
        "no account",
        "there is no account 'initech'",
        "no campaign",
        "no status",
    ]


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ("2024-01-02 03:04:05", 1_704_164_645_999),
        ("2024-01-02T03:04:05Z", 1_704_164_645_999),
        ("2024-01-02T03:04:05.000Z", 1_704_164_645_000),
        ("2024-01-02 04:04:05+01:00", 1_704_164_645_999),
        ("2024-01-02 03:04:05 UTC", 1_704_164_645_999),
        ("2024-01-02", 1_704_153_600_999),
    ],
)
def test_a_date_in_whole_seconds_is_an_opt_out_at_its_end(said: str, at: int) -> None:
    ((entry,), _) = entries_of(f"msisdn,date\n{ANN},{said}\n".encode())

    assert entry.decides_at == at
    assert entry.kind.is_dated


digits = st.text("0123456789", min_size=2, max_size=2)


@given(
    moment=st.one_of(
        st.datetimes().map(lambda at: f"{at:%Y-%m-%d %H:%M:%S}"),
        st.builds("20{}-{}-{} {}:{}:{}".format, *[digits] * 6),
        st.builds("20{}-{}-{} {}:{}:{}".format, *[st.text("0123456789+-:.T", min_size=2, max_size=2)] * 6),
    ),
    end=st.sampled_from(["", "Z", ".5Z", "+01:00"]),
)
def test_a_date_is_read_as_everywhere_else(moment: str, end: str) -> None:
    expected = read_instant(moment + end)

    entries, bad = entries_of(f"msisdn,date\n{ANN},{moment}{end}\n".encode())

    if expected is None or is_unset(expected):
        assert [wrong.line for wrong in bad] == [2]
    else:
        assert [entry.occurred_at for entry in entries] == [min(expected, NOW)]


def test_nobody_opts_out_tomorrow() -> None:
    ((entry,), _) = entries_of(f"msisdn,date\n{ANN},2062-01-01\n".encode())

    assert (entry.decides_at, entry.occurred_at, entry.kind.is_dated) == (NOW, NOW, False)


def test_who_opted_out_is_believed_and_who_opted_in_is_not() -> None:
    text = f"msisdn,status,actor\n{ANN},out,Recipient\n{ANN},in,recipient\n"

    entries, _ = entries_of(text.encode())

    assert [entry.kind.actor for entry in entries] == [Actor.RECIPIENT, Actor.IMPORT]


@pytest.mark.parametrize(
    ("head", "name", "told"),
    [
        (b"PK\x03\x04", "list.xlsx", "is a spreadsheet: save it as CSV"),
        ("phone\n".encode("utf-16"), "list.csv", "is UTF-16"),
        (b"\x1f\x8b", "list.csv.gz", "gunzip -c list.csv.gz"),
        (b"\x7fELF\x02\0\0", "list.csv", "list.csv is no text"),
        (b"name\rphone\n1\n", "list.csv", "list.csv: the first line has a carriage return in it"),
        (b"name,surname\nAnn,Smith\n", "list.csv", "names no column for the number"),
        (b"phone,mobile\n1,2\n", "list.csv", "several columns for msisdn"),
    ],
)
def test_what_cannot_be_read_at_all_is_told_with_the_remedy(head: bytes, name: str, told: str) -> None:
    with pytest.raises(Misconfigured, match=told):
        rolls.layout_of(head, name)


@pytest.mark.parametrize(
    ("name", "head", "found"),
    [
        ("a.jsonl", b"", "ndjson"),
        ("stdin", b' \n{"msisdn"', "ndjson"),
        ("stdin", b"msisdn", "csv"),
        ("a.csv", b"{", "csv"),
    ],
)
def test_a_format_is_told_by_the_name_or_the_first_bytes(name: str, head: bytes, found: str) -> None:
    assert rolls.guessed(name, head) == found
    assert rolls.layout_of(b"{}", "a.csv", "ndjson").format == "ndjson"


@given(chunks=st.lists(st.binary(max_size=40).map(lambda some: some.replace(b"a", b"\n")), max_size=12))
def test_lines_are_whole_however_they_come(chunks: list[bytes]) -> None:
    blocks = Blocks(at=5, line=2)

    made = [*(blocks.push(chunk) for chunk in chunks), blocks.end()]

    whole = b"".join(chunks)
    lines = [line for block in made for line in block.lines]
    assert lines == (whole.split(b"\n") if whole and not whole.endswith(b"\n") else whole.split(b"\n")[:-1])
    assert made[-1].ends_at == 5 + len(whole)
    assert made[-1].first + len(made[-1].lines) == 2 + len(lines)
    for block in made[:-1]:
        assert whole[: block.ends_at - 5].count(b"\n") == block.first + len(block.lines) - 2


def test_a_line_without_end_is_no_burden_and_the_place_behind_it_is_right() -> None:
    blocks = Blocks(at=0, line=1)
    piece = b"x" * rolls.LONGEST_LINE

    for _ in range(50):
        assert blocks.push(piece).lines == []
    block = blocks.push(b"\n16502426055\n")

    entries, bad = rolls.read(block, Layout("csv", 0, 1), RULES)
    assert [(wrong.line, wrong.reason) for wrong in bad] == [(1, "the line is too long")]
    assert [entry.msisdn for entry in entries] == [ANN]
    assert block.ends_at == 50 * len(piece) + 13


texts = st.one_of(
    st.text(), st.text("0123456789+eE.,;'\"= -"), st.sampled_from([ANN, "out", "in", "2024-01-02", "acme"])
)


@given(
    lines=st.lists(
        st.one_of(st.binary(), st.lists(texts).map(lambda cells: ",".join(cells).encode("utf-8", "replace")))
    ),
    layout=st.sampled_from(
        [
            Layout("csv", 0, 1),
            Layout("csv", 0, 1, ";", ("msisdn", "date")),
            Layout("csv", 0, 1, ",", tuple(rolls.COLUMNS)),
            Layout("ndjson", 0, 1),
        ]
    ),
)
def test_any_bytes_are_an_entry_or_a_bad_line(lines: list[bytes], layout: Layout) -> None:
    whole = [line.replace(b"\n", b" ") for line in lines]

    entries, bad = rolls.read(Block(1, whole, 0), layout, RULES)

    assert len(entries) + len(bad) <= len(whole)
    assert {wrong.line for wrong in bad} <= set(range(1, len(whole) + 1))
    assert all(wrong.reason for wrong in bad)


@given(head=st.binary(max_size=200), name=st.sampled_from(["a.csv", "a.ndjson", "stdin"]))
def test_any_head_is_a_layout_or_a_complaint(head: bytes, name: str) -> None:
    try:
        layout = rolls.layout_of(head, name)
    except Misconfigured:
        return

    assert layout.begins_at <= len(head)


states = st.builds(
    lambda status, actor, second, ms, opted_in, later: ConsentState(
        status=status,
        actor=actor,
        origin=an_origin(actor),
        decides_at=UnixMs((second + later) * 1000 + ms),
        sequence=1,
        opted_in_at=UnixMs(second * 1000) if status is IN else UnixMs(opted_in * 1000) if opted_in else None,
        opted_out_at=UnixMs(second * 1000) if status is OUT else None,
    ),
    status=st.sampled_from([OUT, IN]),
    actor=st.sampled_from(Actor),
    second=st.integers(946_684_800, NOON // 1000),
    ms=st.integers(0, 999),
    opted_in=st.just(0) | st.integers(946_684_800, NOON // 1000),
    later=st.integers(0, 1000),
)


@given(
    state=states,
    msisdn=st.one_of(
        st.sampled_from([ANN, "12345", "0E0", "00001234567.0"]),
        st.text(min_size=1).filter(lambda text: not text.isspace()),
    ),
    campaign=st.sampled_from([ALERTS, ODD_CAMPAIGN]),
    form=st.sampled_from(["csv", "ndjson"]),
)
def test_what_is_written_reads_back(state: ConsentState, msisdn: str, campaign: CampaignId, form: rolls.Format) -> None:
    try:
        who = recipient(msisdn)
    except Refused:  # nothing that a ledger could hold
        return
    held = Listed(ACME, campaign, Msisdn(who.msisdn), _odd(state, is_odd=who.is_odd))

    text = rolls.header(form) + rolls.written(held, form)
    (entry,), bad = entries_of(text.encode("utf-8", "surrogatepass"), f"export.{form}", RULES)

    assert bad == []
    assert (entry.msisdn, entry.kind.campaign, entry.kind.status) == (who.msisdn, campaign, state.status)
    assert (entry.decides_at, entry.kind.is_odd) == (state.decides_at, who.is_odd)
    since = entry.decides_at // 1000 if entry.since is None else entry.since
    assert since * 1000 == (state.opted_out_at if state.status is OUT else state.opted_in_at)
    if state.status is OUT:
        assert entry.kind.actor == state.actor
        assert entry.opted_in == (state.opted_in_at // 1000 if state.opted_in_at else None)


def _odd(state: ConsentState, *, is_odd: bool) -> ConsentState:
    return ConsentState(
        **{name: getattr(state, name) for name in ConsentState.__slots__ if name != "is_odd"}, is_odd=is_odd
    )
