//! A walk along a tape that writes rows.

use tickwire_feeds::Nanos;

use super::layout::Content;
use super::layout::Format;
use super::names::Names;
use super::names::Naming;
use crate::event::Body;
use crate::event::Channel;
use crate::event::Event;
use crate::event::Seq;
use crate::history::Error;
use crate::history::Events;
use crate::history::Filter;
use crate::history::Volume;
use crate::wire::json;
use crate::wire::pattern::Name;

/// Feeds are not read in step, so `recv` steps back along the tape, but not by more than this.
const STEP_BACK_MS: i64 = 60_000;

/// What is wanted of a tape.
#[derive(Debug, Clone)]
pub struct Selection {
    /// Symbols and patterns; all if there is none.
    pub symbols: Vec<Name>,
    /// What is written of them, in this order of an event.
    pub content: Vec<Content>,
    /// What they are called.
    pub naming: Naming,
    /// The least `recv`.
    pub from: Option<Nanos>,
    /// Above the greatest.
    pub to: Option<Nanos>,
}

/// A range of a tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// After this event.
    pub after: Seq,
    /// Up to this one.
    pub upto: Seq,
}

/// A walk along a tape that writes rows.
#[derive(Debug)]
pub struct Walk {
    events: Events,
    names: Names,
    selection: Selection,
    format: Format,
    batch: Vec<Event>,
    rows: u64,
}

impl Selection {
    /// The part of a tape that it lies in. Imported tapes may be in any order of time.
    ///
    /// # Errors
    /// If journal or store cannot be read.
    pub async fn range(&self, volume: &Volume, is_imported: bool) -> Result<Range, Error> {
        let (oldest, head) = (volume.oldest().await?, volume.head().await?);
        let after = match self.from {
            Some(from) => volume.before(from).await?,
            None => oldest,
        };
        let upto = match self.to {
            Some(to) if !is_imported => volume.before(to.plus_millis(STEP_BACK_MS)).await?,
            _ => head,
        };
        Ok(Range { after: after.max(oldest), upto })
    }

    /// The first name that no symbol of a tape has ever had.
    ///
    /// # Errors
    /// If journal or store cannot be read.
    pub async fn unknown(&self, volume: &Volume) -> Result<Option<&Name>, Error> {
        if self.symbols.is_empty() {
            return Ok(None);
        }
        let board = volume.board_at(volume.head().await?).await?;
        let is_known = |name: &&Name| board.symbols().any(|(_, of)| name.covers(&of.symbol));
        Ok(self.symbols.iter().find(|name| !is_known(name)))
    }

    fn wants(&self, recv: Nanos) -> bool {
        self.from.is_none_or(|from| recv >= from) && self.to.is_none_or(|to| recv < to)
    }
}

impl Walk {
    /// Begins in a range of a tape. What stands at its beginning is appended: for `ticker` the
    /// snapshots that its messages go on from.
    ///
    /// # Errors
    /// [`Error::Expired`] if the range begins before all that is there; if journal or store cannot
    /// be read.
    pub async fn begin(
        volume: &Volume,
        range: Range,
        (selection, format): (Selection, Format),
        out: &mut Vec<u8>,
    ) -> Result<Self, Error> {
        let board = volume.board_at(range.after).await?;
        let names = Names::of(&board, selection.symbols.clone(), selection.naming);
        if selection.content.contains(&Content::Ticker) {
            let listed = board.symbols().filter(|(_, symbol)| symbol.listed);
            for (id, _) in listed.filter(|(id, _)| names.get(*id).is_some()) {
                json::write_snapshot(out, Channel::Ticker, id, &board);
                out.push(b'\n');
            }
        }
        let events = volume.read(range.after, range.upto, Filter::default());
        Ok(Self { events, names, selection, format, batch: Vec::new(), rows: 0 })
    }

    /// Appends the rows of some more events; `false` at the end.
    ///
    /// # Errors
    /// As [`Events::next_batch`].
    pub async fn write(&mut self, out: &mut Vec<u8>) -> Result<bool, Error> {
        let read = self.events.next_batch(&mut self.batch).await;
        for event in self.batch.drain(..) {
            let symbol = match &event.body {
                Body::Trade(trade) => trade.symbol,
                Body::Quote(quote) => quote.symbol,
                Body::Registry(change) => {
                    self.names.apply(change);
                    continue;
                }
                _ => continue,
            };
            let Some(name) = self.names.get(symbol) else { continue };
            if !self.selection.wants(event.recv) {
                continue;
            }
            for content in &self.selection.content {
                let is_row = self.format.write(*content, (name, &event), out);
                self.rows += u64::from(is_row);
            }
        }
        read
    }

    /// Everything up to here is written.
    #[must_use]
    pub const fn seq(&self) -> Seq {
        self.events.seq()
    }

    /// Rows written so far.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }
}
