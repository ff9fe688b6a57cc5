"""Where a server is, and how it is reached."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from .errors import TokenError, UsageError

Token: TypeAlias = str | Callable[[], str | Awaitable[str]]
"""A token or an API key, or what is asked for one before each connection and when one expired."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server is, and how it is reached."""

    place: str
    is_secure: bool
    token: Token | None
    connect_timeout: float
    message_bytes_max: int
    msgpack: bool
    ssl: ssl.SSLContext | None

    def ws(self, path: str) -> str:
        """The URL of a WebSocket."""
        return f"{'wss' if self.is_secure else 'ws'}://{self.place}{path}"

    def http(self, path: str) -> str:
        """The URL of a request."""
        return f"{'https' if self.is_secure else 'http'}://{self.place}{path}"

    @property
    def can_renew(self) -> bool:
        """Whether asking again may bring another token."""
        return callable(self.token)

    async def show(self) -> str | None:
        """The token to show now.

        Raises:
            TokenError: if its source fails.
        """
        if self.token is None or isinstance(self.token, str):
            return self.token
        try:
            token = self.token()
            return token if isinstance(token, str) else await token
        except Exception as error:
            raise TokenError(f"{type(error).__name__}: {error}") from error


def place(url: str) -> tuple[str, bool]:
    """Host, port and what stands before the paths of a URL; whether it is one of TLS.

    Raises:
        UsageError: if it is no URL of a server.
    """
    scheme, mark, rest = url.partition("://")
    if not mark or scheme not in ("ws", "http", "wss", "https"):
        raise UsageError(f"no URL such as ws://HOST:PORT: {url!r}")
    rest = rest.split("?")[0].split("#")[0].rstrip("/")
    for end in ("/v1/stream", "/v1/replay", "/v1"):
        if rest.endswith(end):
            rest = rest.removesuffix(end).rstrip("/")
            break
    if not rest or rest.startswith("/") or "@" in rest or not rest.isprintable() or " " in rest:
        raise UsageError(f"no URL such as ws://HOST:PORT: {url!r}")
    return rest, scheme in ("wss", "https")
