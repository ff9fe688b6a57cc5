"""Something with fields, as the server sent them."""

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
