"""How did group commit go since the process began? How many calls shared a flush, how long it took, how many failed."""

from consent.histogram import Histogram

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Flushes:
    def __init__(self) -> None:
        self.calls = Histogram(SIZES)
        self.seconds = Histogram(SECONDS)
        self.failed = 0

    def ended(self, calls: int, seconds: float, *, is_kept: bool) -> None:
        self.calls.add(calls)
        self.seconds.add(seconds)
        if not is_kept:
            self.failed += 1
