//! The one rule for clients, held against what a client got.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::time::Duration;
use std::time::Instant;

use serde_json::Map;
use serde_json::Value;
use tickwire_feeds::Symbol;

use super::client::Client;
use super::client::Got;
use super::client::Sent;
use super::client::Start;
use super::client::Wish;
use super::world::NAMES;
use super::world::Stream;
use super::world::Truth;
use crate::event::Channel;
use crate::wire::op::Slow;
use crate::wire::pattern::Pattern;

/// A subscription, as the client knows that it stands.
struct Standing {
    key: usize,
    channel: Channel,
    exact: BTreeSet<String>,
    patterns: Vec<Pattern>,
    except: BTreeSet<String>,
    conflate_ms: u64,
    slow: Slow,
    /// Where the shard stood when it was made.
    at: u64,
    made: Instant,
}

/// What the client holds of a stream.
struct Holding {
    owner: usize,
    is_exact: bool,
    held: Held,
    /// Only for a subscription with `last`: how many messages back it begins, counted from where.
    back: Option<(usize, u64)>,
    /// Only for one resumed from before its symbol was listed: where it begins, told when.
    begins: Option<(u64, u64)>,
    /// Conflated snapshots.
    flushes: u32,
    /// A status was dropped: nothing but a snapshot may follow.
    owed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    Nothing,
    Message(u64),
}

pub(super) struct Model<'a> {
    truth: &'a mut Truth,
    epoch: &'a str,
    subscriptions: Vec<Standing>,
    streams: HashMap<Stream, Holding>,
    /// The witness defines the bytes of each message.
    is_witness: bool,
}

/// Checks what a client got; of one that was drained to the end, also that nothing is lacking.
pub(super) fn check(
    truth: &mut Truth,
    epoch: &str,
    client: &Client,
    (is_witness, drained_at): (bool, Option<u64>),
) {
    let mut model =
        Model { truth, epoch, subscriptions: Vec::new(), streams: HashMap::new(), is_witness };
    let (first, rest) = client.log.split_first().map_or((None, &[][..]), |(a, b)| (Some(a), b));
    assert!(first.is_none_or(|first| first.value["type"] == "welcome"));
    for (index, got) in rest.iter().enumerate() {
        let checked = catch_unwind(AssertUnwindSafe(|| model.got(got, &client.sent)));
        if let Err(panic) = checked {
            let what = panic.downcast_ref::<String>().map_or("a check failed", String::as_str);
            let trail = rest[index.saturating_sub(20)..=index].iter();
            let trail = trail.map(|got| format!("at {}: {}\n", got.bound, lossy(&got.bytes)));
            panic!("{what}\n{}", trail.collect::<String>());
        }
    }
    if let Some(code) = client.closed {
        assert_eq!(code, 4008, "closed");
        assert!(model.subscriptions.iter().any(|of| of.slow == Slow::Close), "closed for nothing");
    } else if let Some(head) = drained_at.filter(|_| !client.is_cut) {
        model.end(head);
    }
}

