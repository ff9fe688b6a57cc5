//! What a client was sent, compared with the tape afterwards.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::Hash as _;
use std::hash::Hasher as _;

use serde::Deserialize;

use super::frames::Frames;
use crate::event::Channel;
use crate::event::Event;
use crate::event::Seq;

/// Messages that are remembered at most: about 300 MiB.
const MESSAGES_MAX: usize = 4_000_000;

/// What a client was sent.
#[derive(Debug, Default)]
pub struct Heard {
    streams: HashMap<(Channel, Box<str>), u32>,
    /// By stream and place: a hash of the message's bytes. A snapshot's place is that of the last
    /// message that it knows of.
    snapshots: HashMap<(u32, Seq), u64>,
    messages: HashMap<(u32, Seq), u64>,
    /// Up to where each stream is known by its last snapshot.
    begun: HashMap<u32, Seq>,
    /// Places between a stream's message and a later snapshot: not sent, and not missed.
    leaps: HashMap<u32, Vec<(Seq, Seq)>>,
    last: HashMap<u32, Seq>,
    /// The greatest place of any message.
    head: Seq,
    /// Where the server was when the client came.
    from: Seq,
}

/// What came of the comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Messages that were the same.
    pub same: u64,
    /// Snapshots that were the same.
    pub snapshots: u64,
    /// Messages of the tape that the client was not sent.
    pub missing: u64,
    /// Messages that differ from those of the tape.
    pub different: u64,
    /// Messages that the tape does not have.
    pub extra: u64,
    /// The first place where anything is wrong.
    pub first: Option<Seq>,
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    channel: Option<&'a str>,
    symbol: Option<&'a str>,
    seq: Option<u64>,
}

impl Heard {
    /// A client that came when the tape was at a place.
    #[must_use]
    pub fn new(from: Seq) -> Self {
        Self { from, head: from, ..Self::default() }
    }

    /// Takes note of a message; `false` if there are too many.
    pub fn hear(&mut self, text: &str) -> bool {
        let Ok(head) = serde_json::from_str::<Head<'_>>(text) else { return true };
        let (Some(channel), Some(symbol), Some(seq)) =
            (head.channel.and_then(Channel::parse), head.symbol, head.seq.map(Seq))
        else {
            return true;
        };
        if self.messages.len() + self.snapshots.len() >= MESSAGES_MAX {
            return false;
        }
        let stream = self.stream(channel, symbol);
        if head.kind == "snapshot" {
            if let Some(last) = self.last.get(&stream).filter(|last| **last < seq) {
                self.leaps.entry(stream).or_default().push((*last, seq));
            }
            self.begun.entry(stream).or_insert(seq);
            self.snapshots.insert((stream, seq), hash(text.as_bytes()));
        } else {
            self.messages.insert((stream, seq), hash(text.as_bytes()));
            self.head = self.head.max(seq);
        }
        self.last.insert(stream, seq);
        true
    }

    /// The part of the tape that [`Heard::compare`] must be given.
    #[must_use]
    pub const fn range(&self) -> (Seq, Seq) {
        (self.from, self.head)
    }

    /// Compares the snapshots that were sent at the beginning.
    pub fn compare_begin(&mut self, frames: &mut Frames, verdict: &mut Verdict) {
        let mut found = Vec::new();
        frames.snapshots(|channel, symbol, message| {
            if let Some(stream) = self.streams.get(&(channel, Box::from(symbol)))
                && let Ok(head) = serde_json::from_slice::<Head<'_>>(message)
            {
                found.push((*stream, Seq(head.seq.unwrap_or_default()), hash(message)));
            }
        });
        for (stream, seq, hash) in found {
            self.compare_snapshot((stream, seq), hash, verdict);
        }
    }

    /// Compares the messages of an event, in the order of the tape.
    pub fn compare(&mut self, event: &Event, frames: &mut Frames, verdict: &mut Verdict) {
        let mut told = Vec::new();
        frames.follow(event, |channel, symbol, message| {
            if let Some(stream) = self.streams.get(&(channel, Box::from(symbol))) {
                let is_snapshot = message.starts_with(b"{\"type\":\"snapshot\"");
                told.push((*stream, channel, Box::<str>::from(symbol), hash(message), is_snapshot));
            }
        });
        for (stream, channel, symbol, hash, is_snapshot) in told {
            let place = (stream, event.seq);
            if !is_snapshot {
                self.compare_message(place, hash, verdict);
            }
            if self.snapshots.contains_key(&place) {
                let mut snapshot = Vec::new();
                if let Some(id) = frames.board().id(&symbol) {
                    crate::wire::json::write_snapshot(&mut snapshot, channel, id, frames.board());
                }
                self.compare_snapshot(place, self::hash(&snapshot), verdict);
            }
        }
    }

    /// What is left was never on the tape.
    pub fn end(self, verdict: &mut Verdict) {
        for (_, seq) in self.messages.keys().filter(|(_, seq)| *seq > self.from) {
            verdict.extra += 1;
            verdict.note(*seq);
        }
    }

    fn compare_message(&mut self, place: (u32, Seq), hash: u64, verdict: &mut Verdict) {
        let (stream, seq) = place;
        match self.messages.remove(&place) {
            Some(heard) if heard == hash => verdict.same += 1,
            Some(_) => {
                verdict.different += 1;
                verdict.note(seq);
            }
            None => {
                let begun = self.begun.get(&stream).is_some_and(|begun| *begun < seq);
                let leaps = self.leaps.get(&stream).into_iter().flatten();
                let mut leaps = leaps.filter(|(last, next)| *last < seq && seq <= *next);
                // What came with the greatest place may not have been sent whole.
                if begun && seq < self.head && leaps.next().is_none() {
                    verdict.missing += 1;
                    verdict.note(seq);
                }
            }
        }
    }

    fn compare_snapshot(&mut self, place: (u32, Seq), hash: u64, verdict: &mut Verdict) {
        match self.snapshots.remove(&place) {
            Some(heard) if heard == hash => verdict.snapshots += 1,
            Some(_) => {
                verdict.different += 1;
                verdict.note(place.1);
            }
            None => {}
        }
    }

    fn stream(&mut self, channel: Channel, symbol: &str) -> u32 {
        let next = u32::try_from(self.streams.len()).unwrap_or(u32::MAX);
        *self.streams.entry((channel, symbol.into())).or_insert(next)
    }
}

impl Verdict {
    /// Whether everything is as it should be.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        self.missing == 0 && self.different == 0 && self.extra == 0
    }

    fn note(&mut self, seq: Seq) {
        self.first = Some(self.first.map_or(seq, |first| first.min(seq)));
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}
