"""How does a page become HTML? One environment: everything is escaped, and a name that is missing is an error."""

import json
import math
import re
from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from config.durations import spelled
from consent.model import UnixMs
from console.moments import for_people, moment, roughly, written
from console.pages import assets
from console.pages.signs import endpoint_word, event_word, sign


def rendered(template: str, **names: Any) -> Markup:
    """Markup, so that one piece may stand in another as it is."""
    return Markup(_environment().get_template(template).render(**names))  # noqa: S704 - the environment escaped it


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("console.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "amount": amount,
        "seconds": seconds,
        "span": span,
        "instant": instant,
        "spelled": spelled,
        "pretty": pretty,
    }
    environment.globals |= {
        "asset": assets.address,
        "sign": sign,
        "event_word": event_word,
        "endpoint_word": endpoint_word,
    }
    return environment


def amount(number: float) -> str:
    """ "1,234", "12.5", "0.3"."""
    if number >= 100 or number == round(number):
        return f"{number:,.0f}"
    return f"{number:.1f}"


def seconds(length: float | None) -> str:
    """A wait as one reads it: "85 ms", "1.4 s", "3 min 20 s"."""
    if length is None:
        return "-"
    if math.isinf(length):
        return "> 60 s"
    if length < 1:
        return f"{length * 1000:.0f} ms"
    return f"{length:.1f} s" if length < 10 else _shortened(roughly(round(length) * 1000))


def _shortened(told: str) -> str:
    for long, short in (("minute", "min"), ("second", "s"), ("hour", "h")):
        told = re.sub(rf"\b{long}s?\b", short, told)
    return told


def span(ms: int) -> str:
    return roughly(ms // 1000 * 1000) if ms >= 1000 else "under a second"


def pretty(detail: object) -> str:
    """What an event has besides, as one reads it."""
    return json.dumps(detail, indent=2, ensure_ascii=False)


def instant(at: datetime | int | None) -> Markup:
    """To the second, and to the millisecond for programs."""
    if at is None:
        return Markup("-")
    when = moment(UnixMs(at)) if isinstance(at, int) else at
    told = for_people(when).replace("Z", "")
    return Markup('<time datetime="{}" title="UTC">{}</time>').format(written(when), told)
