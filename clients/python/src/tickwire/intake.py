"""Data messages on their way to the reader, and the streams that have to begin anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from .errors import ProtocolError
from .events import Event, Resync
from .machine import integer
from .messages import KINDS
from .record import check
from .streams import Place, Streams, TakeAfter, Verdict

_HEALS_MAX: Final = 20
"""Operations between two heartbeats that ask for streams anew. A server that breaks more than that
is not worth its connection."""
_WORDS: Final = frozenset({"cursor_expired", "epoch_mismatch", "ahead"})


class Intake:
    """Data messages on their way to the reader, and the streams that have to begin anew."""

    def __init__(self, streams: Streams) -> None:
        self.streams = streams
        self._broken: dict[str, set[str]] = {}
        self._heals = 0

    def reopen(self) -> None:
        """The connection is another one: nothing of the old one has to be asked for."""
        self._broken.clear()
        self._heals = 0

    def beat(self) -> None:
        """A heartbeat came."""
        self._heals = 0
        self.streams.settle()

    def take(
        self, message: dict[str, Any], is_due: Callable[[str, str], bool]
    ) -> list[Event]:
        """Takes a data message. Streams of which something is missing are noted for ``heal``, if
        ``is_due`` says that nothing else will bring them.

        Raises:
            ProtocolError: if it is not as it must be.
        """
        channel, symbol = message.get("channel"), message["symbol"]
        if not isinstance(channel, str) or not isinstance(symbol, str):
            raise ProtocolError("a message without its stream")
        # What cannot be read must not count as seen.
        place = _place(message)
        kind = KINDS.get(message["type"])
        check(message)
        match self.streams.judge(channel, symbol, place):
            case Verdict.DROP:
                return []
            case Verdict.MISSED:
                self._broken.setdefault(channel, set()).add(symbol)
                return []
            case Verdict.NOT_HELD:
                if is_due(channel, symbol):
                    self.streams.lose(channel, symbol, "prev")
                    self._broken.setdefault(channel, set()).add(symbol)
                return []
            case TakeAfter(after, reason):
                events: list[Event] = [Resync(channel, symbol, after, place.seq, reason)]
            case _:
                events = []
        if kind is not None:
            events.append(kind(message))
        return events

    def heal(self) -> tuple[str, list[str]] | None:
        """The streams of one channel that have to be subscribed to anew, each told once.

        Raises:
            ProtocolError: if there were too many since the last heartbeat.
        """
        if not self._broken:
            return None
        channel = next(iter(self._broken))
        symbols = sorted(self._broken.pop(channel))
        self._heals += 1
        if self._heals > _HEALS_MAX:
            raise ProtocolError(f"broken streams again and again, as {channel} of {symbols}")
        return channel, symbols


def _place(message: dict[str, Any]) -> Place:
    kind, seq, prev = message["type"], integer(message, "seq"), integer(message, "prev")
    if seq is not None and kind == "snapshot":
        return Place(seq)
    if seq is not None and prev is not None:
        return Place(seq, prev)
    to = integer(message, "to")
    if seq is None and to is not None and message.get("cause") == "slow_consumer":
        return Place(to, skipped=True)
    raise ProtocolError(f"a {kind} without its place")


def word(reason: object) -> str:
    """Words of the server for why it did not go on, as this library tells them."""
    return reason if isinstance(reason, str) and reason in _WORDS else "not_resumed"
