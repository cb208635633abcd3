"""Where did the time of one attempt go? Its phases, as lengths on a bar of a hundred. Pure."""

from dataclasses import dataclass

from console.deliveries import AttemptLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    name: str
    kind: str
    """Chooses the colour: dns, connect, tls, wait, rest."""
    ms: float
    start: float
    width: float


def phases(attempt: AttemptLine) -> tuple[Phase, ...]:
    """Empty where nothing was measured: no answer began."""
    if attempt.first_byte_ms is None:
        return ()
    measured = [
        ("look-up", "dns", attempt.dns_ms),
        ("connect", "connect", attempt.connect_ms),
        ("TLS", "tls", attempt.tls_ms),
        ("first byte", "wait", attempt.first_byte_ms),
    ]
    known = [(name, kind, ms) for name, kind, ms in measured if ms is not None]
    rest = attempt.ms - sum(ms for _, _, ms in known)
    if rest >= 1:
        known.append(("the rest", "rest", rest))
    total, start, found = max(sum(ms for _, _, ms in known), 0.001), 0.0, []
    for name, kind, ms in known:
        width = ms / total * 100
        found.append(Phase(name=name, kind=kind, ms=ms, start=round(start, 2), width=round(width, 2)))
        start += width
    return tuple(found)
