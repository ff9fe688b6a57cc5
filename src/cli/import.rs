//! `tickwire import`: ticks out of files, onto a tape of their own.

use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use clap::ValueEnum;
use serde_json::json;
use tickwire_feeds::error::quoted;

use crate::cli::failure::Failure;
use crate::cli::interrupt::Interrupt;
use crate::cli::place;
use crate::cli::place::Place;
use crate::cli::progress::Progress;
use crate::cli::talk::Talk;
use crate::clock;
use crate::history;
use crate::import::Error;
use crate::import::Imported;
use crate::import::Mapping;
use crate::import::Names;
use crate::import::Next;
use crate::import::Origin;
use crate::import::Reading;
use crate::import::Report;
use crate::import::Row;
use crate::import::Source;
use crate::import::Sum;
use crate::import::Unit;
use crate::import::Writer;
use crate::parcel::Packing;

/// Import files.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = EXAMPLES)]
pub struct Import {
    /// Tables (CSV) or messages of tickwire (NDJSON), also .gz and .zst; - is stdin. Several become
    /// one tape, in the order given
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Which column is what, if its name does not say so: price=Px; by its place: price=#3
    #[arg(long, value_name = "FIELD=COLUMN")]
    map: Vec<Mapping>,
    /// Symbol of all rows, for tables without a column for it
    #[arg(long, value_name = "SYMBOL")]
    symbol: Option<String>,
    /// Venue of symbols that are not written venue:NAME
    #[arg(long, value_name = "NAME", default_value = "import")]
    venue: String,
    /// What whole numbers of times count; by itself as the column's name and the numbers say
    #[arg(long, value_enum, value_name = "UNIT")]
    time_unit: Option<TimeUnit>,
    /// Let so many bad rows pass
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    skip_bad: u64,
    /// Read and tell what would be imported, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Tell what was done as one JSON object, on stdout
    #[arg(long)]
    json: bool,
    /// Where tapes are.
    #[command(flatten)]
    place: Place,
}

/// What whole numbers of times count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TimeUnit {
    /// Seconds
    S,
    /// Milliseconds
    Ms,
    /// Microseconds
    Us,
    /// Nanoseconds
    Ns,
}

const EXAMPLES: &str = "\
All or nothing: a file that cannot be read to its end, or has bad rows, leaves nothing behind.

Examples:
  tickwire import ticks.csv.gz --map price=Px --venue nyse --dry-run
  tickwire import monday.csv.zst tuesday.csv.zst";

/// A run of `import`.
struct Run<'a> {
    import: &'a Import,
    names: Names,
    /// `None` if nothing shall be written.
    writer: Option<Writer>,
    report: Report,
    progress: Progress,
    origin: Origin,
    interrupt: Interrupt,
}

impl Import {
    /// Imports.
    ///
    /// # Errors
    /// [`Failure::General`] if anything stands in the way; then nothing was imported.
    pub fn run(&self, talk: Talk) -> Result<(), Failure> {
        let names = Names::new(&self.venue).map_err(Failure::Usage)?;
        let imports = history::imports(&self.place.load()?.tape.dir);
        let interrupt = Interrupt::watch()?;
        let writer = match self.dry_run {
            true => None,
            false => Some(Writer::begin(&imports, clock::now()).map_err(|e| failure(&e))?),
        };
        let progress = match total(&self.files) {
            Some(total) => Progress::of_bytes(talk, "importing", total),
            None => Progress::of_stream(talk, "importing"),
        };
        let (report, origin) = (Report::default(), Origin::default());
        let mut run = Run { import: self, names, writer, report, progress, origin, interrupt };
        let began = clock::monotonic();
        for file in &self.files {
            run.file(file)?;
            if run.report.is_hopeless(self.skip_bad) {
                break;
            }
        }
        let Run { names, writer, report, progress, interrupt, origin, .. } = run;
        drop(progress);
        self.say_bad(&report, talk);
        if report.bad_count > self.skip_bad {
            let count = report.bad_count;
            let more = if report.is_hopeless(self.skip_bad) { " or more" } else { "" };
            return Err(Failure::General(format!(
                "nothing was imported: {count}{more} bad rows; --skip-bad N lets N pass"
            )));
        }
        if report.rows() == 0 {
            let text = "nothing was imported: there are no prints and no quotes";
            return Err(Failure::General(text.to_owned()));
        }
        interrupt.check()?;
        if let Some(twin) = origin.twin(&imports) {
            talk.say(&format!("the same files were imported before, as tape {twin}"));
        }
        let imported = writer.map(|writer| writer.finish(&origin)).transpose();
        let imported = imported.map_err(|error| failure(&error))?;
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.tell((&report, &names, took_ms), imported.as_ref(), talk)
    }

    fn say_bad(&self, report: &Report, talk: Talk) {
        for bad in &report.bad {
            talk.say(&format!("{}:{}: {}", bad.name, bad.line, bad.why));
        }
        let more = report.bad_count - report.bad.len() as u64;
        if more > 0 && !report.is_hopeless(self.skip_bad) {
            talk.say(&format!("… and {more} more bad rows"));
        }
    }

