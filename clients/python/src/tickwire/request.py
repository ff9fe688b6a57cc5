"""What a reader wants, and the operations that ask for it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from .cursor import Cursor
from .patterns import any_covers, is_pattern

Slow: TypeAlias = Literal["conflate", "spill", "close", "gap"]
"""What the server does when this reader is too slow."""

Start: TypeAlias = Cursor | int | None
"""How a subscription begins: after a cursor, so many messages back, or with a snapshot."""

_HEAD_BYTES: Final = 512
"""Bytes of an operation besides its names, at most."""
_PATTERNS_MAX: Final = 256
"""Patterns that the server takes in one operation."""


def dump(operation: dict[str, Any]) -> str:
    """An operation as it is sent."""
    return json.dumps(operation, separators=(",", ":"))


@dataclass(slots=True)
class Request:
    """What a reader wants."""

    channels: list[str]
    names: set[str]
    conflate_ms: int = 0
    slow: Slow | None = None
    last: int | None = None
    from_: Cursor | None = None
    excluded: set[str] = field(default_factory=set)
    """Symbols that patterns cover and that are not wanted."""

    def wants(self, channel: str, symbol: str) -> bool:
        """Whether a stream is wanted."""
        return channel in self.channels and self.covers(symbol)

    def covers(self, symbol: str) -> bool:
        """Whether a symbol is wanted."""
        return symbol in self.names or (
            symbol not in self.excluded and any_covers(self.names, symbol)
        )

    def exact(self) -> list[str]:
        """The symbols that are wanted by their names."""
        return sorted(name for name in self.names if not is_pattern(name))

    def patterns(self) -> list[str]:
        """The patterns."""
        return sorted(name for name in self.names if is_pattern(name))

    @property
    def leaps(self) -> bool:
        """Whether snapshots may stand for messages."""
        if self.conflate_ms > 0:
            return True
        if self.slow is not None:
            return self.slow == "conflate"
        # The server's default for trades loses nothing.
        return any(channel != "trades" for channel in self.channels)

    def subscribe(self, id: str, channel: str, names: list[str], start: Start) -> str:
        """A ``subscribe``."""
        operation: dict[str, Any] = {
            "op": "subscribe", "id": id, "channel": channel, "symbols": names,
        }
        if self.conflate_ms:
            operation["conflate_ms"] = self.conflate_ms
        if self.slow is not None:
            operation["slow"] = self.slow
        if isinstance(start, Cursor):
            operation["from"] = start.json()
        elif start is not None:
            operation["last"] = start
        return dump(operation)


def portions(names: Iterable[str], message_bytes: int) -> list[list[str]]:
    """Names in portions, each of which fits into one operation of so many bytes."""
    room = max(message_bytes - _HEAD_BYTES, 1)
    result: list[list[str]] = []
    size = patterns = 0
    for name in names:
        more, pattern = len(json.dumps(name)) + 1, is_pattern(name)
        if not result or size + more > room or patterns + pattern > _PATTERNS_MAX:
            result.append([])
            size = patterns = 0
        size, patterns = size + more, patterns + pattern
        result[-1].append(name)
    return result
