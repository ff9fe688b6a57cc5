//! `tickwire verify`: proves that journal, store and a fresh replay agree, and that clients get it.

mod live;

use std::fmt::Write as _;
use std::io;
use std::io::Write as _;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use tickwire_feeds::Nanos;

use crate::cli::credential::Credential;
use crate::cli::endpoint::Endpoint;
use crate::cli::failure::Failure;
use crate::cli::instant;
use crate::cli::interrupt::Interrupt;
use crate::cli::place::Archive;
use crate::cli::place::Place;
use crate::cli::place::unread;
use crate::cli::progress::Progress;
use crate::cli::talk::Talk;
use crate::event::Seq;
use crate::history::Error;
use crate::history::Volume;
use crate::proof;
use crate::proof::Difference;
use crate::proof::Testimony;
use crate::proof::Verdict;
use crate::proof::Witness;

/// Prove that history is what live was.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = EXAMPLES)]
pub struct Verify {
    /// From this time on; by itself from where all have everything
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = instant::parse)]
    from: Option<Nanos>,
    /// Before this time
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = instant::parse)]
    to: Option<Nanos>,
    /// Name of the tape; without it the one that `serve` writes
    #[arg(long, value_name = "EPOCH")]
    epoch: Option<String>,
    /// First follow all streams of a server for so long, like 10s, and compare what it sent
    #[arg(long, value_name = "TIME", value_parser = instant::span)]
    live: Option<Duration>,
    /// The server, as ws://HOST:PORT or http://HOST:PORT; else TICKWIRE_URL, else this machine
    #[arg(long, value_name = "URL", value_parser = Endpoint::parse, requires = "live")]
    url: Option<Endpoint>,
    /// What is shown there.
    #[command(flatten)]
    credential: Credential,
    /// Tell what was found as one JSON object
    #[arg(long)]
    json: bool,
    /// Where tapes are.
    #[command(flatten)]
    place: Place,
}

const EXAMPLES: &str = "\
Ends with 6 at the first difference.

Examples:
  tickwire verify --from 1h
  tickwire verify --live 10s --tape-dir data/tape";

/// What was found.
struct Found {
    epoch: String,
    range: (Seq, Seq),
    testimonies: Vec<Testimony>,
    difference: Option<Difference>,
    live: Option<Verdict>,
    left_out: Vec<String>,
}

impl Verify {
    /// Proves it.
    ///
    /// # Errors
    /// [`Failure::Missing`] if anything differs; if anything cannot be read.
    pub fn run(&self, talk: Talk) -> Result<(), Failure> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from >= to
        {
            return Err(Failure::Usage("--from must be before --to".to_owned()));
        }
        let interrupt = Interrupt::watch()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime =
            runtime.map_err(|error| Failure::General(format!("cannot start: {error}")))?;
        let found = runtime.block_on(self.prove(talk, &interrupt))?;
        let text = if self.json { found.json() } else { found.text() };
        io::stdout().lock().write_all(text.as_bytes())?;
        match (&found.difference, &found.live) {
            (Some(difference), _) => {
                Err(Failure::Missing(format!("the first difference is at seq {}", difference.seq)))
            }
            (_, Some(live)) if !live.is_good() => {
                Err(Failure::Missing("what the server sent is not what is on the tape".to_owned()))
            }
            _ => Ok(()),
        }
    }

    async fn prove(&self, talk: Talk, interrupt: &Interrupt) -> Result<Found, Failure> {
        let heard = match self.live {
            Some(span) => {
                let endpoint = self.credential.endpoint(self.url.as_ref())?;
                let listened = live::listen(&endpoint, span, (talk, interrupt)).await;
                Some(listened.map_err(|failure| self.credential.explain(failure))?)
            }
            None => None,
        };
        let archive = self.place.archive()?;
        let epoch = self.epoch.as_deref();
        let told = heard.as_ref().map(|(epoch, _)| epoch.as_str());
        let volume = archive.volume(epoch.or(told)).await?;
        let live = match heard {
            Some((_, heard)) => Some(live::compare(heard, &volume).await?),
            None => None,
        };
        let (range, volumes, left_out) = self.sources(&archive, &volume).await?;
        let mut witnesses = Vec::new();
        for (name, volume) in &volumes {
            witnesses.push(Witness::new(name, volume, range).await.map_err(|e| unread(&e))?);
        }
        let fresh = Witness::new("replay", &volume, range).await.map_err(|e| unread(&e))?;
        witnesses.push(fresh.afresh());
        let progress = Progress::of(talk, "verifying", range.1.0 - range.0.0);
        let compared = proof::compare(witnesses, |seq| {
            progress.show(seq.0 - range.0.0);
            interrupt.is_quiet()
        });
        let compared = compared.await;
        drop(progress);
        interrupt.check()?;
        let (testimonies, difference) = compared.map_err(|error| unread(&error))?;
        let epoch = volume.epoch().to_owned();
        Ok(Found { epoch, range, testimonies, difference, live, left_out })
    }

    /// The range, who has all of it, and why others do not.
    async fn sources(&self, archive: &Archive, volume: &Volume) -> Result<Sources, Failure> {
        let store = archive.history.archive().cloned();
        let name = volume.epoch();
        let mut all = Vec::new();
        let mut left_out = Vec::new();
        if let Some(journal) = volume.journal() {
            let volume = Volume::new(name, Some(journal.clone()), None);
            all.push(("journal", (journal.oldest(), journal.head()), volume));
        }
        if let Some(store) = store {
            match store.epoch(name).await.map_err(Error::from) {
                Ok(stored) => {
                    let volume = Volume::new(name, None, Some(store));
                    all.push(("store", (stored.oldest, stored.stored), volume));
                }
                Err(Error::NoTape(_)) => left_out.push("the store does not have it".to_owned()),
                Err(error) => return Err(unread(&error)),
            }
        }
        let reached = |seqs: &(Seq, Seq)| *seqs;
        let after = match self.from {
            Some(from) => volume.before(from).await.map_err(|error| unread(&error))?,
            None => all.iter().map(|(_, seqs, _)| reached(seqs).0).max().unwrap_or_default(),
        };
        let upto = match self.to {
            Some(to) => volume.before(to).await.map_err(|error| unread(&error))?,
            None => all.iter().map(|(_, seqs, _)| reached(seqs).1).min().unwrap_or_default(),
        };
        all.retain(|(name, (oldest, head), _)| {
            let has_all = *oldest <= after && upto <= *head;
            if !has_all {
                left_out.push(format!("the {name} has only what is after {oldest} up to {head}"));
            }
            has_all
        });
        let volumes = all.into_iter().map(|(name, _, volume)| (name, volume)).collect();
        Ok(((after, upto.max(after)), volumes, left_out))
    }
}

