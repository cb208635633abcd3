"""What is a child process to us, and how soon is it started again? Values only."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    name: str
    command: Sequence[str]
    env: Mapping[str, str] | None = None
    """The whole of its environment; None: ours."""
    prelude: Callable[[], Awaitable[None]] | None = None
    """Awaited once, when those before it are ready and it was never started. A ConsentError keeps it from starting."""
    ready: Callable[[], Awaitable[None]] | None = None
    """Returns once the child can be used; raises a ConsentError when waiting on is of no use. None: ready at once."""
    stop_timeout: float = 10.0
    """Seconds between asking and killing."""
    heeds_log_signals: bool = False
    """SIGUSR1 and SIGUSR2 change what it logs (config/steering.py). Any other program would end of them."""
    says: Callable[[str], None] | None = None
    """Takes each line that the child prints. None: it prints to our terminal itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    first_wait: float = 0.2
    longest_wait: float = 10.0
    well_after: float = 30.0
    """Who ran so many seconds has recovered: its next death counts as the first."""

    def failures(self, so_far: int, *, ran_for: float) -> int:
        return 1 if ran_for >= self.well_after else so_far + 1

    def wait(self, failures: int) -> float:
        """Before the restart that follows so many deaths in a row."""
        doublings = min(failures - 1, 32)  # more would only overflow
        return min(self.longest_wait, self.first_wait * 2.0**doublings)
