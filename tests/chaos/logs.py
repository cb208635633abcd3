"""What did the processes say meanwhile, and was it too much? Reads their logs while they are written."""

import asyncio
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

_EVERY_S = 0.5
_ROUTINE = frozenset({"webhook.accepted", "event.routed", "delivery.attempted"})
"""One for each request, event and attempt: as many as there is work."""
_REFUSED = "webhook.refused"
"""One for each request as well: a provider that repeats makes them."""


@dataclass(frozen=True, slots=True)
class Heard:
    at: float
    process: str
    word: str
    is_success: bool
    """An accepted webhook, or a delivery that was taken."""


@dataclass(slots=True)
class Logs:
    files: dict[str, Path]
    """By process."""
    heard: list[Heard] = field(default_factory=list)
    out_of_form: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """By process: lines that are none of ours, as a traceback is."""
    _offsets: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    async def follow(self) -> None:
        while True:
            self.read()
            await asyncio.sleep(_EVERY_S)

    def read(self) -> None:
        now = time.monotonic()
        for process, file in self.files.items():
            if file.exists():
                for line in self._new_lines(process, file):
                    self._hear(now, process, line)

    def _new_lines(self, process: str, file: Path) -> list[bytes]:
        with file.open("rb") as opened:
            opened.seek(self._offsets[process])
            whole, end, _ = opened.read().rpartition(b"\n")
        self._offsets[process] += len(whole) + len(end)
        return whole.splitlines()

    def _hear(self, now: float, process: str, line: bytes) -> None:
        try:
            said = json.loads(line)
            word = str(said["event"])
        except (ValueError, KeyError, TypeError):
            self.out_of_form[process].append(line.decode(errors="replace"))
            return
        if "exception" in said:
            self.out_of_form[process] += [word, *str(said["exception"]).splitlines()]
        is_success = word == "webhook.accepted" or said.get("outcome") == "delivered"
        self.heard.append(Heard(now, process, word, is_success))

    def unusual(self) -> Counter[str]:
        """How often each process said what is neither routine nor one line for one refused request."""
        said = (one for one in self.heard if one.word not in _ROUTINE and one.word != _REFUSED)
        return Counter(f"{one.process.rstrip('0123456789')} {one.word}" for one in said)

    def busiest_second(self) -> tuple[int, str]:
        """The most unusual lines that one process wrote in a second, and who."""
        said = Counter(
            (one.process, int(one.at)) for one in self.heard if one.word not in _ROUTINE and one.word != _REFUSED
        )
        (process, _), most = max(said.items(), key=lambda entry: entry[1], default=(("nobody", 0), 0))
        return most, process


def successes(heard: Iterable[Heard], process: str) -> list[float]:
    return [one.at for one in heard if one.process == process and one.is_success]
