//! Events of a volume, in the order of its tape.

use super::Filter;
use super::error::Error;
use super::volume::Volume;
use crate::event::Event;
use crate::event::Seq;
use crate::store;
use crate::tape;
use crate::tape::Cursor;
use crate::tape::Resume;

/// Events that are looked at in one batch of the journal.
const LOOKS: usize = if cfg!(test) { 64 } else { 4_096 };

/// Events of a volume, in the order of its tape: what the journal has from there, the rest from
/// the store. It holds one batch at a time.
#[derive(Debug)]
pub struct Events {
    volume: Volume,
    after: Seq,
    upto: Seq,
    filter: Filter,
    source: Source,
    looks: u64,
}

/// Where the next events come from.
#[derive(Debug)]
enum Source {
    /// To be found out.
    Unknown,
    Journal(Box<Cursor>),
    /// The store, as far as it is asked.
    Store(Box<store::Events>, Seq),
}

impl Events {
    pub(super) const fn new(volume: Volume, (after, upto): (Seq, Seq), filter: Filter) -> Self {
        Self { volume, after, upto, filter, source: Source::Unknown, looks: 0 }
    }

    /// Everything up to here has been looked at.
    #[must_use]
    pub const fn seq(&self) -> Seq {
        self.after
    }

    /// How many events were looked at or asked for so far: what the reading costs.
    #[must_use]
    pub const fn looks(&self) -> u64 {
        self.looks
    }

    /// Looks at the next events and appends those that are wanted, maybe none. `false` at the end
    /// of the range or of the tape; then it may be asked again later.
    ///
    /// # Errors
    /// [`Error::Expired`] where nothing has them any more, [`Error::Lost`] where they were lost;
    /// what else the journal and the store say. What was appended before is good.
    ///
    /// # Cancel safety
    /// What was not returned was not taken, save that `out` may have been appended to.
    pub async fn next_batch(&mut self, out: &mut Vec<Event>) -> Result<bool, Error> {
        while self.after < self.upto {
            match &mut self.source {
                Source::Unknown => {
                    if !self.find().await? {
                        return Ok(false);
                    }
                }
                Source::Journal(cursor) => {
                    let (filter, upto) = (&self.filter, self.upto);
                    let read = cursor.next_where(LOOKS, out, |peek| filter.wants(peek));
                    self.after = self.after.max(cursor.seq().min(upto));
                    while out.pop_if(|event| event.seq > upto).is_some() {}
                    match read {
                        Ok(0) => return Ok(false),
                        Ok(looks) => {
                            self.looks += looks as u64;
                            return Ok(true);
                        }
                        Err(tape::Error::Expired { .. }) => self.source = Source::Unknown,
                        Err(tape::Error::Corrupt { .. }) if self.turn_to_store().await? => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                Source::Store(events, end) => {
                    let (before, end) = (out.len(), *end);
                    let read = events.next_window(out).await;
                    self.after = self.after.max(events.seq());
                    self.looks += (out.len() - before) as u64;
                    match read? {
                        false if self.after >= end => self.source = Source::Unknown,
                        false => return self.end_of_store(),
                        true => return Ok(true),
                    }
                }
            }
        }
        Ok(false)
    }

    /// Finds out who has what comes next; `false` if nobody has it yet.
    async fn find(&mut self) -> Result<bool, Error> {
        let mut end = self.upto;
        if let Some(journal) = &self.volume.journal {
            match journal.resumable(self.after) {
                Resume::Yes => {
                    self.source = Source::Journal(Box::new(journal.read_after(self.after)?));
                    return Ok(true);
                }
                Resume::Ahead => return Ok(false),
                Resume::Expired if self.after < journal.oldest() => end = end.min(journal.oldest()),
                // Where a crash left a hole.
                Resume::Expired => end = end.min(journal.beyond(self.after).unwrap_or(end)),
            }
        }
        if self.read_store(end).await? { Ok(true) } else { Err(self.volume.expired(self.after)) }
    }

    /// The journal is damaged here: the store may have what stood there.
    async fn turn_to_store(&mut self) -> Result<bool, Error> {
        let beyond = self.volume.journal.as_ref().and_then(|of| of.beyond(self.after));
        self.read_store(beyond.unwrap_or(Seq::MAX).min(self.upto)).await
    }

    async fn read_store(&mut self, end: Seq) -> Result<bool, Error> {
        let Some((archive, stored)) = self.volume.archived().await? else { return Ok(false) };
        if self.after < stored.oldest {
            return Err(Error::Expired { cursor: self.after, oldest: stored.oldest });
        }
        let events = archive.read(&stored, self.after, end, self.filter.clone());
        self.source = Source::Store(Box::new(events), end);
        Ok(true)
    }

    /// The store has no more now.
    fn end_of_store(&mut self) -> Result<bool, Error> {
        let Some(journal) = &self.volume.journal else { return Ok(false) };
        let (after, oldest) = (self.after, journal.oldest());
        self.source = Source::Unknown;
        if after < oldest {
            return Err(Error::Lost { after, upto: oldest });
        }
        Ok(journal.resumable(after) == Resume::Yes)
    }
}
