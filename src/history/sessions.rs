//! Sessions: what each feed recorded in each day of each tape, from the store and the journals.

use std::sync::Arc;

use crate::event::FeedId;
use crate::event::Seq;
use crate::event::SymbolId;
use crate::store;
use crate::store::Session;
use crate::store::Tally;
use crate::tape::Tape;

use super::History;
use super::counts::Counts;
use super::error::Error;
use super::imported;
use super::imported_names;
use super::roster::FeedName;
use super::roster::Roster;

/// Events that are counted for one answer: two seconds' work.
const EVENTS_MAX: u64 = 5_000_000;
/// Read at once.
const BATCH_EVENTS: usize = 4_096;

/// Sessions, and whether all that there is was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sessions {
    /// By day, then tape and feed.
    pub list: Vec<Session>,
    /// If not: ask again, it goes on where it stopped.
    pub is_complete: bool,
}

impl History {
    /// What was recorded, on one tape or on all. `live` has the names of the live tape.
    ///
    /// # Errors
    /// [`Error::NoTape`] for a tape that is not there; if the journal or the store cannot be read.
    pub async fn sessions(&self, epoch: Option<&str>, live: &Roster) -> Result<Sessions, Error> {
        let is_wanted = |name: &str| epoch.is_none_or(|epoch| epoch == name);
        let (mut list, stored) = self.stored_sessions(epoch).await?;
        let mut events_max = EVENTS_MAX;
        let mut is_complete = true;
        let mut known = !stored.is_empty();
        for (tape, is_live) in self.journals(epoch)? {
            let name = tape.epoch();
            known = true;
            let found = stored.iter().find(|of| &*of.name == name);
            is_complete &= match found {
                Some(of) => {
                    let upto = list.iter().find(|session| session.epoch == name);
                    let after = upto.map_or(of.stored, |session| session.upto);
                    let read;
                    let roster = if is_live {
                        live
                    } else {
                        read = self.roster(&self.volume(Some(name)).await?).await?;
                        &read
                    };
                    add_tail(&mut list, (&tape, after), roster, &mut events_max)?
                }
                None => self.add_counted(&mut list, &tape, &mut events_max).await?,
            };
        }
        if let Some(epoch) = epoch.filter(|_| !known) {
            return Err(Error::NoTape(epoch.into()));
        }
        list.retain(|session| is_wanted(&session.epoch));
        list.sort_by(|a, b| (a.day, &a.epoch, &a.feed).cmp(&(b.day, &b.epoch, &b.feed)));
        Ok(Sessions { list, is_complete })
    }

    async fn stored_sessions(
        &self,
        epoch: Option<&str>,
    ) -> Result<(Vec<Session>, Vec<store::Epoch>), Error> {
        let Some(archive) = self.archive() else { return Ok((Vec::new(), Vec::new())) };
        // In this order: what is not listed then was not stored before.
        let mut epochs = archive.epochs().await?;
        epochs.retain(|of| epoch.is_none_or(|epoch| *epoch == *of.name));
        let mut sessions = archive.sessions().await?;
        sessions.retain(|of| epochs.iter().any(|epoch| *of.epoch == *epoch.name));
        Ok((sessions, epochs))
    }

    /// The tapes of which there is a journal, and which one is live.
    fn journals(&self, epoch: Option<&str>) -> Result<Vec<(Tape, bool)>, Error> {
        let is_wanted = |name: &str| epoch.is_none_or(|epoch| epoch == name);
        let live = self.shared.live.iter().filter(|live| is_wanted(live.epoch()));
        let mut journals: Vec<(Tape, bool)> = live.map(|live| (live.clone(), true)).collect();
        let names = match epoch {
            Some(epoch) => vec![epoch.to_owned()],
            None => imported_names(&self.shared.imports)?,
        };
        for name in names {
            if !journals.iter().any(|(tape, _)| tape.epoch() == name) {
                journals.extend(imported(&self.shared.imports, &name)?.map(|tape| (tape, false)));
            }
        }
        Ok(journals)
    }

    /// Counts a journal that the store does not have, or goes on doing so.
    async fn add_counted(
        &self,
        list: &mut Vec<Session>,
        tape: &Tape,
        events_max: &mut u64,
    ) -> Result<bool, Error> {
        let counts = {
            let mut counts = self.shared.counts.lock().await;
            Arc::clone(counts.entry(tape.epoch().into()).or_default())
        };
        let mut counts = counts.lock().await;
        let is_complete = counts.go_on(tape, events_max)?;
        let (tally, feeds) = counts.sum();
        add(list, tape, &tally, |feed| feeds.get(feed.index()));
        Ok(is_complete)
    }
}

/// Counts what is not stored yet.
fn add_tail(
    list: &mut Vec<Session>,
    (tape, stored): (&Tape, Seq),
    roster: &Roster,
    events_max: &mut u64,
) -> Result<bool, Error> {
    let after = stored.max(tape.oldest());
    if after >= tape.head() {
        return Ok(true);
    }
    let owner = |id: SymbolId| roster.symbol(id).map(|member| member.feed);
    let (mut tally, mut events) = (Tally::default(), Vec::new());
    let mut cursor = tape.read_after(after)?;
    let mut is_complete = false;
    while *events_max > 0 && !is_complete {
        is_complete = cursor.next_batch(BATCH_EVENTS, &mut events)? == 0;
        *events_max = events_max.saturating_sub(events.len() as u64);
        for event in events.drain(..) {
            tally.count(&event, owner);
        }
    }
    add(list, tape, &tally, |feed| roster.feed(feed));
    Ok(is_complete)
}

/// Adds what was counted of a tape to what is known of it.
fn add<'a>(
    list: &mut Vec<Session>,
    tape: &Tape,
    tally: &Tally,
    name: impl Fn(FeedId) -> Option<&'a FeedName>,
) {
    for ((feed, day), figures) in tally.figures() {
        let Some(feed) = name(*feed) else { continue };
        let known = list.iter_mut().find(|session| {
            session.epoch == tape.epoch() && *session.feed == *feed.name && session.day == *day
        });
        match known {
            Some(known) => known.figures.add(figures),
            None => list.push(Session {
                epoch: tape.epoch().to_owned(),
                feed: feed.name.to_string(),
                venue: feed.venue.to_string(),
                day: *day,
                figures: *figures,
                upto: figures.last,
            }),
        }
    }
}

/// By the names of tapes.
pub(super) type AllCounts =
    tokio::sync::Mutex<std::collections::HashMap<Box<str>, Arc<tokio::sync::Mutex<Counts>>>>;
