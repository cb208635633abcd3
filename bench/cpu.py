"""What have processes used? Their CPU time and their memory, as the kernel tells it in /proc (Linux).

On a machine that others share, CPU time tells more than the clock does. A process is counted with all that it started,
so a pool of workers is one; but one that has a name of its own counts under that alone. What a thread used that has
ended is forgotten; none of ours end meanwhile.
"""

from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")


class Meter:
    """How many seconds of CPU has each of these processes used since the last lap, with what it had started by now?"""

    def __init__(self, **pids: int) -> None:
        # Once: to look for them takes longer than to read what they used, and that would count for the load generator.
        self._families = {name: family(pid, apart={*pids.values()} - {pid}) for name, pid in pids.items()}
        self._before = self._read()

    def lap(self) -> dict[str, float]:
        before, self._before = self._before, self._read()
        return {name: used - before[name] for name, used in self._before.items()}

    def _read(self) -> dict[str, float]:
        # To the nanosecond: /proc/PID/stat counts in hundredths of a second, too coarse for a round.
        return {
            name: sum(_ran_ns(task) for member in members for task in _tasks(member)) / 1e9
            for name, members in self._families.items()
        }


def memory_mb(pid: int) -> float:
    """Resident; a page that several share counts for each in part, so that forked workers are not counted in full."""
    return sum(_resident_kb(member) for member in family(pid)) / 1024


def family(pid: int, *, apart: Collection[int] = ()) -> list[int]:
    """The process, and whatever descends from it but for those apart, and what descends from these."""
    children: dict[int, list[int]] = {}
    for child, parent in _parents():
        children.setdefault(parent, []).append(child)
    found = [pid]
    for member in found:
        found += [child for child in children.get(member, []) if child not in apart]
    return found


def _parents() -> Iterator[tuple[int, int]]:
    for stat in _PROC.glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            yield int(stat.parent.name), int(stat.read_text().rpartition(")")[2].split()[1])


def _tasks(pid: int) -> Iterator[Path]:
    with suppress(OSError):
        yield from (_PROC / str(pid) / "task").iterdir()


def _ran_ns(task: Path) -> int:
    with suppress(OSError):
        return int((task / "schedstat").read_text().split()[0])
    return 0


def _resident_kb(pid: int) -> int:
    with suppress(OSError):
        for line in (_PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0
