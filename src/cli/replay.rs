//! `tickwire replay`: plays a part of the tape again, as it was or at another speed.

pub(super) mod said;

use std::io;
use std::io::IsTerminal as _;
use std::io::Write as _;
use std::time::Duration;

use clap::Args;
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive as _;
use rust_decimal::prelude::ToPrimitive as _;
use serde_json::Value;
use serde_json::json;
use tickwire_feeds::Nanos;
use tokio::time::Instant;

use crate::cli::connection::Connection;
use crate::cli::connection::Heard;
use crate::cli::credential::Credential;
use crate::cli::endpoint::Endpoint;
use crate::cli::failure::Failure;
use crate::cli::follower::Follower;
use crate::cli::follower::Turn;
use crate::cli::instant;
use crate::cli::nearest;
use crate::cli::replay::said::Said;
use crate::cli::request;
use crate::cli::request::ChannelName;
use crate::cli::request::Cursor;
use crate::cli::request::Request;
use crate::cli::request::Start;
use crate::cli::rest::Rest;
use crate::cli::screen;
use crate::cli::screen::Format;
use crate::cli::screen::Screen;
use crate::cli::signals;
use crate::cli::talk::Talk;

/// Where replays are served.
pub(super) const PATH: &str = "/v1/replay";
/// Messages taken in a row before what is due is done.
const ROW_MAX: usize = 1_000;
/// Characters of the bar that shows how far it is.
const BAR: usize = 30;
/// A silence before the first message that nobody has to sit through, in ns.
const SILENCE_NS: i64 = 2_000_000_000;
/// Longest time to ask when the tape begins: it is a kindness only.
const ASK_MAX: Duration = Duration::from_secs(1);

/// Play a part of the tape again.
#[derive(Debug, Clone, PartialEq, Args)]
#[command(after_help = EXAMPLES)]
pub struct Replay {
    /// Symbols and patterns, as venue:NAME: sim:BTC-USD, '*:BTC-USD', 'kraken:*'
    #[arg(required_unless_present = "more", value_name = "SYMBOL")]
    symbols: Vec<String>,
    /// More of them, with commas between them
    #[arg(long = "symbols", value_name = "SYMBOLS")]
    more: Vec<String>,
    /// What to play
    #[arg(long, value_enum, default_value_t, value_name = "CHANNEL")]
    channel: ChannelName,
    /// Where to begin: a time (2026-11-20T14:30:00Z, 2026-11-20), so long ago (10m), or EPOCH:SEQ
    #[arg(long, value_name = "PLACE", allow_hyphen_values = true, value_parser = Point::parse)]
    from: Point,
    /// Where to end, in the same forms; by itself now
    #[arg(long, value_name = "PLACE", allow_hyphen_values = true, value_parser = Point::parse)]
    to: Option<Point>,
    /// Name of the tape; without it the one that is live, or that of EPOCH:SEQ
    #[arg(long, value_name = "EPOCH")]
    epoch: Option<String>,
    /// How fast: 1 as it happened, 10 ten times as fast, max as fast as can be
    #[arg(long, value_name = "N", default_value = "1", value_parser = parse_speed)]
    speed: f64,
    /// Shorten longer silences to this, like 2s
    #[arg(long, value_name = "TIME", value_parser = instant::span)]
    max_idle: Option<Duration>,
    /// Go on with what is live
    #[arg(long, conflicts_with = "again")]
    then_live: bool,
    /// At the end, begin again
    #[arg(long = "loop")]
    again: bool,
    /// End after so many data messages
    #[arg(long, value_name = "N")]
    count: Option<u64>,
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

const EXAMPLES: &str = "\
Tells on stderr how far it is. Ends with 3 if the connection is lost, with 4 if there is nothing in
the range, with 6 if messages were missed, or a part of the range is lost.

Examples:
  tickwire replay 'sim:*' --from 10m --speed 10
  tickwire replay sim:BTC-USD --channel trades --from 2026-11-20T14:30:00Z --speed max | cat";

/// A place on a tape.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Point {
    Time(Nanos),
    Cursor(Cursor),
}

/// A run of `replay`.
struct Run<'a> {
    of: &'a Replay,
    endpoint: &'a Endpoint,
    follower: Follower,
    screen: Screen,
    talk: Talk,
    /// Data messages still to come.
    left: Option<u64>,
    /// Where it began, to begin there again.
    from: Value,
    has_bar: bool,
}

/// Whether there is more to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum More {
    Yes,
    Again,
    No,
}

