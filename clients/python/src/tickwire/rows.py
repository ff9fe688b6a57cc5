"""What messages and rows of history have in common: groups of fields."""

from __future__ import annotations

from decimal import Decimal

from .record import Record


class HealthRow(Record):
    """How a feed and a symbol are."""

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


class TickerRow(Quote):
    """Best bid and ask, last trade and day figures."""

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


class RangeRow(Record):
    """What was traded in a time, and between which prices."""

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


class BarRow(RangeRow):
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
