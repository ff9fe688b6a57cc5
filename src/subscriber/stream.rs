//! The streams of one client, and queues of those that are due something.

use std::collections::HashMap;
use std::collections::VecDeque;

use tickwire_feeds::Symbol;

use crate::event::Channel;
use crate::event::Seq;
use crate::event::SymbolId;
use crate::wire::json::StreamName;

/// One channel of one symbol, as one client gets it.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) channel: Channel,
    pub(super) symbol: SymbolId,
    /// Key of the subscription that it belongs to.
    pub(super) owner: u32,
    /// How that subscription names it.
    pub(super) by: By,
    pub(super) phase: Phase,
    /// The last message in the outbox; `None` after a resumption, until there was one.
    pub(super) held: Option<Seq>,
    /// The client has nothing of it: a snapshot comes before its first message from the tape.
    pub(super) is_bare: bool,
    /// Counts its beginnings, so that what was due before the last one is not done after it.
    pub(super) round: u32,
}

/// How a subscription names a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Name,
    Pattern,
}

/// What a stream does with the next event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing: its first snapshot is due.
    Starting,
    /// Nothing: it begins so many messages back.
    Tracing(usize),
    /// Sends it.
    Live,
    /// Conflated, and the client has the present state: notes that it changed.
    Settled,
    /// Nothing: a snapshot is due already.
    Changed,
    /// Drops it: the client will be told how many were dropped.
    Dropping,
    /// Nothing: the tape will be read; what is not above `after` was sent before.
    Tape { after: Seq },
    /// Nothing: the tape will be read for the final bars above `after`; then a snapshot is due.
    Finals { after: Seq },
}

impl Stream {
    /// As its messages name it.
    pub(super) fn name<'a>(&self, symbol: &'a Symbol) -> StreamName<'a> {
        StreamName { channel: self.channel, id: self.symbol, symbol: symbol.as_str() }
    }

    /// After which place it is fed from the tape, if it is.
    pub(super) const fn tape_after(&self) -> Option<Seq> {
        match self.phase {
            Phase::Tape { after } | Phase::Finals { after } => Some(after),
            _ => None,
        }
    }
}

/// All streams of one client, each at a slot that stays the same while it lives. The list comes
/// first in memory, as each message looks at it and at nothing else.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct Streams {
    list: Vec<Option<Stream>>,
    free: Vec<u32>,
    slots: HashMap<(Channel, SymbolId), u32>,
    /// How many there are of each channel.
    counts: [u32; Channel::ALL.len()],
    rounds: u32,
}

impl Streams {
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Changes whenever a stream begins.
    pub(super) fn rounds(&self) -> u32 {
        self.rounds
    }

    /// The channels of which it has streams.
    pub(super) fn channels(&self) -> impl Iterator<Item = Channel> + use<> {
        let counts = self.counts;
        let some = move |of: &Channel| counts.get(of.index()).is_some_and(|count| *count > 0);
        Channel::ALL.into_iter().filter(some)
    }

    /// Symbols with a stream of bars.
    pub(super) fn with_bars(&self) -> impl Iterator<Item = SymbolId> {
        let streams = self.list.iter().flatten();
        let bars = streams.filter(|stream| stream.channel.interval().is_some());
        bars.map(|stream| stream.symbol)
    }

    pub(super) fn slot(&self, channel: Channel, symbol: SymbolId) -> Option<u32> {
        self.slots.get(&(channel, symbol)).copied()
    }

    pub(super) fn get(&self, slot: u32) -> Option<&Stream> {
        self.list.get(slot as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut Stream> {
        self.list.get_mut(slot as usize)?.as_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Stream)> {
        (0..).zip(&self.list).filter_map(|(slot, stream)| Some((slot, stream.as_ref()?)))
    }

    /// Begins a stream, or begins it anew at the slot that it has.
    pub(super) fn begin(
        &mut self,
        (channel, symbol): (Channel, SymbolId),
        (owner, by): (u32, By),
        phase: Phase,
    ) -> Begun {
        self.rounds = self.rounds.wrapping_add(1);
        let round = self.rounds;
        let held = None;
        let stream = Stream { channel, symbol, owner, by, phase, held, is_bare: false, round };
        if let Some(slot) = self.slot(channel, symbol) {
            self.put(slot, stream);
            return Begun { slot, round: self.rounds, is_new: false };
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            if self.list.is_empty() {
                // Most clients of a large crowd have one stream; a list by itself begins with four.
                self.list.reserve_exact(1);
            }
            self.list.push(None);
            u32::try_from(self.list.len() - 1).unwrap_or(u32::MAX)
        });
        self.slots.insert((channel, symbol), slot);
        if let Some(count) = self.counts.get_mut(channel.index()) {
            *count += 1;
        }
        self.put(slot, stream);
        Begun { slot, round: self.rounds, is_new: true }
    }

    /// Begins a stream anew where it is; what was due before is due no longer.
    pub(super) fn renew(&mut self, slot: u32, phase: Phase) -> Option<u32> {
        self.rounds = self.rounds.wrapping_add(1);
        let stream = self.list.get_mut(slot as usize)?.as_mut()?;
        (stream.phase, stream.round, stream.is_bare) = (phase, self.rounds, false);
        Some(self.rounds)
    }

    pub(super) fn end(&mut self, slot: u32) -> Option<Stream> {
        let stream = self.list.get_mut(slot as usize)?.take()?;
        self.slots.remove(&(stream.channel, stream.symbol));
        if let Some(count) = self.counts.get_mut(stream.channel.index()) {
            *count -= 1;
        }
        self.free.push(slot);
        Some(stream)
    }

    fn put(&mut self, slot: u32, stream: Stream) {
        if let Some(place) = self.list.get_mut(slot as usize) {
            *place = Some(stream);
        }
    }
}

/// Where a stream began.
pub(super) struct Begun {
    pub(super) slot: u32,
    pub(super) round: u32,
    pub(super) is_new: bool,
}

/// A stream that is due something.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    pub(super) slot: u32,
    pub(super) round: u32,
    /// The first message that the client lacks.
    pub(super) seq: Seq,
}

