//! A volume: one tape with all that is left of it.

use std::sync::Arc;

use tickwire_feeds::Nanos;

use super::Filter;
use super::error::Error;
use super::events::Events;
use crate::board::Bar;
use crate::board::Board;
use crate::event::Interval;
use crate::event::Seq;
use crate::event::SymbolId;
use crate::store;
use crate::store::StoredGap;
use crate::tape;
use crate::tape::Resume;
use crate::tape::Tape;

/// One tape, in the journal, in the store, or in both. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Volume {
    name: Arc<str>,
    pub(super) journal: Option<Tape>,
    archive: Option<store::Reader>,
}

impl Volume {
    /// A tape of which the journal has a part, the store, or both.
    #[must_use]
    pub fn new(name: &str, journal: Option<Tape>, archive: Option<store::Reader>) -> Self {
        Self { name: name.into(), journal, archive }
    }

    /// The name of the tape.
    #[must_use]
    pub fn epoch(&self) -> &str {
        &self.name
    }

    /// The tape as the journal has it, if that has some of it.
    #[must_use]
    pub const fn journal(&self) -> Option<&Tape> {
        self.journal.as_ref()
    }

    /// The least cursor after which every event is there.
    ///
    /// # Errors
    /// [`Error::Store`] if only the store knows.
    pub async fn oldest(&self) -> Result<Seq, Error> {
        let journal = self.journal.as_ref().map(Tape::oldest);
        // Nothing is older, so the store is not asked.
        if let Some(Seq::START) = journal {
            return Ok(Seq::START);
        }
        match (self.stored().await?, journal) {
            (Some(stored), Some(journal)) => Ok(stored.oldest.min(journal)),
            (Some(stored), None) => Ok(stored.oldest),
            (None, Some(journal)) => Ok(journal),
            (None, None) => Err(Error::NoTape((*self.name).into())),
        }
    }

    /// The last event.
    ///
    /// # Errors
    /// [`Error::Store`] if only the store knows.
    pub async fn head(&self) -> Result<Seq, Error> {
        if let Some(journal) = &self.journal {
            return Ok(journal.head());
        }
        let stored = self.stored().await?;
        stored.map(|epoch| epoch.stored).ok_or_else(|| Error::NoTape((*self.name).into()))
    }

    /// The cursor that stands before the first event, in the order of the tape, whose `recv` is at
    /// or after a time; the head if there is none.
    ///
    /// # Errors
    /// If the journal or the store cannot be read.
    pub async fn before(&self, at: Nanos) -> Result<Seq, Error> {
        if let Some(journal) = &self.journal {
            let found = journal.before(at)?;
            if found > journal.oldest() || found == Seq::START {
                return Ok(found);
            }
        }
        let Some((archive, stored)) = self.archived().await? else {
            let journal = self.journal.as_ref().map(Tape::oldest);
            return journal.ok_or_else(|| Error::NoTape((*self.name).into()));
        };
        let found = archive.before(&stored, at).await?;
        match &self.journal {
            // The store does not have it yet, so it is where the journal begins.
            Some(journal) if found >= stored.stored => Ok(found.max(journal.oldest())),
            _ => Ok(found),
        }
    }

