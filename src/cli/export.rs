//! `tickwire export`: events of a tape as rows of files.

mod output;

use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use clap::ValueEnum;
use serde_json::Value;
use serde_json::json;
use tickwire_feeds::Nanos;

use crate::cli::failure::Failure;
use crate::cli::instant;
use crate::cli::interrupt::Interrupt;
use crate::cli::place::Place;
use crate::cli::place::unread;
use crate::cli::progress::Progress;
use crate::cli::request;
use crate::cli::talk::Talk;
use crate::export;
use crate::export::Naming;
use crate::export::Range;
use crate::export::Selection;
use crate::export::Walk;
use crate::history::Volume;
use crate::wire::pattern::Name;
use output::Existing;
use output::Output;
use output::Reached;

/// Rows are written when there are so many bytes of them.
const WRITE_BYTES: usize = 256 * 1024;

/// Export a tape.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = EXAMPLES)]
pub struct Export {
    /// Where to: the file's ending says whether it is packed (.gz, .zst); - is stdout
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Its kind
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Format,
    /// Symbols and patterns, as sim:BTC-USD or 'kraken:*'; without it all
    #[arg(long, value_name = "SYMBOL", num_args = 1.., value_delimiter = ',')]
    symbols: Vec<String>,
    /// What: trades, quotes, or with ndjson the messages of ticker; without it trades and quotes,
    /// with csv trades
    #[arg(long, value_enum, value_name = "CHANNEL", value_delimiter = ',')]
    channel: Vec<Channel>,
    /// From this time on: 2026-11-20T09:30:00-05:00, 2026-11-20, 15m (ago)
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = instant::parse)]
    from: Option<Nanos>,
    /// Before this time
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = instant::parse)]
    to: Option<Nanos>,
    /// Name of the tape; without it the one that `serve` writes
    #[arg(long, value_name = "EPOCH")]
    epoch: Option<String>,
    /// Go on with what an export with the same flags has written
    #[arg(long)]
    resume: bool,
    /// Replace a file that is there
    #[arg(long, conflicts_with = "resume")]
    force: bool,
    /// Write the venues' own names of symbols, or those of the file that was imported
    #[arg(long)]
    raw: bool,
    /// Where tapes are.
    #[command(flatten)]
    place: Place,
}

/// The kind of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table of one channel, as the history API writes it
    Csv,
    /// A JSON object a line, as `sub` writes it
    Ndjson,
    /// One table of trades and quotes, as `import` takes it
    Tape,
}

/// What is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Channel {
    /// Each trade
    Trades,
    /// Each best bid and ask
    Quotes,
    /// The messages of the channel ticker
    Ticker,
}

const EXAMPLES: &str = "\
Reads the journal, imported tapes and the store; a server may be running.

Examples:
  tickwire export --symbols binance:* --from 1h --format csv -o last-hour.csv.zst
  tickwire export --format ndjson -o -";

impl Export {
    /// Exports.
    ///
    /// # Errors
    /// [`Failure::NotFound`] if there is no such tape, or one of the symbols was never on it,
    /// [`Failure::Missing`] if a part of the range is lost; those of the output.
    pub fn run(&self, talk: Talk) -> Result<(), Failure> {
        let (selection, format) = self.selection()?;
        let is_stdout = self.output == Path::new("-");
        if is_stdout && self.resume {
            return Err(Failure::Usage("stdout cannot be gone on with".to_owned()));
        }
        let interrupt = Interrupt::watch()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime =
            runtime.map_err(|error| Failure::General(format!("cannot start: {error}")))?;
        runtime.block_on(async {
            let archive = self.place.archive()?;
            let volume = archive.volume(self.epoch.as_deref()).await?;
            let is_imported = archive.is_imported(&volume);
            let unknown = selection.unknown(&volume).await.map_err(|error| unread(&error))?;
            if let Some(name) = unknown {
                let epoch = volume.epoch();
                return Err(Failure::NotFound(format!("unknown symbol {name} on tape {epoch}")));
            }
            let range = selection.range(&volume, is_imported).await;
            let range = range.map_err(|error| unread(&error))?;
            let chosen = (selection, format);
            let job = Job { talk, interrupt, volume, range };
            let reached = self.write(job, chosen, is_stdout).await?;
            talk.say(&format!("exported {} rows, up to seq {}", reached.rows, reached.seq));
            Ok(())
        })
    }

