"""Data messages of ``tickwire.v1``.

Each holds what the server sent (``raw``) and shows it typed: prices and sizes are decimals with the
server's digits (``Decimal("105944.20")`` stays so), times are its texts, and with ``_ns`` behind
their names nanoseconds since 1970 UTC. What the server did not send is ``None``.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from .errors import ProtocolError
from .times import unix_nanos

AMOUNTS: Final = frozenset(
    "bid bid_size ask ask_size last last_size prev_close open high low close volume price size"
    .split()
)
"""Fields that are prices and sizes."""
NUMBERS: Final = frozenset("trades revision missing of from to".split())
TEXTS: Final = frozenset(
    "ts recv since start day day_from side trade_id exchange tape action state trading reason cause"
    .split()
)
FLAGS: Final = frozenset("final late no_last no_range no_volume".split())

# An exponent is written out, and there is no other way to write a number.
_DIGITS: Final = frozenset("0123456789.-")


def amount(text: object, field: str) -> Decimal | None:
    """A price or a size, with its digits.

    Raises:
        ProtocolError: if it is none.
    """
    if text is None:
        return None
    if isinstance(text, str) and _DIGITS.issuperset(text):
        try:
            return Decimal(text)
        except ArithmeticError:
            pass
    raise ProtocolError(f"{field} is no decimal number: {text!r:.40}")


def check(raw: dict[str, Any]) -> None:
    """Looks whether each field is of its kind, so that nobody stumbles over it later.

    Raises:
        ProtocolError: if one is not.
    """
    for field, value in raw.items():
        if value is None:
            continue
        if field in AMOUNTS:
            amount(value, field)
        elif (
            (field in TEXTS and not isinstance(value, str))
            or (field in FLAGS and not isinstance(value, bool))
            or (field in NUMBERS and type(value) is not int)
        ):
            raise ProtocolError(f"{field} is of a wrong type: {value!r:.40}")


class Record:
    """Something with fields, as the server sent them."""

    __slots__ = ("raw",)
    raw: dict[str, Any]

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.raw!r})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, Record) and self.raw == other.raw

    __hash__ = None  # type: ignore[assignment]

    def amount(self, field: str) -> Decimal | None:
        """A price or a size by its name."""
        return amount(self.raw.get(field), field)

    def text(self, field: str) -> str | None:
        """A text by its name."""
        value = self.raw.get(field)
        return value if isinstance(value, str) else None

    def number(self, field: str) -> int | None:
        """An integer by its name."""
        value = self.raw.get(field)
        return value if type(value) is int else None

    def nanos(self, field: str) -> int | None:
        """A time by its name, as nanoseconds since 1970 UTC."""
        text = self.text(field)
        return None if text is None else unix_nanos(text)

    @property
    def symbol(self) -> str:
        """As ``sim:BTC-USD``; empty if there is none."""
        return self.text("symbol") or ""

    @property
    def seq(self) -> int:
        """Its place on the tape."""
        return self.number("seq") or 0

    @property
    def ts(self) -> str | None:
        """The venue's time."""
        return self.text("ts")

    @property
    def ts_ns(self) -> int | None:
        """The venue's time."""
        return self.nanos("ts")

    @property
    def recv(self) -> str | None:
        """When the server read it from the venue."""
        return self.text("recv")

    @property
    def recv_ns(self) -> int | None:
        """When the server read it from the venue."""
        return self.nanos("recv")


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


class _Health(Record):
    __slots__ = ()

    @property
    def state(self) -> str | None:
        """``live``, ``stale``, ``resyncing`` or ``down``."""
        return self.text("state")

    @property
    def trading(self) -> str | None:
        """``pre``, ``open``, ``auction``, ``halted``, ``post`` or ``closed``."""
        return self.text("trading")

    @property
    def since(self) -> str | None:
        """Since when."""
        return self.text("since")

    @property
    def reason(self) -> str | None:
        """Why."""
        return self.text("reason")


class Quote(Record):
    """Best bid and ask; a row of history, and a part of tickers."""

    __slots__ = ()

    @property
    def bid(self) -> Decimal | None:
        """Best bid."""
        return self.amount("bid")

    @property
    def bid_size(self) -> Decimal | None:
        """Its size."""
        return self.amount("bid_size")

    @property
    def ask(self) -> Decimal | None:
        """Best ask."""
        return self.amount("ask")

    @property
    def ask_size(self) -> Decimal | None:
        """Its size."""
        return self.amount("ask_size")


class _Ticker(Quote):
    __slots__ = ()

    @property
    def last(self) -> Decimal | None:
        """Price of the last trade that counts."""
        return self.amount("last")

    @property
    def last_size(self) -> Decimal | None:
        """Its size."""
        return self.amount("last_size")

    @property
    def day(self) -> str | None:
        """The day of the figures that follow, as ``2026-11-21``."""
        return self.text("day")

    @property
    def day_from(self) -> str | None:
        """From when they count, where that is not the whole day."""
        return self.text("day_from")

    @property
    def prev_close(self) -> Decimal | None:
        """Last price of the day before."""
        return self.amount("prev_close")


class _Range(Record):
    __slots__ = ()

    @property
    def open(self) -> Decimal | None:
        """The first price of the day or the bar."""
        return self.amount("open")

    @property
    def high(self) -> Decimal | None:
        """The highest."""
        return self.amount("high")

    @property
    def low(self) -> Decimal | None:
        """The lowest."""
        return self.amount("low")

    @property
    def volume(self) -> Decimal | None:
        """What was traded."""
        return self.amount("volume")

    @property
    def trades(self) -> int | None:
        """In how many trades."""
        return self.number("trades")


class BarRow(_Range):
    """A bar; a row of history, and what streams of bars tell."""

    __slots__ = ()

    @property
    def start(self) -> str | None:
        """When the bar begins."""
        return self.text("start")

    @property
    def start_ns(self) -> int | None:
        """When the bar begins."""
        return self.nanos("start")

    @property
    def close(self) -> Decimal | None:
        """The last price."""
        return self.amount("close")

    @property
    def final(self) -> bool:
        """Whether it is closed."""
        return self.raw.get("final") is True

    @property
    def revision(self) -> int | None:
        """How often it changed after that."""
        return self.number("revision")


class Print(Record):
    """A trade; a row of history, and what streams of trades tell."""

    __slots__ = ()

    @property
    def price(self) -> Decimal | None:
        """The price."""
        return self.amount("price")

    @property
    def size(self) -> Decimal | None:
        """The size."""
        return self.amount("size")

    @property
    def side(self) -> str | None:
        """The aggressor's side, ``buy`` or ``sell``; ``None``: unknown."""
        return self.text("side")

    @property
    def trade_id(self) -> str | None:
        """The venue's name of it."""
        return self.text("trade_id")

    @property
    def late(self) -> bool:
        """Whether it is older than an earlier one of its symbol."""
        return self.raw.get("late") is True


class Snapshot(Message, _Ticker, BarRow, Print, _Health):
    """A stream begins, or goes on from here: it replaces what was held of it. Which fields there are
    depends on its channel; those that are ``None`` are unknown."""

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


class Delta(Message, _Ticker, _Range):
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


class Status(Message, _Health):
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
