//! Lists of sessions, for people and for programs.

use std::fmt::Write as _;

use serde_json::Value;
use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::place::Archive;
use crate::cli::place::unread;
use crate::event::Seq;
use crate::history;
use crate::import::Origin;
use crate::store::Session;

/// One tape, but for its sessions.
#[derive(Debug)]
pub(super) struct Shown {
    epoch: String,
    oldest: Seq,
    head: Seq,
    /// Where it stands, each with how far it reaches there.
    places: Vec<(String, Seq, Seq)>,
    origin: Option<Origin>,
}

impl Shown {
    pub(super) async fn of(archive: &Archive, epoch: &str) -> Result<Self, Failure> {
        let volume = archive.volume(Some(epoch)).await?;
        let mut places = Vec::new();
        let dir = match archive.is_imported(&volume) {
            true => history::imports(&archive.dir).join(epoch),
            false => archive.dir.clone(),
        };
        if let Some(journal) = volume.journal() {
            places.push((dir.display().to_string(), journal.oldest(), journal.head()));
        }
        if let Some(store) = archive.history.archive()
            && let Ok(stored) = store.epoch(epoch).await
        {
            places.push(("the store".to_owned(), stored.oldest, stored.stored));
        }
        Ok(Self {
            epoch: epoch.to_owned(),
            oldest: volume.oldest().await.map_err(|error| unread(&error))?,
            head: volume.head().await.map_err(|error| unread(&error))?,
            places,
            origin: Origin::of(&dir).filter(|_| archive.is_imported(&volume)),
        })
    }

    pub(super) fn text(&self, sessions: &[Session]) -> String {
        let mut text =
            format!("tape {}: after seq {} up to seq {}\n", self.epoch, self.oldest, self.head);
        for (place, oldest, head) in &self.places {
            writeln!(text, "in {place}: after seq {oldest} up to seq {head}").ok();
        }
        for file in self.origin.iter().flat_map(|origin| &origin.files) {
            writeln!(text, "made of {}, {} bytes", file.name, file.size_bytes).ok();
        }
        text + &table(sessions)
    }

    pub(super) fn json(&self, sessions: &[Session]) -> String {
        let places = self.places.iter().map(
            |(place, oldest, head)| json!({ "in": place, "oldest": oldest.0, "head": head.0 }),
        );
        let shown = json!({
            "epoch": self.epoch,
            "oldest": self.oldest.0,
            "head": self.head.0,
            "places": places.collect::<Vec<_>>(),
            "origin": self.origin.as_ref().map(|origin| &origin.files),
            "sessions": sessions.iter().map(row).collect::<Vec<_>>(),
        });
        format!("{shown}\n")
    }
}

/// A line a session.
pub(super) fn table(sessions: &[Session]) -> String {
    let mut text = format!(
        "{:10}  {:8}  {:16}  {:8}  {:8}  {:>12}  {:>12}  {:>12}  {:>6}\n",
        "day", "epoch", "feed", "from", "to", "events", "trades", "quotes", "gaps"
    );
    for Session { epoch, feed, day, figures, .. } in sessions {
        let clock = |time: String| time.get(11..19).unwrap_or_default().to_owned();
        let (from, to) =
            (clock(figures.recv_first.to_string()), clock(figures.recv_last.to_string()));
        writeln!(
            text,
            "{day:10}  {epoch:8}  {feed:16}  {from:8}  {to:8}  {:>12}  {:>12}  {:>12}  {:>6}",
            figures.events,
            figures.trades,
            figures.quotes,
            figures.gaps,
            day = day.to_string(),
        )
        .ok();
    }
    text
}

/// A JSON object a session, as the history API has it.
pub(super) fn ndjson(sessions: &[Session]) -> String {
    sessions.iter().map(|session| format!("{}\n", row(session))).collect()
}

fn row(Session { epoch, feed, venue, day, figures, .. }: &Session) -> Value {
    json!({
        "epoch": epoch,
        "venue": venue,
        "feed": feed,
        "day": day.to_string(),
        "first": figures.first.0,
        "last": figures.last.0,
        "recv_first": figures.recv_first.to_string(),
        "recv_last": figures.recv_last.to_string(),
        "events": figures.events,
        "trades": figures.trades,
        "quotes": figures.quotes,
        "gaps": figures.gaps,
    })
}
