"""The reader's side of ``/v1/stream``: what is live, over as many connections as it takes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from . import machine
from .asked import ADD, BEGIN, BRING, HEAL, LEAVE, PLAN, Asked
from .cursor import Cursor
from .errors import ServerError
from .events import Live, Subscribed
from .intake import Intake, word
from .machine import Turn, Welcome
from .patterns import any_covers, is_pattern
from .request import Request, Start, dump, portions
from .streams import OTHER_TAPE, Streams, TakeAfter


class Follower:
    """The reader's side of ``/v1/stream``."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._intake = Intake(Streams(leaps=request.leaps))
        self._epoch: str | None = None
        self._cursor = 0
        """Everything up to here was seen of each stream that is held."""
        self._message_bytes = 0
        self._next_id = 0
        self._asked: dict[str, Asked] = {}
        self._again: list[Asked] = []
        self._alone: set[str] = set()
        """Symbols that patterns cover and that were asked for by their names, to begin anew."""
        self._expected: dict[str, int] = {}
        """How many streams the patterns of a channel cover, once that is known."""

    def open(self, welcome: Welcome) -> Turn:
        """A connection was made: goes on after the cursor, where there is one."""
        request, streams = self._request, self._intake.streams
        self._message_bytes = welcome.message_bytes
        self.lost()
        self._intake.reopen()
        if self._epoch is not None and self._epoch != welcome.epoch:
            for channel in request.channels:
                streams.lose_all(channel, OTHER_TAPE, lambda _: True)
            streams.begin()
            self._expected.clear()
            self._cursor = welcome.seq
        streams.carry()
        asked = [one for channel in request.channels for one in self._begin(channel)]
        if self._epoch is None:
            own = request.from_
            is_same = own is not None and own.epoch == welcome.epoch
            self._cursor = own.seq if own is not None and is_same else welcome.seq
        self._epoch = welcome.epoch
        return Turn([Live(welcome.epoch, welcome.seq)], self._ask(asked))

    def hear(self, message: dict[str, Any]) -> Turn:
        """The server said something."""
        if "symbol" in message:
            events = self._intake.take(message, self._is_due)
            return Turn(events, self._heal())
        match message["type"]:
            case "heartbeat":
                self._hear_heartbeat(machine.integer(message, "seq"))
                return Turn()
            case "subscribed":
                return self._hear_subscribed(message)
            case "unsubscribed" | "plan":
                asked = self._answered(message)
                if asked is not None and asked.what == PLAN:
                    count = machine.integer(message, "streams") or 0
                    self._expected[asked.channel] = self._wanted_of(count)
                return Turn()
            case "error":
                return self._hear_error(message)
            case _:
                return machine.talk(message)

    def again(self) -> Turn:
        """Asks again for what the server could not do."""
        again, self._again = self._again, []
        return Turn(operations=self._ask(again))

    def lost(self) -> None:
        """The connection is gone, and with it what was asked there."""
        self._asked.clear()
        self._again.clear()

    def add(self, names: Iterable[str]) -> list[str]:
        """The operations that follow more."""
        more = sorted(set(names))
        self._request.excluded.difference_update(more)
        self._request.names.update(more)
        channels = self._request.channels
        asked = [one for it in channels for one in self._split(it, [(ADD, more, None)])]
        return self._ask(asked)

    def remove(self, names: Iterable[str]) -> list[str]:
        """The operations that follow less."""
        less, request = set(names), self._request
        had_patterns = bool(request.patterns())
        request.names -= less
        left = request.patterns()
        request.excluded |= {
            name for name in less if not is_pattern(name) and any_covers(left, name)
        }
        # Streams that began anew by their own names are left by these as well.
        gone = sorted(less | {it for it in self._alone if not request.covers(it)})
        self._alone = {it for it in self._alone if request.covers(it)}
        self._intake.streams.retain(request.covers)
        operations: list[str] = []
        for channel in request.channels:
            operations += self._ask(self._split(channel, [(LEAVE, gone, None)]))
            if had_patterns:
                operations += self._plan(channel)
        return operations

    def _begin(self, channel: str) -> list[Asked]:
        """The operations that begin a channel. Streams that are held go on after the cursor; of
        those whose snapshot has not come yet the cursor says nothing."""
        request, streams = self._request, self._intake.streams
        first: Start = request.from_ or request.last
        after = first if self._epoch is None else Cursor(self._epoch, self._cursor)
        fresh = first
        if isinstance(first, Cursor) and self._epoch is not None:
            fresh = after if streams.is_adopting else None
        patterns = request.patterns()
        has_all = streams.is_adopting or self._has_all(channel, patterns)
        lost = streams.lost(channel)
        exact = [symbol for symbol in request.exact() if symbol not in lost]
        held = [symbol for symbol in exact if streams.is_whole(channel, symbol)]
        new = [symbol for symbol in exact if not streams.is_whole(channel, symbol)]
        has_none = streams.count(channel, patterns) == 0
        whole = after if has_all else fresh if has_none else None
        if not has_all:
            lost &= request.names
            streams.lose_all(
                channel,
                "interrupted",
                lambda it: it not in request.names and any_covers(patterns, it),
            )
            self._expected.pop(channel, None)
        self._alone |= lost
        # What comes later wins: patterns first, then symbols by their names.
        parts: list[tuple[str, list[str], Start]] = [
            (BEGIN, patterns, whole),
            (BEGIN, held, after),
            (BEGIN, new, fresh),
            (BEGIN, sorted(lost), None),
            (LEAVE, sorted(request.excluded), None),
        ]
        return self._split(channel, parts)

    def _has_all(self, channel: str, patterns: list[str]) -> bool:
        expected = self._expected.get(channel)
        return expected is not None and self._intake.streams.count(channel, patterns) >= expected

    def _split(self, channel: str, parts: list[tuple[str, list[str], Start]]) -> list[Asked]:
        return [
            Asked(what, channel, portion, start)
            for what, names, start in parts
            for portion in portions(names, self._message_bytes)
        ]

    def _ask(self, asked: Iterable[Asked]) -> list[str]:
        """Notes operations as asked, and writes them."""
        operations: list[str] = []
        for one in asked:
            self._next_id += 1
            id = f"t{self._next_id}"
            self._asked[id] = one
            if one.what in BRING:
                operations.append(
                    self._request.subscribe(id, one.channel, one.names, one.start)
                )
            else:
                op = "plan" if one.what == PLAN else "unsubscribe"
                operations.append(
                    dump({"op": op, "id": id, "channel": one.channel, "symbols": one.names})
                )
        return operations

    def _is_due(self, channel: str, symbol: str) -> bool:
        """Whether a stream is wanted, and not on its way."""
        on_their_way = [*self._asked.values(), *self._again]
        return self._request.wants(channel, symbol) and not any(
            one.brings(channel, symbol) for one in on_their_way
        )

    def _heal(self) -> list[str]:
        """Asks for broken streams, if no such question is open."""
        if any(one.what == HEAL for one in self._asked.values()):
            return []
        broken = self._intake.heal()
        if broken is None:
            return []
        channel, symbols = broken
        self._alone.update(symbols)
        return self._ask(self._split(channel, [(HEAL, symbols, None)]))

    def _answered(self, message: dict[str, Any]) -> Asked | None:
        id = message.get("id")
        return self._asked.pop(id, None) if isinstance(id, str) else None

    def _hear_subscribed(self, message: dict[str, Any]) -> Turn:
        asked = self._answered(message)
        if asked is None:
            return Turn()
        answer = subscribed(message)
        if isinstance(asked.start, Cursor):
            self._resume(asked, asked.start, answer)
        turn = Turn(operations=self._expect(asked, answer))
        if asked.what != HEAL:
            turn.events.append(answer)
        for symbol, code in answer.rejected.items():
            turn.events.append(ServerError(code, f"{symbol} is not sent", retryable=False))
        turn.operations += self._heal()
        return turn

    def _resume(self, asked: Asked, cursor: Cursor, answer: Subscribed) -> None:
        """Whether the streams of an operation go on where they were."""
        streams, reason = self._intake.streams, word(answer.reason)
        if cursor == self._request.from_:
            if answer.resumed:
                streams.begin(after=cursor.seq)
            else:
                # Places of another tape say nothing.
                seq = 0 if reason == OTHER_TAPE else cursor.seq
                streams.begin(without=TakeAfter(seq, reason))
        if not answer.resumed:
            streams.lose_all(asked.channel, reason, lambda it: any_covers(asked.names, it))

    def _expect(self, asked: Asked, answer: Subscribed) -> list[str]:
        """Learns how many streams the patterns cover: from the answer, or, where several may cover
        the same, by asking."""
        if not answer.patterns or asked.what == HEAL:
            return []
        if len(self._request.patterns()) > 1:
            return self._plan(asked.channel)
        self._expected[asked.channel] = self._wanted_of(sum(answer.patterns.values()))
        return []

    def _plan(self, channel: str) -> list[str]:
        self._expected.pop(channel, None)
        planned = any(
            one.what == PLAN and one.channel == channel for one in self._asked.values()
        )
        asked = self._split(channel, [(PLAN, self._request.patterns(), None)])
        # More patterns than fit into one plan are never known to be there.
        return [] if planned or len(asked) != 1 else self._ask(asked)

    def _wanted_of(self, count: int) -> int:
        patterns = self._request.patterns()
        return count - sum(any_covers(patterns, symbol) for symbol in self._request.excluded)

    def _hear_error(self, message: dict[str, Any]) -> Turn:
        error, asked = machine.refusal(message), self._answered(message)
        turn = Turn(renew=error.code == "token_expired")
        if asked is not None:
            if asked.what in (PLAN, LEAVE):
                return turn
            if error.retryable or turn.renew:
                self._again.append(asked)
                turn.later = True
            elif asked.what == BEGIN:
                return Turn(over=True, error=error)
            elif asked.what == ADD:
                self._request.names.difference_update(asked.names)
        turn.events.append(error)
        return turn

    def _hear_heartbeat(self, seq: int | None) -> None:
        self._intake.beat()
        # Before its answer an operation's streams are not yet those of the connection.
        is_whole = not self._again and not any(
            one.what in BRING for one in self._asked.values()
        )
        if is_whole and seq is not None:
            self._cursor = max(self._cursor, seq)


def subscribed(message: dict[str, Any]) -> Subscribed:
    """A ``subscribed`` or ``opened`` of the server."""
    reason = message.get("reason")
    return Subscribed(
        channel=str(message.get("channel")),
        symbols=machine.texts(message, "symbols"),
        patterns={
            str(it.get("pattern")): machine.integer(it, "count") or 0
            for it in machine.objects(message, "patterns")
        },
        pending=machine.texts(message, "pending"),
        rejected={
            str(it.get("symbol")): str(it.get("code"))
            for it in machine.objects(message, "rejected")
        },
        resumed=message.get("resumed") is True,
        reason=reason if isinstance(reason, str) else None,
    )

