//! What a journal recorded, counted once: for tapes that the store does not have.

use std::collections::HashMap;
use std::collections::VecDeque;

use crate::board::Board;
use crate::event::Body;
use crate::event::Event;
use crate::event::FeedId;
use crate::event::Registry;
use crate::event::Seq;
use crate::event::SymbolId;
use crate::store::Tally;
use crate::tape;
use crate::tape::Tape;

use super::roster::FeedName;

/// Read at once.
const BATCH_EVENTS: usize = 4_096;

/// The counts of one journal, segment by segment, so that those of a segment go with it.
#[derive(Debug, Default)]
pub(super) struct Counts {
    parts: VecDeque<Part>,
    /// Whose the symbols are at `upto`.
    owners: HashMap<SymbolId, FeedId>,
    feeds: Vec<FeedName>,
    upto: Seq,
}

#[derive(Debug, Default)]
struct Part {
    /// Where the next segment begins; `None` if there is none yet.
    end: Option<Seq>,
    tally: Tally,
}

impl Counts {
    /// Goes on counting, by at most so many events; says whether that was all there is.
    pub(super) fn go_on(&mut self, tape: &Tape, events_max: &mut u64) -> Result<bool, tape::Error> {
        let oldest = tape.oldest();
        self.parts.retain(|part| part.end.is_none_or(|end| end > oldest));
        if self.parts.is_empty() || self.upto < oldest {
            *self = Self::default();
            self.resume(&tape.board_at(oldest)?, oldest);
        }
        let mut cursor = tape.read_after(self.upto)?;
        let mut events = Vec::new();
        while *events_max > 0 {
            let read = cursor.next_batch(BATCH_EVENTS, &mut events);
            *events_max = events_max.saturating_sub(events.len() as u64);
            if let Some(Part { end: end @ None, .. }) = self.parts.back_mut() {
                // Where this part ends a segment may have begun since.
                *end = tape.beyond(Seq(self.upto.0.saturating_sub(1)));
            }
            events.drain(..).for_each(|event| self.add(&event, tape));
            match read {
                Ok(0) => return Ok(true),
                Ok(_) => {}
                // What is behind the damage counts; the damaged rest of the segment does not.
                Err(error @ tape::Error::Corrupt { .. }) => {
                    let beyond = tape.beyond(self.upto).ok_or(error)?;
                    self.resume(&tape.board_at(beyond)?, beyond);
                    cursor = tape.read_after(self.upto)?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    /// The sum of all parts, and what the feeds are called.
    pub(super) fn sum(&self) -> (Tally, &[FeedName]) {
        let mut sum = Tally::default();
        self.parts.iter().for_each(|part| sum.extend(&part.tally));
        (sum, &self.feeds)
    }

    fn resume(&mut self, board: &Board, upto: Seq) {
        self.owners = board.symbols().map(|(id, symbol)| (id, symbol.feed)).collect();
        let feeds = board.feeds();
        let named = |name: &str, venue: &str| FeedName { name: name.into(), venue: venue.into() };
        self.feeds = feeds.map(|(_, feed)| named(&feed.name, &feed.venue)).collect();
        self.upto = upto;
    }

    fn add(&mut self, event: &Event, tape: &Tape) {
        match &event.body {
            Body::Registry(Registry::Feed { name, venue, .. }) => {
                self.feeds.push(FeedName { name: name.clone(), venue: venue.clone() });
            }
            Body::Registry(Registry::Listed { id, feed, .. }) => {
                self.owners.insert(*id, *feed);
            }
            _ => {}
        }
        let before = Seq(event.seq.0.saturating_sub(1));
        if self.parts.back().is_none_or(|part| part.end.is_some_and(|end| event.seq > end)) {
            self.parts.push_back(Part { end: tape.beyond(before), tally: Tally::default() });
        }
        if let Some(part) = self.parts.back_mut() {
            part.tally.count(event, |id| self.owners.get(&id).copied());
        }
        self.upto = event.seq;
    }
}
