"""A place on a tape."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import UsageError


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place on a tape: everything up to it was seen. Written ``EPOCH:SEQ``."""

    epoch: str
    """The name of the tape."""
    seq: int
    """The place."""

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Reads ``EPOCH:SEQ``.

        Raises:
            UsageError: if it is none.
        """
        epoch, _, seq = text.rpartition(":")
        if not epoch or not (seq.isascii() and seq.isdecimal()):
            raise UsageError(f"no cursor EPOCH:SEQ: {text!r}")
        return cls(epoch, int(seq))

    def __str__(self) -> str:
        return f"{self.epoch}:{self.seq}"

    def json(self) -> dict[str, str | int]:
        """As operations have it."""
        return {"epoch": self.epoch, "seq": self.seq}
