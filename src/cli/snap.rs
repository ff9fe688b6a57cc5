//! `tickwire snap`: the present state of symbols, once.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use serde::Deserialize;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::cli::connection::Connection;
use crate::cli::connection::Heard;
use crate::cli::credential::Credential;
use crate::cli::endpoint::Endpoint;
use crate::cli::failure::Failure;
use crate::cli::follower::Follower;
use crate::cli::follower::Turn;
use crate::cli::nearest;
use crate::cli::request;
use crate::cli::request::ChannelName;
use crate::cli::request::Request;
use crate::cli::request::Start;
use crate::cli::screen::Format;
use crate::cli::screen::Screen;
use crate::cli::talk::Talk;

/// Longest time for all snapshots.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Tell the present state of symbols.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "\
Examples:
  tickwire snap sim:BTC-USD sim:ETH-USD
  tickwire snap 'sim:*' --format json | cat")]
pub struct Snap {
    /// Symbols and patterns, as venue:NAME: sim:BTC-USD, '*:BTC-USD', 'kraken:*'
    #[arg(required = true, value_name = "SYMBOL")]
    symbols: Vec<String>,
    /// Of what
    #[arg(long, value_enum, default_value_t, value_name = "CHANNEL")]
    channel: ChannelName,
    /// How to show it; by itself a table on a terminal, JSON elsewhere
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
    /// The server, as ws://HOST:PORT or http://HOST:PORT; else TICKWIRE_URL, else this machine
    #[arg(long, value_name = "URL", value_parser = Endpoint::parse)]
    url: Option<Endpoint>,
    /// What is shown there.
    #[command(flatten)]
    credential: Credential,
}

impl Snap {
    /// Asks, tells, ends.
    ///
    /// # Errors
    /// [`Failure`]; also [`Failure::NotFound`] after the others were told.
    pub fn run(&self, talk: Talk) -> Result<(), Failure> {
        let endpoint = self.credential.endpoint(self.url.as_ref())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let no_runtime = |error| Failure::General(format!("cannot start: {error}"));
        runtime.map_err(no_runtime)?.block_on(async {
            match self.ask(&endpoint, talk).await {
                Err(Failure::NotFound(text)) => {
                    Err(Failure::NotFound(nearest::advise(&endpoint, &text)))
                }
                other => other.map_err(|failure| self.credential.explain(failure)),
            }
        })
    }

    async fn ask(&self, endpoint: &Endpoint, talk: Talk) -> Result<(), Failure> {
        let mut follower = Follower::new(Request {
            channel: self.channel,
            symbols: request::split(&self.symbols),
            conflate_ms: 0,
            start: Start::Now,
        });
        let mut connection = Connection::open(endpoint).await?;
        connection.send(follower.open()).await;
        let until = Instant::now() + ANSWER_MAX;
        let mut told: BTreeMap<String, Utf8Bytes> = BTreeMap::new();
        while !follower.has_begun(told.len()) {
            let text = match connection.hear(until).await? {
                Heard::Text(text) => text,
                Heard::Silence => return Err(Failure::Connection("no answer in time".to_owned())),
                Heard::Ended { reason, .. } => return Err(Failure::Connection(reason)),
            };
            match follower.read(&text)? {
                // Later messages of a stream that has begun are not asked for.
                Turn::Show => told.extend(snapshot_of(&text).map(|symbol| (symbol, text))),
                Turn::Leave { reason, .. } => return Err(Failure::Connection(reason)),
                _ => {}
            }
        }
        connection.close().await;
        self.tell(told.values(), talk)?;
        match follower.rejected() {
            [] => Ok(()),
            unknown => Err(Failure::NotFound(format!("unknown symbol {}", unknown.join(", ")))),
        }
    }

    fn tell<'a>(
        &self,
        texts: impl Iterator<Item = &'a Utf8Bytes>,
        talk: Talk,
    ) -> Result<(), Failure> {
        let now = Instant::now();
        let mut screen = Screen::new(Format::choose(self.format), self.channel, talk).still();
        for text in texts {
            screen.show(text, now)?;
        }
        Ok(screen.finish(now)?)
    }
}

/// The symbol, if it is a snapshot.
fn snapshot_of(text: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Head {
        r#type: String,
        symbol: String,
    }
    let head: Head = serde_json::from_str(text).ok()?;
    (head.r#type == "snapshot").then_some(head.symbol)
}
