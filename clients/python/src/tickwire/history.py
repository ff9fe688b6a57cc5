"""What was, page by page."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict, Unpack

from .endpoint import Endpoint, place
from .errors import ConnectionLost, HttpError, ProtocolError, TickwireError, UsageError, http_error
from .messages import Gap
from .player import Place
from .record import AMOUNTS, Record, check
from .rows import BarRow, Print, Quote

if TYPE_CHECKING:
    import pandas

_KINDS: Final[dict[str, type[Record]]] = {
    "trades": Print,
    "quotes": Quote,
    "bars": BarRow,
    "gaps": Gap,
    "sessions": Record,
}
_PARAMETERS: Final = {
    "start": "from", "end": "to", "interval": "interval", "by": "by", "epoch": "epoch",
    "page_rows": "limit",
}
_COLUMNS: Final[dict[str, list[str]]] = {
    "trades": "symbol seq ts recv price size side trade_id".split(),
    "quotes": "symbol seq ts recv bid bid_size ask ask_size".split(),
    "bars": "symbol seq start open high low close volume trades final revision".split(),
    "gaps": "symbol seq recv feed venue covers cause missing state of".split(),
    "sessions": (
        "epoch venue feed day first last recv_first recv_last events trades quotes gaps".split()
    ),
}
_TIMES: Final = ("ts", "recv", "start", "recv_first", "recv_last")
_PAGE_MAX: Final = 60.0
"""Longest time in seconds to wait for one page."""
_ATTEMPTS: Final = 5
"""Attempts at one page, where the server asks for another."""


class Range(TypedDict, total=False):
    """Which rows. What is left out, or ``None``, does not bound them."""

    start: Place | None
    """A time (RFC 3339) or a cursor; the beginning of the tape, if nothing is said."""
    end: Place | None
    """Up to where; the end of the tape, if nothing is said."""
    interval: str | None
    """Of bars: ``1s``, ``1m``, ``5m``, ``1h`` or ``1d``."""
    by: str | None
    """``ts``: times are the venue's, not those of receipt."""
    epoch: str | None
    """Another tape than the live one."""
    page_rows: int | None
    """Rows of one page, 1 to 10,000."""


