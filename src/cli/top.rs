//! `tickwire top`: a watchlist that fills the terminal, live or replayed.

mod chart;
mod keys;
mod player;
mod view;
mod watch;

use std::io;
use std::io::IsTerminal as _;
use std::time::Duration;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event;
use ratatui::crossterm::event::Event;
use ratatui::crossterm::event::KeyEventKind;
use serde_json::Value;
use tickwire_feeds::Nanos;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::cli::credential::Credential;
use crate::cli::endpoint::Endpoint;
use crate::cli::failure::Failure;
use crate::cli::follower::Turn;
use crate::cli::instant;
use crate::cli::pursuit::Got;
use crate::cli::pursuit::Pursuit;
use crate::cli::request;
use crate::cli::request::ChannelName;
use crate::cli::request::Request;
use crate::cli::request::Start;
use crate::cli::signals;
use crate::cli::talk::Talk;
use crate::cli::top::chart::Chart;
use crate::cli::top::chart::Interval;
use crate::cli::top::keys::Action;
use crate::cli::top::player::Player;
use crate::cli::top::view::Scene;
use crate::cli::top::watch::Watch;
use crate::clock;

/// Time between two drawings.
const REDRAW: Duration = Duration::from_millis(100);
/// Messages taken in a row before keys and drawings get their turn.
const ROW_MAX: usize = 10_000;
/// How long what was said stays.
const SAID: Duration = Duration::from_secs(8);
/// How far back a replay begins, in ms.
const REPLAY_MS: i64 = 300_000;
/// Keys that wait.
const KEYS_MAX: usize = 64;

/// Watch symbols on the whole terminal.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "\
Keys: ? tells all of them. Needs a terminal; into a pipe goes `tickwire sub`.

Examples:
  tickwire top
  tickwire top 'sim:*' --from 10m")]
pub struct Top {
    /// Symbols and patterns, as venue:NAME: sim:BTC-USD, '*:BTC-USD', 'kraken:*'
    #[arg(value_name = "SYMBOL", default_value = "*:*")]
    symbols: Vec<String>,
    /// Begin with a replay from there: a time, or so long ago (10m)
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = instant::parse)]
    from: Option<Nanos>,
    /// Take at most one snapshot in so many ms of each symbol; 0 for every change
    #[arg(
        long,
        value_name = "MS",
        default_value_t = 100,
        value_parser = RangedU64ValueParser::<u64>::new().range(0..=60_000),
    )]
    conflate_ms: u64,
    /// The server, as ws://HOST:PORT or http://HOST:PORT; else TICKWIRE_URL, else this machine
    #[arg(long, value_name = "URL", value_parser = Endpoint::parse)]
    url: Option<Endpoint>,
    /// What is shown there.
    #[command(flatten)]
    credential: Credential,
}

/// Where data comes from.
enum Source {
    Live(Box<Pursuit>),
    Replay(Box<Player>),
}

/// A run of `top`.
struct Run {
    endpoint: Endpoint,
    request: Request,
    source: Source,
    is_connected: bool,
    watch: Watch,
    chart: Option<Chart>,
    /// The screen stands still.
    is_frozen: bool,
    shows_help: bool,
    said: Option<(String, Instant)>,
    /// Messages taken up to a moment, and those of the second before it.
    counted: (u64, Instant),
    rate: u64,
    has_colours: bool,
}

/// A terminal that is given back as it was.
struct Stage(DefaultTerminal);