impl Model<'_> {
    fn got(&mut self, got: &Got, sent: &[Sent]) {
        let text = String::from_utf8_lossy(&got.bytes).into_owned();
        let wish = || &sent[usize::try_from(got.value["id"].as_u64().unwrap()).unwrap()];
        match got.value["type"].as_str().unwrap() {
            "subscribed" => self.subscribed(got, wish()),
            "unsubscribed" => self.unsubscribed(wish(), got),
            "heartbeat" => self.heartbeat(got.value["seq"].as_u64().unwrap(), &text),
            "service" => {}
            "snapshot" => self.snapshot(got, &text),
            "gap" if got.value.get("seq").is_none() => self.dropped(got, &text),
            "delta" | "trade" | "status" | "gap" => self.message(got, &text),
            "error" => {
                let code = got.value["code"].as_str().unwrap();
                assert!(code == "unavailable", "{text}");
            }
            _ => panic!("what is this? {text}"),
        }
    }

    fn subscribed(&mut self, got: &Got, sent: &Sent) {
        let Wish::Subscribe { channel, names, conflate_ms, slow, start } = &sent.wish else {
            panic!("answers something else");
        };
        let at = sent.at.unwrap();
        let (known, pending) = (list(&got.value["symbols"]), list(&got.value["pending"]));
        let patterns: Vec<Pattern> =
            names.iter().filter_map(|name| Pattern::parse(name).ok()).filter(is_pattern).collect();
        for name in names.iter().filter(|name| !name.contains('*')) {
            let listed = self.truth.is_listed_at(name, at);
            assert_eq!(known.contains(name), listed, "{name} at {at}: {}", got.value);
        }
        self.check_reason(got, start);
        let exact: BTreeSet<String> = known.iter().chain(&pending).cloned().collect();
        if exact.is_empty() && patterns.is_empty() {
            return;
        }
        let names = || NAMES.iter().map(|name| (*channel, (*name).to_owned()));
        let had: Vec<String> =
            names().filter(|stream| self.has(stream, at)).map(|(_, name)| name).collect();
        for earlier in self.subscriptions.iter_mut().filter(|of| of.channel == *channel) {
            earlier.exact.retain(|name| !exact.contains(name));
            earlier.patterns.retain(|pattern| !patterns.contains(pattern));
        }
        let key = self.subscriptions.last().map_or(0, |of| of.key) + 1;
        let covered = NAMES.iter().map(|name| (*name).to_owned()).filter(|name| {
            let mut of_channel = self.subscriptions.iter().filter(|of| of.channel == *channel);
            let taken = of_channel.any(|of| of.exact.contains(name));
            let is_covered = patterns.iter().any(|pattern| covers(pattern, name));
            let is_there = self.truth.is_listed_at(name, at) || had.contains(name);
            is_covered && !taken && !exact.contains(name) && is_there
        });
        let begun: Vec<String> = known.iter().cloned().chain(covered).collect();
        for name in pending {
            self.streams.remove(&(*channel, name));
        }
        let resumed = got.value["resumed"] == true;
        for name in begun {
            let stream = (*channel, name);
            let held = match start {
                Start::From(_, cursor)
                    if resumed && !self.truth.was_listed_in(&stream.1, (*cursor, at)) =>
                {
                    Held::Message(self.truth.last_at(&stream, *cursor).unwrap())
                }
                _ => Held::Nothing,
            };
            let back = match start {
                Start::Last(count @ 1..) => Some((usize::try_from(*count).unwrap(), at)),
                _ => None,
            };
            let is_exact = exact.contains(&stream.1);
            let begins = self.truth.last_at_listing(&stream, at).map(|begins| (begins, at));
            let begins = begins.filter(|_| resumed && held == Held::Nothing && *conflate_ms == 0);
            let holding = Holding { back, begins, ..Holding::new(key, is_exact, held) };
            self.streams.insert(stream, holding);
        }
        self.subscriptions.push(Standing {
            key,
            channel: *channel,
            exact,
            patterns,
            except: BTreeSet::new(),
            conflate_ms: *conflate_ms,
            slow: *slow,
            at,
            made: sent.made,
        });
    }

    fn check_reason(&self, got: &Got, start: &Start) {
        let resumed = got.value["resumed"] == true;
        match start {
            Start::From(epoch, _) if epoch != self.epoch => {
                assert_eq!(got.value["reason"], "epoch_mismatch");
            }
            Start::From(_, seq) if *seq > 1 << 40 => assert_eq!(got.value["reason"], "ahead"),
            Start::From(..) => assert!(resumed || got.value["reason"] == "ahead", "{}", got.value),
            _ => assert!(!resumed && got.value["reason"].is_null(), "{}", got.value),
        }
    }

    fn unsubscribed(&mut self, sent: &Sent, got: &Got) {
        let Wish::Unsubscribe { channel, names } = &sent.wish else { panic!("something else") };
        let before = self.streams.len();
        for name in names {
            let pattern = Pattern::parse(name).ok().filter(is_pattern);
            for of in self.subscriptions.iter_mut().filter(|of| of.channel == *channel) {
                of.patterns.retain(|other| Some(other) != pattern.as_ref());
                of.exact.remove(name);
                if pattern.is_none() && of.patterns.iter().any(|pattern| covers(pattern, name)) {
                    of.except.insert(name.clone());
                }
            }
            let Some(pattern) = pattern else {
                self.streams.remove(&(*channel, name.clone()));
                continue;
            };
            for name in NAMES.iter().filter(|name| covers(&pattern, name)) {
                let stream = (*channel, (*name).to_owned());
                let Some(holding) = self.streams.get(&stream).filter(|of| !of.is_exact) else {
                    continue;
                };
                match self.owner_of(&stream).map(|of| of.key) {
                    Some(owner) if owner == holding.owner => {}
                    Some(owner) => {
                        let new = Holding::new(owner, false, Held::Nothing);
                        self.streams.insert(stream, new);
                    }
                    None => drop(self.streams.remove(&stream)),
                }
            }
        }
        let ended = u64::try_from(before - self.streams.len()).unwrap();
        // One that was listed meanwhile and never came counts there, but not here.
        assert!(got.value["streams"].as_u64().unwrap() >= ended, "{}", got.value);
    }

    fn owner_of(&self, (channel, name): &Stream) -> Option<&Standing> {
        let of_channel = || self.subscriptions.iter().rev().filter(|of| of.channel == *channel);
        let exact = of_channel().find(|of| of.exact.contains(name));
        exact.or_else(|| {
            of_channel().find(|of| {
                of.patterns.iter().any(|pattern| covers(pattern, name)) && !of.except.contains(name)
            })
        })
    }

    /// Whether there is such a stream, be it one that has not sent anything yet.
    fn has(&self, stream: &Stream, at: u64) -> bool {
        let grew = |of: &Standing| self.truth.was_listed_in(&stream.1, (of.at, at));
        self.streams.contains_key(stream) || self.owner_of(stream).is_some_and(grew)
    }

    /// The stream of a message; one that a pattern has grown by begins here.
    fn holding(&mut self, stream: &Stream, got: &Got, text: &str) -> &mut Holding {
        if !self.streams.contains_key(stream) {
            let owner = self.owner_of(stream).unwrap_or_else(|| panic!("not subscribed: {text}"));
            let grew = self.truth.was_listed_in(&stream.1, (owner.at, got.bound));
            assert!(grew, "it was no stream of that subscription: {text}");
            let is_exact = owner.exact.contains(&stream.1);
            let new = Holding::new(owner.key, is_exact, Held::Nothing);
            self.streams.insert(stream.clone(), new);
        }
        self.streams.get_mut(stream).unwrap()
    }

    fn snapshot(&mut self, got: &Got, text: &str) {
        let (stream, seq) = name_of(&got.value);
        let known = self.truth.snapshots[&stream].get(&seq);
        let known = known.unwrap_or_else(|| panic!("it never stood there: {text}"));
        assert!(known.contains(&got.bytes), "{text}\nbut then it was {}", lossy(&known[0]));
        let listed = |truth: &Truth, held| truth.was_listed_in(&stream.1, (held, got.bound));
        let holding = self.holding(&stream, got, text);
        let (held, owner) = (holding.held, holding.owner);
        holding.held = Held::Message(seq);
        let owed = std::mem::take(&mut holding.owed);
        let (back, begins) = (holding.back.take(), holding.begins.take());
        let flushes = holding.flushes;
        holding.flushes += 1;
        let owner = self.subscriptions.iter().find(|of| of.key == owner).unwrap();
        if owner.conflate_ms > 0 {
            let passed = got.taken.duration_since(owner.made).as_millis();
            let most = passed / u128::from(owner.conflate_ms) + 2;
            let listed = self.truth.listings[&stream.1].len() as u128;
            assert!(u128::from(flushes) <= most + listed, "flush {flushes}, {passed} ms: {text}");
        }
        match held {
            Held::Nothing => {
                if let Some((begins, at)) = begins.filter(|(_, at)| !listed(self.truth, *at)) {
                    assert_eq!(seq, begins, "listed meanwhile as told at {at}: {text}");
                }
                let Some((count, from)) = back else { return };
                if !listed(self.truth, from.min(seq)) {
                    let (least, most) = (
                        self.truth.count(&stream, (seq, from)),
                        self.truth.count(&stream, (seq, got.bound)),
                    );
                    assert!(least <= count && count <= most, "{count} back of {from}: {text}");
                }
            }
            Held::Message(held) => {
                let slow = owner.conflate_ms > 0 || owner.slow == Slow::Conflate;
                let anew = listed(self.truth, held);
                let due = anew || (slow && seq > held) || (owed && seq == held);
                assert!(due, "no snapshot is due after {held}: {text}");
                assert!(seq >= held, "back from {held}: {text}");
            }
        }
    }

    fn message(&mut self, got: &Got, text: &str) {
        let (stream, seq) = name_of(&got.value);
        let prev = got.value["prev"].as_u64().unwrap();
        let holding = self.holding(&stream, got, text);
        let Held::Message(held) = holding.held else { panic!("before a snapshot: {text}") };
        assert!(!holding.owed, "a status was dropped and not made up for: {text}");
        holding.held = Held::Message(seq);
        let owner = holding.owner;
        let owner = self.subscriptions.iter().find(|of| of.key == owner).unwrap();
        assert_eq!(owner.conflate_ms, 0, "conflated: {text}");
        assert_eq!(self.truth.after(&stream, held), Some(seq), "next after {held}: {text}");
        assert_eq!(prev, held, "{text}");
        if self.is_witness {
            self.applies(&stream, (held, seq), &got.value);
            self.truth.bytes.insert((stream, seq), got.bytes.clone());
        } else {
            let same = &self.truth.bytes[&(stream, seq)];
            assert_eq!(lossy(same), text, "not the bytes that the witness got");
        }
    }

    /// What the server says that it dropped is what lies between.
    fn dropped(&mut self, got: &Got, text: &str) {
        let channel = Channel::parse(got.value["channel"].as_str().unwrap()).unwrap();
        let stream = (channel, got.value["symbol"].as_str().unwrap().to_owned());
        let number = |key: &str| got.value[key].as_u64().unwrap();
        let (from, to, missing) = (number("from"), number("to"), number("missing"));
        let expected = format!(
            r#"{{"type":"gap","channel":"{}","symbol":"{}","cause":"slow_consumer","from":{from},"to":{to},"missing":{missing}}}"#,
            channel.word(),
            stream.1
        );
        assert_eq!(text, expected);
        let holding = self.holding(&stream, got, text);
        let Held::Message(held) = holding.held else { panic!("before a snapshot: {text}") };
        assert!(!holding.owed, "a status was dropped and not made up for: {text}");
        holding.held = Held::Message(to);
        let owner = holding.owner;
        let places: Vec<u64> = self.truth.messages[&stream].clone();
        let lost = || places.iter().copied().filter(|seq| *seq > held && *seq <= to);
        assert_eq!(lost().next(), Some(from), "the first after {held}: {text}");
        assert_eq!(lost().next_back(), Some(to), "{text}");
        assert_eq!(lost().count() as u64, missing, "{text}");
        let is_status = |seq| {
            let bytes = &self.truth.bytes[&(stream.clone(), seq)];
            bytes.starts_with(b"{\"type\":\"status\"")
        };
        let owed = lost().any(is_status);
        self.streams.get_mut(&stream).unwrap().owed = owed;
        let owner = self.subscriptions.iter().find(|of| of.key == owner).unwrap();
        assert_eq!(owner.slow, Slow::Gap, "nobody asked for it: {text}");
    }

    /// A message turns the snapshot before it into the one after it.
    fn applies(&self, stream: &Stream, (held, seq): (u64, u64), message: &Value) {
        let at = |seq| {
            let snapshots = &self.truth.snapshots[stream][&seq];
            snapshots.iter().map(|bytes| serde_json::from_slice::<Value>(bytes).unwrap())
        };
        let after: Vec<Value> = at(seq).collect();
        let fits = at(held).any(|before| {
            let applied = applied(before.as_object().unwrap().clone(), message);
            after.contains(&Value::Object(applied))
        });
        assert!(fits, "{message} does not make {after:?}");
    }

    fn heartbeat(&self, cursor: u64, text: &str) {
        for (stream, holding) in &self.streams {
            if let Held::Message(held) = holding.held {
                let next = self.truth.after(stream, held);
                assert!(next.is_none_or(|next| next > cursor), "{stream:?} held {held}: {text}");
            }
        }
    }

    fn end(&mut self, head: u64) {
        let mut subscribed = HashSet::new();
        for name in NAMES.iter().filter(|name| self.truth.is_listed_at(name, head)) {
            for channel in Channel::ALL {
                let stream = (channel, (*name).to_owned());
                if self.owner_of(&stream).is_some() {
                    subscribed.insert(stream);
                }
            }
        }
        for stream in subscribed {
            let holding = self.streams.get(&stream);
            let holding = holding.unwrap_or_else(|| panic!("{stream:?} never came"));
            let last = self.truth.last_at(&stream, head).unwrap();
            assert_eq!(holding.held, Held::Message(last), "the last of {stream:?} at {head}");
            assert!(!holding.owed, "a dropped status of {stream:?} was not made up for");
        }
    }
}

