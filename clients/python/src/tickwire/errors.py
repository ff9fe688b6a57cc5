"""What can go wrong, and whether trying again may help."""

from __future__ import annotations

from typing import Any


class TickwireError(Exception):
    """What can go wrong. In a stream of events it is a value; only what is called raises it."""

    def __init__(self, code: str, message: str, *, retryable: bool) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        """Of the protocol, as ``bad_request``, or a word of the same kind for the client's own."""
        self.message = message
        """For people."""
        self.retryable = retryable
        """Whether the same may succeed later. Streams try again by themselves."""


class ServerError(TickwireError):
    """The server refused something."""

    def __init__(
        self, code: str, message: str, *, retryable: bool, id: int | None = None
    ) -> None:
        super().__init__(code, message, retryable=retryable)
        self.id = id
        """Of the button of a replay that was refused."""


class HttpError(TickwireError):
    """The server answered a request with an error."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        retry_after: float | None = None,
        next: str | None = None,
    ) -> None:
        retryable = status == 429 or status >= 500
        super().__init__(code, message or f"HTTP {status}", retryable=retryable)
        self.status = status
        self.retry_after = retry_after
        """Seconds that the server asks to wait."""
        self.next = next
        """The cursor with which history goes on behind a part that is lost."""


class ConnectionLost(TickwireError):
    """A connection could not be made, broke, or was ended by the server."""

    def __init__(self, message: str, *, close_code: int | None = None) -> None:
        code = "connection" if close_code is None else _CLOSED.get(close_code, "closed")
        super().__init__(code, message, retryable=close_code not in (4001, 4010, 4401, 4403))
        self.close_code = close_code
        """Of the server's Close; 1006 if it ended without one; none if there was no connection."""


class Silence(ConnectionLost):
    """Nothing was heard for longer than a server that is well is silent."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"nothing was heard for {seconds:.1f} s")
        self.code = "silence"


class ProtocolError(TickwireError):
    """The server said something that is not ``tickwire.v1``."""

    def __init__(self, message: str) -> None:
        super().__init__("protocol", message[:300], retryable=True)


class TokenError(TickwireError):
    """The source of tokens failed."""

    def __init__(self, message: str) -> None:
        super().__init__("token", message, retryable=True)


class UsageError(TickwireError):
    """This program asked for something that makes no sense."""

    def __init__(self, message: str) -> None:
        super().__init__("usage", message, retryable=False)


_CLOSED = {
    4001: "token_expired",
    4008: "too_slow",
    4010: "unauthorized",
    4029: "rate_limited",
    4401: "unauthorized",
    4403: "forbidden",
    4429: "rate_limited",
}


def is_about_token(error: TickwireError) -> bool:
    """Whether another token could make it good."""
    if isinstance(error, HttpError):
        return error.status == 401
    closed = error.close_code if isinstance(error, ConnectionLost) else None
    return closed in (4001, 4010, 4401, 4403)


def is_to_wait_long(error: TickwireError) -> bool:
    """Whether the server asks not to come back at once."""
    if isinstance(error, HttpError):
        return error.status in (401, 429)
    closed = error.close_code if isinstance(error, ConnectionLost) else None
    return closed in (4401, 4403, 4429)


def http_error(
    status: int, body: Any, retry_after: str | None = None, next: str | None = None
) -> HttpError:
    """The error that an HTTP answer is; ``body`` is what its JSON says."""
    words = body.get("error") if isinstance(body, dict) else None
    words = words if isinstance(words, dict) else {}
    wait: float | None = None
    if retry_after is not None and retry_after.strip().isdecimal():
        wait = min(float(retry_after), 3_600.0)
    code, message = str(words.get("code") or "http"), str(words.get("message") or "")
    return HttpError(status, code, message, retry_after=wait, next=next)
