"""Is what was typed fit for the registry? The same rules, and the same values, as for the configuration file."""

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

import typer

from consent.model import Account, Campaign, Endpoint, Source
from console import judging
from console.judging import Table
from console.refusals import Unfit

RowT = TypeVar("RowT")

_FLAG = re.compile(r"^([a-z_]+)(?=[:\[])", re.MULTILINE)


def account(table: Mapping[str, object]) -> Account:
    return _typed(judging.account, table)


def campaign(table: Mapping[str, object]) -> Campaign:
    return _typed(judging.campaign, table)


def source(table: Mapping[str, object]) -> Source:
    return _typed(judging.source, table)


def endpoint(table: Mapping[str, object]) -> Endpoint:
    return _typed(judging.endpoint, table)


def _typed(judge: Callable[[Table], RowT], table: Table) -> RowT:
    given = {name: value for name, value in table.items() if value not in (None, [], "")}
    return told_as_typed(lambda: judge(given))


def only_said(ctx: typer.Context, table: Table, names: Mapping[str, str]) -> Table:
    """What was typed, without what options come to by themselves. `names`: of options not called like their key."""
    return {
        key: value
        for key, value in table.items()
        if (where := ctx.get_parameter_source(names.get(key, key))) and where.name == "COMMANDLINE"
    }


def told_as_typed(work: Callable[[], RowT]) -> RowT:
    """What came of it; its mistakes are told as wrong usage, in the words of who typed them."""
    try:
        return work()
    except Unfit as wrong:
        raise typer.BadParameter(as_typed(str(wrong))) from wrong


def as_typed(mistakes: str) -> str:
    """Mistakes as who typed a command knows them: `max_in_flight: …` is max-in-flight."""
    return _FLAG.sub(lambda found: found[1].replace("_", "-"), mistakes)
