"""The one rule: a ``seq`` held for each stream says whether anything was missed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from .patterns import any_covers

OTHER_TAPE = "epoch_mismatch"
"""Why a stream is lost whose tape is gone: places mean something else."""
WANTED = "wanted"
"""The reader goes to another place by its own will."""


class Verdict(Enum):
    """What to do with a message."""

    TAKE = "take"
    DROP = "drop"
    """It was seen, or its stream waits for a snapshot."""
    MISSED = "missed"
    """Drop it, and subscribe again: something is missing before it."""
    NOT_HELD = "not held"
    """The same, of a stream of which nothing is held."""


@dataclass(frozen=True, slots=True)
class TakeAfter:
    """Take it, after it was told what is missing before it."""

    after: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a data message: a snapshot has no ``prev``, the messages that a slow reader did
    not get have no place but an end."""

    seq: int
    prev: int | None = None
    skipped: bool = False


@dataclass(slots=True)
class _Held:
    seq: int | None
    """``None`` if there was nothing, but should have been."""
    lost: str | None = None
    """Why it waits for a snapshot, if it does."""
    carried: bool = False
    """It is from a connection before; this one goes on after a cursor that may be older."""


Key: TypeAlias = tuple[str, str]
"""A stream: channel and symbol."""


class Streams:
    """The streams of a reader and where each of them stands."""

    def __init__(self, *, leaps: bool) -> None:
        """``leaps``: snapshots may stand for messages, because the reader asked for that."""
        self._held: dict[Key, _Held] = {}
        self._leaps = leaps
        self._after: int | None = None
        """The reader's own cursor, which the server goes on after."""
        self._without: TakeAfter | None = None
        """The same, if the server cannot."""

    def judge(self, channel: str, symbol: str, place: Place) -> Verdict | TakeAfter:
        """Judges a message and takes note of it."""
        held = self._held.get((channel, symbol))
        if held is None:
            verdict = self._judge_new(place)
            if verdict is not Verdict.NOT_HELD:
                self._held[channel, symbol] = _Held(place.seq)
            return verdict
        verdict = self._judge(held, place)
        if verdict is Verdict.MISSED:
            held.lost = "prev"
        elif verdict is not Verdict.DROP:
            held.seq, held.lost, held.carried = place.seq, None, False
        return verdict

    def begin(self, *, after: int | None = None, without: TakeAfter | None = None) -> None:
        """The server answered to the reader's own cursor."""
        self._after, self._without = after, without

    @property
    def is_adopting(self) -> bool:
        """Whether streams need no snapshot, as the reader's own cursor stands for one."""
        return self._after is not None

    def settle(self) -> None:
        """The snapshots of a beginning have come."""
        self._without = None

    def lose(self, channel: str, symbol: str, reason: str) -> None:
        """From here on a stream waits for a snapshot."""
        held = self._held.setdefault((channel, symbol), _Held(None))
        # What was lost first has happened all the same, and another tape outweighs everything.
        if held.lost in (None, WANTED) or (reason == OTHER_TAPE):
            held.lost = reason

    def lose_all(self, channel: str, reason: str, which: Callable[[str], bool]) -> None:
        """The same for all streams that there are of a channel, where ``which`` says so."""
        for of, symbol in list(self._held):
            if of == channel and which(symbol):
                self.lose(channel, symbol, reason)

    def carry(self) -> None:
        """The connection is another one, which goes on after a cursor on the same tape."""
        for held in self._held.values():
            held.carried = True

    def find(self) -> None:
        """The reader has not gone to another place after all: streams stand where they stood."""
        for held in self._held.values():
            if held.lost == WANTED:
                held.lost = None

    def is_whole(self, channel: str, symbol: str) -> bool:
        """Whether a stream is held, and does not wait for a snapshot."""
        held = self._held.get((channel, symbol))
        return held is not None and held.lost is None

    def count(self, channel: str, names: list[str]) -> int:
        """How many streams of a channel any of these names covers."""
        return sum(of == channel and any_covers(names, symbol) for of, symbol in self._held)

    def lost(self, channel: str) -> set[str]:
        """Symbols of a channel whose streams wait for a snapshot."""
        return {
            symbol
            for (of, symbol), held in self._held.items()
            if of == channel and held.lost is not None
        }

    def retain(self, keep: Callable[[str], bool]) -> None:
        """Forgets the streams that ``keep`` does not want."""
        self._held = {key: held for key, held in self._held.items() if keep(key[1])}

    def _judge_new(self, place: Place) -> Verdict | TakeAfter:
        if place.skipped:
            return Verdict.NOT_HELD
        if place.prev is None:
            missed = self._without
            if missed is not None and place.seq > (missed.after or 0):
                return missed
            return Verdict.TAKE
        adopted = self._after is not None and place.prev <= self._after
        return Verdict.TAKE if adopted else Verdict.NOT_HELD

    def _judge(self, held: _Held, place: Place) -> Verdict | TakeAfter:
        before = -1 if held.seq is None else held.seq
        if held.lost is not None:
            if place.prev is not None or place.skipped:
                return Verdict.DROP
            # A stream that stands where it stood missed nothing.
            same = held.lost != OTHER_TAPE and place.seq == held.seq
            return Verdict.TAKE if same or held.lost == WANTED else TakeAfter(held.seq, held.lost)
        if place.prev is None and not place.skipped:
            if held.carried and place.seq <= before:
                return Verdict.DROP
            leapt = place.seq > before and not self._leaps
            return TakeAfter(held.seq, "snapshot") if leapt else Verdict.TAKE
        if place.seq <= before:
            return Verdict.DROP
        return Verdict.TAKE if place.skipped or place.prev == before else Verdict.MISSED