class History:
    """Rows of history: iterate over them, ``async for`` or ``for``, or have them all as a table.
    Each iteration asks anew. The async one waits in a thread.

    Iterating raises ``HttpError`` if the server refuses: with ``cursor_expired`` where a part is
    lost, and ``next`` says where it goes on. What it cannot do just now is asked for again, five
    times."""

    def __init__(self, endpoint: Endpoint, symbol: str, rows: str, wanted: Range) -> None:
        if rows not in _KINDS:
            raise UsageError(f"no such rows: {rows!r}; there are {', '.join(_KINDS)}")
        unknown = wanted.keys() - _PARAMETERS.keys()
        if unknown:
            raise TypeError(f"no such arguments: {', '.join(sorted(unknown))}")
        self._endpoint, self._rows = endpoint, rows
        bounds = {_PARAMETERS[key]: str(it) for key, it in wanted.items() if it is not None}
        self._query = {"venue" if rows == "sessions" else "symbol": symbol, **bounds}

    def __iter__(self) -> Iterator[Record]:
        """Rows: ``Print``, ``Quote``, bars, gaps, or whatever ``rows`` names."""
        cursor: str | None = None
        source = self._endpoint.token
        token = source() if callable(source) else source
        if token is not None and not isinstance(token, str):
            raise UsageError("a source of tokens that is async needs: async for")
        while True:
            page, cursor = self._page(cursor, token)
            yield from page
            if cursor is None:
                return

    async def __aiter__(self) -> AsyncIterator[Record]:
        cursor: str | None = None
        while True:
            token = await self._endpoint.show()
            page, cursor = await asyncio.to_thread(self._page, cursor, token)
            for row in page:
                yield row
            if cursor is None:
                return

    def to_pandas(self, numbers: Literal["decimal", "float"] = "decimal") -> pandas.DataFrame:
        """All rows as a table. Times are of UTC, in ns. Prices and sizes are ``Decimal`` with the
        server's digits, or ``float``, which is smaller and faster, and rounds. Needs pandas.

        Raises:
            UsageError: if pandas is not there.
        """
        try:
            import pandas
        except ImportError:
            raise UsageError("to_pandas needs: pip install tickwire-client[pandas]") from None
        rows = [row.raw for row in self]
        more = dict.fromkeys(key for row in rows for key in row)
        columns = list(dict.fromkeys([*_COLUMNS[self._rows], *more]))
        amount = Decimal if numbers == "decimal" else float
        data: dict[str, Any] = {}
        for column in columns:
            values = [row.get(column) for row in rows]
            if column in AMOUNTS and self._rows != "sessions":
                kept = [None if it is None else amount(it) for it in values]
                kind = "object" if numbers == "decimal" else "float64"
                data[column] = pandas.Series(kept, dtype=kind)
            elif column in _TIMES:
                texts = pandas.Series(values, dtype="object")
                times = pandas.to_datetime(texts, utc=True, format="ISO8601")
                data[column] = times.astype("datetime64[ns, UTC]")
            else:
                data[column] = pandas.Series(values, dtype=None if rows else "object")
        return pandas.DataFrame(data, columns=columns)

    def _page(self, cursor: str | None, token: str | None) -> tuple[list[Record], str | None]:
        """A page, and the cursor of the next one."""
        failures = 0
        while True:
            try:
                return self._fetch(cursor, token)
            except TickwireError as error:
                failures += 1
                if not error.retryable or failures >= _ATTEMPTS:
                    raise
                asked = error.retry_after if isinstance(error, HttpError) else None
                time.sleep(max(asked or 0.0, 0.25 * failures))

    def _fetch(self, cursor: str | None, token: str | None) -> tuple[list[Record], str | None]:
        query = {**self._query, "format": "ndjson"}
        if cursor is not None:
            query["cursor"] = cursor
        url = self._endpoint.http(f"/v1/{self._rows}?{urllib.parse.urlencode(query)}")
        request = urllib.request.Request(url)
        if token is not None:
            request.add_unredirected_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(
                request, timeout=_PAGE_MAX, context=self._endpoint.ssl
            ) as answer:
                body, cursor = answer.read(), answer.headers.get("X-Next-Cursor")
        except urllib.error.HTTPError as error:
            raise _refused(error) from None
        except (OSError, EOFError, ValueError) as error:
            raise ConnectionLost(f"{url}: {error}") from None
        except Exception as error:  # http.client has errors of many kinds
            raise ConnectionLost(f"{url}: {type(error).__name__}") from None
        return [self._row(line) for line in _lines(body)], cursor

    def _row(self, line: bytes) -> Record:
        try:
            raw = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ProtocolError(f"{error} in {line[:80]!r}") from None
        if not isinstance(raw, dict):
            raise ProtocolError(f"no row: {line[:80]!r}")
        if self._rows != "sessions":
            check(raw)
        return _KINDS[self._rows](raw)


def history(
    url: str,
    symbol: str,
    rows: str = "trades",
    *,
    token: str | None = None,
    **wanted: Unpack[Range],
) -> History:
    """What was, from tape and database as one.

    Args:
        url: of the server, as ``http://127.0.0.1:8080``.
        symbol: as ``sim:BTC-USD``; for sessions, the venue.
        rows: ``trades``, ``quotes``, ``bars``, ``gaps`` or ``sessions``.
        token: a token or an API key.
        wanted: which rows: ``start``, ``end``, ``interval``, ``by``, ``epoch``, ``page_rows``, see
            ``tickwire.Range``.
    """
    where, is_secure = place(url)
    endpoint = Endpoint(where, is_secure, token, 10.0, 16 << 20, False, None)
    return History(endpoint, symbol, rows, wanted)


def _lines(body: bytes) -> list[bytes]:
    """Rows; one that does not end is one that was cut."""
    if body and not body.endswith(b"\n"):
        raise ConnectionLost("an answer without its end")
    return body.split(b"\n")[:-1]


def _refused(error: urllib.error.HTTPError) -> HttpError:
    with error:
        try:
            body = json.loads(error.read(1 << 16))
        except (OSError, ValueError, RecursionError):
            body = None
    headers = error.headers
    return http_error(error.code, body, headers.get("Retry-After"), headers.get("X-Next-Cursor"))
