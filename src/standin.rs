//! A stand-in venue: a WebSocket server on this machine that plays recorded frames and fails on
//! demand, for the tests of feeds and for those who write them.
//!
//! It knows as much of the protocols of binance, coinbase and kraken as is needed to subscribe,
//! and it begins to play to a client once that has subscribed to something.

mod dialect;
mod fault;
mod player;

use std::collections::VecDeque;
use std::io;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use std::time::Instant;

use tickwire_feeds::Nanos;
use tickwire_feeds::Venue;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::task::JoinSet;

pub use fault::Fault;

use crate::clock;
use crate::ingest::capture::Capture;

/// Longest frame of a recording, in bytes.
const FRAME_BYTES_MAX: usize = 16 << 20;
/// How many of the clients' messages are remembered, the last ones.
const RECEIVED_MAX: usize = 1_000;

/// What a stand-in plays, and how.
#[derive(Debug, Clone)]
pub struct Script {
    /// Whose protocol it speaks.
    pub venue: Venue,
    /// What it sends, in order.
    pub frames: Vec<Frame>,
    /// How fast.
    pub pace: Pace,
    /// Where a client begins that is not the first one.
    pub again: Again,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// Another seed, other accidents.
    pub seed: u64,
    /// Where it listens on 127.0.0.1; 0 for any free port.
    pub port: u16,
}

/// One message of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its text.
    pub text: String,
    /// When it was recorded, if known.
    pub recv: Option<Nanos>,
}

/// How fast a script is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As fast as the client takes it.
    Full,
    /// With this time between frames.
    Every(Duration),
    /// As it was recorded, at so many millionths of the speed; frames without a time at once.
    Recorded {
        /// 1,000,000 is as it happened.
        speed_ppm: u32,
    },
}

/// Where a later client begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// After the last frame that was sent to any client.
    GoOn,
    /// So many frames after that.
    Skip(usize),
    /// At this frame, counted from 0.
    From(usize),
}

/// A running stand-in. It ends, and cuts all connections, when this is dropped.
#[derive(Debug)]
pub struct Standin {
    address: SocketAddr,
    stage: Arc<Stage>,
    task: JoinHandle<()>,
}

/// What all connections share.
#[derive(Debug)]
struct Stage {
    script: Script,
    began: Instant,
    control: watch::Sender<Control>,
    memory: Mutex<Memory>,
    connections: AtomicU64,
    pongs: AtomicU64,
    farewells: AtomicU64,
}

/// What the tester wants now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Control {
    cuts: u64,
    flow: Flow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Stalled,
}

#[derive(Debug, Default)]
struct Memory {
    /// The next frame that no client was sent.
    next: usize,
    received: VecDeque<String>,
    /// Faults that happened as often as they shall.
    spent: Vec<u32>,
}

impl Script {
    /// Plays `frames` without any trouble, to each client as fast as it reads.
    #[must_use]
    pub fn new(venue: Venue, frames: impl IntoIterator<Item = String>) -> Self {
        let frames = frames.into_iter().map(|text| Frame { text, recv: None });
        Self {
            venue,
            frames: frames.collect(),
            pace: Pace::Full,
            again: Again::GoOn,
            faults: Vec::new(),
            seed: 1,
            port: 0,
        }
    }

    /// Plays a recording `NAME.ndjson[.gz]`; the times of `NAME.recv_ns[.gz]` beside it are kept.
    ///
    /// # Errors
    /// If a file cannot be read, or a frame is no text.
    pub fn read(venue: Venue, path: &Path) -> io::Result<Self> {
        let mut capture = Capture::open(path, FRAME_BYTES_MAX)?;
        let mut script = Self::new(venue, []);
        let mut frame = Vec::new();
        while let Some(recv) = capture.next(&mut frame)? {
            let text = String::from_utf8(std::mem::take(&mut frame));
            let text = text.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            script.frames.push(Frame { text, recv });
        }
        Ok(script)
    }
}

impl Standin {
    /// Opens the venue, in tasks of the tokio runtime that this is called in.
    ///
    /// # Errors
    /// If the port cannot be had.
    pub async fn start(script: Script) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, script.port)).await?;
        let address = listener.local_addr()?;
        let (control, _) = watch::channel(Control { cuts: 0, flow: Flow::On });
        let spent = vec![0; script.faults.len()];
        let stage = Arc::new(Stage {
            script,
            began: clock::monotonic(),
            control,
            memory: Mutex::new(Memory { spent, ..Memory::default() }),
            connections: AtomicU64::new(0),
            pongs: AtomicU64::new(0),
            farewells: AtomicU64::new(0),
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&stage)));
        Ok(Self { address, stage, task })
    }

    /// Where to connect.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ws://{}/ws", self.address)
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// Cuts all connections without a word.
    pub fn cut_now(&self) {
        self.stage.control.send_modify(|control| control.cuts += 1);
    }

    /// Sends nothing more; the connections stay.
    pub fn stall(&self) {
        self.stage.control.send_modify(|control| control.flow = Flow::Stalled);
    }

    /// Ends [`Standin::stall`].
    pub fn resume(&self) {
        self.stage.control.send_modify(|control| control.flow = Flow::On);
    }

    /// Connections accepted so far, those that are refused at once not among them.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.stage.connections.load(Relaxed)
    }

    /// Pongs that answered a ping of [`Fault::Ping`].
    #[must_use]
    pub fn pongs(&self) -> u64 {
        self.stage.pongs.load(Relaxed)
    }

    /// Clients that closed their connection as the protocol wants it.
    #[must_use]
    pub fn farewells(&self) -> u64 {
        self.stage.farewells.load(Relaxed)
    }

    /// The last messages of clients, at most 1,000, oldest first.
    #[must_use]
    pub fn received(&self) -> Vec<String> {
        self.stage.memory().received.iter().cloned().collect()
    }

    /// How many frames of the script were sent to any client.
    #[must_use]
    pub fn played(&self) -> usize {
        self.stage.memory().next
    }
}

impl Drop for Standin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Stage {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        // Whoever panicked with it left nothing half done.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, message: &str) {
        let received = &mut self.memory().received;
        if received.len() == RECEIVED_MAX {
            received.pop_front();
        }
        received.push_back(message.to_owned());
    }
}

async fn accept(listener: TcpListener, stage: Arc<Stage>) {
    // Dropped with this task, it ends all connections.
    let mut players = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    players.spawn(player::play(socket, Arc::clone(&stage)));
                }
                // Out of descriptors, most likely: some connection will end.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = players.join_next() => {}
        }
    }
}
