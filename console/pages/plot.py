"""How is a row of numbers drawn? As the two paths of a small chart, and what stands at its axis. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 600, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    line: str
    fill: str
    top: float
    """What the upper edge stands for."""
    now: float
    peak: float


def plot(series: Sequence[float | None]) -> Plot:
    known = [(index, amount) for index, amount in enumerate(series) if amount is not None]
    peak = max((amount for _, amount in known), default=0.0)
    top = rounded_up(peak)
    step = WIDTH / max(len(series) - 1, 1)
    points = [f"{index * step:.1f} {HEIGHT - amount / top * HEIGHT:.1f}" for index, amount in known]
    line = f"M{' L'.join(points)}" if len(points) > 1 else ""
    first = known[0][0] * step if known else 0
    return Plot(
        line=line,
        fill=f"{line} L{WIDTH} {HEIGHT} L{first:.1f} {HEIGHT} Z" if line else "",
        top=top,
        now=known[-1][1] if known else 0.0,
        peak=peak,
    )


def rounded_up(amount: float) -> float:
    """To 1, 2 or 5 times a power of ten, so that the axis does not twitch with every number."""
    if amount <= 1:
        return 1.0
    power = 10.0 ** math.floor(math.log10(amount))
    return next(step * power for step in (1, 2, 5, 10) if amount <= step * power * (1 + 1e-9))