/// Streams that are due the same, in the order of their [`Due::seq`]. An entry whose stream ended,
/// began anew or got on in another way is passed over.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// In a box, and only while there is something: a client has many queues, most of them empty.
    list: Option<Box<List>>,
}

#[derive(Debug, Default)]
struct List(VecDeque<Due>);

impl Queue {
    /// Puts a stream in. Entries that no longer stand go before they outnumber the streams.
    pub(super) fn push(&mut self, due: Due, streams: &Streams) {
        let List(list) = &mut **self.list.get_or_insert_default();
        if list.len() > 2 * streams.len() + 64 {
            list.retain(|due| streams.get(due.slot).is_some_and(|of| is_due(of, *due)));
        }
        let place = list.partition_point(|other| other.seq <= due.seq);
        list.insert(place, due);
    }

    /// The first that still stands.
    pub(super) fn front(&mut self, streams: &Streams) -> Option<Due> {
        let List(list) = &mut **self.list.as_mut()?;
        while let Some(due) = list.front() {
            if streams.get(due.slot).is_some_and(|stream| is_due(stream, *due)) {
                return Some(*due);
            }
            list.pop_front();
        }
        self.list = None;
        None
    }

    /// Takes the first whose stream is in that phase.
    pub(super) fn pop(&mut self, streams: &Streams, phase: Phase) -> Option<Due> {
        let List(list) = &mut **self.list.as_mut()?;
        while let Some(due) = list.pop_front() {
            let stream = streams.get(due.slot).filter(|stream| stream.round == due.round);
            if stream.is_some_and(|stream| stream.phase == phase) {
                return Some(due);
            }
        }
        self.list = None;
        None
    }

    /// Those that still stand.
    pub(super) fn iter<'a>(&'a self, streams: &'a Streams) -> impl Iterator<Item = Due> + 'a {
        let stands = |due: &&Due| streams.get(due.slot).is_some_and(|of| is_due(of, **due));
        self.list.iter().flat_map(|list| &list.0).filter(stands).copied()
    }

    /// Whether nothing at all stands in it.
    pub(super) fn is_empty(&self) -> bool {
        self.list.as_ref().is_none_or(|list| list.0.is_empty())
    }
}

fn is_due(stream: &Stream, due: Due) -> bool {
    let waits = match stream.phase {
        Phase::Starting | Phase::Tracing(_) | Phase::Changed | Phase::Dropping => true,
        Phase::Live | Phase::Settled | Phase::Tape { .. } | Phase::Finals { .. } => false,
    };
    stream.round == due.round && waits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_does_not_grow_by_what_no_longer_stands() {
        let (mut streams, mut queue) = (Streams::default(), Queue::default());
        for turn in 0..10_000 {
            let name = (Channel::Ticker, SymbolId(turn % 10));
            let begun = streams.begin(name, (1, By::Name), Phase::Starting);
            let due = Due { slot: begun.slot, round: begun.round, seq: Seq(turn.into()) };
            queue.push(due, &streams);
        }
        let length = queue.list.as_ref().unwrap().0.len();
        assert!(length <= 2 * streams.len() + 65, "{length}");
        let mut due = Vec::new();
        while let Some(next) = queue.pop(&streams, Phase::Starting) {
            due.push(next.seq.0);
        }
        assert_eq!(due, (9_990..10_000).collect::<Vec<u64>>());
    }

    #[test]
    fn a_queue_is_in_the_order_of_what_is_lacked() {
        let (mut streams, mut queue) = (Streams::default(), Queue::default());
        for seq in [5, 9, 7, 9, 1] {
            let begun =
                streams.begin((Channel::Trades, SymbolId(seq)), (1, By::Name), Phase::Changed);
            let due = Due { slot: begun.slot, round: begun.round, seq: Seq(seq.into()) };
            queue.push(due, &streams);
        }
        assert_eq!(queue.front(&streams).map(|due| due.seq), Some(Seq(1)));
    }
}
