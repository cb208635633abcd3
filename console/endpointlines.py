"""How is an endpoint shown to people, and what was done to it? Secrets only where they are to be copied, this once."""

from collections.abc import Sequence

from rich.text import Text

from console.endpointcare import Added, Rotated
from console.endpoints import EndpointLine, Signing
from console.moments import for_people
from console.terminal import Column, Listing, clean
from console.trial import Trial
from console.wording import counted


def table(lines: Sequence[EndpointLine]) -> Listing:
    has_keys = any(line.public_keys for line in lines)
    return Listing(
        (
            Column("endpoint"),
            Column("state", folds=True),
            Column("owed", is_number=True),
            Column("in flight", is_number=True),
            Column("dead", is_number=True),
            Column("opt-out since"),
            Column("format"),
            Column("events", folds=True),
            Column("url", folds=True),
            *([Column("public key")] if has_keys else []),
        ),
        [
            (
                line.endpoint,
                _state(line),
                str(line.owed),
                str(line.in_flight),
                Text(str(line.dead), style="red" if line.dead else ""),
                for_people(line.oldest_unheard_optout),
                line.format,
                ", ".join(line.events),
                line.url,
                *([", ".join(line.public_keys)] if has_keys else []),
            )
            for line in lines
        ],
        when_empty="No endpoint yet: consent-relay endpoint add ACCOUNT/NAME https://…",
    )


def _state(line: EndpointLine) -> Text:
    if line.disabled:
        return Text(f"disabled: {clean(line.disabled)}", style="red")
    if line.health == "failing":
        return Text(f"failing: {clean(line.last_reason)}", style="red")
    if line.paused_until:
        return Text(f"resting: {clean(line.last_reason)}", style="yellow")
    return Text("enabled", style="green")


def picture(line: EndpointLine) -> Text:
    said = {
        "url": line.url,
        "format": line.format,
        "events": ", ".join(line.events) + (", changes only" if line.changes_only else ""),
        "campaigns": ", ".join(line.campaigns) or "all",
        "rate": line.rate and f"at most {line.rate}",
        "in flight": f"at most {line.max_in_flight}",
        "headers": ", ".join(line.headers),
        "certificate": " with ".join(filter(None, (line.client_certificate, line.client_key))),
        "proxy": line.proxy,
        "disabled": line.disabled,
        "health": _told_of_health(line),
        "what to do": line.remedy if line.disabled or line.failures else "",
        "owed": _told_of_backlog(line),
        "given up": ", ".join(f"{count:,} {reason}" for reason, count in line.given_up.items()),
    }
    told = [Text(line.endpoint, style="bold")]
    told += [Text.assemble((f"  {what:<12}", "dim"), clean(text)) for what, text in said.items() if text]
    told += [Text.assemble(("  signed by   ", "dim"), _told_of_signing(signing)) for signing in line.secrets]
    return Text("\n").join(told)


def told_of_added(added: Added) -> Text:
    lines = [Text.assemble(added.endpoint, (f"  {added.url}", "dim"))]
    lines += _to_verify_with(added.secret, added.public_key)
    if added.warning:
        lines += [Text(added.warning, style="yellow")]
    return Text("\n").join([*lines, Text(f"Try it: consent-relay endpoint test {added.endpoint}", style="dim")])


def told_of_rotated(rotated: Rotated) -> Text:
    old = (
        f"The old ones sign beside it, until {for_people(rotated.until)} at most: {rotated.signing} secrets sign now."
        if rotated.until
        else "The old ones do not sign any more."
    )
    return Text("\n").join(
        [Text(rotated.endpoint), *_to_verify_with(rotated.secret, rotated.public_key), Text(old, style="dim")]
    )


def unheard_of(shown: Added | Rotated, *, done: str) -> str:
    """Where what was to be shown was not."""
    if shown.secret:
        remedy = f"`consent-relay endpoint rotate-secret {shown.endpoint}` makes another"
        return f"endpoint {shown.endpoint} {done}, and its secret was not shown: {remedy}"
    return f"endpoint {shown.endpoint} {done}: see `consent-relay endpoint show {shown.endpoint}`"


def told_of_trial(trial: Trial) -> Text:
    outcome = f"HTTP {trial.status}" if trial.status is not None else trial.error
    lines = [
        Text.assemble(
            (trial.result, "bold green" if trial.result == "delivered" else "bold red"),
            f"  {outcome} in {trial.ms} ms",
            (f"  {trial.endpoint}  webhook-id {trial.webhook_id}", "dim"),
        )
    ]
    if trial.remedy:
        lines += [Text(trial.remedy)]
    if trial.response:
        lines += [Text(f"it said: {clean(trial.response[:200])}", style="dim")]
    return Text("\n").join(lines)


def _to_verify_with(secret: str, public_key: str | None) -> list[Text]:
    if public_key:
        return [Text.assemble(("public key  ", "dim"), public_key, ("   to verify with", "dim"))]
    if secret:
        return [Text.assemble(("secret  ", "dim"), secret, ("   shown this once: keep it", "dim"))]
    return []


def _told_of_health(line: EndpointLine) -> str:
    told: list[str] = [line.health]
    if line.failures:
        told.append(f"{counted(line.failures, 'failure')} in a row since {for_people(line.failing_since)}")
        told.append(f"the last {for_people(line.last_failure)}: {line.last_reason}")
    if line.paused_until:
        told.append(f"nothing is sent before {for_people(line.paused_until)}")
    return ", ".join(told)


def _told_of_backlog(line: EndpointLine) -> str:
    if not line.owed:
        return "nothing"
    told = f"something for {line.owed:,} {'number' if line.owed == 1 else 'numbers'}, {line.in_flight:,} under way"
    since = for_people(line.oldest_unheard_optout)
    return f"{told}; the oldest opt-out waits since {since}" if since else told


def _told_of_signing(signing: Signing) -> str:
    key = f"ed25519, {signing.public_key}" if signing.public_key else "HMAC, a secret that was shown once"
    return f"{key}, until {for_people(signing.until)}" if signing.until else key
