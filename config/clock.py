"""What time is it? Where a process reads the clock; everything that decides is handed the time."""

import time

from consent.model import UnixMs


def system_clock() -> UnixMs:
    return UnixMs(time.time_ns() // 1_000_000)


def steady_clock() -> UnixMs:
    """For how long to wait: counts from anywhere, and never jumps, whoever sets the time of day."""
    return UnixMs(time.monotonic_ns() // 1_000_000)
