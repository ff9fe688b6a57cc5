"""Operations without an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .patterns import any_covers
from .request import Start

BEGIN: Final = "begin"
"""What the reader began with: refused, there is nothing to do here."""
ADD: Final = "add"
"""What was added since."""
HEAL: Final = "heal"
"""Streams of which something is missing."""
PLAN: Final = "plan"
"""How many streams the patterns cover."""
LEAVE: Final = "leave"
"""What is not wanted any more."""
BRING: Final = (BEGIN, ADD, HEAL)


@dataclass(frozen=True, slots=True)
class Asked:
    """An operation without an answer."""

    what: str
    channel: str
    names: list[str]
    start: Start = None

    def brings(self, channel: str, symbol: str) -> bool:
        """Whether a stream is on its way with it."""
        ours = self.what in BRING and self.channel == channel
        return ours and any_covers(self.names, symbol)
