"""Drives a machine over sockets: connects, listens, waits, comes back."""

from __future__ import annotations

import asyncio
import json
import random
import time
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    PayloadTooBig,
)
from websockets.typing import Subprotocol

from . import machine, packing
from .backoff import Backoff
from .endpoint import Endpoint
from .errors import (
    ConnectionLost,
    ProtocolError,
    Silence,
    TickwireError,
    TokenError,
    http_error,
    is_about_token,
    is_to_wait_long,
)
from .events import Closed, Connecting, Event, Waiting
from .machine import Machine, Turn, Welcome

_GOOD: Final = 5.0
"""A connection that lasted so many seconds was a good one: failures after it count from 1."""
_LATER: Final = 1.0
"""Seconds before the server is asked again for what it refused for the moment."""
_CLOSE_MAX: Final = 2.0
"""Longest time in seconds to say goodbye."""


class Link:
    """Drives a machine over sockets, as a task of its own. ``events`` is bounded: while it is full,
    the socket is not read."""

    def __init__(
        self, endpoint: Endpoint, path: str, it: Machine, *, backoff: Backoff, queue: int
    ) -> None:
        self.events: asyncio.Queue[Event] = asyncio.Queue(max(queue, 1))
        self._endpoint, self._path, self._machine, self._backoff = endpoint, path, it, backoff
        self._socket: ClientConnection | None = None
        self._closing: float | None = None
        self._opened: float | None = None
        self._jobs: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Runs until there is nothing more to come, or until it is cancelled."""
        await self.events.put(Closed(await self._run()))

    async def _run(self) -> TickwireError | None:
        failures = 0
        try:
            while True:
                await self.events.put(Connecting(failures + 1))
                self._closing = self._opened = None
                try:
                    return await self._connect()
                except TickwireError as lost:
                    error = lost
                self._machine.lost()
                was_good = self._opened is not None and time.monotonic() - self._opened > _GOOD
                failures = 1 if was_good else failures + 1
                if self._is_final(error) or self._backoff.is_spent(failures):
                    return error
                retry_in = self._wait(error, failures)
                await self.events.put(Waiting(error, retry_in))
                await asyncio.sleep(retry_in)
        except Exception as fault:
            # A fault of this library: the reader hears of it, and where it was.
            error = TickwireError("internal", repr(fault), retryable=False)
            error.__cause__ = fault
            return error
        finally:
            for job in self._jobs:
                job.cancel()

    def send(self, operations: list[str]) -> None:
        """Sends operations as soon as may be; without a connection they are of no use, as the next
        one begins with what is wanted then."""
        if self._socket is not None and operations:
            self._spawn(self._send(self._socket, operations))

    def _is_final(self, error: TickwireError) -> bool:
        """Whether coming back would end in the same way."""
        return not error.retryable and not (is_about_token(error) and self._endpoint.can_renew)

    def _wait(self, error: TickwireError, failures: int) -> float:
        # The server spreads its clients itself.
        if self._closing is not None:
            return self._closing
        count = 1_000 if is_to_wait_long(error) else failures
        wait = self._backoff.wait(count, random.random())
        return max(wait, getattr(error, "retry_after", None) or 0.0)

    async def _connect(self) -> TickwireError | None:
        """One connection, from its beginning to its end; returns only when everything is over."""
        socket, welcome = await self._open()
        self._opened = time.monotonic()
        try:
            self._socket = socket
            turn = self._machine.open(welcome)
            while not await self._perform(socket, turn):
                message = await self._listen(socket, welcome.silence_max)
                turn = self._machine.hear(message)
            return turn.error
        finally:
            self._socket = None
            # Also when this is cancelled: a goodbye is said, within its bound.
            await asyncio.shield(asyncio.ensure_future(_close(socket)))

    async def _open(self) -> tuple[ClientConnection, Welcome]:
        token = await self._endpoint.show()
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        word = "tickwire.v1.msgpack" if self._endpoint.msgpack else "tickwire.v1.json"
        url = self._endpoint.ws(self._path)
        try:
            async with asyncio.timeout(self._endpoint.connect_timeout):
                socket = await connect(
                    url,
                    subprotocols=[Subprotocol(word)],
                    additional_headers=headers,
                    compression=None,
                    max_size=self._endpoint.message_bytes_max,
                    max_queue=16,
                    # The server's heartbeats are watched instead.
                    ping_interval=None,
                    close_timeout=_CLOSE_MAX,
                    ssl=self._endpoint.ssl,
                )
                try:
                    return socket, machine.welcome(await self._receive(socket))
                except BaseException:
                    socket.transport.abort()
                    raise
        except InvalidStatus as refused:
            raise _answered(refused) from None
        except TimeoutError:
            raise ConnectionLost(f"{url}: no welcome in time") from None
        except (OSError, InvalidHandshake, ValueError) as error:
            raise ConnectionLost(f"cannot connect to {url}: {error}") from None

    async def _listen(self, socket: ClientConnection, silence_max: float) -> dict[str, Any]:
        try:
            async with asyncio.timeout(silence_max):
                return await self._receive(socket)
        except TimeoutError:
            raise Silence(silence_max) from None

    async def _receive(self, socket: ClientConnection) -> dict[str, Any]:
        try:
            data = await socket.recv()
        except ConnectionClosed as closed:
            raise _closed(closed) from None
        if isinstance(data, str):
            return machine.parse(data)
        if not self._endpoint.msgpack:
            raise ProtocolError("a binary message where JSON is spoken")
        return packing.unpack(data)

    async def _perform(self, socket: ClientConnection, turn: Turn) -> bool:
        """Does what follows from something; whether everything is over."""
        if turn.operations:
            await self._send(socket, turn.operations)
        for event in turn.events:
            await self.events.put(event)
        if turn.closing is not None:
            self._closing = turn.closing
        if turn.later:
            self._spawn(self._ask_again(socket))
        if turn.renew and self._endpoint.can_renew:
            self._spawn(self._renew(socket))
        return turn.over

    async def _send(self, socket: ClientConnection, operations: list[str]) -> None:
        try:
            for operation in operations:
                await socket.send(operation)
        except ConnectionClosed:
            # Whoever listens hears of it.
            pass

    async def _ask_again(self, socket: ClientConnection) -> None:
        await asyncio.sleep(_LATER)
        if socket is self._socket:
            await self._send(socket, self._machine.again().operations)

    async def _renew(self, socket: ClientConnection) -> None:
        try:
            token = await self._endpoint.show()
        except TokenError as error:
            await self.events.put(error)
            return
        await self._send(socket, [json.dumps({"op": "auth", "token": token})])

    def _spawn(self, job: Any) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(job)
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)


async def _close(socket: ClientConnection) -> None:
    try:
        await socket.close()
    except (OSError, ConnectionClosed):
        pass


def _closed(closed: ConnectionClosed) -> TickwireError:
    """How a connection ended."""
    sent, received = closed.sent, closed.rcvd
    if sent is not None and not closed.rcvd_then_sent and sent.code in (1002, 1007, 1009):
        # It is this side that could not go on.
        cause = closed.__cause__
        what = "a message too large" if isinstance(cause, PayloadTooBig) else sent.reason
        return ProtocolError(f"{what or cause or sent.code}")
    if received is None:
        return ConnectionLost("the connection ended without a goodbye", close_code=1006)
    text = f"the server closed the connection: {received.code} {received.reason}".rstrip()
    return ConnectionLost(text, close_code=received.code)


def _answered(refused: InvalidStatus) -> TickwireError:
    response = refused.response
    try:
        body = json.loads(response.body or b"")
    except (ValueError, RecursionError):
        body = None
    return http_error(response.status_code, body, response.headers.get("Retry-After"))