    /// Writes all rows of the range.
    async fn write(
        &self,
        job: Job,
        chosen: (Selection, export::Format),
        is_stdout: bool,
    ) -> Result<Reached, Failure> {
        let Job { talk, interrupt, volume, range } = job;
        let query = self.query(volume.epoch());
        let (mut output, resumed) = match self.resume {
            _ if is_stdout => (Output::Stdout, None),
            true => match Output::resume(&self.output, &query)? {
                Some((output, reached)) => (output, Some(reached)),
                None => (Output::begin(&self.output, query, Existing::Stays)?, None),
            },
            false => (Output::begin(&self.output, query, self.existing())?, None),
        };
        let progress = Progress::of(talk, "exporting", range.upto.0.saturating_sub(range.after.0));
        let (mut out, mut head) = (Vec::new(), Vec::new());
        let begun = resumed.unwrap_or(Reached { seq: range.after, rows: 0 });
        if resumed.is_none() {
            chosen.1.write_head(&chosen.0.content, &mut out);
        }
        let range_left = Range { after: begun.seq.max(range.after), upto: range.upto };
        let walk = Walk::begin(&volume, range_left, chosen, &mut head).await;
        let mut walk = walk.map_err(|error| unread(&error))?;
        if resumed.is_none() {
            out.append(&mut head);
        }
        loop {
            let more = walk.write(&mut out).await;
            let reached = Reached { seq: walk.seq(), rows: begun.rows + walk.rows() };
            if out.len() >= WRITE_BYTES || !matches!(more, Ok(true)) {
                output.write(&out, reached)?;
                out.clear();
                progress.show(walk.seq().0.saturating_sub(range.after.0));
            }
            let is_quiet = interrupt.is_quiet();
            match more {
                Ok(true) if is_quiet => {}
                Ok(false) => {
                    output.end()?;
                    return Ok(reached);
                }
                stopped => {
                    output.write(&out, reached)?;
                    output.keep(reached)?;
                    drop(progress);
                    if !is_stdout {
                        talk.say(&format!("{} rows are kept; --resume goes on", reached.rows));
                    }
                    interrupt.check()?;
                    return Err(stopped.map_or_else(|error| unread(&error), |_| Failure::NoReader));
                }
            }
        }
    }

    const fn existing(&self) -> Existing {
        if self.force { Existing::IsReplaced } else { Existing::Stays }
    }

    fn selection(&self) -> Result<(Selection, export::Format), Failure> {
        let format = match self.format {
            Format::Csv => export::Format::Csv,
            Format::Ndjson => export::Format::Ndjson,
            Format::Tape => export::Format::Tape,
        };
        let mut content: Vec<export::Content> = Vec::new();
        for channel in &self.channel {
            let one = match channel {
                Channel::Trades => export::Content::Trades,
                Channel::Quotes => export::Content::Quotes,
                Channel::Ticker => export::Content::Ticker,
            };
            if !content.contains(&one) {
                content.push(one);
            }
        }
        let wrong = match (self.format, content.len()) {
            (Format::Csv, 2..) => Some("--format csv takes one channel; tape takes both"),
            (Format::Csv | Format::Tape, _) if content.contains(&export::Content::Ticker) => {
                Some("the channel ticker needs --format ndjson")
            }
            (Format::Ndjson, _) if self.raw => Some("--raw needs --format csv or tape"),
            _ => None,
        };
        if let Some(wrong) = wrong {
            return Err(Failure::Usage(wrong.to_owned()));
        }
        if content.is_empty() {
            content.push(export::Content::Trades);
            if self.format != Format::Csv {
                content.push(export::Content::Quotes);
            }
        }
        let symbols = request::split(&self.symbols);
        let symbols: Result<Vec<Name>, _> = symbols.iter().map(|name| Name::parse(name)).collect();
        let symbols = symbols.map_err(|error| Failure::Usage(error.to_string()))?;
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from >= to
        {
            return Err(Failure::Usage("--from must be before --to".to_owned()));
        }
        let naming = if self.raw { Naming::Raw } else { Naming::Own };
        Ok((Selection { symbols, content, naming, from: self.from, to: self.to }, format))
    }

    /// What an export is of, so that one is gone on with by the same flags only.
    fn query(&self, epoch: &str) -> Value {
        json!({
            "epoch": epoch,
            "format": format!("{:?}", self.format),
            "channel": format!("{:?}", self.channel),
            "symbols": self.symbols,
            "raw": self.raw,
            "from": self.from.map(|from| from.to_string()),
            "to": self.to.map(|to| to.to_string()),
        })
    }
}

/// What is to be done.
struct Job {
    talk: Talk,
    interrupt: Interrupt,
    volume: Volume,
    range: Range,
}
