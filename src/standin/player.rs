//! One client of a stand-in venue: answers its requests and plays the script to it.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use std::time::Instant;

use futures_util::SinkExt;
use futures_util::StreamExt;
use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tickwire_feeds::Nanos;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::Message;

use crate::clock;
use crate::ingest::pause;
use crate::standin::Again;
use crate::standin::Control;
use crate::standin::Fault;
use crate::standin::Flow;
use crate::standin::Frame;
use crate::standin::Pace;
use crate::standin::Stage;
use crate::standin::dialect;
use crate::standin::fault::garble;

/// Frames written before they are flushed, at full pace.
const FLUSH_FRAMES: usize = 64;

const SHUTDOWN: &str = r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":0}}"#;

/// The connection is over.
struct Cut;

/// A connection to one client.
struct Player {
    stage: Arc<Stage>,
    socket: WebSocketStream<TcpStream>,
    /// Counted from 1.
    number: u64,
    random: StdRng,
    /// The next frame; `None` before the client has subscribed.
    at: Option<usize>,
    due: Instant,
    /// When the frame of that time would have been due, for playing as recorded.
    base: Option<(Instant, Nanos)>,
    /// A frame that goes out after the next one.
    late: Option<String>,
    silent: bool,
    ping_at: Option<Instant>,
    pings_open: u32,
    unflushed: usize,
}

/// Serves a client to its end.
pub(super) async fn play(socket: TcpStream, stage: Arc<Stage>) {
    let age = stage.began.elapsed();
    let closed = |fault: &Fault| match fault {
        Fault::RefuseConnections(ms) => age < Duration::from_millis(*ms),
        _ => false,
    };
    if stage.script.faults.iter().any(closed) || socket.set_nodelay(true).is_err() {
        return;
    }
    let Ok(socket) = tokio_tungstenite::accept_async(socket).await else { return };
    let number = stage.connections.fetch_add(1, Relaxed) + 1;
    let control = stage.control.subscribe();
    let mut player = Player::new(stage, socket, number);
    drop(player.run(control).await);
}

impl Player {
    fn new(stage: Arc<Stage>, socket: WebSocketStream<TcpStream>, number: u64) -> Self {
        let random = StdRng::seed_from_u64(stage.script.seed.wrapping_add(number));
        let now = clock::monotonic();
        let mut player = Self {
            stage,
            socket,
            number,
            random,
            at: None,
            due: now,
            base: None,
            late: None,
            silent: false,
            ping_at: None,
            pings_open: 0,
            unflushed: 0,
        };
        player.ping_at = player.ping_gap().map(|gap| now + gap);
        player
    }

    async fn run(&mut self, mut control: watch::Receiver<Control>) -> Result<(), Cut> {
        let cuts = control.borrow_and_update().cuts;
        if let Some(hello) = dialect::greeting(self.stage.script.venue) {
            self.send(hello).await?;
        }
        let end = self.ends_at();
        loop {
            let now = *control.borrow_and_update();
            if now.cuts != cuts {
                return Err(Cut);
            }
            let plays = now.flow == Flow::On && !self.silent && self.frame().is_some();
            tokio::select! {
                biased;
                changed = control.changed() => changed.map_err(|_| Cut)?,
                () = pause::until(end) => return Err(Cut),
                message = self.socket.next() => self.hear(message).await?,
                () = pause::until(self.ping_at) => self.ping().await?,
                () = pause::until(Some(self.due)), if plays => self.step(&mut control).await?,
            }
        }
    }

    /// The frame that comes next.
    fn frame(&self) -> Option<&Frame> {
        self.stage.script.frames.get(self.at?)
    }

    async fn hear(&mut self, message: Option<Result<Message, Error>>) -> Result<(), Cut> {
        match message.ok_or(Cut)?.map_err(|_| Cut)? {
            Message::Text(text) => self.request(text.as_str()).await,
            Message::Pong(_) => {
                self.pings_open = 0;
                self.stage.pongs.fetch_add(1, Relaxed);
                Ok(())
            }
            Message::Close(_) => {
                self.stage.farewells.fetch_add(1, Relaxed);
                Err(Cut)
            }
            _ => Ok(()),
        }
    }

