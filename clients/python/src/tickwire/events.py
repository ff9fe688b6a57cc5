"""What a stream of events consists of, besides data messages and errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from .errors import TickwireError
from .messages import Message


@dataclass(frozen=True, slots=True)
class Connecting:
    """An attempt to connect begins."""

    attempt: int
    """1 for the first since the last good connection."""


@dataclass(frozen=True, slots=True)
class Live:
    """The server said welcome."""

    epoch: str
    """The name of its tape."""
    seq: int
    """The head of its tape."""


@dataclass(frozen=True, slots=True)
class Renewed:
    """Another token was shown and taken."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """There is no connection; another attempt follows."""

    error: TickwireError
    """Why there is none."""
    retry_in: float
    """Seconds from now."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The end: nothing follows."""

    error: TickwireError | None
    """Why; ``None`` if it had come to its end."""


State: TypeAlias = Connecting | Live | Renewed | Waiting | Closed
"""What a connection is doing."""


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The server took a subscription on, in whole or in part."""

    channel: str
    symbols: list[str]
    """Symbols that are sent from here on."""
    patterns: dict[str, int]
    """Patterns, and how many symbols each has now."""
    pending: list[str]
    """Symbols that come as soon as the server knows them."""
    rejected: dict[str, str]
    """What is not sent, and why; each is an error in the stream as well."""
    resumed: bool
    """Whether it goes on where it was."""
    reason: str | None
    """Why not, if it should."""


@dataclass(frozen=True, slots=True)
class Resync:
    """What lies between two messages of a stream cannot be had: its snapshot follows."""

    channel: str
    symbol: str
    after: int | None
    """The last message before the missing part; ``None`` if nothing was held, but should be."""
    to: int
    """The snapshot's place, with which it goes on."""
    reason: str
    """As ``cursor_expired``, ``epoch_mismatch``, ``ahead``, ``prev`` or ``interrupted``."""


@dataclass(frozen=True, slots=True)
class Service:
    """The server's own trouble, or that it is about to close."""

    state: str
    """``ok``, ``degraded``, ``lagging`` or ``closing``."""
    reason: str | None
    since: str | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """Where a replay is."""

    id: int | None
    """Of the button that this answers."""
    seq: int
    """Its place on the tape."""
    at: str | None
    """The time on the tape."""
    speed: float
    """As many times as fast as it happened; 0: as fast as it is read."""
    state: str
    """``playing``, ``paused``, ``ended`` or ``live``."""
    done: float
    """The part of the range that is behind, 0 to 1."""


Event: TypeAlias = Message | State | Subscribed | Resync | Service | Position | TickwireError
"""One thing that happened."""
