//! `tickwire sub`: follows symbols, over as many connections as it takes.

use std::time::Duration;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use tokio::time::Instant;

use crate::cli::credential::Credential;
use crate::cli::endpoint::Endpoint;
use crate::cli::failure::Failure;
use crate::cli::follower::Turn;
use crate::cli::instant;
use crate::cli::nearest;
use crate::cli::pursuit::Got;
use crate::cli::pursuit::Pursuit;
use crate::cli::request;
use crate::cli::request::ChannelName;
use crate::cli::request::Cursor;
use crate::cli::request::Request;
use crate::cli::request::Start;
use crate::cli::screen;
use crate::cli::screen::Format;
use crate::cli::screen::Screen;
use crate::cli::signals;
use crate::cli::talk::Talk;

/// Longest time without a look at anything else.
const WAKE_MAX: Duration = Duration::from_secs(10);
/// Messages taken in a row before what is due is done.
const ROW_MAX: usize = 1_000;

/// Follow symbols.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = EXAMPLES)]
pub struct Sub {
    /// Symbols and patterns, as venue:NAME: sim:BTC-USD, '*:BTC-USD', 'kraken:*'
    #[arg(required = true, value_name = "SYMBOL")]
    symbols: Vec<String>,
    /// What to follow
    #[arg(long, value_enum, default_value_t, value_name = "CHANNEL")]
    channel: ChannelName,
    /// End after so many data messages
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// End after this time, like 10s or 5m
    #[arg(long = "for", value_name = "TIME", value_parser = instant::span)]
    span: Option<Duration>,
    /// Begin after this place on the tape; a heartbeat or snapshot answer names one
    #[arg(long, value_name = "EPOCH:SEQ", conflicts_with = "last")]
    from: Option<Cursor>,
    /// Begin so many messages back (of trades)
    #[arg(
        long,
        value_name = "N",
        value_parser = RangedU64ValueParser::<u64>::new().range(1..=1_000),
    )]
    last: Option<u64>,
    /// Take at most one snapshot in so many ms of each symbol, in place of every change
    #[arg(
        long,
        value_name = "MS",
        default_value_t = 0,
        hide_default_value = true,
        value_parser = RangedU64ValueParser::<u64>::new().range(0..=60_000),
    )]
    conflate_ms: u64,
    /// How to show it; by itself a table on a terminal, JSON elsewhere
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
    /// End with the first lost connection
    #[arg(long)]
    no_reconnect: bool,
    /// The server, as ws://HOST:PORT or http://HOST:PORT; else TICKWIRE_URL, else this machine
    #[arg(long, value_name = "URL", value_parser = Endpoint::parse)]
    url: Option<Endpoint>,
    /// What is shown there.
    #[command(flatten)]
    credential: Credential,
}

const EXAMPLES: &str = "\
Ends with 6 if messages were missed that could not be had again.

Examples:
  tickwire sub 'sim:*'
  tickwire sub sim:BTC-USD --channel trades --count 3 | cat";

/// A run of `sub`.
struct Run {
    pursuit: Pursuit,
    screen: Screen,
    /// Data messages still to come.
    left: Option<u64>,
    deadline: Option<Instant>,
}

impl Sub {
    /// Follows until there is enough.
    ///
    /// # Errors
    /// [`Failure`]
    pub fn run(&self, talk: Talk) -> Result<(), Failure> {
        let endpoint = self.credential.endpoint(self.url.as_ref())?;
        let request = self.request();
        let no_runtime = |error| Failure::General(format!("cannot start: {error}"));
        signals::watch(|signal| {
            screen::show_cursor();
            signal.end();
        })
        .map_err(no_runtime)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(no_runtime)?.block_on(async {
            let followed = self.follow(&endpoint, request, talk).await;
            match followed {
                Err(Failure::NotFound(text)) => {
                    Err(Failure::NotFound(nearest::advise(&endpoint, &text)))
                }
                other => other.map_err(|failure| self.credential.explain(failure)),
            }
        })
    }

    fn request(&self) -> Request {
        let start = match (&self.from, self.last) {
            (Some(cursor), _) => Start::After(cursor.clone()),
            (_, Some(count)) => Start::Last(count),
            _ => Start::Now,
        };
        Request {
            channel: self.channel,
            symbols: request::split(&self.symbols),
            conflate_ms: self.conflate_ms,
            start,
        }
    }