impl Replay {
    /// Plays.
    ///
    /// # Errors
    /// [`Failure`]
    pub fn run(&self, talk: Talk) -> Result<(), Failure> {
        let endpoint = self.credential.endpoint(self.url.as_ref())?;
        let endpoint = endpoint.at(PATH);
        let no_runtime = |error| Failure::General(format!("cannot start: {error}"));
        signals::watch(|signal| {
            screen::show_cursor();
            signal.end();
        })
        .map_err(no_runtime)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(no_runtime)?.block_on(async {
            match self.play(&endpoint, talk).await {
                Err(Failure::NotFound(text)) if text.starts_with("unknown symbol") => {
                    Err(Failure::NotFound(nearest::advise(&endpoint, &text)))
                }
                other => other.map_err(|failure| self.credential.explain(failure)),
            }
        })
    }

    async fn play(&self, endpoint: &Endpoint, talk: Talk) -> Result<(), Failure> {
        let symbols: Vec<String> = self.symbols.iter().chain(&self.more).cloned().collect();
        let request = Request {
            channel: self.channel,
            symbols: request::split(&symbols),
            conflate_ms: 0,
            start: Start::Now,
        };
        let open = self.operation(&request.symbols);
        let mut connection = Connection::open(endpoint).await?;
        connection.send(vec![open]).await;
        let mut run = Run {
            of: self,
            endpoint,
            screen: Screen::new(Format::choose(self.format), request.channel, talk),
            follower: Follower::new(request),
            talk,
            left: self.count,
            from: Value::Null,
            has_bar: false,
        };
        let served = run.serve(&mut connection).await;
        run.clear_bar();
        let finished = run.screen.finish(Instant::now());
        served?;
        finished?;
        connection.close().await;
        match run.follower.lost_streams().first() {
            None => Ok(()),
            Some(name) => Err(Failure::Missing(format!("messages are missing: {name}"))),
        }
    }

    fn operation(&self, symbols: &[String]) -> String {
        let mut open = json!({
            "op": "open",
            "id": 1,
            "channel": self.channel.word(),
            "symbols": symbols,
            "from": self.from.to_json(),
            "speed": number(self.speed),
            "then": if self.then_live { "live" } else { "end" },
        });
        if let Some(fields) = open.as_object_mut() {
            if let Some(to) = &self.to {
                fields.insert("to".to_owned(), to.to_json());
            }
            if let Some(epoch) = &self.epoch {
                fields.insert("epoch".to_owned(), epoch.clone().into());
            }
            if let Some(idle) = self.max_idle {
                let idle_ms = u64::try_from(idle.as_millis()).unwrap_or(u64::MAX);
                fields.insert("max_idle_ms".to_owned(), idle_ms.into());
            }
        }
        open.to_string()
    }
}

