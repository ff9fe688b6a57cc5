"""One side of a conversation without its socket: texts in; events, operations and intents out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Protocol

from .errors import ProtocolError, ServerError, TickwireError
from .events import Event, Renewed, Service


@dataclass(slots=True)
class Turn:
    """What follows from something."""

    events: list[Event] = field(default_factory=list)
    """For the reader."""
    operations: list[str] = field(default_factory=list)
    """For the server."""
    later: bool = False
    """Ask ``again`` in a while."""
    renew: bool = False
    """The token expired: show another one."""
    closing: float | None = None
    """The server is about to close, and asks to come back after so many seconds."""
    over: bool = False
    """Everything is over."""
    error: TickwireError | None = None
    """Why it is over."""


@dataclass(frozen=True, slots=True)
class Welcome:
    """The first message of a server."""

    epoch: str
    seq: int
    heartbeat_ms: int
    message_bytes: int

    @property
    def silence_max(self) -> float:
        """Longest time in seconds for which a server that is well says nothing."""
        return min(max(self.heartbeat_ms, 100), 60_000) / 500 + 2


class Machine(Protocol):
    """A reader's side of a conversation, over as many connections as it takes."""

    def open(self, welcome: Welcome) -> Turn:
        """A connection was made."""

    def hear(self, message: dict[str, Any]) -> Turn:
        """The server said something; raises ``ProtocolError`` for what makes no sense."""

    def again(self) -> Turn:
        """Some time after ``Turn.later``."""

    def lost(self) -> None:
        """The connection is gone."""


def parse(text: str | bytes) -> dict[str, Any]:
    """A message as an object with a ``type``.

    Raises:
        ProtocolError: if it is none.
    """
    try:
        message = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"{error} in {text[:80]!r}") from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise ProtocolError(f"no message: {text[:80]!r}")
    return message


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is no JSON")


def integer(message: dict[str, Any], key: str) -> int | None:
    """An integer that is not negative, if it is there.

    Raises:
        ProtocolError: if it is something else.
    """
    value = message.get(key)
    if value is None or (type(value) is int and value >= 0):
        return value
    raise ProtocolError(f"{key} is no place: {value!r:.40}")


def texts(message: dict[str, Any], key: str) -> list[str]:
    """A list of texts; empty if there is none.

    Raises:
        ProtocolError: if it is something else.
    """
    value = message.get(key, [])
    if isinstance(value, list) and all(isinstance(it, str) for it in value):
        return value
    raise ProtocolError(f"{key} is no list of texts")


def objects(message: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """A list of objects; empty if there is none.

    Raises:
        ProtocolError: if it is something else.
    """
    value = message.get(key, [])
    if isinstance(value, list) and all(isinstance(it, dict) for it in value):
        return value
    raise ProtocolError(f"{key} is no list of objects")


def welcome(message: dict[str, Any]) -> Welcome:
    """The first message.

    Raises:
        ProtocolError: if it is none.
    """
    epoch = message.get("epoch")
    is_one = message["type"] == "welcome" and message.get("protocol") == "tickwire.v1"
    if not is_one or not isinstance(epoch, str) or not epoch:
        raise ProtocolError(f"no welcome: {message['type']!r}")
    limits = message.get("limits")
    limits = limits if isinstance(limits, dict) else {}
    seq, heartbeat_ms = integer(message, "seq") or 0, integer(message, "heartbeat_ms") or 0
    return Welcome(epoch, seq, heartbeat_ms, integer(limits, "message_bytes") or 65_536)


def talk(message: dict[str, Any]) -> Turn:
    """What a message means for every kind of reader: ``service``, ``closing``, ``auth``."""
    match message["type"]:
        case "service":
            state, since = str(message.get("state")), message.get("since")
            return Turn([Service(state, message.get("reason"), since)])
        case "auth":
            return Turn([Renewed()])
        case "closing":
            wait = min(integer(message, "reconnect_ms") or 0, 3_600_000) / 1_000
            return Turn([Service("closing", str(message.get("code")))], closing=wait)
        case _:
            return Turn()


def refusal(message: dict[str, Any]) -> ServerError:
    """An ``error`` of the server."""
    id = message.get("id")
    return ServerError(
        str(message.get("code")),
        str(message.get("message")),
        retryable=message.get("retry") is True,
        id=id if type(id) is int else None,
    )
