"""What was decided for this installation? `load` reads the file and the environment, once; nothing else reads either.

The file's tables and the environment's overrides are merged as plain values, judged all at once, and become a frozen
`Settings`, or one `Misconfigured` that lists every mistake by its key.
"""

import os
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from config.contradictions import contradictions
from config.environment import Environment, name_of, strays
from config.mistakes import Mistake, in_values, report
from config.sections import CLOSED, Console, Dispatcher, Keywords, Log, Receiver, Store, Tracing
from config.tables import AccountTable, CampaignTable, EndpointTable, SourceTable
from consent.errors import Misconfigured

DEFAULT_FILE = Path("consent-relay.toml")


class Settings(BaseModel):
    model_config = CLOSED

    store: Store = Store()
    receiver: Receiver = Receiver()
    dispatcher: Dispatcher = Dispatcher()
    console: Console = Console()
    log: Log = Log()
    tracing: Tracing = Tracing()
    keywords: Keywords = Keywords()
    accounts: tuple[AccountTable, ...] = ()
    campaigns: tuple[CampaignTable, ...] = ()
    sources: tuple[SourceTable, ...] = ()
    endpoints: tuple[EndpointTable, ...] = ()

    @property
    def declares_nothing(self) -> bool:
        return not (self.accounts or self.campaigns or self.sources or self.endpoints)


def load(path: Path | None = None, *, providers: Collection[str] | None = None) -> Settings:
    """The file is `path`, else CONSENT_RELAY_CONFIG, else ./consent-relay.toml if there is one.

    `providers` are the names that a source may have. Whoever starts a receiver passes the keys of its CODECS: this
    package cannot import them, and a list of its own would be a second place to edit for a new provider.
    """
    environment = Environment.read()
    file = path or (Path(environment.config) if environment.config else None)
    if file is None and DEFAULT_FILE.exists():
        file = DEFAULT_FILE
    return judged(
        read(file) if file else {},
        environment.overrides(),
        where=str(file or "the environment"),
        also=strays(os.environ, KEYS),
        providers=providers,
    )


def read(file: Path) -> dict[str, Any]:
    """The tables of the file; a mistake in its syntax is told by line and column."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise Misconfigured(f"{file}: there is no such file; check --config and CONSENT_RELAY_CONFIG") from None
    except OSError as exc:
        raise Misconfigured(f"{file}: cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise Misconfigured(f"{file}: is not UTF-8 text (byte {exc.start}); save it as UTF-8") from exc
    except tomllib.TOMLDecodeError as exc:
        raise Misconfigured(_syntax(file, str(exc))) from exc


def judged(
    tables: Mapping[str, Any],
    overrides: Mapping[str, Mapping[str, str]],
    *,
    where: str,
    also: Sequence[Mistake] = (),
    providers: Collection[str] | None = None,
) -> Settings:
    """Pure: the settings these tables and overrides amount to, or every mistake in them at once."""
    merged = _merged(tables, overrides)
    mistakes = [*also, *contradictions(merged, providers=providers)]
    try:
        settings = Settings.model_validate(merged)
    except ValidationError as wrong:
        mistakes = [*in_values(wrong, merged, KEYS), *mistakes]
    if mistakes:
        raise Misconfigured(report([_with_origin(mistake, overrides) for mistake in mistakes], where))
    return settings


def _keys() -> dict[str, tuple[str, ...]]:
    sections = {
        name: get_args(field.annotation) or (field.annotation,) for name, field in Settings.model_fields.items()
    }
    return {"": tuple(sections)} | {name: tuple(kinds[0].model_fields) for name, kinds in sections.items()}


KEYS = _keys()
"""The keys of every section; under "", the sections."""


_FLAGS = {
    (name, key)
    for name, section in Settings.model_fields.items()
    for key, field in getattr(section.annotation, "model_fields", {}).items()
    if field.annotation is bool
}
_MEANT = {
    **dict.fromkeys(("true", "1", "yes", "on", "t", "y"), True),
    **dict.fromkeys(("false", "0", "no", "off", "f", "n"), False),
}
"""The environment has only text: what is a boolean there. In the file, text is none."""


def _merged(tables: Mapping[str, Any], overrides: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    merged = dict(tables)
    for section, keys in overrides.items():
        written = tables.get(section, {})
        # What is no table stays as it is, to be reported.
        said = {key: _MEANT.get(text.lower(), text) if (section, key) in _FLAGS else text for key, text in keys.items()}
        merged[section] = {**written, **said} if isinstance(written, dict) else written
    return merged


def _with_origin(mistake: Mistake, overrides: Mapping[str, Mapping[str, str]]) -> Mistake:
    """Nobody finds in the file what the environment said."""
    section, _, rest = mistake.key.partition(".")
    key = rest.partition("[")[0]
    return (
        Mistake(f"{mistake.key} ({name_of(section, key)})", mistake.what)
        if key in overrides.get(section, {})
        else mistake
    )


def _syntax(file: Path, told: str) -> str:
    found = re.fullmatch(r"(?P<what>.*) \(at line (?P<line>\d+), column (?P<column>\d+)\)", told, re.DOTALL)
    return f"{file}:{found['line']}:{found['column']}: {found['what']}" if found else f"{file}: {told}"
