//! Recordings as feeds: a tape CSV, frames of a venue, or a whole tape, played at any speed.
//!
//! A recording speaks under the name of its own feed. It is read in bounded memory, in a thread
//! for blocking work. A file that cannot be read (on) leaves its feed down; at the end of the file
//! it is stale. Neither is tried again.

mod decoder;
mod pace;
mod renamed;
mod tape;

use std::fmt;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use tickwire_feeds::Error;
use tickwire_feeds::Feed;
use tickwire_feeds::Nanos;
use tickwire_feeds::TapeCsv;
use tokio::sync::mpsc;
use tokio::sync::watch;

use crate::clock;
use crate::config::quantity::Speed;
use crate::ingest::Handle;
use crate::ingest::Settings;
use crate::ingest::Stats;
use crate::ingest::Stop;
use crate::ingest::capture::Capture;
use crate::ingest::driver::Delivered;
use crate::ingest::driver::Driver;
use crate::ingest::file::decoder::Decoder;
use crate::ingest::file::pace::Pace;
use crate::ingest::file::renamed::Renamed;
use crate::ingest::file::tape::Played;
use crate::ingest::file::tape::Reel;
use crate::ingest::pause;
use crate::sequencer::intake::Intake;

/// Batches read ahead.
const BATCHES_MAX: usize = 4;
/// A batch is full with so many lines or bytes, whichever comes first.
const BATCH_LINES: usize = 256;
const BATCH_BYTES: usize = 256 * 1024;

/// A recording to play.
pub struct Recording {
    path: PathBuf,
    speed: Speed,
    decoder: Decoder,
    medium: Medium,
}

/// What a recording is.
#[derive(Debug, Clone, Copy)]
enum Medium {
    /// A file of lines.
    Lines,
    /// A tape in its directory, from a time on if one is given.
    Tape(Option<Nanos>),
}

/// Lines of a recording, one after the other.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    lines: Vec<Line>,
}

/// The end of a line in its batch, and when it was recorded, if a file beside tells.
struct Line {
    end: usize,
    time: Option<Nanos>,
}

/// What comes of the reading thread.
type Read = Result<Batch, io::Error>;

impl Recording {
    /// A tape CSV (`.csv`, `.csv.gz`), or frames (`.ndjson`, `.ndjson.gz`, with their times in
    /// `NAME.recv_ns[.gz]` beside them) for the `venue` that they are of.
    ///
    /// # Errors
    /// [`Error::BadSetting`] for a name that cannot be the venue part of a symbol, a file of
    /// another kind, frames without a venue, or a CSV with one.
    pub fn new(
        feed_name: &str,
        path: &Path,
        speed: Speed,
        venue: Option<Box<dyn Feed>>,
    ) -> Result<Self, Error> {
        let csv = TapeCsv::new(feed_name)?;
        let name = file_name(path);
        let kind = name.strip_suffix(".gz").unwrap_or(&name).rsplit_once('.');
        let decoder = match (kind.map(|(_, kind)| kind), venue) {
            (Some("csv"), None) => Decoder::Csv(csv, None),
            (Some("ndjson"), Some(feed)) => Decoder::Frames(Renamed::new(feed, feed_name)),
            (Some("csv"), Some(_)) => return Err(bad(&name, "is a tape CSV: it has no venue")),
            (Some("ndjson"), None) => return Err(bad(&name, "needs the venue that it is of")),
            _ => return Err(bad(&name, "must be .csv, .csv.gz, .ndjson or .ndjson.gz")),
        };
        Ok(Self { path: path.to_owned(), speed, decoder, medium: Medium::Lines })
    }
}

impl Recording {
    /// A tape in its directory, from a time on if one is given.
    ///
    /// # Errors
    /// [`Error::BadSetting`] for a name that cannot be the venue part of a symbol.
    pub fn tape(
        feed_name: &str,
        dir: &Path,
        speed: Speed,
        from: Option<Nanos>,
    ) -> Result<Self, Error> {
        // It judges the name as that of any other recording.
        drop(TapeCsv::new(feed_name)?);
        let decoder = Decoder::Frames(Renamed::new(Box::new(Played::default()), feed_name));
        Ok(Self { path: dir.to_owned(), speed, decoder, medium: Medium::Tape(from) })
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, speed, .. } = self;
        f.debug_struct("Recording")
            .field("path", path)
            .field("speed", speed)
            .finish_non_exhaustive()
    }
}

