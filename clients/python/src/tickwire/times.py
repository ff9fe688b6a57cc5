"""Instants as the server writes them."""

from __future__ import annotations

import calendar
import re
import time

_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z", re.ASCII
)


def unix_nanos(text: str) -> int:
    """Nanoseconds since 1970 UTC of a time such as ``2026-11-21T03:30:00.5Z``.

    Raises:
        ValueError: if it is no time in UTC.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"no time in UTC: {text!r}")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 61):
        raise ValueError(f"no time in UTC: {text!r}")
    seconds = calendar.timegm((year, month, day, hour, minute, second))
    return seconds * 1_000_000_000 + int((match.group(7) or "").ljust(9, "0"))


def rfc3339(nanos: int) -> str:
    """The time of so many nanoseconds since 1970 UTC, with trailing zeros trimmed."""
    seconds, fraction = divmod(nanos, 1_000_000_000)
    year, month, day, hour, minute, second = time.gmtime(seconds)[:6]
    whole = f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
    return f"{whole}.{fraction:09}".rstrip("0") + "Z" if fraction else f"{whole}Z"
