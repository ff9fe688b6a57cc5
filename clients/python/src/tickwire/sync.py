"""The same without asyncio: an event loop in a thread of its own, and plain iterators."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Coroutine, Iterator
from typing import Any, Final, Generic, Self, TypeVar, Unpack

from . import client as _client
from .events import Event
from .history import History, Range, history
from .player import Place

_BATCH: Final = 256
"""Events that change threads together, at most."""

T = TypeVar("T")
S = TypeVar("S", bound=_client._Reading)


class _Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="tickwire", daemon=True
        )
        self._thread.start()

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Waits for something that runs there. Ctrl-C ends it there too."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def stop(self) -> None:
        """Ends the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class _Reading(Generic[S]):
    """Something that is followed: an iterator of events, until it is closed."""

    def __init__(self, loop: _Loop, reading: S) -> None:
        self._loop, self._reading = loop, reading
        self._waiting: deque[Event] = deque()

    def next(self, timeout: float | None = None) -> Event | None:
        """The next event; ``None`` after ``Closed``.

        Raises:
            TimeoutError: if none comes in so many seconds. Nothing is lost by it.
        """
        if not self._waiting:
            self._waiting.extend(self._loop.wait(self._batch(timeout)))
        return self._waiting.popleft() if self._waiting else None

    async def _batch(self, timeout: float | None) -> list[Event]:
        async with asyncio.timeout(timeout):
            first = await self._reading.next()
        events = [] if first is None else [first]
        while events and len(events) < _BATCH and self._reading.is_waiting:
            event = await self._reading.next()
            if event is None:
                break
            events.append(event)
        return events

    def __iter__(self) -> Iterator[Event]:
        while (event := self.next()) is not None:
            yield event

    def close(self) -> None:
        """Ends the connection with a goodbye. Events that were not read are gone."""
        self._waiting.clear()
        self._loop.wait(self._reading.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def _call(self, name: str, *values: Any) -> Any:
        return getattr(self._reading, name)(*values)


class Subscription(_Reading[_client.Subscription]):
    """Symbols that are followed live."""

    def add(self, *names: str) -> None:
        """Follows more symbols or patterns."""
        self._loop.wait(self._call("add", *names))

    def remove(self, *names: str) -> None:
        """Follows less."""
        self._loop.wait(self._call("remove", *names))


class Replay(_Reading[_client.Replay]):
    """What was, played again; its buttons are those of ``tickwire.Replay``."""

    def play(self) -> int:
        """Plays on."""
        return self._press("play")

    def pause(self) -> int:
        """Stands still."""
        return self._press("pause")

    def speed(self, speed: float) -> int:
        """Plays so many times as fast as it happened; 0: as fast as it is read."""
        return self._press("speed", speed)

    def seek(self, to: Place) -> int:
        """Goes to another place of the range."""
        return self._press("seek", to)

    def step(self, n: int = 1) -> int:
        """Goes on by so many events, and stands still."""
        return self._press("step", n)

    def _press(self, name: str, *values: Any) -> int:
        return int(self._loop.wait(self._call(name, *values)))


class Client:
    """A server, and what this program shows there; for its options see ``tickwire.Client``. Leaving
    ``with`` closes all that is followed."""

    def __init__(self, url: str, **options: Any) -> None:
        self._client = _client.Client(url, **options)
        self._loop = _Loop()

    def subscribe(self, *names: str, **options: Any) -> Subscription:
        """As ``tickwire.Client.subscribe``."""
        return Subscription(self._loop, self._loop.wait(self._make("subscribe", names, options)))

    def replay(self, *names: str, **options: Any) -> Replay:
        """As ``tickwire.Client.replay``."""
        return Replay(self._loop, self._loop.wait(self._make("replay", names, options)))

    def history(self, symbol: str, rows: str = "trades", **wanted: Unpack[Range]) -> History:
        """As ``tickwire.Client.history``."""
        return self._client.history(symbol, rows, **wanted)

    def close(self) -> None:
        """Closes all that is followed."""
        self._loop.wait(self._client.close())
        self._loop.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def _make(self, what: str, names: tuple[str, ...], options: dict[str, Any]) -> Any:
        return getattr(self._client, what)(*names, **options)


connect = Client
"""The same, by the name that reads well after ``with``."""

__all__ = ["Client", "History", "Replay", "Subscription", "connect", "history"]
