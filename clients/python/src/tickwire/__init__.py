"""Client of Tickwire: market data streams in which nothing is missing without a word.

``connect`` names a server, ``Client.subscribe`` follows what is live, ``Client.replay`` plays what
was, ``history`` reads it. ``tickwire.sync`` is the same without asyncio.
"""

from . import sync
from .backoff import Backoff
from .client import Client, Replay, Subscription, connect
from .cursor import Cursor
from .errors import (
    ConnectionLost,
    HttpError,
    ProtocolError,
    ServerError,
    Silence,
    TickwireError,
    TokenError,
    UsageError,
)
from .events import (
    Closed,
    Connecting,
    Event,
    Live,
    Position,
    Renewed,
    Resync,
    Service,
    State,
    Subscribed,
    Waiting,
)
from .history import History, Range, history
from .messages import (
    Amend,
    Bar,
    Delta,
    Gap,
    Message,
    Snapshot,
    Status,
    Trade,
)
from .record import Record
from .rows import BarRow, Print, Quote

__version__ = "0.1.0"

__all__ = [
    "Amend",
    "Backoff",
    "Bar",
    "BarRow",
    "Client",
    "Closed",
    "Connecting",
    "ConnectionLost",
    "Cursor",
    "Delta",
    "Event",
    "Gap",
    "History",
    "HttpError",
    "Live",
    "Message",
    "Position",
    "Print",
    "ProtocolError",
    "Quote",
    "Range",
    "Record",
    "Renewed",
    "Replay",
    "Resync",
    "ServerError",
    "Service",
    "Silence",
    "Snapshot",
    "State",
    "Status",
    "Subscribed",
    "Subscription",
    "TickwireError",
    "TokenError",
    "Trade",
    "UsageError",
    "Waiting",
    "connect",
    "history",
    "sync",
]