impl Holding {
    const fn new(owner: usize, is_exact: bool, held: Held) -> Self {
        Self { owner, is_exact, held, back: None, begins: None, flushes: 0, owed: false }
    }
}

fn applied(mut state: Map<String, Value>, message: &Value) -> Map<String, Value> {
    let kind = message["type"].as_str().unwrap();
    let (times, health) = (["ts", "recv"], ["state", "trading", "since", "reason"]);
    match kind {
        "delta" => times.iter().for_each(|key| drop(state.remove(*key))),
        "status" => health.iter().for_each(|key| drop(state.remove(*key))),
        "trade" => state.retain(|key, _| {
            health.contains(&key.as_str()) || ["type", "channel", "symbol"].contains(&key.as_str())
        }),
        _ => {}
    }
    for (key, value) in message.as_object().unwrap() {
        let is_state = !["type", "prev"].contains(&key.as_str());
        if !is_state || (kind == "gap" && key != "seq") {
            continue;
        }
        if value.is_null() {
            state.remove(key);
        } else {
            state.insert(key.clone(), value.clone());
        }
    }
    state
}

fn name_of(message: &Value) -> (Stream, u64) {
    let channel = Channel::parse(message["channel"].as_str().unwrap()).unwrap();
    let symbol = message["symbol"].as_str().unwrap().to_owned();
    ((channel, symbol), message["seq"].as_u64().unwrap())
}

fn list(names: &Value) -> Vec<String> {
    names.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

fn is_pattern(pattern: &Pattern) -> bool {
    pattern.as_str().contains('*')
}

fn covers(pattern: &Pattern, name: &str) -> bool {
    pattern.covers(&Symbol::parse(name).unwrap())
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Long enough for every flush and heartbeat.
pub(super) const LONG: Duration = Duration::from_secs(1);