impl Top {
    /// Shows it until a key ends it.
    ///
    /// # Errors
    /// [`Failure`]
    pub fn run(&self, talk: Talk) -> Result<(), Failure> {
        if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
            let text = "top needs a terminal; for a pipe there is: tickwire sub";
            return Err(Failure::Usage(text.to_owned()));
        }
        let endpoint = self.credential.endpoint(self.url.as_ref())?;
        let no_runtime = |error| Failure::General(format!("cannot start: {error}"));
        signals::watch(|signal| {
            ratatui::restore();
            signal.end();
        })
        .map_err(no_runtime)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(no_runtime)?;
        let ended = runtime.block_on(self.watch(endpoint, talk));
        // A question for bars may still be under way: nobody waits for it.
        runtime.shutdown_background();
        ended.map_err(|failure| self.credential.explain(failure))
    }

    async fn watch(&self, endpoint: Endpoint, talk: Talk) -> Result<(), Failure> {
        let request = Request {
            channel: ChannelName::Ticker,
            symbols: request::split(&self.symbols),
            conflate_ms: self.conflate_ms,
            start: Start::Now,
        };
        let source = match self.from {
            None => Source::Live(Box::new(Pursuit::begin(&endpoint, request.clone()).await?)),
            Some(from) => Source::replay(&endpoint, &request, from).await?,
        };
        let now = Instant::now();
        let mut run = Run {
            endpoint,
            request,
            source,
            is_connected: true,
            watch: Watch::new(),
            chart: None,
            is_frozen: false,
            shows_help: false,
            said: None,
            counted: (0, now),
            rate: 0,
            has_colours: talk.colours(&io::stdout()),
        };
        let mut stage = Stage(ratatui::try_init()?);
        let shown = run.show(&mut stage.0).await;
        drop(stage);
        run.source.close().await;
        shown
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

impl Source {
    async fn replay(endpoint: &Endpoint, request: &Request, from: Nanos) -> Result<Self, Failure> {
        let from = Value::from(from.to_string());
        Ok(Self::Replay(Box::new(Player::begin(endpoint, request.clone(), from).await?)))
    }

    fn next_now(&mut self) -> Result<Option<Got>, Failure> {
        match self {
            Self::Live(pursuit) => pursuit.next_now(),
            Self::Replay(player) => player.next_now(),
        }
    }

    async fn next(&mut self, until: Instant) -> Result<Got, Failure> {
        match self {
            Self::Live(pursuit) => pursuit.next(until).await,
            Self::Replay(player) => player.next(until).await,
        }
    }

    async fn close(self) {
        match self {
            Self::Live(pursuit) => pursuit.close().await,
            Self::Replay(player) => player.close().await,
        }
    }
}

impl Run {
    async fn show(&mut self, terminal: &mut DefaultTerminal) -> Result<(), Failure> {
        let mut keys = listen();
        let mut due = Instant::now();
        loop {
            for _ in 0..ROW_MAX {
                let Some(got) = self.source.next_now()? else { break };
                self.take(got).await?;
            }
            if Instant::now() >= due {
                self.count();
                if let Some(chart) = &mut self.chart {
                    chart.refresh(&self.endpoint, self.source.time()).await;
                }
                if !self.is_frozen {
                    self.draw(terminal)?;
                }
                due = Instant::now() + REDRAW;
            }
            tokio::select! {
                got = self.source.next(due) => self.take(got?).await?,
                event = keys.recv() => {
                    let Some(event) = event else { return Ok(()) };
                    let key = event.as_key_event().filter(|key| key.kind != KeyEventKind::Release);
                    let action = key.and_then(|key| keys::action(key, self.watch.is_typing));
                    if action == Some(Action::Quit) {
                        return Ok(());
                    }
                    if let Some(action) = action {
                        self.act(action).await;
                    }
                    self.draw(terminal)?;
                }
            }
        }
    }

    async fn take(&mut self, got: Got) -> Result<(), Failure> {
        match got {
            Got::Nothing => {}
            Got::Message(text, turn) => {
                self.is_connected = true;
                if matches!(turn, Turn::Show | Turn::ShowAndSay(_)) {
                    self.watch.apply(&text, Instant::now());
                }
                if let Turn::Say(said) | Turn::ShowAndSay(said) = turn {
                    self.say(said);
                }
            }
            Got::Lost(reason, wait) => {
                self.is_connected = false;
                self.watch.disconnect();
                match self.source {
                    Source::Live(_) => {
                        let tenths = wait.as_millis() / 100;
                        let wait = format!("{}.{} s", tenths / 10, tenths % 10);
                        self.say(format!("{reason}; connecting again in {wait}"));
                    }
                    Source::Replay(_) => {
                        self.go_live().await?;
                        self.say(format!("the replay has ended: {reason}"));
                    }
                }
            }
        }
        Ok(())
    }

    async fn act(&mut self, action: Action) {
        let watch = &mut self.watch;
        match action {
            Action::Quit => {}
            Action::Move(rows) => watch.go(rows),
            Action::First => watch.go_first(),
            Action::Last => watch.go_last(),
            Action::NextVenue => watch.turn_tab(1),
            Action::PreviousVenue => watch.turn_tab(-1),
            Action::SortNext => watch.sort_next(),
            Action::SortReverse => watch.sort_reverse(),
            Action::FilterBegin => watch.is_typing = true,
            Action::FilterEnd => watch.is_typing = false,
            Action::FilterAdd(letter) => watch.filter_by(format!("{}{letter}", watch.filter)),
            Action::FilterErase => {
                let mut text = watch.filter.clone();
                text.pop();
                watch.filter_by(text);
            }
            Action::FilterDrop => {
                watch.is_typing = false;
                watch.filter_by(String::new());
                self.shows_help = false;
            }
            Action::Help => self.shows_help = !self.shows_help,
            Action::Chart => self.turn_chart(),
            Action::Pause | Action::Faster | Action::Slower | Action::Seek(_) => {
                self.steer(action).await;
            }
            Action::Replay => self.go_back().await,
            Action::Live => {
                if let Err(failure) = self.go_live().await {
                    self.say(failure.to_string());
                }
            }
        }
    }

    /// The next chart of the symbol that is selected; after the last, none.
    fn turn_chart(&mut self) {
        if self.watch.selected().is_none() {
            self.watch.go_first();
        }
        let Some((_, symbol)) = self.watch.selected() else { return };
        let interval = match &self.chart {
            Some(chart) if chart.symbol == symbol => chart.interval.next(),
            Some(chart) => Some(chart.interval),
            None => Some(Interval::Second),
        };
        self.chart = interval.map(|interval| Chart::new(symbol.to_owned(), interval));
    }

    async fn steer(&mut self, action: Action) {
        let player = match &mut self.source {
            Source::Live(_) => {
                match action {
                    Action::Pause => self.is_frozen = !self.is_frozen,
                    _ => self.say("that is for replays: r begins one".to_owned()),
                }
                return;
            }
            Source::Replay(player) => player,
        };
        match action {
            Action::Faster => player.accelerate(1).await,
            Action::Slower => player.accelerate(-1).await,
            Action::Seek(seconds) => {
                if let Ok(at) = Nanos::parse_rfc3339(&player.said().at) {
                    player.seek(at.plus_millis(seconds * 1_000).to_string()).await;
                }
            }
            _ => player.toggle().await,
        }
    }

    async fn go_back(&mut self) {
        let from = clock::now().plus_millis(-REPLAY_MS);
        match Source::replay(&self.endpoint, &self.request, from).await {
            Ok(source) => self.change(source).await,
            Err(failure) => self.say(failure.to_string()),
        }
    }

    async fn go_live(&mut self) -> Result<(), Failure> {
        if matches!(self.source, Source::Replay(_)) {
            let pursuit = Pursuit::begin(&self.endpoint, self.request.clone()).await?;
            self.change(Source::Live(Box::new(pursuit))).await;
        }
        Ok(())
    }

    async fn change(&mut self, source: Source) {
        std::mem::replace(&mut self.source, source).close().await;
        (self.is_connected, self.is_frozen) = (true, false);
        self.watch.clear();
    }

    fn say(&mut self, text: String) {
        self.said = Some((text, Instant::now()));
    }

    /// Counts messages by the second.
    fn count(&mut self) {
        let (taken, since) = self.counted;
        let now = Instant::now();
        let millis = u64::try_from(now.duration_since(since).as_millis()).unwrap_or(u64::MAX);
        if millis >= 1_000 {
            self.rate = (self.watch.taken - taken).saturating_mul(1_000) / millis;
            self.counted = (self.watch.taken, now);
        }
    }

    fn draw(&mut self, terminal: &mut DefaultTerminal) -> Result<(), Failure> {
        let now = Instant::now();
        self.said = self.said.take().filter(|(_, at)| now.duration_since(*at) < SAID);
        let mut scene = Scene {
            title: self.title(),
            is_replay: matches!(self.source, Source::Replay(_)),
            said: self.said.as_ref().map_or("", |(text, _)| text),
            watch: &mut self.watch,
            chart: self.chart.as_ref(),
            shows_help: self.shows_help,
            has_colours: self.has_colours,
            now,
        };
        terminal.draw(|frame| view::draw(frame, &mut scene))?;
        Ok(())
    }

    fn title(&self) -> String {
        let (symbols, rate) = (self.watch.len(), self.rate);
        let state = match &self.source {
            Source::Live(_) if self.is_frozen => "STANDS STILL, space goes on".to_owned(),
            Source::Live(_) if self.is_connected => "live".to_owned(),
            Source::Live(_) => "OFFLINE".to_owned(),
            Source::Replay(player) => {
                let said = player.said();
                let speed = if player.speed() == "0" { "max" } else { player.speed() };
                format!("REPLAY {} x{speed} {}", said.at, said.state)
            }
        };
        let host = &self.endpoint.host;
        format!(" tickwire top  {host}  {state}  {symbols} symbols  {rate} messages/s ")
    }
}

impl Source {
    /// The time that is shown.
    fn time(&self) -> Nanos {
        match self {
            Self::Live(_) => clock::now(),
            Self::Replay(player) => {
                Nanos::parse_rfc3339(&player.said().at).unwrap_or_else(|_| clock::now())
            }
        }
    }
}

/// What the terminal tells, read by a thread of its own, which ends with the program.
fn listen() -> mpsc::Receiver<Event> {
    let (sender, keys) = mpsc::channel(KEYS_MAX);
    std::thread::spawn(move || {
        while let Ok(event) = event::read() {
            if sender.blocking_send(event).is_err() {
                break;
            }
        }
    });
    keys
}
