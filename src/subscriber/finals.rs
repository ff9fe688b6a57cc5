//! Final bars for clients that get snapshots instead of each change: none of them is conflated.
//!
//! They wait beside the outbox, within a bound as large as the outbox's own. Beyond it a stream
//! fetches what it missed from the tape.

use std::collections::BTreeMap;
use std::collections::VecDeque;

use crate::event::Seq;
use crate::subscriber::Got;
use crate::subscriber::Subscriber;
use crate::subscriber::stream::Due;
use crate::subscriber::stream::Phase;
use crate::subscriber::stream::Stream;
use crate::wire::Message;
use crate::wire::json;

/// Final bars that the client was not sent yet, of streams that are due a snapshot.
#[derive(Debug, Default)]
pub(super) struct Finals {
    /// By slot, the oldest first. A tree takes no room while it is empty, as most are.
    lists: BTreeMap<u32, VecDeque<Final>>,
    bytes: usize,
}

/// A final bar, encoded for a client that missed nothing, and its place.
type Final = (Seq, Box<[u8]>);

/// Whether there was room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    Enough,
    TooLittle,
}

impl Finals {
    fn keep(&mut self, slot: u32, (seq, message): (Seq, &[u8]), bytes_max: usize) -> Room {
        if self.bytes + message.len() > bytes_max {
            return Room::TooLittle;
        }
        self.bytes += message.len();
        self.lists.entry(slot).or_default().push_back((seq, message.into()));
        Room::Enough
    }

    fn next(&self, slot: u32) -> Option<&Final> {
        self.lists.get(&slot)?.front()
    }

    fn pop(&mut self, slot: u32) -> Option<Final> {
        let list = self.lists.get_mut(&slot)?;
        let popped = list.pop_front();
        self.bytes -= popped.as_ref().map_or(0, |(_, message)| message.len());
        if list.is_empty() {
            self.lists.remove(&slot);
        }
        popped
    }

    /// Nothing is missed of a stream that begins or ends.
    pub(super) fn forget(&mut self, slot: u32) {
        let list = self.lists.remove(&slot).unwrap_or_default();
        self.bytes -= list.iter().map(|(_, message)| message.len()).sum::<usize>();
    }
}

impl Subscriber {
    /// A bar of one of the joined streams became final, or changed after that.
    pub fn on_final(&mut self, slot: u32, seq: Seq, message: Message<'_>) -> Got {
        let got = self.on_message(slot, seq, message);
        let phase = self.streams.get(slot).map(|stream| stream.phase);
        if phase != Some(Phase::Changed)
            || self.finals.keep(slot, (seq, message.json), self.outbox.bound()) == Room::Enough
        {
            return got;
        }
        if self.outbox.is_patient() {
            self.send_final_now(slot, (seq, message.json));
        } else {
            self.fetch_finals(slot, seq);
        }
        Got::Consequences
    }

    /// Too many of them wait: those of one stream go before their snapshot is due.
    fn send_final_now(&mut self, slot: u32, (seq, bar): (Seq, &[u8])) {
        while self.finals.next(slot).is_some() && self.send_final(slot) {}
        self.push_final(slot, (seq, bar));
    }

    /// Sends the final bars that a stream missed, before its snapshot. If there are more than there
    /// is room for now, the rest is due.
    pub(super) fn send_finals(&mut self, due: Due) -> Room {
        while self.finals.next(due.slot).is_some() {
            if !self.outbox.wants_more() {
                let held = self.streams.get(due.slot).and_then(|stream| stream.held);
                self.put_off(Due { seq: held.map_or(due.seq, Seq::next), ..due });
                return Room::TooLittle;
            }
            if !self.send_final(due.slot) {
                break;
            }
        }
        Room::Enough
    }

    /// Sends the oldest final bar of a stream that waits; `false` if there is no such stream.
    fn send_final(&mut self, slot: u32) -> bool {
        let Some((seq, bar)) = self.finals.pop(slot) else { return false };
        self.push_final(slot, (seq, &bar))
    }

    fn push_final(&mut self, slot: u32, (seq, bar): (Seq, &[u8])) -> bool {
        let Some(stream) = self.streams.get_mut(slot) else { return false };
        let mut message = Vec::with_capacity(bar.len() + 8);
        json::write_bar_after(&mut message, bar, stream.held.unwrap_or_default());
        stream.held = Some(seq);
        self.outbox.push(&message);
        true
    }

    /// What lies above this the tape is read for, and a snapshot will tell the rest.
    pub(super) fn finals_at(&self) -> Seq {
        let of_stream = |(_, stream): (u32, &Stream)| match stream.phase {
            Phase::Finals { after } => Some(after),
            _ => None,
        };
        let streams = self.tape_at.into_iter().flat_map(|_| self.streams.iter());
        streams.filter_map(of_stream).min().unwrap_or(Seq::MAX)
    }

    /// The stream is due the rest of what it was taken from its queue for.
    fn put_off(&mut self, due: Due) {
        let Some(stream) = self.streams.get(due.slot) else { return };
        if stream.phase == Phase::Starting {
            self.starting.push(due, &self.streams);
        } else if let Some(clock) =
            super::flush::conflation_of(&mut self.subscriptions, stream.owner)
        {
            clock.changed.push(due, &self.streams);
        } else {
            self.behind.push(due, &self.streams);
        }
    }

    /// There is no room for more: the tape has what the client lacks.
    fn fetch_finals(&mut self, slot: u32, seq: Seq) {
        self.finals.forget(slot);
        let Some(stream) = self.streams.get_mut(slot) else { return };
        let after = stream.held.unwrap_or(Seq(seq.0.saturating_sub(1)));
        stream.phase = Phase::Finals { after };
        self.need_tape(after);
    }
}