    /// Behind the last part that was lost before it could be stored, between two places; the first
    /// of them if there is none. A part that ends at the second place is not between them.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn behind_losses(&self, after: Seq, upto: Seq) -> Result<Seq, Error> {
        if self.journal.as_ref().is_some_and(|of| of.resumable(after) == Resume::Yes) {
            return Ok(after);
        }
        let Some((archive, stored)) = self.archived().await? else { return Ok(after) };
        let losses = archive.losses(&stored).await?.into_iter().map(|(_, upto)| upto);
        // What the journal has given up and the store does not know of yet.
        let seam = self.journal.as_ref().map(Tape::oldest).filter(|of| *of > stored.stored);
        let behind = losses.chain(seam).filter(|behind| *behind < upto).max();
        Ok(behind.map_or(after, |behind| behind.max(after)))
    }

    /// The board as it stood after the last event up to a place.
    ///
    /// # Errors
    /// [`Error::Expired`], [`Error::Ahead`], [`Error::Lost`] for a place that is not there; if the
    /// journal or the store cannot be read.
    pub async fn board_at(&self, seq: Seq) -> Result<Board, Error> {
        if let Some(journal) = &self.journal {
            match journal.resumable(seq) {
                Resume::Ahead => return Err(Error::Ahead { cursor: seq, head: journal.head() }),
                Resume::Yes => match journal.board_at(seq) {
                    Err(tape::Error::Expired { .. } | tape::Error::Corrupt { .. })
                        if self.archive.is_some() => {}
                    board => return Ok(board?),
                },
                Resume::Expired => {}
            }
        }
        let Some((archive, stored)) = self.archived().await? else {
            return Err(self.expired(seq));
        };
        Ok(archive.board_at(&stored, seq).await?)
    }

    /// Reads the events after a place, up to another one, in the order of the tape.
    #[must_use]
    pub fn read(&self, after: Seq, upto: Seq, filter: Filter) -> Events {
        Events::new(self.clone(), (after, upto), filter)
    }

    /// Gaps after a place and up to another, from the store's own list of them, and up to where
    /// those are all; at most `limit`. `None` if the events have to be read: the journal has what
    /// is next, or nobody.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn stored_gaps(
        &self,
        (after, upto): (Seq, Seq),
        limit: u32,
    ) -> Result<Option<(Vec<StoredGap>, Seq)>, Error> {
        if self.journal.as_ref().is_some_and(|of| of.resumable(after) == Resume::Yes) {
            return Ok(None);
        }
        let Some((archive, stored)) = self.archived().await? else { return Ok(None) };
        let losses = archive.losses(&stored).await?;
        let lost = losses.iter().find(|(_, upto)| *upto > after);
        let end = lost.map_or(stored.stored, |(lost_after, _)| *lost_after).min(upto);
        if after < stored.oldest || end <= after {
            return Ok(None);
        }
        let gaps = archive.gaps(&stored, (after, end), limit).await?;
        let is_cut = gaps.len() >= limit as usize;
        let end = gaps.last().filter(|_| is_cut).map_or(end, |last| last.seq);
        Ok(Some((gaps, end)))
    }

    /// Final bars that begin at or after a time and before another, from the store's table of
    /// them, and before which time those are all there were; at most `limit`. `None` if they have
    /// to be derived: the journal has what comes after a place, or the table does not have all.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn stored_bars(
        &self,
        after: Seq,
        of: (SymbolId, Interval),
        (from, to): (Nanos, Nanos),
        limit: u32,
    ) -> Result<Option<(Vec<(Seq, Bar)>, Nanos)>, Error> {
        if self.journal.as_ref().is_some_and(|of| of.resumable(after) == Resume::Yes) {
            return Ok(None);
        }
        let Some((archive, stored)) = self.archived().await? else { return Ok(None) };
        let settled = archive.bars_settled(&stored, of).await?;
        let Some(settled) = settled.filter(|settled| *settled > from) else { return Ok(None) };
        let bars = archive.bars(&stored, of, (from, to.min(settled)), limit).await?;
        Ok(Some((bars, settled)))
    }

    /// The store, and what it has of this tape.
    pub(super) async fn archived(&self) -> Result<Option<(&store::Reader, store::Epoch)>, Error> {
        let Some(archive) = &self.archive else { return Ok(None) };
        Ok(self.stored().await?.map(|stored| (archive, stored)))
    }

    pub(super) fn expired(&self, cursor: Seq) -> Error {
        let oldest = self.journal.as_ref().map_or(Seq::MAX, Tape::oldest);
        Error::Expired { cursor, oldest }
    }

    async fn stored(&self) -> Result<Option<store::Epoch>, Error> {
        let Some(archive) = &self.archive else { return Ok(None) };
        match archive.epoch(&self.name).await {
            Ok(stored) => Ok(Some(stored)),
            Err(store::Error::NoEpoch(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