    fn tell(
        &self,
        (report, names, took_ms): (&Report, &Names, u64),
        imported: Option<&Imported>,
        talk: Talk,
    ) -> Result<(), Failure> {
        let range = report.range.map(|(first, last)| (first.to_string(), last.to_string()));
        let mut out = io::stdout().lock();
        if self.json {
            let symbols: Vec<&str> = names.symbols().map(|symbol| symbol.as_str()).collect();
            let told = json!({
                "epoch": imported.map(|imported| &imported.epoch),
                "dir": imported.map(|imported| imported.dir.display().to_string()),
                "head": imported.map(|imported| imported.head.0),
                "trades": report.trades,
                "quotes": report.quotes,
                "symbols": symbols,
                "first": range.as_ref().map(|(first, _)| first),
                "last": range.as_ref().map(|(_, last)| last),
                "backward": report.backward,
                "bad": report.bad_count,
                "other": report.others,
                "left_out": report.left_out,
                "took_ms": took_ms,
            });
            return Ok(writeln!(out, "{told}")?);
        }
        talk.say(&summary(report, names));
        let Some(Imported { epoch, dir, .. }) = imported else {
            talk.say("dry run: nothing was written");
            return Ok(());
        };
        let flags = self.place.flags();
        let took = format!("{}.{} s", took_ms / 1_000, took_ms % 1_000 / 100);
        talk.say(&format!(
            "imported as tape {epoch} in {took}, in {}\n\
             \x20 look: tickwire tape info --epoch {epoch}{flags}\n\
             \x20 take out again: tickwire export --epoch {epoch} --format ndjson -o -{flags}\n\
             \x20 history: GET /v1/trades?epoch={epoch}&symbol={}\n\
             \x20 remove: tickwire sessions rm {epoch}{flags}",
            dir.display(),
            names.symbols().next().map_or("", |symbol| symbol.as_str()),
        ));
        Ok(writeln!(out, "{epoch}")?)
    }
}

/// What was found, for people.
fn summary(report: &Report, names: &Names) -> String {
    const SHOWN: usize = 10;
    let Report { trades, quotes, others, range, backward, left_out, .. } = report;
    let shown: Vec<&str> = names.symbols().take(SHOWN).map(|symbol| symbol.as_str()).collect();
    let more = if names.count() > SHOWN { " …" } else { "" };
    let mut text = format!("{trades} trades and {quotes} quotes of {} symbols", names.count());
    write!(text, ": {}{more}", shown.join(" ")).ok();
    if let Some((first, last)) = range {
        write!(text, "\nfrom {first} to {last}").ok();
    }
    if *backward > 0 {
        write!(text, "\n{backward} rows step back in time; they stay where they are").ok();
    }
    if !left_out.is_empty() {
        let columns: Vec<&str> = left_out.iter().take(SHOWN).map(|column| &**column).collect();
        let more = if left_out.len() > SHOWN { ", …" } else { "" };
        write!(text, "\ncolumns that are not kept: {}{more}", columns.join(", ")).ok();
    }
    for (kind, count) in others {
        let kind = quoted(kind);
        write!(text, "\n{count} messages of type {kind:?} hold no print and no quote").ok();
    }
    text
}

impl Run<'_> {
    fn file(&mut self, path: &Path) -> Result<(), Failure> {
        let name = path.display().to_string();
        let is_stdin = name == "-";
        let from: Box<dyn Read + Send> = if is_stdin {
            Box::new(io::stdin())
        } else {
            let read = |source| failure(&Error::Read { name: name.clone(), source });
            let file = File::open(path).map_err(read)?;
            if file.metadata().is_ok_and(|file| file.is_dir()) {
                return Err(Failure::Usage(format!("{name} is a directory")));
            }
            Box::new(file)
        };
        let packing = if is_stdin { None } else { Some(Packing::of(path)) };
        let Import { map, symbol, time_unit, skip_bad, .. } = self.import;
        let unit = time_unit.map(|unit| match unit {
            TimeUnit::S => Unit::Seconds,
            TimeUnit::Ms => Unit::Millis,
            TimeUnit::Us => Unit::Micros,
            TimeUnit::Ns => Unit::Nanos,
        });
        let reading = Reading { mappings: map.clone(), symbol: symbol.clone(), unit };
        let sum = Sum::default();
        let source = Source::open(&name, sum.watch(from), packing, reading);
        let mut source = source.map_err(|error| failure(&error))?;
        let Self { names, writer, report, progress, origin, interrupt, .. } = self;
        let before: u64 = origin.files.iter().map(|file| file.size_bytes).sum();
        let writer = std::cell::RefCell::new(writer.as_mut());
        let use_row = |row: Row<'_>| match &mut *writer.borrow_mut() {
            Some(writer) => writer.add(row, names),
            None => names.place(row.symbol).map(drop),
        };
        source.read(report, use_row, |report| {
            interrupt.check()?;
            progress.show(before + sum.bytes());
            if let Some(writer) = &mut *writer.borrow_mut() {
                writer.tend().map_err(|error| failure(&error))?;
            }
            Ok::<_, Told>(if report.is_hopeless(*skip_bad) { Next::Stop } else { Next::Row })
        })?;
        origin.files.push(sum.piece(&name));
        Ok(())
    }
}

/// A failure that a trouble of the import can become.
struct Told(Failure);

impl From<Error> for Told {
    fn from(error: Error) -> Self {
        Self(failure(&error))
    }
}

impl From<Failure> for Told {
    fn from(failure: Failure) -> Self {
        Self(failure)
    }
}

impl From<Told> for Failure {
    fn from(told: Told) -> Self {
        told.0
    }
}

fn failure(error: &Error) -> Failure {
    match error {
        Error::Tape(error) => place::failure(error),
        Error::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            Failure::NotFound(error.to_string())
        }
        _ => Failure::General(error.to_string()),
    }
}

/// The length of all files, if it can be known.
fn total(files: &[PathBuf]) -> Option<u64> {
    let bytes = |file: &PathBuf| {
        let file = std::fs::metadata(file).ok().filter(std::fs::Metadata::is_file)?;
        Some(file.len())
    };
    files.iter().map(bytes).sum()
}
