"""The one rule, and what is around it: without a server."""

import unittest
from decimal import Decimal

import tickwire
from tickwire import machine
from tickwire.errors import ProtocolError
from tickwire.follower import Follower
from tickwire.machine import Welcome
from tickwire.patterns import covers
from tickwire.player import Player, Tape
from tickwire.record import check
from tickwire.request import Request, portions
from tickwire.streams import OTHER_TAPE, WANTED, Place, Streams, TakeAfter, Verdict
from tickwire.times import rfc3339, unix_nanos


class TheRule(unittest.TestCase):
    def judge(self, streams, *steps):
        for at, (place, expected) in enumerate(steps):
            self.assertEqual(streams.judge("c", "a", place), expected, f"step {at}: {place}")

    def test_a_chain_is_taken_and_repeats_are_dropped(self):
        self.judge(
            Streams(leaps=False),
            (Place(3, 0), Verdict.NOT_HELD),
            (Place(5), Verdict.TAKE),
            (Place(9, 5), Verdict.TAKE),
            (Place(9, 5), Verdict.DROP),
            (Place(20, skipped=True), Verdict.TAKE),
            (Place(20, skipped=True), Verdict.DROP),
            (Place(21, 20), Verdict.TAKE),
        )

    def test_a_miss_is_told_once_and_healed_by_a_snapshot(self):
        self.judge(
            Streams(leaps=False),
            (Place(5), Verdict.TAKE),
            (Place(9, 7), Verdict.MISSED),
            (Place(10, 9), Verdict.DROP),
            (Place(12), TakeAfter(5, "prev")),
            (Place(13, 12), Verdict.TAKE),
        )

    def test_a_snapshot_in_place_of_messages_is_told_unless_it_was_asked_for(self):
        for leaps, expected in ((False, TakeAfter(5, "snapshot")), (True, Verdict.TAKE)):
            self.judge(Streams(leaps=leaps), (Place(5), Verdict.TAKE), (Place(9), expected))

    def test_what_is_carried_over_is_not_doubled(self):
        streams = Streams(leaps=False)
        self.judge(streams, (Place(5), Verdict.TAKE), (Place(9, 5), Verdict.TAKE))
        streams.carry()
        self.judge(
            streams,
            (Place(4), Verdict.DROP),
            (Place(5, 4), Verdict.DROP),
            (Place(9, 5), Verdict.DROP),
            (Place(12, 9), Verdict.TAKE),
        )

    def test_a_lost_stream_that_stands_where_it_stood_missed_nothing(self):
        for reason, seq, expected in (
            ("interrupted", 5, Verdict.TAKE),
            ("interrupted", 6, TakeAfter(5, "interrupted")),
            (OTHER_TAPE, 5, TakeAfter(5, OTHER_TAPE)),
            (WANTED, 3, Verdict.TAKE),
        ):
            streams = Streams(leaps=False)
            streams.judge("c", "a", Place(5))
            streams.lose("c", "a", reason)
            self.judge(streams, (Place(6, 5), Verdict.DROP), (Place(seq), expected))