    async fn request(&mut self, text: &str) -> Result<(), Cut> {
        let stage = Arc::clone(&self.stage);
        stage.remember(text);
        let faults = &stage.script.faults;
        let mute = |fault: &Fault| matches!(fault, Fault::NeverAcknowledge(n) if self.number <= *n);
        if faults.iter().any(mute) {
            return Ok(());
        }
        let refused: Vec<&str> = faults
            .iter()
            .filter_map(|fault| match fault {
                Fault::RefuseSymbol(symbol) => Some(symbol.as_str()),
                _ => None,
            })
            .collect();
        let answer = dialect::answer(stage.script.venue, text, &refused);
        for message in answer.messages {
            self.send(message).await?;
        }
        if answer.subscribed && self.at.is_none() {
            self.begin();
        }
        Ok(())
    }

    fn begin(&mut self) {
        let next = self.stage.memory().next;
        let at = match self.stage.script.again {
            _ if self.number == 1 => 0,
            Again::GoOn => next,
            Again::Skip(count) => next.saturating_add(count),
            Again::From(at) => at,
        };
        self.at = Some(at);
        self.due = clock::monotonic();
    }

    /// Plays one frame, with all that goes wrong about it.
    async fn step(&mut self, control: &mut watch::Receiver<Control>) -> Result<(), Cut> {
        let Some(at) = self.at else { return Ok(()) };
        self.strike(at).await?;
        if self.silent {
            return Ok(());
        }
        let Some(text) = self.frame().map(|frame| frame.text.clone()) else { return Ok(()) };
        self.at = Some(at + 1);
        {
            let mut memory = self.stage.memory();
            memory.next = memory.next.max(at + 1);
        }
        for text in self.spoil(text) {
            self.feed_or_cut(text, control).await?;
        }
        self.schedule(at);
        let pause = self.due > clock::monotonic() || self.frame().is_none();
        if pause || self.unflushed >= FLUSH_FRAMES {
            self.unflushed = 0;
            self.socket.flush().await.map_err(|_| Cut)?;
        }
        let stage = Arc::clone(&self.stage);
        for (index, fault) in stage.script.faults.iter().enumerate() {
            if let Fault::Cut { one_in, times } = fault
                && self.happens(*one_in)
                && self.spend(index, *times)
            {
                self.socket.flush().await.map_err(|_| Cut)?;
                return Err(Cut);
            }
        }
        Ok(())
    }

