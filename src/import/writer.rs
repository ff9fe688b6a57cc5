//! The writer of an imported tape.

use std::fs;
use std::fs::File;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use tickwire_feeds::Nanos;
use tickwire_feeds::Symbol;
use tickwire_feeds::Tick;
use tickwire_feeds::tick;
use tickwire_feeds::tick::State;

use super::Error;
use super::names::Names;
use super::origin::Origin;
use super::row::Row;
use super::row::What;
use crate::board::Board;
use crate::event::Event;
use crate::event::FeedId;
use crate::event::Registry;
use crate::event::Seq;
use crate::tape;
use crate::tape::Journal;
use crate::tape::Opened;
use crate::tape::Settings;

/// Events appended by one write.
const BATCH_EVENTS: usize = 4_096;
/// The end of the name of a tape that is not whole yet.
const PARTIAL: &str = "partial";

/// Writes one tape, which nobody sees before it is whole. Dropped before, nothing of it is left.
#[derive(Debug)]
pub struct Writer {
    /// `None` once it is closed.
    journal: Option<Journal>,
    epoch: String,
    board: Board,
    events: Vec<Event>,
    next: Seq,
    /// The greatest time so far.
    newest: Option<Nanos>,
    /// Which symbols are listed, by their places among the names.
    feeds: Vec<Option<FeedId>>,
    imports: PathBuf,
    partial: Partial,
    now: Nanos,
}

/// A tape that was imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Its name.
    pub epoch: String,
    /// Where it is.
    pub dir: PathBuf,
    /// Its last event.
    pub head: Seq,
}

impl Writer {
    /// Begins a tape among the imported ones. What imports that died have left there goes.
    ///
    /// # Errors
    /// [`Error::Write`], [`Error::Tape`].
    pub fn begin(imports: &Path, now: Nanos) -> Result<Self, Error> {
        fs::create_dir_all(imports).map_err(writing("make", imports))?;
        sweep(imports);
        let name = format!("{}-{}.{PARTIAL}", std::process::id(), now.0);
        let partial = Partial(imports.join(name));
        let settings = Settings {
            retention_bytes: u64::MAX,
            retention_age_ms: i64::MAX,
            ..Settings::new(&partial.0)
        };
        let Opened { journal, tape, board } = tape::open(&settings, now)?;
        Ok(Self {
            next: journal.next_seq(),
            journal: Some(journal),
            epoch: tape.epoch().to_owned(),
            board,
            events: Vec::with_capacity(BATCH_EVENTS),
            newest: None,
            feeds: Vec::new(),
            imports: imports.to_owned(),
            partial,
            now,
        })
    }

    /// Appends a row.
    ///
    /// # Errors
    /// Why the name of its instrument is none; nothing is appended then.
    pub fn add(&mut self, row: Row<'_>, names: &mut Names) -> Result<(), String> {
        let Row { at: recv, ts, symbol, what } = row;
        let place = names.place(symbol)?;
        let Some((symbol, raw)) = names.get(place) else { return Ok(()) };
        self.tell_time(recv);
        let feed = self.listed(place, (symbol, raw), recv);
        let symbol = symbol.clone();
        self.stamp(
            feed,
            match what {
                What::Trade { price, size, side, trade_id, extra } => Tick::Trade(tick::Trade {
                    symbol,
                    ts,
                    recv,
                    price,
                    size,
                    side,
                    trade_id,
                    extra,
                }),
                What::Quote { bid, ask } => Tick::Quote(tick::Quote { symbol, ts, recv, bid, ask }),
            },
        );
        Ok(())
    }

    /// Writes what has been added, if that is worth a write.
    ///
    /// # Errors
    /// [`Error::Tape`].
    pub fn tend(&mut self) -> Result<(), Error> {
        if self.events.len() >= BATCH_EVENTS { self.flush() } else { Ok(()) }
    }

    /// Ends the tape, and gives it its name among the imported ones.
    ///
    /// # Errors
    /// [`Error::Write`], [`Error::Tape`]; nothing of it is left then.
    pub fn finish(mut self, origin: &Origin) -> Result<Imported, Error> {
        let recv = self.newest.unwrap_or_default();
        let feeds: Vec<FeedId> = self.board.feeds().map(|(id, _)| id).collect();
        let clock = self.board.stamp_clock(recv, self.next);
        self.push(clock);
        for feed in feeds {
            self.stamp(feed, Tick::AllListed);
            self.stamp(feed, status(State::Stale, recv, Some("end of the import".into())));
        }
        self.flush()?;
        if let Some(journal) = self.journal.take() {
            journal.close(&self.board)?;
        }
        let dir = self.imports.join(&self.epoch);
        origin.write(&self.partial.0).map_err(writing("write the origin of", &dir))?;
        fs::rename(&self.partial.0, &dir).map_err(writing("make", &dir))?;
        let synced = File::open(&self.imports).and_then(|imports| imports.sync_all());
        synced.map_err(writing("sync", &self.imports))?;
        Ok(Imported { epoch: self.epoch.clone(), dir, head: self.board.seq() })
    }

    fn flush(&mut self) -> Result<(), Error> {
        if let Some(journal) = &mut self.journal {
            journal.append(&self.events)?;
            self.events.clear();
            journal.tend(&self.board, self.now)?;
        }
        Ok(())
    }