class Conversations(unittest.TestCase):
    def follower(self, *names):
        return Follower(Request(["ticker"], set(names)))

    def open(self, follower, seq):
        turn = follower.open(Welcome("k", seq, 100, 65_536))
        return [machine.parse(f'{{"type":"x",{it[1:]}') for it in turn.operations]

    def subscribed(self, op, patterns=(), resumed=False):
        return {"type": "subscribed", "id": op["id"], "channel": "ticker",
                "patterns": list(patterns), "resumed": resumed}

    def snapshot(self, symbol, seq):
        return {"type": "snapshot", "channel": "ticker", "symbol": symbol, "seq": seq}

    def test_a_heartbeat_before_its_answer_is_no_cursor(self):
        follower = self.follower("sim:A")
        op = self.open(follower, 50)[0]
        follower.hear({"type": "heartbeat", "seq": 55})
        follower.hear(self.subscribed(op))
        follower.hear(self.snapshot("sim:A", 40))
        op = self.open(follower, 90)[0]
        self.assertEqual(op["from"], {"epoch": "k", "seq": 50})
        follower.hear(self.subscribed(op, resumed=True))
        follower.hear({"type": "heartbeat", "seq": 95})
        self.assertEqual(self.open(follower, 99)[0]["from"]["seq"], 95)

    def test_a_pattern_goes_on_only_when_all_its_streams_had_begun(self):
        follower, two = self.follower("sim:*"), [{"pattern": "sim:*", "count": 2}]
        follower.hear(self.subscribed(self.open(follower, 50)[0], two))
        follower.hear(self.snapshot("sim:A", 40))
        op = self.open(follower, 60)[0]
        self.assertNotIn("from", op)
        follower.hear(self.subscribed(op, two))
        self.assertEqual(len(follower.hear(self.snapshot("sim:A", 40)).events), 1)
        follower.hear(self.snapshot("sim:B", 45))
        self.assertEqual(self.open(follower, 70)[0]["from"]["seq"], 50)

    def test_a_message_that_cannot_be_read_does_not_count_as_seen(self):
        follower = self.follower("sim:A")
        follower.hear(self.subscribed(self.open(follower, 50)[0]))
        follower.hear(self.snapshot("sim:A", 40))
        delta = {**self.snapshot("sim:A", 51), "type": "delta", "prev": 40}
        with self.assertRaises(ProtocolError):
            follower.hear({**delta, "bid": "1.6O"})
        self.assertEqual(len(follower.hear({**delta, "bid": "1.60"}).events), 1)

    def test_further_channels_of_a_replay_join_before_it_plays(self):
        tape = Tape(Request(["ticker", "trades"], {"sim:A"}), "2026-11-20T14:30:00Z")
        turn = Player(tape).open(Welcome("k", 50, 100, 65_536))
        words = [machine.parse(f'{{"type":"x",{it[1:]}')["op"] for it in turn.operations]
        self.assertEqual(words, ["open", "subscribe", "play"])


class Replays(unittest.TestCase):
    def open(self, player):
        turn = player.open(Welcome("k", 50, 100, 65_536))
        return [machine.parse(f'{{"type":"x",{it[1:]}') for it in turn.operations]

    def opened(self, player, op):
        cursors = {"from": {"epoch": "k", "seq": 10}, "to": {"epoch": "k", "seq": 90}}
        return player.hear({"type": "opened", "id": op["id"], **cursors})

    def position(self, player, id, seq):
        return player.hear({"type": "position", "id": id, "seq": seq, "state": "playing",
                            "speed": 1, "done": 0.5})

    def data(self, player, seq, prev=None):
        message = {"channel": "ticker", "symbol": "sim:A", "seq": seq}
        more = {"type": "snapshot"} if prev is None else {"type": "delta", "prev": prev}
        return player.hear({**message, **more}).events

    def test_a_seek_takes_nothing_from_before_it_and_survives_a_loss(self):
        player = Player(Tape(Request(["ticker"], {"sim:A"}), "2026-11-20T14:30:00Z"))
        self.opened(player, self.open(player)[0])
        self.data(player, 8)
        self.position(player, None, 10)
        seek = player.press("seek", 1, {"to": "2026-11-20T14:00:00Z"})
        self.assertEqual(len(seek), 1)
        self.assertEqual(self.data(player, 20, 8), [])
        ops = self.open(player)
        self.assertEqual([op["op"] for op in ops], ["open", "seek", "play"])
        self.opened(player, ops[0])
        # On the way back to where it was nothing is for the reader, whatever it is.
        self.assertEqual((self.data(player, 8), self.data(player, 30)), ([], []))
        self.position(player, None, 10)
        self.position(player, ops[1]["id"], 10)
        turn = self.position(player, ops[2]["id"], 10)
        self.assertEqual(turn.operations, seek)
        self.assertEqual((self.data(player, 20, 8), len(self.data(player, 3))), ([], 1))
        self.position(player, 1, 12)
        self.assertEqual(self.open(player)[1]["to"]["seq"], 12)

    def test_what_is_pressed_before_there_is_a_connection_is_pressed_then(self):
        player = Player(Tape(Request(["ticker"], {"sim:A"}), "2026-11-20T14:30:00Z"))
        self.assertEqual(player.press("pause", 1, {}), [])
        self.assertEqual(self.opened(player, self.open(player)[0]).operations, [])
        self.assertEqual(len(self.position(player, None, 10).operations), 1)
        with self.assertRaises(tickwire.TickwireError):
            for id in range(2, 100):
                player.press("play", id, {})