/// A range, who has all of it, and why others do not.
type Sources = ((Seq, Seq), Vec<(&'static str, Volume)>, Vec<String>);

impl Found {
    fn text(&self) -> String {
        let mut text = String::new();
        let (after, upto) = self.range;
        writeln!(text, "tape {}: after seq {after} up to seq {upto}", self.epoch).ok();
        for Testimony { name, digest, events, messages } in &self.testimonies {
            writeln!(text, "{name:8} {events} events {messages} messages sha256 {digest}").ok();
        }
        for why in &self.left_out {
            writeln!(text, "left out: {why}").ok();
        }
        if let Some(live) = &self.live {
            let Verdict { same, snapshots, missing, different, extra, first } = live;
            write!(text, "live     {same} messages and {snapshots} snapshots as on the tape").ok();
            write!(text, ", {missing} missing, {different} different, {extra} extra").ok();
            if let Some(first) = first {
                write!(text, ", first at seq {first}").ok();
            }
            text.push('\n');
        }
        match &self.difference {
            None if self.testimonies.iter().all(|of| of.events == 0) => {
                text.push_str("there is nothing in that range, so nothing is proved\n");
            }
            None => text.push_str("all say the same\n"),
            Some(Difference { seq, one, other }) => {
                writeln!(text, "different at seq {seq}:").ok();
                for (name, messages) in [one, other] {
                    let messages = messages.as_deref().unwrap_or("(no such event)");
                    writeln!(text, "{name}: {messages}").ok();
                }
            }
        }
        text
    }

    fn json(&self) -> String {
        let sources = self.testimonies.iter().map(|of| {
            json!({
                "name": of.name,
                "sha256": of.digest,
                "events": of.events,
                "messages": of.messages,
            })
        });
        let difference = self
            .difference
            .as_ref()
            .map(|of| json!({ "seq": of.seq.0, of.one.0: of.one.1, of.other.0: of.other.1 }));
        let live = self.live.as_ref().map(|of| {
            json!({
                "same": of.same,
                "snapshots": of.snapshots,
                "missing": of.missing,
                "different": of.different,
                "extra": of.extra,
                "first": of.first.map(|seq| seq.0),
            })
        });
        let found = json!({
            "epoch": self.epoch,
            "after": self.range.0.0,
            "upto": self.range.1.0,
            "sources": sources.collect::<Vec<_>>(),
            "left_out": self.left_out,
            "difference": difference,
            "live": live,
        });
        format!("{found}\n")
    }
}
