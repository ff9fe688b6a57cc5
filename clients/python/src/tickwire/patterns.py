"""Which symbols a pattern covers, as the server sees it."""

from __future__ import annotations

from collections.abc import Iterable


def is_pattern(name: str) -> bool:
    """Whether a name is a pattern."""
    return "*" in name


def covers(name: str, symbol: str) -> bool:
    """Whether a name, which may be a pattern such as ``*:BTC-USD``, covers a symbol."""
    if name == symbol:
        return True
    if not is_pattern(name):
        return False
    venues, colon, names = name.partition(":")
    venue, other, rest = symbol.partition(":")
    if not colon or not other or venues not in ("*", venue):
        return False
    if names in ("*", rest):
        return True
    base, dash, quote = rest.rpartition("-")
    if names.startswith("*-"):
        return bool(dash) and quote == names[2:]
    return names.endswith("-*") and bool(dash) and base == names[:-2]


def any_covers(names: Iterable[str], symbol: str) -> bool:
    """Whether one of these does."""
    return any(covers(name, symbol) for name in names)
