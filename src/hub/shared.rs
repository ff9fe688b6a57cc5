//! An event as all shards share it, with its messages encoded at most once.

use std::sync::OnceLock;

use crate::event::Channel;
use crate::event::Event;
use crate::event::Seq;
use crate::hub::stats::Count;
use crate::wire::json;
use crate::wire::json::StreamName;

/// One event on its way to the readers.
#[derive(Debug)]
pub struct Shared {
    /// The event.
    pub event: Event,
    /// The event before it on the tape: a reader that has not seen that one was lapped.
    pub after: Seq,
    json: [OnceLock<Box<[u8]>>; Channel::ALL.len()],
}

impl Shared {
    /// An event and the one before it.
    #[must_use]
    pub const fn new(event: Event, after: Seq) -> Self {
        Self { event, after, json: [const { OnceLock::new() }; Channel::ALL.len()] }
    }

    /// Its message in a stream of its symbol; empty if it is none. The first reader that needs it
    /// encodes it, and counts that. Feed-wide events have none: theirs differs from stream to
    /// stream.
    pub fn json(&self, stream: StreamName<'_>, encoded: &Count) -> &[u8] {
        let Some(cell) = self.json.get(stream.channel.index()) else { return &[] };
        cell.get_or_init(|| {
            encoded.add(1);
            let mut message = Vec::with_capacity(256);
            json::write_event(&mut message, stream, &self.event, Seq::START);
            message.into_boxed_slice()
        })
    }
}
