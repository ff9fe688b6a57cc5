//! The clients of this repository as its users have them: each says what happens to it, a line of
//! JSON for each event, and takes commands. One set of scenarios for all of them.

mod capture;
mod host;
pub(crate) mod hostile;
mod js;
pub(crate) mod live;
mod program;
pub(crate) mod python;
pub(crate) mod rust;
pub(crate) mod tls;
pub(crate) mod tour;
pub(crate) mod town;

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use tickwire::clock::monotonic;

use crate::client::Chains;

/// Whatever a scenario waits for comes sooner than this, or never.
pub(crate) const PATIENCE: Duration = Duration::from_secs(12);

/// Makes a reader of what an object of JSON says; `None` if that is not possible here.
pub(crate) type Make = fn(&Value) -> Option<Reader>;

/// A client that follows something.
pub(crate) struct Reader {
    lines: mpsc::Receiver<Value>,
    tell: Box<dyn FnMut(&str) + Send>,
    /// What came, in order.
    pub(crate) seen: Vec<Value>,
    _end: Box<dyn Send>,
}

/// By channel and symbol.
pub(crate) type Messages = BTreeMap<(String, String), BTreeMap<u64, Value>>;

impl Reader {
    pub(crate) fn new(
        lines: mpsc::Receiver<Value>,
        tell: impl FnMut(&str) + Send + 'static,
        end: impl Send + 'static,
    ) -> Self {
        Self { lines, tell: Box::new(tell), seen: Vec::new(), _end: Box::new(end) }
    }

    /// Gives a command: `stop` and `go` (with reading), `close`, `add NAME`, `remove NAME`, and the
    /// buttons of a replay.
    pub(crate) fn tell(&mut self, command: &str) {
        (self.tell)(command);
    }

    /// Waits for an event.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let deadline = monotonic() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(monotonic());
            match self.lines.recv_timeout(left) {
                Ok(event) => {
                    self.seen.push(event.clone());
                    if is_it(&event) {
                        return event;
                    }
                }
                Err(error) => {
                    let last = self.seen.len().saturating_sub(12);
                    panic!("no {what} ({error}), but {:#?}", &self.seen[last..]);
                }
            }
        }
    }

    /// Waits for an event of a kind, with the value of one field.
    #[track_caller]
    pub(crate) fn event(&mut self, kind: &str, key: &str, value: impl Into<Value>) -> Value {
        let value = value.into();
        self.until(&format!("{kind} with {key} {value}"), |event| {
            event["event"] == kind && event[key] == value
        })
    }

    /// Takes what comes in some time.
    pub(crate) fn during(&mut self, time: Duration) {
        let deadline = monotonic() + time;
        loop {
            let left = deadline.saturating_duration_since(monotonic());
            let Ok(event) = self.lines.recv_timeout(left) else { return };
            self.seen.push(event);
        }
    }

    /// Closes it, and takes what still comes.
    #[track_caller]
    pub(crate) fn close(&mut self) {
        self.tell("close");
        self.until("end", |event| event["event"] == "end");
    }

    /// Events of a kind.
    pub(crate) fn of(&self, kind: &str) -> Vec<&Value> {
        self.seen.iter().filter(|event| event["event"] == kind).collect()
    }

    /// Takes all until every stream has reached the place where `until` ends.
    #[track_caller]
    pub(crate) fn reach(&mut self, until: &Messages) {
        let missing = |seen: &[Value]| {
            let have = places(seen);
            until.iter().any(|((channel, symbol), of)| {
                let last = of.last_key_value().map(|(seq, _)| *seq);
                have.get(&(channel.as_str(), symbol.as_str())).copied() < last
            })
        };
        let deadline = monotonic() + PATIENCE;
        while missing(&self.seen) {
            assert!(monotonic() < deadline, "it does not come to the end of what there is");
            self.during(Duration::from_millis(100));
        }
    }

    /// That each message followed the one before it, by the one rule; where it did not, a resync or
    /// a gap said so.
    #[track_caller]
    pub(crate) fn keeps_the_rule(&self) -> Chains {
        let mut chains = Chains::default();
        for event in self.seen.iter().filter(|event| event["event"] == "data") {
            chains.see(&event["message"]);
        }
        chains
    }
}

/// The greatest place of each stream, by channel and symbol.
fn places(events: &[Value]) -> BTreeMap<(&str, &str), u64> {
    let mut places = BTreeMap::new();
    for message in events.iter().filter(|it| it["event"] == "data").map(|it| &it["message"]) {
        let texts = ["channel", "symbol"].map(|key| message[key].as_str());
        if let ([Some(channel), Some(symbol)], Some(seq)) = (texts, message["seq"].as_u64()) {
            let place = places.entry((channel, symbol)).or_insert(seq);
            *place = seq.max(*place);
        }
    }
    places
}

/// The data messages of events that are no snapshots, by stream and place; none comes twice.
#[track_caller]
pub(crate) fn messages<'a>(events: impl IntoIterator<Item = &'a Value>) -> Messages {
    let mut streams = Messages::new();
    for event in events {
        let message = if event["event"].is_null() { event } else { &event["message"] };
        let (Some(symbol), Some(seq)) = (message["symbol"].as_str(), message["seq"].as_u64())
        else {
            continue;
        };
        let channel = message["channel"].as_str().unwrap();
        let stream = streams.entry((channel.to_owned(), symbol.to_owned())).or_default();
        if message["type"] != "snapshot" {
            let before = stream.insert(seq, message.clone());
            assert_eq!(before, None, "twice: {message}");
        }
    }
    streams
}

/// The last place of any stream.
pub(crate) fn end_of(whole: &Messages) -> u64 {
    let last = whole.values().filter_map(|of| of.last_key_value());
    last.map(|(seq, _)| *seq).max().unwrap_or_default()
}

/// What a connection got up to its last heartbeat: so far all of its streams are whole.
#[track_caller]
pub(crate) fn whole(got: &[Value]) -> Messages {
    let heartbeats = got.iter().filter(|it| it["type"] == "heartbeat");
    let end = heartbeats.filter_map(|it| it["seq"].as_u64()).max();
    messages(got.iter().filter(|it| it["seq"].as_u64() <= end))
}

/// That a part's messages are those of the whole, of each stream from its first to its last, and
/// how many. What came after the whole was taken is left out.
#[track_caller]
pub(crate) fn assert_part_of(part: &Messages, whole: &Messages) -> usize {
    let mut compared = 0;
    let end = end_of(whole);
    for (stream, messages) in part {
        let messages: BTreeMap<u64, Value> =
            messages.range(..=end).map(|(seq, message)| (*seq, message.clone())).collect();
        let (Some((first, _)), Some((last, _))) =
            (messages.first_key_value(), messages.last_key_value())
        else {
            continue;
        };
        let expected: BTreeMap<u64, Value> = whole
            .get(stream)
            .unwrap_or_else(|| panic!("no {stream:?}"))
            .range(first..=last)
            .map(|(seq, message)| (*seq, message.clone()))
            .collect();
        for (seq, message) in &expected {
            assert_eq!(messages.get(seq), Some(message), "{stream:?} lacks {seq}");
        }
        let strange = messages.iter().find(|(seq, _)| !expected.contains_key(seq));
        assert_eq!(strange, None, "{stream:?} has what there is not");
        compared += messages.len();
    }
    compared
}
