"""Data messages of ``tickwire.v1``.

Each holds what the server sent (``raw``) and shows it typed: prices and sizes are decimals with the
server's digits (``Decimal("105944.20")`` stays so), times are its texts, and with ``_ns`` behind
their names nanoseconds since 1970 UTC. What the server did not send is ``None``.
"""

from __future__ import annotations

from typing import Final

from .record import Record
from .rows import BarRow, HealthRow, Print, RangeRow, TickerRow


class Message(Record):
    """A data message of a stream."""

    __slots__ = ()

    @property
    def channel(self) -> str:
        """As ``ticker``, ``trades`` or ``bars.1m``."""
        return self.text("channel") or ""

    @property
    def prev(self) -> int | None:
        """The place of the message before it in its stream; a snapshot has none."""
        return self.number("prev")


class Snapshot(Message, TickerRow, BarRow, Print, HealthRow):
    """A stream begins, or goes on from here: it replaces what was held of it. Which fields there
    are depends on its channel; those that are ``None`` are unknown."""

    __slots__ = ()

    def apply(self, message: Message) -> None:
        """Makes a ticker what it is after a delta, and any state what it is after a status."""
        if isinstance(message, Status):
            for field in ("trading", "since", "reason"):
                self.raw.pop(field, None)
        elif not isinstance(message, Delta):
            return
        else:
            for field in ("ts", "recv"):
                self.raw.pop(field, None)
        for field, value in message.raw.items():
            if field in ("type", "prev") or (field == "recv" and isinstance(message, Status)):
                continue
            if value is None:
                self.raw.pop(field, None)
            else:
                self.raw[field] = value


class Delta(Message, TickerRow, RangeRow):
    """What changed in a ticker. A field that is ``None`` did not change, unless it is in
    ``unknown``: then it is unknown from here on."""

    __slots__ = ()

    @property
    def unknown(self) -> frozenset[str]:
        """Fields that were known and are not any more."""
        return frozenset(field for field, value in self.raw.items() if value is None)


class Trade(Message, Print):
    """One trade."""

    __slots__ = ()


class Amend(Message, Print):
    """What the venue said later about an earlier trade."""

    __slots__ = ()

    @property
    def of(self) -> int | None:
        """The place of that trade."""
        return self.number("of")

    @property
    def action(self) -> str | None:
        """``cancel`` or ``correct``."""
        return self.text("action")


class Bar(Message, BarRow):
    """A bar as it is after one of its trades, or after it was closed."""

    __slots__ = ()


class Status(Message, HealthRow):
    """The health of a stream's feed and symbol changed."""

    __slots__ = ()


class Gap(Message):
    """Something is missing: at the venue, or, with the cause ``slow_consumer``, for this connection
    alone."""

    __slots__ = ()

    @property
    def cause(self) -> str | None:
        """``venue_sequence``, ``venue_disconnect``, ``venue_checksum``, ``tape``,
        ``slow_consumer``."""
        return self.text("cause")

    @property
    def missing(self) -> int | None:
        """How many messages, where that is known."""
        return self.number("missing")

    @property
    def first(self) -> int | None:
        """The first message that this connection was too slow for."""
        return self.number("from")

    @property
    def to(self) -> int | None:
        """The last one."""
        return self.number("to")

    @property
    def state(self) -> str | None:
        """``open``, ``filled`` or ``lost``."""
        return self.text("state")

    @property
    def of(self) -> int | None:
        """The place of the gap that this one tells more of."""
        return self.number("of")


KINDS: Final[dict[str, type[Message]]] = {
    "snapshot": Snapshot,
    "delta": Delta,
    "trade": Trade,
    "amend": Amend,
    "bar": Bar,
    "status": Status,
    "gap": Gap,
}
"""Messages by their ``type``."""
