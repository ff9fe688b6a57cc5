"""The reader's side of ``/v1/replay``: what was, over as many connections as it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from . import machine
from .cursor import Cursor
from .errors import ProtocolError, ServerError, TickwireError
from .events import Live, Position
from .follower import subscribed
from .intake import Intake
from .machine import Turn, Welcome
from .request import Request, dump, portions
from .streams import WANTED, Streams

Place: TypeAlias = Cursor | str
"""A place of a tape: a cursor, or a time (RFC 3339)."""

_PRESSES_MAX: Final = 64
"""Buttons that wait for their answers, at most."""
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


@dataclass(slots=True)
class _Press:
    id: int
    op: str
    operation: str
    is_sent: bool = False


class Player:
    """The reader's side of ``/v1/replay``."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._intake = Intake(Streams(leaps=tape.request.conflate_ms > 0))
        self._range: tuple[Cursor, Cursor] | None = None
        """The range, once the server has said it."""
        self._seq = 0
        """Everything up to here was seen."""
        self._presses: list[_Press] = []
        """What the reader wants besides, until the server has answered. What a lost connection did
        not answer is pressed again on the next one."""
        self._is_placed = False
        """The server said on this connection where the replay is."""
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
            if self._is_seeking and not self._is_ready:
                # The reader does not want to be where it is brought back to.
                return Turn()
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
        self._is_to_open = self._is_placed = False
        for press in self._presses:
            press.is_sent = False
        self._intake.streams.find()

    def press(self, op: str, id: int, more: dict[str, Any]) -> list[str]:
        """The operations that follow from a button.

        Raises:
            TickwireError: ``busy`` if too many wait.
        """
        if len(self._presses) >= _PRESSES_MAX:
            raise TickwireError("busy", "too many operations wait", retryable=True)
        self._presses.append(_Press(id, op, dump({"op": op, "id": id, **more})))
        return self._press()

    def _press(self) -> list[str]:
        """Presses what waits, if the replay is where it should be."""
        if not self._is_ready:
            return []
        unsent = [press for press in self._presses if not press.is_sent]
        for press in unsent:
            press.is_sent = True
        if any(press.op == "seek" for press in unsent):
            for channel in self._tape.request.channels:
                self._intake.streams.lose_all(channel, WANTED, lambda _: True)
        return [press.operation for press in unsent]

    @property
    def _is_seeking(self) -> bool:
        return any(press.op == "seek" for press in self._presses)

    @property
    def _is_ready(self) -> bool:
        """Whether the replay is open, and where it should be."""
        return self._is_placed and all(what == _HEAL for what in self._asked.values())

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
        is_more = len(parts) > 1 or self._range is not None
        operations = [self._open_operation(*parts[0], is_more=is_more)]
        for channel, names in parts[1:]:
            operations.append(
                tape.request.subscribe(self._id(_SUBSCRIBE), channel, names, None)
            )
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
        return is_open and not self._is_seeking and self._tape.request.wants(channel, symbol)

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
        position = _position(message)
        self._is_placed = True
        if self._is_restoring and position.id is None:
            # Where it stands until it is again where it was is nobody's business.
            return Turn(operations=self._press())
        self._seq, self._tape.speed = position.seq, position.speed
        self._is_live = position.state == "live"
        if position.state in ("paused", "playing", "live"):
            self._tape.paused = position.state == "paused"
        self._presses = [press for press in self._presses if press.id != position.id]
        over = position.state == "ended" and not self._tape.stay and not self._tape.then_live
        return Turn([position], self._press(), over=over)

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
        elif error.id is not None:
            was_seek = any(it.id == error.id and it.op == "seek" for it in self._presses)
            self._presses = [press for press in self._presses if press.id != error.id]
            if was_seek:
                # The replay stands where it stood, and what came since was not taken.
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
