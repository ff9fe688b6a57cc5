//! Data messages on their way to the reader, and the streams that have to begin anew.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::error::Error;
use crate::event::Event;
use crate::event::Resync;
use crate::machine::Head;
use crate::machine::parse;
use crate::message::Gap;
use crate::streams::Place;
use crate::streams::Streams;
use crate::streams::Verdict;

/// Operations between two heartbeats that ask for streams anew. A server that breaks more than that
/// is not worth its connection.
const HEALS_MAX: u32 = 20;

/// Data messages on their way to the reader, and the streams that have to begin anew.
#[derive(Debug)]
pub(crate) struct Intake {
    pub(crate) streams: Streams,
    /// By channel.
    broken: BTreeMap<String, BTreeSet<String>>,
    heals: u32,
}

impl Intake {
    /// Nothing is held.
    pub(crate) fn new(streams: Streams) -> Self {
        Self { streams, broken: BTreeMap::new(), heals: 0 }
    }

    /// The connection is another one: nothing of the old one has to be asked for.
    pub(crate) fn reopen(&mut self) {
        self.broken.clear();
        self.heals = 0;
    }

    /// A heartbeat came.
    pub(crate) fn beat(&mut self) {
        self.heals = 0;
        self.streams.settle();
    }

    /// Takes a data message. Streams of which something is missing are noted for
    /// [`Self::heal`], if `is_due` says that nothing else will bring them.
    ///
    /// # Errors
    /// [`Error::Protocol`] if it is not as it must be.
    pub(crate) fn take(
        &mut self,
        head: &Head<'_>,
        text: &str,
        is_due: impl Fn(&str, &str) -> bool,
    ) -> Result<Vec<Event>, Error> {
        let (channel, symbol) = (&*head.channel, &*head.symbol);
        // What cannot be read must not count as seen.
        let (place, event) = (place(head, text)?, read(&head.kind, text)?);
        let mut events = Vec::new();
        match self.streams.judge(channel, symbol, place) {
            Verdict::Take => {}
            Verdict::TakeAfter { after, reason } => {
                let (channel, symbol) = (channel.to_owned(), symbol.to_owned());
                let (to, reason) = (head.seq.unwrap_or_default(), reason.to_owned());
                events.push(Event::Resync(Resync { channel, symbol, after, to, reason }));
            }
            Verdict::Drop => return Ok(events),
            Verdict::Missed => {
                self.note(channel, symbol);
                return Ok(events);
            }
            Verdict::NotHeld => {
                if is_due(channel, symbol) {
                    self.streams.lose(channel, symbol, crate::streams::Loss::Missed("prev"));
                    self.note(channel, symbol);
                }
                return Ok(events);
            }
        }
        events.extend(event);
        Ok(events)
    }

    /// The streams of one channel that have to be subscribed to anew, each told once.
    ///
    /// # Errors
    /// [`Error::Protocol`] if there were too many since the last heartbeat.
    pub(crate) fn heal(&mut self) -> Result<Option<(String, Vec<String>)>, Error> {
        let Some((channel, symbols)) = self.broken.pop_first() else { return Ok(None) };
        self.heals += 1;
        if self.heals > HEALS_MAX {
            let text = format!("broken streams again and again, as {channel} of {symbols:?}");
            return Err(Error::Protocol(text.chars().take(200).collect()));
        }
        Ok(Some((channel, symbols.into_iter().collect())))
    }

    fn note(&mut self, channel: &str, symbol: &str) {
        self.broken.entry(channel.to_owned()).or_default().insert(symbol.to_owned());
    }
}

fn place(head: &Head<'_>, text: &str) -> Result<Place, Error> {
    match (&*head.kind, head.seq, head.prev) {
        ("snapshot", Some(seq), _) => Ok(Place::Snapshot { seq }),
        (_, Some(seq), Some(prev)) => Ok(Place::Next { seq, prev }),
        ("gap", None, _) if head.cause == "slow_consumer" => {
            let gap: Gap = parse(text)?;
            let no_end = || Error::Protocol("a gap without its end".to_owned());
            Ok(Place::Skipped { to: gap.to.ok_or_else(no_end)? })
        }
        (kind, ..) => Err(Error::Protocol(format!("a {kind} without its place"))),
    }
}

/// The event of a message; `None` for kinds that this version does not know, whose place counts all
/// the same.
fn read(kind: &str, text: &str) -> Result<Option<Event>, Error> {
    Ok(Some(match kind {
        "snapshot" => Event::Snapshot(parse(text)?),
        "delta" => Event::Delta(parse(text)?),
        "trade" => Event::Trade(parse(text)?),
        "amend" => Event::Amend(parse(text)?),
        "bar" => Event::Bar(parse(text)?),
        "status" => Event::Status(parse(text)?),
        "gap" => Event::Gap(parse(text)?),
        _ => return Ok(None),
    }))
}

/// Words of the server for why it did not go on, as this crate tells them.
pub(crate) fn word(reason: Option<&str>) -> &'static str {
    match reason {
        Some("cursor_expired") => "cursor_expired",
        Some("epoch_mismatch") => "epoch_mismatch",
        Some("ahead") => "ahead",
        _ => "not_resumed",
    }
}