    /// What goes wrong at a certain frame.
    async fn strike(&mut self, at: usize) -> Result<(), Cut> {
        let stage = Arc::clone(&self.stage);
        for (index, fault) in stage.script.faults.iter().enumerate() {
            match fault {
                Fault::CutAtFrame(frame) if at >= *frame && self.spend(index, 1) => {
                    self.socket.flush().await.map_err(|_| Cut)?;
                    return Err(Cut);
                }
                Fault::StallAtFrame(frame) if at >= *frame && self.spend(index, 1) => {
                    self.socket.flush().await.map_err(|_| Cut)?;
                    self.silent = true;
                }
                Fault::Shutdown(frame) if at >= *frame && self.spend(index, 1) => {
                    self.send(SHUTDOWN.to_owned()).await?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What goes out in the place of a frame.
    fn spoil(&mut self, text: String) -> Vec<String> {
        let stage = Arc::clone(&self.stage);
        let mut out = vec![text];
        for fault in &stage.script.faults {
            match fault {
                Fault::Garble(one_in) if self.happens(*one_in) => {
                    out = out.iter().map(|text| garble(text, &mut self.random)).collect();
                }
                Fault::Duplicate(one_in) if self.happens(*one_in) => {
                    out = out.iter().flat_map(|text| [text.clone(), text.clone()]).collect();
                }
                Fault::Drop(one_in) if self.happens(*one_in) => out.clear(),
                Fault::Reorder(one_in) if self.late.is_none() && self.happens(*one_in) => {
                    self.late = out.pop();
                    return out;
                }
                _ => {}
            }
        }
        out.extend(self.late.take());
        out
    }

    /// When the frame after the one at `at` is due.
    fn schedule(&mut self, at: usize) {
        let now = clock::monotonic();
        let slow = self.stage.script.faults.iter().filter_map(|fault| match fault {
            Fault::Slow { at_frame, gap_ms } if at >= *at_frame => Some(*gap_ms),
            _ => None,
        });
        let slow = slow.max().map(|ms| now + Duration::from_millis(ms));
        let due = match self.stage.script.pace {
            Pace::Full => now,
            // From the last one due, so that a late wake-up does not slow the script down.
            Pace::Every(gap) => self.due + gap,
            Pace::Recorded { speed_ppm } => self.recorded(at, speed_ppm, now),
        };
        self.due = slow.map_or(due, |slow| slow.max(due));
    }

    fn recorded(&mut self, at: usize, speed_ppm: u32, now: Instant) -> Instant {
        let frames = &self.stage.script.frames;
        let time = |at: usize| frames.get(at).and_then(|frame| frame.recv);
        let (Some(this), Some(next)) = (time(at), time(at + 1)) else { return now };
        let (since, base) = *self.base.get_or_insert((now, this));
        let ahead = u128::try_from(next.0.saturating_sub(base.0)).unwrap_or(0);
        let ahead = ahead * 1_000_000 / u128::from(speed_ppm.max(1));
        since + Duration::from_nanos(u64::try_from(ahead).unwrap_or(u64::MAX / 2))
    }

    async fn ping(&mut self) -> Result<(), Cut> {
        if self.pings_open >= 2 {
            return Err(Cut);
        }
        self.pings_open += 1;
        self.ping_at = self.ping_gap().map(|gap| clock::monotonic() + gap);
        self.socket.send(Message::Ping("tick".into())).await.map_err(|_| Cut)
    }

    fn ping_gap(&self) -> Option<Duration> {
        let gaps = self.stage.script.faults.iter().filter_map(|fault| match fault {
            Fault::Ping(ms) => Some(Duration::from_millis(*ms)),
            _ => None,
        });
        gaps.min()
    }

    /// When this connection has lived long enough.
    fn ends_at(&self) -> Option<Instant> {
        let ages = self.stage.script.faults.iter().filter_map(|fault| match fault {
            Fault::CutAfterMs(ms) => Some(Duration::from_millis(*ms)),
            _ => None,
        });
        ages.min().map(|age| clock::monotonic() + age)
    }

    fn happens(&mut self, one_in: u32) -> bool {
        one_in > 0 && self.random.random_ratio(1, one_in)
    }

    /// Whether a fault may happen once more, which counts it.
    fn spend(&self, index: usize, times: u32) -> bool {
        let mut memory = self.stage.memory();
        match memory.spent.get_mut(index) {
            Some(spent) if *spent < times => {
                *spent += 1;
                true
            }
            _ => false,
        }
    }

    async fn send(&mut self, text: String) -> Result<(), Cut> {
        self.unflushed = 0;
        self.socket.send(Message::text(text)).await.map_err(|_| Cut)
    }

    /// A client that reads nothing must not keep the tester waiting.
    async fn feed_or_cut(
        &mut self,
        text: String,
        control: &mut watch::Receiver<Control>,
    ) -> Result<(), Cut> {
        let cuts = control.borrow().cuts;
        let mut fed = std::pin::pin!(self.feed(text));
        loop {
            tokio::select! {
                biased;
                sent = &mut fed => return sent,
                changed = control.changed() => changed.map_err(|_| Cut)?,
            }
            if control.borrow_and_update().cuts != cuts {
                return Err(Cut);
            }
        }
    }

    async fn feed(&mut self, text: String) -> Result<(), Cut> {
        self.unflushed += 1;
        self.socket.feed(Message::text(text)).await.map_err(|_| Cut)
    }
}