/// Plays a recording in a task of its own, on the tokio runtime that this is called in.
///
/// # Panics
/// Outside of a tokio runtime.
#[must_use]
pub fn spawn(recording: Recording, intake: Intake) -> Handle {
    let Recording { path, speed, decoder, medium } = recording;
    let stats = Arc::new(Stats::new());
    let (stop, stopped) = watch::channel(false);
    let settings = Settings::of(&decoder);
    let frame_bytes_max = settings.frame_bytes_max;
    let driver = Driver::new(Box::new(decoder), &settings, intake, Arc::clone(&stats));
    let (sender, batches) = mpsc::channel(BATCHES_MAX);
    let name = file_name(&path);
    // It ends when the file does, or when nobody takes its batches any more.
    drop(tokio::task::spawn_blocking(move || {
        let read = match medium {
            Medium::Lines => read_lines(&path, frame_bytes_max, &sender),
            Medium::Tape(from) => read_tape(&path, from, &sender),
        };
        if let Err(error) = read {
            // Nobody wants to know if this fails.
            drop(sender.blocking_send(Err(error)));
        }
    }));
    let task = tokio::spawn(play(driver, name, Pace::new(speed), batches, Stop(stopped)));
    Handle { stats, stop, task }
}

async fn play(
    mut driver: Driver<Decoder>,
    name: String,
    mut pace: Pace,
    mut batches: mpsc::Receiver<Read>,
    mut stop: Stop,
) {
    let ended = async {
        // What is said to the venue is of no interest to a file, nor is what it asks for.
        drop(driver.open());
        while let Some(batch) = batches.recv().await {
            let batch = match batch {
                Ok(batch) => batch,
                Err(error) => {
                    driver.abandon(&format!("cannot read {name}: {error}"));
                    return driver.deliver().await;
                }
            };
            if play_batch(&mut driver, &mut pace, batch).await == Delivered::Closed {
                return Delivered::Closed;
            }
            if let Some(defect) = driver.feed().defect() {
                let reason = format!("cannot read {name}: {defect}");
                driver.abandon(&reason);
                return driver.deliver().await;
            }
        }
        driver.finish(Decoder::finish);
        driver.fail("end of file");
        driver.deliver().await
    };
    tokio::select! {
        biased;
        () = stop.asked() => {}
        _ = ended => {}
    }
}

async fn play_batch(driver: &mut Driver<Decoder>, pace: &mut Pace, batch: Batch) -> Delivered {
    let Batch { mut bytes, lines } = batch;
    let mut rest = bytes.as_mut_slice();
    let mut start = 0;
    for Line { end, time } in lines {
        let Some((line, tail)) = rest.split_at_mut_checked(end - start) else { break };
        (rest, start) = (tail, end);
        let due = pace.due(driver.feed().time(line, time), clock::monotonic());
        if due.is_some() || driver.is_laden() {
            if driver.deliver().await == Delivered::Closed {
                return Delivered::Closed;
            }
            if due.is_some() {
                pause::until(due).await;
            }
        }
        drop(driver.frame(line));
        if driver.feed().defect().is_some() {
            break;
        }
    }
    driver.deliver().await
}

/// Reads the file to its end, or until nobody wants it any more.
fn read_lines(path: &Path, frame_bytes_max: usize, to: &mpsc::Sender<Read>) -> io::Result<()> {
    let mut capture = Capture::open(path, frame_bytes_max)?;
    loop {
        let (batch, more) = Batch::read(&mut capture);
        if !batch.lines.is_empty() && to.blocking_send(Ok(batch)).is_err() {
            return Ok(());
        }
        match more? {
            More::Lines => {}
            More::Nothing => return Ok(()),
        }
    }
}

/// Reads a tape to its end, or until nobody wants it any more.
fn read_tape(dir: &Path, from: Option<Nanos>, to: &mpsc::Sender<Read>) -> io::Result<()> {
    let mut reel = Reel::open(dir, from)?;
    loop {
        let mut batch = Batch::default();
        let events = reel.next(|frame, time| {
            batch.bytes.extend_from_slice(frame);
            batch.lines.push(Line { end: batch.bytes.len(), time });
        })?;
        if events == 0 || to.blocking_send(Ok(batch)).is_err() {
            return Ok(());
        }
    }
}

/// What is left of a file after a batch.
enum More {
    Lines,
    Nothing,
}

impl Batch {
    /// The next lines, and whether there are more. Those before an error are good.
    fn read(capture: &mut Capture) -> (Self, io::Result<More>) {
        let mut batch = Self::default();
        let mut line = Vec::new();
        while batch.lines.len() < BATCH_LINES && batch.bytes.len() < BATCH_BYTES {
            match capture.next(&mut line) {
                Ok(Some(time)) => {
                    batch.bytes.extend_from_slice(&line);
                    batch.lines.push(Line { end: batch.bytes.len(), time });
                }
                Ok(None) => return (batch, Ok(More::Nothing)),
                Err(error) => return (batch, Err(error)),
            }
        }
        (batch, Ok(More::Lines))
    }
}

/// The name without its folders, which are nobody's business.
fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn bad(name: &str, what: &str) -> Error {
    Error::BadSetting(format!("{:?} {what}", tickwire_feeds::error::quoted(name)))
}
