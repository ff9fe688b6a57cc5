//! What came of a play, as its clients were told it.

use std::time::Duration;

use serde_json::Value;
use tickwire_feeds::Nanos;

use crate::captures::client;
use crate::captures::client::Heard;
use crate::captures::client::Stream;
use crate::captures::play::Play;

/// What came of it.
pub(super) struct Outcome {
    /// By a client that was there before the first frame.
    pub(super) live: Heard,
    /// By one that came after the last, and asked for everything.
    pub(super) resumed: Heard,
    pub(super) snapshots: Vec<Value>,
    /// The row of `/v1/venues`.
    pub(super) venue: Value,
    pub(super) ticks: u64,
    /// Until the live client had the last message.
    pub(super) took: Duration,
    /// Of the server, with the questions of this test.
    pub(super) cpu_ms: u64,
}

impl Outcome {
    pub(super) fn streams(&self, symbol: &str) -> (&Stream, &Stream) {
        let stream = |channel| &self.live.streams[&format!("{channel} {symbol}")];
        (stream("ticker"), stream("trades"))
    }

    pub(super) fn messages(&self, channel: &str) -> impl Iterator<Item = &client::Told> {
        let streams = self.live.streams.iter().filter(move |(name, _)| name.starts_with(channel));
        streams.flat_map(|(_, stream)| &stream.messages)
    }

    /// How many messages of a type the live client was told.
    pub(super) fn count(&self, kind: &str) -> usize {
        let streams = self.live.streams.values().flat_map(|stream| &stream.messages);
        streams.filter(|message| message.value["type"] == kind).count()
    }

    pub(super) fn rejected(&self) -> u64 {
        self.venue["rejected"].as_object().unwrap().values().map(|it| it.as_u64().unwrap()).sum()
    }

    /// A row of the table.
    pub(super) fn print(&self, play: &Play) {
        let frames = play.played_frames().count();
        let quotes = self.live.streams.iter().filter(|(name, _)| name.starts_with("ticker"));
        let quotes: usize = quotes.map(|(_, stream)| told_quotes(stream).len()).sum();
        let mut delays = self.live.delays.clone();
        delays.sort_unstable();
        let delay = |per_mille| {
            delays
                .get(delays.len().saturating_sub(1) * per_mille / 1_000)
                .map_or(0, |ns| ns / 1_000)
        };
        println!(
            "{}: frames {frames}, ticks {}, trades {}, best quotes {quotes}, gaps {}, rejected {}; \
             {} ms, {} frames/s, server CPU {} ns a frame, recv to client p50 {} us, p99 {} us",
            play.name,
            self.ticks,
            self.count("trade"),
            self.count("gap"),
            self.venue["rejected"],
            self.took.as_millis(),
            frames as u128 * 1_000 / self.took.as_millis().max(1),
            self.cpu_ms * 1_000_000 / frames.max(1) as u64,
            delay(500),
            delay(990),
        );
    }
}

/// The best quotes that the messages of a ticker come to, each that differs from the one before.
pub(super) fn told_quotes(stream: &Stream) -> Vec<String> {
    let mut fields = ["bid", "bid_size", "ask", "ask_size"].map(|field| (field, "-".to_owned()));
    let quotes = stream.messages.iter().filter(|it| it.value["type"] == "delta").map(|message| {
        for (field, text) in &mut fields {
            match message.value.get(*field) {
                Some(Value::String(digits)) => text.clone_from(digits),
                Some(null) => {
                    assert!(null.is_null(), "{}", message.text);
                    "-".clone_into(text);
                }
                None => {}
            }
        }
        fields.each_ref().map(|(_, text)| text.as_str()).join(" ")
    });
    changes(quotes)
}

/// Leaves out what is as the one before it; in the beginning there is no quote.
pub(super) fn changes(quotes: impl Iterator<Item = String>) -> Vec<String> {
    let mut last = "- - - -".to_owned();
    quotes.filter(|quote| std::mem::replace(&mut last, quote.clone()) != *quote).collect()
}

pub(super) fn told_trades(stream: &Stream) -> Vec<String> {
    let trades = stream.messages.iter().filter(|message| message.value["type"] == "trade");
    let line = |message: &client::Told| {
        let word = |field: &str| message.value[field].as_str().unwrap();
        let (id, price, size, side) = (word("trade_id"), word("price"), word("size"), word("side"));
        let ts = Nanos::parse_rfc3339(word("ts")).unwrap().0;
        format!("{id} {price} {size} {side} {ts}")
    };
    trades.map(line).collect()
}

pub(super) fn sum_missing(stream: &Stream) -> u64 {
    let gaps = stream.messages.iter().filter(|message| message.value["type"] == "gap");
    gaps.filter_map(|message| message.value["missing"].as_u64()).sum()
}

pub(super) fn assert_all(told: &[String], expected: &[String]) {
    for (at, (told, expected)) in told.iter().zip(expected).enumerate() {
        assert_eq!(told, expected, "number {at}");
    }
    assert_eq!(told.len(), expected.len());
}

/// Two clients were told the same, byte for byte, as far as both were there.
pub(super) fn assert_same(live: &Heard, resumed: &Heard) {
    assert!(live.streams.keys().eq(resumed.streams.keys()));
    for (name, stream) in &live.streams {
        let again = &resumed.streams[name];
        let began = stream.began.unwrap();
        assert!(again.began.unwrap() <= began, "{name}: it begins where its symbol was listed");
        let later = again.messages.iter().filter(|message| message.seq > began);
        let later: Vec<&String> = later.map(|message| &message.text).collect();
        let told: Vec<&String> = stream.messages.iter().map(|message| &message.text).collect();
        for (told, again) in told.iter().zip(&later) {
            assert_eq!(told, again, "{name}");
        }
        // The tape may have gone on meanwhile, by nothing but the feed's health.
        assert_eq!(told.len(), later.len(), "{name}");
        assert_eq!(stream.state, again.state, "{name}");
    }
}
