"""How long to wait before the next attempt."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before the next attempt: doubling, and shortened by chance, so that not all
    clients of a server come back in one instant."""

    min: float = 0.25
    """Seconds before the first attempt after a loss."""
    max: float = 15.0
    """Seconds before any attempt, unless the server asks for more."""
    attempts: int | None = None
    """Attempts in a row that may fail; ``None``: any number."""

    def wait(self, failures: int, chance: float) -> float:
        """Seconds to wait after so many failures, with ``chance`` in 0 to 1."""
        longest = min(self.min * 2.0 ** min(max(failures - 1, 0), 30), self.max)
        return longest * (0.5 + chance / 2)

    def is_spent(self, failures: int) -> bool:
        """Whether there is to be no further attempt."""
        return self.attempts is not None and failures >= self.attempts
