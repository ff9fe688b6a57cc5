//! The first leaf of a tape: what `tickwire tape info` says of it.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;
use serde_json::json;
use tickwire_feeds::Nanos;

use crate::cli::failure::Failure;
use crate::cli::place::failure;
use crate::event::FeedId;
use crate::event::Seq;
use crate::tape;
use crate::tape::Piece;
use crate::tape::Tape;

/// What a tape says of itself.
#[derive(Debug)]
pub(super) struct Leaf {
    epoch: String,
    dir: String,
    oldest: Seq,
    head: Seq,
    /// The first event's, and the greatest.
    recv: Option<(Nanos, Nanos)>,
    pieces: Vec<Piece>,
    feeds: Vec<Feed>,
}

#[derive(Debug)]
struct Feed {
    name: String,
    state: &'static str,
    symbols: Vec<String>,
}

impl Leaf {
    pub(super) fn of(dir: &Path) -> Result<Self, Failure> {
        let found = if dir.is_dir() { tape::look(dir).map_err(|e| failure(&e))? } else { None };
        let Some(tape) = found else { return Err(super::none(dir)) };
        let pieces = tape.pieces();
        let first = first_recv(&tape).map_err(|error| failure(&error))?;
        let newest = pieces.last().map(|piece| piece.newest);
        Ok(Self {
            epoch: tape.epoch().to_owned(),
            dir: dir.display().to_string(),
            oldest: tape.oldest(),
            head: tape.head(),
            recv: first.zip(newest),
            feeds: feeds(&tape).map_err(|error| failure(&error))?,
            pieces,
        })
    }

    pub(super) fn json(&self) -> String {
        let time = |time: Nanos| Value::from(time.to_string());
        let pieces = self.pieces.iter().map(|piece| {
            json!({
                "file": piece.path.file_name().map(|name| name.to_string_lossy()),
                "after": piece.after.0,
                "last": piece.last.0,
                "begun": time(piece.begun),
                "size_bytes": piece.bytes,
            })
        });
        let feeds = self
            .feeds
            .iter()
            .map(|feed| json!({ "feed": feed.name, "state": feed.state, "symbols": feed.symbols }));
        let leaf = json!({
            "epoch": self.epoch,
            "dir": self.dir,
            "oldest": self.oldest.0,
            "head": self.head.0,
            "first": self.recv.map(|(first, _)| time(first)),
            "last": self.recv.map(|(_, last)| time(last)),
            "size_bytes": self.bytes(),
            "segments": pieces.collect::<Vec<_>>(),
            "feeds": feeds.collect::<Vec<_>>(),
        });
        format!("{leaf}\n")
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            writeln!(text, "{name:10}{value}").ok();
        };
        line("epoch", &self.epoch);
        line("directory", &self.dir);
        line("events", &format!("after seq {} up to seq {}", self.oldest, self.head));
        match self.recv {
            Some((first, last)) => line("received", &format!("{first} to {last}")),
            None => line("received", "nothing"),
        }
        line("segments", &format!("{}, {} bytes", self.pieces.len(), self.bytes()));
        for piece in &self.pieces {
            let name = piece.path.file_name().unwrap_or_default().to_string_lossy();
            let Piece { after, last, begun, bytes, .. } = piece;
            line("", &format!("{name}  seq {after}..{last}  begun {begun}  {bytes} bytes"));
        }
        for feed in &self.feeds {
            let names = feed.symbols.iter().take(8).map(String::as_str).collect::<Vec<_>>();
            let more = if feed.symbols.len() > names.len() { " …" } else { "" };
            let (name, state, count) = (&feed.name, feed.state, feed.symbols.len());
            let names = names.join(" ");
            line("feed", &format!("{name}: {state}, {count} symbols: {names}{more}"));
        }
        text
    }

    fn bytes(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.bytes).sum()
    }
}

/// The first event's.
fn first_recv(tape: &Tape) -> Result<Option<Nanos>, tape::Error> {
    let mut first = Vec::new();
    tape.read_after(tape.oldest())?.next_batch(1, &mut first)?;
    Ok(first.first().map(|event| event.recv))
}

fn feeds(tape: &Tape) -> Result<Vec<Feed>, tape::Error> {
    let board = tape.board_at(tape.head())?;
    let symbols_of = |id: FeedId| {
        let of_feed = board.symbols().filter(|(_, symbol)| symbol.feed == id && symbol.listed);
        of_feed.map(|(_, symbol)| symbol.symbol.to_string()).collect()
    };
    let feeds = board.feeds().map(|(id, feed)| Feed {
        name: feed.name.to_string(),
        state: feed.health.state.word(),
        symbols: symbols_of(id),
    });
    Ok(feeds.collect())
}