class Values(unittest.TestCase):
    def test_prices_keep_their_digits(self):
        message = tickwire.Trade({"price": "105944.20", "size": "0.0000001"})
        self.assertEqual(str(message.price), "105944.20")
        self.assertEqual(message.size, Decimal("0.0000001"))

    def test_deltas_add_up_to_the_snapshot(self):
        held = tickwire.Snapshot({"seq": 7, "bid": "1.0", "bid_size": "2", "state": "live"})
        held.apply(tickwire.Delta({"seq": 9, "prev": 7, "bid": None, "ask": "4.00"}))
        held.apply(tickwire.Status({"seq": 12, "prev": 9, "state": "stale", "reason": "x"}))
        self.assertEqual(
            held.raw,
            {"seq": 12, "bid_size": "2", "ask": "4.00", "state": "stale", "reason": "x"},
        )

    def test_what_is_of_a_wrong_kind_is_refused(self):
        for raw in (
            {"bid": "abc"}, {"bid": ""}, {"bid": 1.5}, {"bid": "NaN"}, {"bid": "1e9"},
            {"bid": "1.2.3"}, {"bid": "-"}, {"ts": 7}, {"final": "true"}, {"trades": "3"},
            {"trades": True},
        ):
            with self.assertRaises(ProtocolError, msg=str(raw)):
                check(raw)

    def test_what_is_no_message_is_refused(self):
        for text in ("", "7", "[1]", "{}", '{"type":1}', '{"type":"a"', '{"type":NaN}',
                     "[" * 100_000, '{"type":"a","seq":' + "9" * 5_000 + "}"):
            with self.assertRaises(ProtocolError, msg=text[:40]):
                machine.parse(text)

    def test_a_time_is_its_nanoseconds_and_back(self):
        for text, nanos in (
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59.5Z", -500_000_000),
            ("2026-11-21T03:30:00.000000001Z", 1_795_231_800_000_000_001),
        ):
            self.assertEqual((unix_nanos(text), rfc3339(nanos)), (nanos, text))
        for text in ("", "2026-11-21", "2026-11-21T03:30:00+01:00", "2026-13-21T03:30:00Z"):
            with self.assertRaises(ValueError, msg=text):
                unix_nanos(text)

    def test_a_pattern_covers_what_the_protocol_says(self):
        for name, symbol, expected in (
            ("*:*", "sim:BTC-USD", True),
            ("sim:*", "simx:BTC-USD", False),
            ("*:BTC-USD", "kraken:BTC-USDT", False),
            ("binance:*-USDT", "binance:BTC-USDT", True),
            ("binance:BTC-*", "binance:XBTC-USDT", False),
            ("sim:*-C", "sim:A-B-C", True),
            ("sim:*-B-C", "sim:A-B-C", False),
        ):
            self.assertEqual(covers(name, symbol), expected, (name, symbol))

    def test_names_are_portioned(self):
        names = [f"sim:S{at:05}-USD" for at in range(10_000)]
        parts = portions(names, 65_536)
        self.assertEqual([name for part in parts for name in part], names)
        self.assertEqual(len(parts), 3)
        self.assertEqual(len(portions([f"*:S{at}-*" for at in range(600)], 65_536)), 3)

    def test_a_wait_doubles_up_to_its_bound(self):
        backoff = tickwire.Backoff()
        self.assertEqual([backoff.wait(n, 1.0) for n in (1, 2, 3, 99)], [0.25, 0.5, 1.0, 15.0])
        self.assertEqual(backoff.wait(1, 0.0), 0.125)

    def test_what_makes_no_sense_is_refused_at_once(self):
        for url in ("", "127.0.0.1:8080", "ftp://x", "ws://", "ws:///v1/stream", "ws://a b"):
            with self.assertRaises(tickwire.UsageError, msg=url):
                tickwire.connect(url)
        for cursor in ("", "k3v9", "k3v9:", ":7", "k3v9:x"):
            with self.assertRaises(tickwire.UsageError, msg=cursor):
                tickwire.Cursor.parse(cursor)


if __name__ == "__main__":
    unittest.main()
