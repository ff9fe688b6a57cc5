//! `tickwire standin`: a recording played as a venue on this machine would send it.

use std::io;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::net::SocketAddrV4;
use std::path::PathBuf;

use clap::Args;
use tickwire_feeds::Venue;

use crate::cli::failure::Failure;
use crate::cli::talk::Talk;
use crate::config::quantity::Speed;
use crate::standin;
use crate::standin::Again;
use crate::standin::Pace;
use crate::standin::Script;

/// Play a recording.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = EXAMPLES)]
pub struct Standin {
    /// Frames as the venue sent them, one a line, plain or gzip; times beside it as NAME.recv_ns
    file: PathBuf,
    /// Whose protocol it speaks: binance, coinbase or kraken
    #[arg(long, value_name = "VENUE", value_parser = parse_venue)]
    venue: Venue,
    /// Address on this machine and port; port 0 takes any free one
    #[arg(
        long,
        value_name = "ADDR",
        default_value = "127.0.0.1:9001",
        value_parser = parse_address,
    )]
    listen: u16,
    /// How fast: 1 as it was recorded, 0 as fast as it is read
    #[arg(long, value_name = "N", default_value = "1", value_parser = parse_speed)]
    speed: Speed,
    /// Begin anew for every client; else a client goes on where the one before it ended
    #[arg(long)]
    rewind: bool,
}

const EXAMPLES: &str = "\
Prints the URL to set as the feed's url.

Examples:
  tickwire standin binance.ndjson.gz --venue binance
  tickwire standin kraken.ndjson --venue kraken --speed 10 --rewind";

impl Standin {
    /// Plays until it is ended from outside.
    ///
    /// # Errors
    /// [`Failure::General`] for a file that cannot be read or a port that cannot be had.
    pub fn run(&self, talk: Talk) -> Result<(), Failure> {
        let unreadable =
            |error| Failure::General(format!("cannot read {}: {error}", self.file.display()));
        let script = Script {
            pace: match self.speed.thousandths() {
                0 => Pace::Full,
                thousandths => Pace::Recorded { speed_ppm: thousandths.saturating_mul(1_000) },
            },
            again: if self.rewind { Again::From(0) } else { Again::GoOn },
            port: self.listen,
            ..Script::read(self.venue, &self.file).map_err(unreadable)?
        };
        let frames = script.frames.len();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let no_runtime = |error| Failure::General(format!("cannot start: {error}"));
        runtime.map_err(no_runtime)?.block_on(async {
            let port = self.listen;
            let no_port = |error| {
                Failure::General(format!(
                    "cannot listen on 127.0.0.1:{port}: {error}; see --listen"
                ))
            };
            let playing = standin::Standin::start(script).await.map_err(no_port)?;
            let (url, venue) = (playing.url(), self.venue.name());
            writeln!(io::stdout().lock(), "{url}")?;
            let variable = format!("TICKWIRE__FEEDS__{}__URL", venue.to_uppercase());
            talk.say(&format!(
                "{frames} frames of {venue} for whoever subscribes\n\
                 \x20 try: {variable}={url} tickwire serve --feed {venue}"
            ));
            std::future::pending().await
        })
    }
}

fn parse_venue(text: &str) -> Result<Venue, String> {
    text.parse().map_err(|_| "expected binance, coinbase or kraken".to_owned())
}

fn parse_address(text: &str) -> Result<u16, String> {
    let address: Option<SocketAddrV4> = text.parse().ok();
    let own = address.filter(|address| *address.ip() == Ipv4Addr::LOCALHOST);
    own.map(|address| address.port()).ok_or_else(|| "expected 127.0.0.1:PORT".to_owned())
}

fn parse_speed(text: &str) -> Result<Speed, String> {
    Speed::parse(text).ok_or_else(|| "expected a number like 1, 0.5, 20 or 0".to_owned())
}