    /// Clock events come where the times of the rows come to a new second, as they would have live.
    fn tell_time(&mut self, at: Nanos) {
        const SECOND: i64 = 1_000_000_000;
        let before = self.newest.replace(self.newest.map_or(at, |newest| newest.max(at)));
        let is_new =
            before.is_some_and(|before| before.0.div_euclid(SECOND) < at.0.div_euclid(SECOND));
        while is_new && self.board.is_clock_due(at) {
            let event = self.board.stamp_clock(at, self.next);
            self.push(event);
        }
    }

    /// The feed of a symbol, which is listed if it is new.
    fn listed(&mut self, place: usize, (symbol, raw): (&Symbol, &str), recv: Nanos) -> FeedId {
        if let Some(Some(feed)) = self.feeds.get(place) {
            return *feed;
        }
        let venue = symbol.venue();
        let feed = self.board.feed_id(venue).unwrap_or_else(|| {
            let id = FeedId(u32::try_from(self.board.feeds().count()).unwrap_or(u32::MAX));
            let change = Registry::Feed { id, name: venue.into(), venue: venue.into() };
            let event = self.board.stamp_registry(change, recv, self.next);
            self.push(event);
            self.stamp(id, status(State::Live, recv, None));
            id
        });
        let raw = (symbol.as_str() != raw && symbol.name() != raw).then(|| raw.into());
        self.stamp(feed, Tick::Listed(tick::Listing { symbol: symbol.clone(), raw, recv }));
        self.feeds.resize(self.feeds.len().max(place + 1), None);
        if let Some(known) = self.feeds.get_mut(place) {
            *known = Some(feed);
        }
        feed
    }

    fn stamp(&mut self, feed: FeedId, tick: Tick) {
        // What is refused says nothing that is not known: a state that was told already.
        if let Ok(event) = self.board.stamp(feed, tick, self.next) {
            self.push(event);
        }
    }

    fn push(&mut self, event: Event) {
        self.next = event.seq.next();
        self.events.push(event);
    }
}

/// A directory that goes unless it got another name.
#[derive(Debug)]
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        // It is not there if all went well.
        fs::remove_dir_all(&self.0).ok();
    }
}

/// Removes what imports that died have left: what has a writer is locked.
fn sweep(imports: &Path) {
    let Ok(entries) = fs::read_dir(imports) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let is_partial = path.extension().is_some_and(|ending| ending == PARTIAL);
        let lock = File::open(path.join("lock"));
        if is_partial && lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
            drop(Partial(path));
        }
    }
}

fn status(state: State, recv: Nanos, reason: Option<Box<str>>) -> Tick {
    Tick::Status(tick::Status { scope: tick::Scope::Feed, recv, state, trading: None, reason })
}

fn writing(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let context = format!("{doing} {}", path.display());
    move |source| Error::Write { context, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Body;
    use tickwire_feeds::Price;
    use tickwire_feeds::Size;

    fn trade(at: i64, symbol: &str) -> Row<'_> {
        let what = What::Trade {
            price: Price::parse("1.50").unwrap(),
            size: Size::parse("2").unwrap(),
            side: None,
            trade_id: None,
            extra: None,
        };
        Row { at: Nanos(at), ts: Some(Nanos(at)), symbol, what }
    }

    #[test]
    fn a_tape_is_there_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let mut names = Names::new("file").unwrap();
        let begin = || Writer::begin(dir.path(), Nanos(5)).unwrap();
        let entries = || fs::read_dir(dir.path()).unwrap().count();
        let mut writer = begin();
        writer.add(trade(7, "A"), &mut names).unwrap();
        assert_eq!(entries(), 1);
        drop(writer);
        assert_eq!(entries(), 0);

        let mut writer = begin();
        assert!(writer.add(trade(7, ""), &mut names).is_err());
        for at in 0..10_000 {
            writer.add(trade(at * 1_000_000, "A"), &mut names).unwrap();
            writer.tend().unwrap();
        }
        writer.add(trade(3, "x:Y"), &mut names).unwrap();
        let Imported { epoch, dir: at, head } = writer.finish(&Origin::default()).unwrap();
        assert_eq!((at, entries()), (dir.path().join(&epoch), 1));
        let tape = tape::look(&dir.path().join(&epoch)).unwrap().unwrap();
        assert_eq!((tape.epoch(), tape.head()), (epoch.as_str(), head));
        let checkup = tape::check(&dir.path().join(&epoch), |_, _| true).unwrap().unwrap();
        assert_eq!(checkup.findings, []);
        let board = tape.board_at(head).unwrap();
        let names: Vec<&str> = board.symbols().map(|(_, symbol)| symbol.symbol.as_str()).collect();
        assert_eq!(names, ["file:A", "x:Y"]);
        let mut events = Vec::new();
        let mut cursor = tape.read_after(Seq::START).unwrap();
        while cursor.next_batch(1_000, &mut events).unwrap() > 0 {}
        let count = |is: fn(&Body) -> bool| events.iter().filter(|e| is(&e.body)).count();
        assert_eq!(count(|body| matches!(body, Body::Trade(_))), 10_001);
        assert!(count(|body| matches!(body, Body::Clock)) > 5, "bars become final");
    }

    #[test]
    fn what_a_dead_import_has_left_goes_and_a_living_one_stays() {
        let dir = tempfile::tempdir().unwrap();
        let dead = dir.path().join("7-7.partial");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join("lock"), "").unwrap();
        let one = Writer::begin(dir.path(), Nanos(5)).unwrap();
        assert!(!dead.exists());
        let two = Writer::begin(dir.path(), Nanos(6)).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
        drop((one, two));
    }
}