    async fn follow(
        &self,
        endpoint: &Endpoint,
        request: Request,
        talk: Talk,
    ) -> Result<(), Failure> {
        let mut run = Run {
            screen: Screen::new(Format::choose(self.format), request.channel, talk),
            pursuit: Pursuit::begin(endpoint, request).await?,
            left: self.count,
            deadline: self.span.and_then(|span| Instant::now().checked_add(span)),
        };
        let lost = run.serve(self.no_reconnect).await?;
        run.screen.finish(Instant::now())?;
        let verdict = lost.map_or_else(|| run.verdict(), |why| Err(Failure::Connection(why)));
        run.pursuit.close().await;
        verdict
    }
}

impl Run {
    /// Follows until there is enough, or, if that is to be the end, until the connection is lost.
    async fn serve(&mut self, ends_when_lost: bool) -> Result<Option<String>, Failure> {
        let mut row = 0;
        while !self.is_done(Instant::now()) {
            let got = match self.pursuit.next_now()? {
                Some(got) if row < ROW_MAX => got,
                other => {
                    row = 0;
                    self.screen.pause(Instant::now())?;
                    match other {
                        Some(got) => got,
                        None => self.pursuit.next(self.wake()).await?,
                    }
                }
            };
            row += 1;
            match got {
                Got::Nothing => {}
                Got::Message(text, turn) => self.take(&text, turn)?,
                Got::Lost(reason, _) if ends_when_lost => return Ok(Some(reason)),
                Got::Lost(reason, wait) => {
                    self.screen.disconnect();
                    let (seconds, tenths) = (wait.as_secs(), wait.subsec_millis() / 100);
                    let said = format!("{reason}; connecting again in {seconds}.{tenths} s");
                    self.screen.say(&said)?;
                }
            }
        }
        Ok(None)
    }

    fn take(&mut self, text: &str, turn: Turn) -> Result<(), Failure> {
        match turn {
            Turn::Nothing | Turn::Leave { .. } => {}
            Turn::Show => self.show(text)?,
            Turn::ShowAndSay(said) => {
                self.show(text)?;
                self.screen.say(&said)?;
            }
            Turn::Say(said) => self.screen.say(&said)?,
            Turn::Note(said) => self.screen.note(&said)?,
        }
        Ok(())
    }

    fn show(&mut self, text: &str) -> Result<(), Failure> {
        self.left = self.left.map(|left| left.saturating_sub(1));
        Ok(self.screen.show(text, Instant::now())?)
    }

    fn is_done(&self, now: Instant) -> bool {
        self.left == Some(0) || self.deadline.is_some_and(|deadline| deadline <= now)
    }

    /// When to look up although nothing came.
    fn wake(&self) -> Instant {
        let dues = [self.deadline, self.screen.due()].into_iter().flatten();
        dues.fold(Instant::now() + WAKE_MAX, Instant::min)
    }

    fn verdict(&self) -> Result<(), Failure> {
        let lost = self.pursuit.follower().lost_streams();
        if lost.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = lost.iter().take(5).map(String::as_str).collect();
        let more = if lost.len() > names.len() { ", …" } else { "" };
        Err(Failure::Missing(format!("messages are missing: {}{more}", names.join(", "))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use crate::cli::Command;
    use clap::Parser as _;

    fn parse(line: &str) -> Result<Sub, String> {
        let line = format!("tickwire sub {line}");
        let cli =
            Cli::try_parse_from(line.split_whitespace()).map_err(|error| error.to_string())?;
        match cli.command {
            Some(Command::Sub(sub)) => Ok(sub),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn flags_become_a_request() {
        let sub =
            parse("sim:A,sim:B sim:C --channel trades --last 3 --count 2 --for 1500ms").unwrap();
        let request = sub.request();
        assert_eq!(request.symbols, ["sim:A", "sim:B", "sim:C"]);
        assert_eq!((request.channel, request.start), (ChannelName::Trades, Start::Last(3)));
        assert_eq!((sub.count, sub.span), (Some(2), Some(Duration::from_millis(1_500))));
        let sub = parse("sim:A --from k3v9:7 --conflate-ms 250 --url http://[::1]:9").unwrap();
        let cursor = Cursor { epoch: "k3v9".to_owned(), seq: 7 };
        assert_eq!(sub.request().start, Start::After(cursor));
        assert_eq!(sub.request().conflate_ms, 250);
        assert_eq!(sub.url.unwrap().url, "ws://[::1]:9/v1/stream");
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_would() {
        for (line, said) in [
            ("", "required"),
            ("sim:A --for 10", "like 10s"),
            ("sim:A --from 7", "EPOCH:SEQ"),
            ("sim:A --from a:1 --last 2", "cannot be used with"),
            ("sim:A --last 0", "1..=1000"),
            ("sim:A --conflate-ms 60001", "0..=60000"),
            ("sim:A --channel book", "possible values"),
            ("sim:A --url ftp://x", "expected ws://HOST:PORT"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(said), "{line}: {error}");
        }
    }
}
