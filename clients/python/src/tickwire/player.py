"""The reader's side of ``/v1/replay``: what was, over as many connections as it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from . import machine
from .cursor import Cursor
from .errors import ProtocolError, ServerError
from .events import Live, Position
from .follower import subscribed
from .intake import Intake
from .machine import Turn, Welcome
from .request import Request, dump, portions
from .streams import WANTED, Streams

Place: TypeAlias = Cursor | str
"""A place of a tape: a cursor, or a time (RFC 3339)."""

_OPEN: Final = "open"
_SUBSCRIBE: Final = "subscribe"
"""Further channels and names."""
_HEAL: Final = "heal"
_RESTORE: Final = "restore"
"""What restores the place and the pace after a loss."""


def place_json(place: Place) -> Any:
    """A place as operations have it."""
    return place.json() if isinstance(place, Cursor) else place


@dataclass(slots=True)
class Tape:
    """What to play, and how."""

    request: Request
    from_: Place
    to: Place | None = None
    epoch: str | None = None
    speed: float = 1.0
    paused: bool = False
    then_live: bool = False
    stay: bool = False
    max_idle_ms: int | None = None


class Player:
    """The reader's side of ``/v1/replay``."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._intake = Intake(Streams(leaps=tape.request.conflate_ms > 0))
        self._range: tuple[Cursor, Cursor] | None = None
        """The range, once the server has said it."""
        self._seq = 0
        """Everything up to here was seen."""
        self._seeking: tuple[int, Any] | None = None
        """Where the reader wants to be, until the server says that it is there."""
        self._is_live = False
        """It has come to what is live, where heartbeats are places too."""
        self._message_bytes = 0
        self._next_id = 0
        self._asked: dict[str, str] = {}
        self._is_to_open = False

    def open(self, welcome: Welcome) -> Turn:
        """A connection was made: opens, or opens again where it was."""
        self._message_bytes = welcome.message_bytes
        self.lost()
        self._intake.reopen()
        self._intake.streams.carry()
        return Turn([Live(welcome.epoch, welcome.seq)], self._begin())

    def hear(self, message: dict[str, Any]) -> Turn:
        """The server said something."""
        if "symbol" in message:
            events = self._intake.take(message, self._is_due)
            return Turn(events, self._heal())
        match message["type"]:
            case "heartbeat":
                self._intake.beat()
                seq = machine.integer(message, "seq")
                if seq is not None and self._is_live and not self._is_restoring:
                    self._seq = max(self._seq, seq)
                return Turn()
            case "opened":
                self._answered(message)
                if self._range is None:
                    self._range = _cursor(message, "from"), _cursor(message, "to")
                    self._seq = self._range[0].seq
                return self._hear_subscribed(message)
            case "subscribed":
                asked = self._answered(message)
                return Turn() if asked in (None, _HEAL) else self._hear_subscribed(message)
            case "position":
                self._answered(message)
                return self._hear_position(message)
            case "error":
                return self._hear_error(message)
            case _:
                return machine.talk(message)

    def again(self) -> Turn:
        """Opens again, if the server asked for that."""
        if not self._is_to_open:
            return Turn()
        self._is_to_open = False
        return Turn(operations=self._begin())

    def lost(self) -> None:
        """The connection is gone."""
        self._asked.clear()
        self._is_to_open = False

    def press(self, op: str, id: int, more: dict[str, Any]) -> list[str]:
        """The operation of a button."""
        tape = self._tape
        if op == "seek":
            for channel in tape.request.channels:
                self._intake.streams.lose_all(channel, WANTED, lambda _: True)
            self._seeking = id, more["to"]
        elif op == "speed":
            tape.speed = more["speed"]
        elif op in ("play", "pause"):
            tape.paused = op == "pause"
        return [dump({"op": op, "id": id, **more})]

    @property
    def _is_restoring(self) -> bool:
        return _RESTORE in self._asked.values()

    def _id(self, what: str) -> str:
        self._next_id += 1
        id = f"t{self._next_id}"
        self._asked[id] = what
        return id

    def _begin(self) -> list[str]:
        tape = self._tape
        parts = [
            (channel, names)
            for channel in tape.request.channels
            for names in portions(sorted(tape.request.names), self._message_bytes)
        ]
        is_more = len(parts) > 1 or self._range is not None or self._seeking is not None
        operations = [self._open_operation(*parts[0], is_more=is_more)]
        for channel, names in parts[1:]:
            operations.append(
                tape.request.subscribe(self._id(_SUBSCRIBE), channel, names, None)
            )
        if self._seeking is not None:
            # The reader's own, whose answer the reader waits for.
            id, place = self._seeking
            operations.append(dump({"op": "seek", "id": id, "to": place}))
        else:
            operations += self._restore_place()
        if is_more and not tape.paused:
            operations.append(dump({"op": "play", "id": self._id(_RESTORE)}))
        return operations

    def _restore_place(self) -> list[str]:
        if self._range is None:
            return []
        place = Cursor(self._range[0].epoch, self._seq).json()
        return [dump({"op": "seek", "id": self._id(_RESTORE), "to": place})]

    def _open_operation(self, channel: str, names: list[str], *, is_more: bool) -> str:
        tape = self._tape
        begin, end = self._range or (tape.from_, tape.to)
        operation: dict[str, Any] = {
            "op": "open", "id": self._id(_OPEN), "channel": channel, "symbols": names,
            "from": place_json(begin), "speed": tape.speed, "paused": tape.paused or is_more,
        }
        if end is not None:
            operation["to"] = place_json(end)
        if tape.epoch is not None and self._range is None:
            operation["epoch"] = tape.epoch
        if tape.then_live:
            operation["then"] = "live"
        if tape.max_idle_ms is not None:
            operation["max_idle_ms"] = tape.max_idle_ms
        if tape.request.conflate_ms:
            operation["conflate_ms"] = tape.request.conflate_ms
        return dump(operation)

    def _is_due(self, channel: str, symbol: str) -> bool:
        is_open = all(what == _RESTORE for what in self._asked.values())
        return is_open and self._tape.request.wants(channel, symbol)

    def _heal(self) -> list[str]:
        if _HEAL in self._asked.values():
            return []
        broken = self._intake.heal()
        if broken is None:
            return []
        channel, symbols = broken
        return [
            self._tape.request.subscribe(self._id(_HEAL), channel, names, None)
            for names in portions(symbols, self._message_bytes)
        ]

    def _answered(self, message: dict[str, Any]) -> str | None:
        id = message.get("id")
        return self._asked.pop(id, None) if isinstance(id, str) else None

    def _hear_subscribed(self, message: dict[str, Any]) -> Turn:
        answer = subscribed(message)
        turn = Turn([answer])
        for symbol, code in answer.rejected.items():
            turn.events.append(ServerError(code, f"{symbol} is not sent", retryable=False))
        return turn

    def _hear_position(self, message: dict[str, Any]) -> Turn:
        self._intake.beat()
        position, restoring = _position(message), self._is_restoring
        if restoring and position.id is None:
            # Where it stands until it is again where it was is nobody's business.
            return Turn()
        self._seq = position.seq
        if self._seeking is not None and position.id == self._seeking[0]:
            self._seeking = None
        self._is_live = position.state == "live"
        if not restoring and position.state in ("paused", "playing", "live"):
            self._tape.paused = position.state == "paused"
        over = position.state == "ended" and not self._tape.stay and not self._tape.then_live
        return Turn([position], over=over)

    def _hear_error(self, message: dict[str, Any]) -> Turn:
        error, asked = machine.refusal(message), self._answered(message)
        renew = error.code == "token_expired"
        if asked == _OPEN and (error.retryable or renew):
            self._is_to_open = True
        elif asked in (_OPEN, _SUBSCRIBE, _RESTORE) and not renew:
            return Turn(over=True, error=error)
        elif asked is not None:
            # Another connection begins all of it again.
            raise error
        elif self._seeking is not None and error.id == self._seeking[0]:
            # The replay goes on where it was, and what came since was not taken.
            self._seeking = None
            return Turn([error], self._restore_place())
        return Turn([error], renew=renew, later=self._is_to_open)


def _cursor(message: dict[str, Any], key: str) -> Cursor:
    value = message.get(key)
    value = value if isinstance(value, dict) else {}
    epoch, seq = value.get("epoch"), machine.integer(value, "seq")
    if not isinstance(epoch, str) or seq is None:
        raise ProtocolError(f"{key} is no cursor")
    return Cursor(epoch, seq)


def _position(message: dict[str, Any]) -> Position:
    id, at, state = message.get("id"), message.get("at"), message.get("state")
    seq, speed, done = machine.integer(message, "seq"), message.get("speed"), message.get("done")
    if seq is None or not isinstance(state, str):
        raise ProtocolError("a position without its place")
    return Position(
        id=id if type(id) is int else None,
        seq=seq,
        at=at if isinstance(at, str) else None,
        speed=float(speed) if isinstance(speed, int | float) else 0.0,
        state=state,
        done=float(done) if isinstance(done, int | float) else 0.0,
    )
