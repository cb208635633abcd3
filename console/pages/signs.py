"""How does a state look? A sign, a word for people, and one of four kinds, which choose a colour. Pure."""

from typing import NamedTuple

from console.endpoints import EndpointLine


class Sign(NamedTuple):
    mark: str
    word: str
    kind: str
    """good, warn, bad, out, or nothing."""


SIGNS = {
    # an endpoint
    "healthy": Sign("✓", "healthy", "good"),
    "failing": Sign("!", "failing", "bad"),
    "resting": Sign("!", "resting", "warn"),
    "disabled": Sign("‖", "disabled", "warn"),
    # a delivery
    "due": Sign("↻", "waiting", "warn"),
    "in_flight": Sign("→", "under way", ""),
    "behind": Sign("…", "behind", ""),
    "held": Sign("‖", "held", "warn"),
    "dead": Sign("✕", "given up", "bad"),
    "delivered": Sign("✓", "delivered", "good"),
    "not_sent": Sign("-", "not sent", ""),
    "not_known": Sign("-", "owed no more", ""),
    # an attempt, by how it was settled
    "done": Sign("✓", "delivered", "good"),
    "retry": Sign("↻", "failed, again later", "warn"),
    "put_off": Sign("↻", "our fault, again later", "warn"),
    "hold": Sign("‖", "failed, endpoint disabled", "warn"),
    "bury": Sign("✕", "failed, given up", "bad"),
    "failed": Sign("✕", "failed", "bad"),
    # consent
    "opted_in": Sign("✓", "opted in", "good"),
    "opted_out": Sign("✕", "opted out", "out"),
    "pending": Sign("?", "asked, not answered", "warn"),
    "unknown": Sign("-", "never seen", ""),
    # a replay
    "job_counting": Sign("…", "counting", ""),
    "job_running": Sign("→", "running", ""),
    "job_done": Sign("✓", "finished", "good"),
    "job_cancelled": Sign("■", "cancelled", "warn"),
    "job_failed": Sign("✕", "broke off", "bad"),
}


def sign(word: str) -> Sign:
    return SIGNS.get(word, Sign("·", word.replace("_", " "), ""))


EVENTS = {
    "consent.opted_out": "opted out",
    "consent.opted_in": "opted in",
    "consent.pending": "asked",
    "message.requested": "text asked for",
    "message.received": "text",
    "message.status": "receipt",
    "api.response": "API answered",
    "endpoint.failing": "endpoint failing",
    "endpoint.disabled": "endpoint disabled",
    "endpoint.recovered": "endpoint recovered",
}
"""By type."""


def endpoint_word(line: EndpointLine) -> str:
    """How an endpoint does, as one of the words above."""
    if line.disabled:
        return "disabled"
    return "resting" if line.health == "healthy" and line.paused_until else line.health


def event_word(kind: str) -> str:
    return EVENTS.get(kind, kind)