impl Run<'_> {
    async fn serve(&mut self, connection: &mut Connection) -> Result<(), Failure> {
        let mut last_heard = Instant::now();
        let mut row = 0;
        while self.left != Some(0) {
            let now = Instant::now();
            let heard = match connection.hear_now()? {
                Some(heard) if row < ROW_MAX => heard,
                other => {
                    row = 0;
                    self.screen.pause(now)?;
                    let silent = last_heard + self.follower.silence_max();
                    let until = self.screen.due().map_or(silent, |due| due.min(silent));
                    match other {
                        Some(heard) => heard,
                        None => connection.hear(until).await?,
                    }
                }
            };
            row += 1;
            match heard {
                Heard::Text(text) => {
                    last_heard = Instant::now();
                    match self.take(&text, last_heard)? {
                        More::Yes => {}
                        More::Again => {
                            let seek = json!({ "op": "seek", "to": self.from });
                            connection.send(vec![seek.to_string()]).await;
                        }
                        More::No => return Ok(()),
                    }
                }
                Heard::Silence if last_heard.elapsed() >= self.follower.silence_max() => {
                    let reason = "the server says nothing any more".to_owned();
                    return Err(Failure::Connection(reason));
                }
                Heard::Silence => {}
                Heard::Ended { reason, .. } => return Err(Failure::Connection(reason)),
            }
        }
        Ok(())
    }

    fn take(&mut self, text: &str, now: Instant) -> Result<More, Failure> {
        let said = Said::read(text);
        let said =
            said.map_err(|error| Failure::General(format!("not a tickwire server: {error}")))?;
        if let Some(said) = said {
            return self.take_own(&said);
        }
        match self.follower.read(text)? {
            Turn::Nothing => {}
            Turn::Show => self.show(text, now)?,
            Turn::ShowAndSay(said) => {
                self.show(text, now)?;
                self.say(&said)?;
            }
            Turn::Say(said) => self.say(&said)?,
            Turn::Note(said) => self.screen.note(&said)?,
            Turn::Leave { reason, .. } => return Err(Failure::Connection(reason)),
        }
        Ok(More::Yes)
    }

    /// What a replay says of itself.
    fn take_own(&mut self, said: &Said) -> Result<More, Failure> {
        match said.kind.as_str() {
            "opened" => {
                self.from = said.from.clone();
                self.screen.note(&format!("{} places of the tape", said.events))?;
                let rejected: Vec<_> = said.rejected.iter().map(|of| of.symbol.as_str()).collect();
                if !rejected.is_empty() {
                    self.say(&format!("unknown symbol {}", rejected.join(", ")))?;
                }
                if !said.pending.is_empty() {
                    self.say(&format!("listed later: {}", said.pending.join(", ")))?;
                }
                let Some(begin) = self.late_begin() else { return Ok(More::Yes) };
                self.say(&format!("the tape has nothing before {begin}: beginning there"))?;
                self.from = begin.to_string().into();
                Ok(More::Again)
            }
            "position" => {
                let is_at_end = said.state == "ended";
                self.draw_bar(said)?;
                Ok(match (is_at_end, self.of.again) {
                    (false, _) => More::Yes,
                    (true, true) => More::Again,
                    (true, false) => More::No,
                })
            }
            // The replay had begun, so something of it was there.
            _ if said.code == "cursor_expired" && !self.from.is_null() => {
                Err(Failure::Missing(said.trouble()))
            }
            _ => Err(refusal(said)),
        }
    }

    /// When the tape begins, if that is so long after the time asked for that the replay would
    /// seem to stand still.
    fn late_begin(&self) -> Option<Nanos> {
        let Point::Time(asked) = &self.of.from else { return None };
        let epoch = self.from.get("epoch")?.as_str()?;
        let rest = Rest::new(self.endpoint, ASK_MAX).ok()?;
        let answer = rest.get(&format!("/v1/sessions?epoch={epoch}")).ok()?;
        let days = answer.body.get("sessions")?.as_array()?;
        let begin = |day: &Value| Nanos::parse_rfc3339(day.get("recv_first")?.as_str()?).ok();
        let begin = days.iter().filter_map(begin).min()?;
        // As fast as can be, which is 0, there is no silence.
        let speed = Decimal::from_f64(self.of.speed)?;
        let silence = Decimal::from(begin.0.checked_sub(asked.0)?).checked_div(speed)?;
        (silence > Decimal::from(SILENCE_NS)).then_some(begin)
    }

    fn show(&mut self, text: &str, now: Instant) -> Result<(), Failure> {
        self.left = self.left.map(|left| left.saturating_sub(1));
        Ok(self.screen.show(text, now)?)
    }

    fn say(&mut self, text: &str) -> Result<(), Failure> {
        self.clear_bar();
        Ok(self.screen.say(text)?)
    }

    /// Shows how far it is: below the table, or in a line of its own.
    fn draw_bar(&mut self, said: &Said) -> Result<(), Failure> {
        let bar = bar(said, self.of.speed);
        if self.screen.set_footer(&bar) || self.talk.quiet || !io::stderr().is_terminal() {
            return Ok(());
        }
        // In front of what comes after it on the same terminal.
        self.screen.pause(Instant::now())?;
        self.has_bar = true;
        write!(io::stderr().lock(), "\r\x1b[K{bar}").ok();
        Ok(())
    }

    fn clear_bar(&mut self) {
        if std::mem::take(&mut self.has_bar) {
            write!(io::stderr().lock(), "\r\x1b[K").ok();
        }
    }
}

impl Point {
    fn parse(text: &str) -> Result<Self, String> {
        match (instant::parse(text), text.parse()) {
            (Ok(time), _) => Ok(Self::Time(time)),
            (_, Ok(cursor)) => Ok(Self::Cursor(cursor)),
            (Err(expected), _) => Err(format!("{expected}, or EPOCH:SEQ")),
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Time(time) => time.to_string().into(),
            Self::Cursor(Cursor { epoch, seq }) => json!({ "epoch": epoch, "seq": seq }),
        }
    }
}

/// A refusal as the exit code that says why.
fn refusal(said: &Said) -> Failure {
    let text = said.trouble();
    match said.code.as_str() {
        "bad_request" | "unknown_channel" | "unknown_op" | "too_many_symbols" => {
            Failure::Usage(text)
        }
        "unknown_symbol" => Failure::NotFound(format!("unknown symbol: {}", said.message)),
        "range_empty" | "epoch_mismatch" | "cursor_expired" => Failure::NotFound(text),
        "unauthorized" | "forbidden" | "token_expired" => Failure::Access(text),
        "unavailable" => Failure::Connection(text),
        _ => Failure::General(text),
    }
}

