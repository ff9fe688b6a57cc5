"""A server, and what is followed there."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable
from typing import Any, Self, TypeVar, Unpack

from . import packing
from .backoff import Backoff
from .cursor import Cursor
from .endpoint import Endpoint, Token, place
from .errors import UsageError
from .events import Closed, Event
from .follower import Follower
from .history import History, Range
from .link import Link
from .machine import Machine
from .player import Place, Player, Tape, place_json
from .request import Request, Slow


class _Reading:
    """Something that is followed: a stream of events, until it is closed."""

    def __init__(
        self, path: str, endpoint: Endpoint, it: Machine, *, backoff: Backoff, queue: int
    ) -> None:
        self._link = Link(endpoint, path, it, backoff=backoff, queue=queue)
        self._task: asyncio.Task[None] | None = None
        self._is_over = False

    def start(self) -> None:
        """Begins now; else it begins when the first event is asked for."""
        if self._task is None and not self._is_over:
            self._task = asyncio.ensure_future(self._link.run())

    async def next(self) -> Event | None:
        """The next event; ``None`` after ``Closed``."""
        self.start()
        if self._is_over:
            return None
        event = await self._link.events.get()
        self._is_over = isinstance(event, Closed)
        return event

    @property
    def is_waiting(self) -> bool:
        """Whether an event is there already."""
        return not self._link.events.empty()

    async def close(self) -> None:
        """Ends the connection with a goodbye. Events that were not read are gone."""
        self._is_over = True
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait((task,))

    def __aiter__(self) -> AsyncIterator[Event]:
        return self._events()

    async def _events(self) -> AsyncIterator[Event]:
        while (event := await self.next()) is not None:
            yield event

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class Subscription(_Reading):
    """Symbols that are followed live."""

    def __init__(
        self, endpoint: Endpoint, request: Request, *, backoff: Backoff, queue: int
    ) -> None:
        self._follower = Follower(request)
        super().__init__("/v1/stream", endpoint, self._follower, backoff=backoff, queue=queue)

    def add(self, *names: str) -> None:
        """Follows more symbols or patterns."""
        self._link.send(self._follower.add(names))

    def remove(self, *names: str) -> None:
        """Follows less. A symbol may also be taken out of a pattern that covers it."""
        self._link.send(self._follower.remove(names))


class Replay(_Reading):
    """What was, played again. Nothing is dropped or conflated for a slow reader: it gets everything
    later. Each button gives a number, which comes back in ``Position.id`` when what it caused was
    sent, or in ``ServerError.id``. What a lost connection did not answer is pressed again on the
    next one; 64 may wait."""

    def __init__(self, endpoint: Endpoint, tape: Tape, *, backoff: Backoff, queue: int) -> None:
        self._player = Player(tape)
        self._last_id = 0
        super().__init__("/v1/replay", endpoint, self._player, backoff=backoff, queue=queue)

    def play(self) -> int:
        """Plays on."""
        return self._press("play")

    def pause(self) -> int:
        """Stands still."""
        return self._press("pause")

    def speed(self, speed: float) -> int:
        """Plays so many times as fast as it happened; 0: as fast as it is read."""
        return self._press("speed", speed=speed)

    def seek(self, to: Place) -> int:
        """Goes to another place of the range. Messages from before it, that are still on their way,
        are dropped; snapshots of that place come first."""
        return self._press("seek", to=place_json(to))

    def step(self, n: int = 1) -> int:
        """Goes on by so many events, and stands still."""
        return self._press("step", n=n)

    def _press(self, op: str, **more: Any) -> int:
        self._last_id += 1
        self._link.send(self._player.press(op, self._last_id, more))
        return self._last_id


R = TypeVar("R", bound=_Reading)


class Client:
    """A server, and what this program shows there. It holds no connection itself: each subscription
    and each replay has one of its own, so that none has to wait for the reader of another. Leaving
    ``async with`` closes them all."""

    def __init__(
        self,
        url: str,
        *,
        token: Token | None = None,
        backoff: Backoff | None = None,
        connect_timeout: float = 10.0,
        message_bytes_max: int = 16 << 20,
        msgpack: bool = False,
        ssl: ssl.SSLContext | None = None,
    ) -> None:
        """``url`` is one such as ``ws://127.0.0.1:8080`` or ``https://ticks.example.org``. A
        message of the server above ``message_bytes_max`` ends the connection.

        Raises:
            UsageError: for what makes no sense.
        """
        if msgpack:
            packing.require()
        where, is_secure = place(url)
        self._endpoint = Endpoint(
            where, is_secure, token, connect_timeout, message_bytes_max, msgpack, ssl
        )
        self._backoff = backoff or Backoff()
        self._readings: list[_Reading] = []

    def subscribe(
        self,
        *names: str,
        channel: str | Iterable[str] = "ticker",
        conflate_ms: int = 0,
        slow: Slow | None = None,
        last: int | None = None,
        from_: Cursor | str | None = None,
        queue: int = 1_024,
    ) -> Subscription:
        """Follows symbols and patterns (``sim:BTC-USD``, ``sim:*``), live.

        Args:
            names: symbols and patterns.
            channel: ``ticker``, ``trades``, ``bars.1m``, …, or several of them.
            conflate_ms: at most one snapshot in this time of each stream, in place of every change.
            slow: what the server does while this reader is too slow.
            last: begins so many messages back, up to 1000 (``trades``, ``bars.*``).
            from_: begins after a cursor.
            queue: events between connection and reader. While so many wait, the socket is not read;
                what the server does then is up to ``slow``. Nothing is dropped here.
        """
        cursor = Cursor.parse(from_) if isinstance(from_, str) else from_
        request = Request(_channels(channel), set(names), conflate_ms, slow, last, cursor)
        return self._keep(
            Subscription(self._endpoint, request, backoff=self._backoff, queue=queue)
        )

    def replay(
        self,
        *names: str,
        channel: str | Iterable[str] = "ticker",
        start: Place,
        end: Place | None = None,
        epoch: str | None = None,
        speed: float = 1.0,
        paused: bool = False,
        then_live: bool = False,
        stay_at_end: bool = False,
        max_idle_ms: int | None = None,
        conflate_ms: int = 0,
        queue: int = 1_024,
    ) -> Replay:
        """Plays what was.

        Args:
            names: symbols and patterns.
            channel: as in ``subscribe``.
            start: where it begins: a time (RFC 3339) or a cursor.
            end: where it ends; now, if nothing is said.
            epoch: which tape, if it is not the live one and no cursor names it.
            speed: so many times as fast as it happened; 0: as fast as it is read.
            paused: waits for ``play`` after the first snapshots.
            then_live: goes on into what is live, without a gap or a repeat.
            stay_at_end: stays there, for ``seek``, in place of ending.
            max_idle_ms: silence that would last longer here is shortened to this.
            conflate_ms: at most one snapshot in this time of each stream.
            queue: events between connection and reader.
        """
        request = Request(_channels(channel), set(names), conflate_ms)
        tape = Tape(
            request, start, end, epoch, speed, paused, then_live, stay_at_end, max_idle_ms
        )
        return self._keep(Replay(self._endpoint, tape, backoff=self._backoff, queue=queue))

    def history(self, symbol: str, rows: str = "trades", **wanted: Unpack[Range]) -> History:
        """What was, page by page: see ``tickwire.history``."""
        return History(self._endpoint, symbol, rows, wanted)

    async def close(self) -> None:
        """Closes all that is followed."""
        readings, self._readings = self._readings, []
        await asyncio.gather(*(reading.close() for reading in readings))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _keep(self, reading: R) -> R:
        self._readings = [it for it in self._readings if not it._is_over]
        self._readings.append(reading)
        return reading


connect = Client
"""The same, by the name that reads well after ``async with``."""


def _channels(channel: str | Iterable[str]) -> list[str]:
    channels = [channel] if isinstance(channel, str) else list(dict.fromkeys(channel))
    if not channels:
        raise UsageError("no channel")
    return channels
