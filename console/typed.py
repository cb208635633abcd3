"""Is what was typed fit for the registry? The same rules, and the same values, as for the configuration file."""

import re
from collections.abc import Mapping

import typer

from config import declared
from config.settings import Settings, judged
from consent.errors import Misconfigured
from consent.model import Campaign, Endpoint, Source
from receiver.codecs import CODECS

_WHERE = re.compile(r'^\s*\w+\[\d+\](?: "[^"]*")?\.', re.MULTILINE)
_FLAG = re.compile(r"^([a-z_]+)(?=[:\[])", re.MULTILINE)


def campaign(table: Mapping[str, object]) -> Campaign:
    return declared.campaigns(_judged("campaigns", table))[0]


def source(table: Mapping[str, object]) -> Source:
    return declared.sources(_judged("sources", table))[0]


def endpoint(table: Mapping[str, object]) -> Endpoint:
    return declared.endpoints(_judged("endpoints", table))[0]


def _judged(kind: str, table: Mapping[str, object]) -> Settings:
    given = {name: value for name, value in table.items() if value not in (None, [], "")}
    try:
        return judged(
            {"accounts": [{"id": table["account"]}], kind: [given]}, {}, where="the command", providers=CODECS
        )
    except Misconfigured as wrong:
        raise typer.BadParameter(as_typed(str(wrong))) from wrong


def as_typed(report: str) -> str:
    """Mistakes as who typed a command knows them: `endpoints[0] "crm".max_in_flight: …` is max-in-flight."""
    _, _, mistakes = report.partition("\n")
    return _FLAG.sub(lambda found: found[1].replace("_", "-"), _WHERE.sub("", mistakes))