fn bar(said: &Said, speed: f64) -> String {
    let done = Decimal::from_f64(said.done).unwrap_or_default();
    let percent = done.saturating_mul(100.into()).to_usize().unwrap_or(0).min(100);
    let full = percent * BAR / 100;
    let speed = if speed <= 0.0 { "max".to_owned() } else { format!("{speed}x") };
    format!(
        "[{}{}] {percent:>3} % {} {} {speed}",
        "#".repeat(full),
        ".".repeat(BAR.saturating_sub(full)),
        said.at,
        said.state,
    )
}

/// A whole number where it is one.
fn number(speed: f64) -> Value {
    let text = speed.to_string();
    text.parse::<u64>().map_or_else(|_| speed.into(), Value::from)
}

fn parse_speed(text: &str) -> Result<f64, String> {
    if text == "max" {
        return Ok(0.0);
    }
    let digits = text.strip_suffix('x').unwrap_or(text);
    let speed = digits.parse::<f64>().ok().filter(|speed| speed.is_finite() && *speed >= 0.0);
    speed.ok_or_else(|| "expected a number like 10 or 0.5, or max".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use crate::cli::Command;
    use crate::wire::op;
    use crate::wire::op::ReplayOp;
    use clap::Parser as _;

    fn parse(line: &str) -> Result<Replay, String> {
        let line = format!("tickwire replay {line}");
        let cli =
            Cli::try_parse_from(line.split_whitespace()).map_err(|error| error.to_string())?;
        match cli.command {
            Some(Command::Replay(replay)) => Ok(replay),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn the_server_understands_what_is_asked() {
        for line in [
            "sim:A --from 10m",
            "sim:A sim:B --from k3v9:5 --to k3v9:77 --speed max --channel trades",
            "--symbols sim:A,sim:B --from 2026-11-20T14:30:00Z --speed 5x --max-idle 2s",
            "sim:* --from 1h --then-live --speed 0.5",
            "sim:A --from -1m --to now",
            "sim:A --from 2026-11-20 --to 2026-11-21 --epoch z2me9f55",
        ] {
            let replay = parse(line).unwrap();
            let symbols: Vec<_> = replay.symbols.iter().chain(&replay.more).cloned().collect();
            let text = replay.operation(&request::split(&symbols));
            let (_, op) = op::parse_replay(text.as_bytes());
            assert!(matches!(op, Ok(ReplayOp::Open(_))), "{line}: {op:?}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_would() {
        for (line, said) in [
            ("--from 10m", "required"),
            ("sim:A", "--from"),
            ("sim:A --from yesterday", "2026-11-20T09:30:00Z"),
            ("sim:A --from 10m --speed=-1", "10 or 0.5"),
            ("sim:A --from 10m --speed NaN", "10 or 0.5"),
            ("sim:A --from 10m --then-live --loop", "cannot be used with"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(said), "{line}: {error}");
        }
    }

    #[test]
    fn a_lost_part_is_missing_once_there_was_something() {
        let replay = parse("sim:A --from 10m").unwrap();
        let (talk, channel) = (Talk { quiet: true, ..Talk::default() }, replay.channel);
        let request =
            Request { channel, symbols: replay.symbols.clone(), conflate_ms: 0, start: Start::Now };
        let endpoint = Endpoint::parse("127.0.0.1:1").unwrap();
        let mut run = Run {
            of: &replay,
            endpoint: &endpoint,
            screen: Screen::new(Format::Json, channel, talk),
            follower: Follower::new(request),
            talk,
            left: None,
            from: Value::Null,
            has_bar: false,
        };
        let lost = r#"{"type":"error","code":"cursor_expired","message":"lost","retry":false}"#;
        let opened = r#"{"type":"opened","id":1,"from":{"epoch":"k","seq":5},"events":9}"#;
        let code = |run: &mut Run<'_>| run.take(lost, Instant::now()).map_err(|e| e.code());
        assert_eq!(code(&mut run), Err(4));
        assert_eq!(run.take(opened, Instant::now()).map_err(|e| e.code()), Ok(More::Yes));
        assert_eq!(code(&mut run), Err(6));
    }

    #[test]
    fn the_bar_tells_how_far_it_is() {
        let at = "2026-11-20T14:30:00Z".to_owned();
        let mut said = Said { at, state: "playing".to_owned(), done: 0.5, ..Said::default() };
        let half = "[###############...............]  50 % 2026-11-20T14:30:00Z playing 10x";
        assert_eq!(bar(&said, 10.0), half);
        for done in [-1.0, 0.0, 1.0, 7.0, f64::NAN] {
            said.done = done;
            assert!(bar(&said, 0.0).contains("max"));
        }
    }
}
