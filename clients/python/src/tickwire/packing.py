"""Messages of ``tickwire.v1.msgpack`` as the JSON that they stand for. Needs msgpack."""

from __future__ import annotations

from typing import Any

from .errors import ProtocolError, UsageError
from .times import rfc3339

try:
    import msgpack as _msgpack
except ImportError:
    _msgpack = None


def require() -> None:
    """Looks whether it can be had.

    Raises:
        UsageError: if not.
    """
    if _msgpack is None:
        raise UsageError("MessagePack needs: pip install tickwire-client[msgpack]")


def unpack(data: bytes) -> dict[str, Any]:
    """A message.

    Raises:
        ProtocolError: if it is none.
    """
    require()
    try:
        # Times stay what they are: as numbers they would lose their last digits.
        message = _msgpack.unpackb(data, timestamp=0, strict_map_key=True)
        message = _plain(message)
    except (ValueError, RecursionError, OverflowError, _msgpack.UnpackException) as error:
        raise ProtocolError(f"MessagePack: {error}") from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise ProtocolError("MessagePack: no message")
    return message


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(it) for key, it in value.items()}
    if isinstance(value, list):
        return [_plain(it) for it in value]
    if isinstance(value, _msgpack.Timestamp):
        return rfc3339(value.to_unix_nano())
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise ValueError(f"{type(value).__name__} has no place in a message")
