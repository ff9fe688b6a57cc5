//! The application: everything put together, in the order in which a tick visits it.

mod feeds;
mod reload;

use std::net::SocketAddr;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::RwLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use tracing::error;
use tracing::info;
use tracing::warn;

use crate::access;
use crate::access::Gate;
use crate::app::feeds::Plan;
use crate::board::Board;
use crate::clock;
use crate::config::Config;
use crate::config::Loaded;
use crate::descriptors;
use crate::history::Desk;
use crate::history::History;
use crate::http::conn::Unsent;
use crate::http::entrance::Entrance;
use crate::http::listening::Listening;
use crate::http::proxies::Trusted;
use crate::http::server::Server;
use crate::http::shop::ClientBounds;
use crate::http::shop::House;
use crate::http::shop::Manners;
use crate::http::shop::RunningFeed;
use crate::hub::Hub;
use crate::hub::Publisher;
use crate::hub::shard::FlushRule;
use crate::ingest;
use crate::replay::Office;
use crate::sequencer;
use crate::sequencer::Sequencer;
use crate::sequencer::intake;
use crate::sequencer::intake::Bell;
use crate::sequencer::intake::Intake;
use crate::sequencer::intake::Queue;
use crate::store;
use crate::store::Recorder;
use crate::subscriber::Rules;
use crate::tape;
use crate::tape::Journal;
use crate::tls;
use crate::tls::Keeper;
use crate::wire::answer::Limits;

pub use reload::Reloader;

/// How long the end waits for the store to have everything: the next start goes on where it stood.
const STORE_GRACE: Duration = Duration::from_secs(3);
/// The same for the feeds, all together.
const FEED_GRACE: Duration = Duration::from_secs(2);
/// Threads that read history: one may wait for the disk while another one encodes.
const DESK_THREADS: usize = 2;
/// Connections that the system holds until they are accepted.
const BACKLOG: i32 = 4096;

/// Why the application could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}; set http.listen or pass --listen")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// TLS cannot be spoken with these files.
    #[error("{0}; see http.tls.cert and http.tls.key")]
    Tls(#[from] tls::Error),
    /// The tape cannot be opened.
    #[error(transparent)]
    Tape(#[from] tape::Error),
    /// The keys of tokens or the API keys cannot be used.
    #[error(transparent)]
    Access(#[from] access::Error),
    /// The store cannot be asked with its settings.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A feed cannot run with its settings.
    #[error("feed {feed}: {source}")]
    Feed {
        /// Its name.
        feed: String,
        /// Why.
        source: tickwire_feeds::Error,
    },
    /// The system refused a thread, a runtime or a socket option.
    #[error("cannot start {what}: {source}")]
    Start {
        /// What could not be started.
        what: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
}

/// A running application.
#[derive(Debug)]
pub struct App {
    address: SocketAddr,
    house: Arc<House>,
    writer: Writer,
    recorder: Option<Recorder>,
    feeds: Vec<ingest::Handle>,
    runtime: tokio::runtime::Runtime,
    server: Server,
    /// From the wish to end until clients are told, and how long they are waited for then.
    patience: (Duration, Duration),
}

/// The sequencer's thread.
#[derive(Debug)]
struct Writer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl App {
    /// Binds, opens the tape, and starts the feeds and the server.
    ///
    /// # Errors
    /// [`Error`]; nothing is left running then.
    pub fn build(config: &Config) -> Result<Self, Error> {
        let listen = config.http.listen;
        let listener = TcpListener::bind(listen)
            .map_err(|source| Error::Listen { address: listen, source })?;
        // A thousand clients may come back in the same second.
        socket2::SockRef::from(&listener).listen(BACKLOG).map_err(start("the listener"))?;
        let address = listener.local_addr().map_err(start("the listener"))?;
        if let Err(reason) = descriptors::raise(config.limits.connections) {
            warn!("limits.connections = {}: {reason}", config.limits.connections);
        }
        let tls = config
            .http
            .tls
            .as_ref()
            .map(|files| Keeper::open(files.cert.clone(), files.key.clone(), clock::now()));
        let tls = tls.transpose()?;
        let gate = Gate::open(&config.auth, config.limits.connections_per_subject)?.map(Arc::new);
        let plans = feeds::plan(config)?;
        let opened = tape::open(&tape_settings(config), clock::now())?;
        let store = store::Settings::of(&config.store);
        let archive = store.as_ref().map(store::Reader::new).transpose()?;
        let history = History::new(Some(opened.tape.clone()), &config.tape.dir, archive);
        let desk = Desk::new(DESK_THREADS, config.limits.queries)
            .map_err(start("the readers of history"))?;
        let recorder = store
            .map(|settings| Recorder::start(opened.tape.clone(), settings))
            .transpose()
            .map_err(start("the recorder"))?;
        if let (Some(archive), Some(recorder)) = (history.archive(), &recorder) {
            archive.heed(recorder.watch());
        }
        let hub = Arc::new(Hub::new(config.hub.ring_events, clock::monotonic()));
        let names = plans.iter().map(|plan| (plan.name.clone(), plan.venue.clone())).collect();
        let resumed = plans.into_iter().map(|plan| plan.resume(&opened.board)).collect();
        let (writer, intakes, stats) = start_writer(
            (opened.journal, opened.board),
            Publisher::new(Arc::clone(&hub)),
            names,
            config.ingest.queue_ticks,
        )?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("ingest")
            .enable_all()
            .build()
            .map_err(start("the feeds' runtime"))?;
        let (feeds, running) = start_feeds(&runtime, resumed, intakes);
        let house = Arc::new(House {
            hub,
            tape: opened.tape,
            feeds: running,
            sequencer: stats,
            history,
            desk,
            replays: Arc::new(Office::new(config.limits.replays)),
            gate,
            recorder: recorder.as_ref().map(Recorder::watch),
            manners: RwLock::new(Arc::new(manners(config))),
            entrance: Entrance::new(&config.limits),
            unsent: Unsent::default(),
            tls,
            was_live: AtomicBool::new(false),
            draining: AtomicBool::new(false),
        });
        if let (Some(keeper), Some(files)) = (house.tls.clone(), &config.http.tls) {
            runtime.spawn(watch(keeper, Duration::from_millis(files.check_ms.into())));
        }
        let server = start_server(config, listener, &house)?;
        let millis = |ms: u32| Duration::from_millis(ms.into());
        let patience = (millis(config.http.drain_ms), millis(config.http.shutdown_ms));
        Ok(Self { address, house, writer, recorder, feeds, runtime, server, patience })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Name of the tape.
    #[must_use]
    pub fn epoch(&self) -> &str {
        self.house.tape.epoch()
    }

    /// Comes back with what ended by itself, if something does, which is a bug.
    ///
    /// # Cancel safety
    /// Nothing is lost if the future is dropped.
    pub async fn broken(&self) -> &'static str {
        loop {
            if self.writer.thread.is_finished() {
                return "the sequencer";
            }
            if self.recorder.as_ref().is_some_and(Recorder::is_broken) {
                return "the recorder of history";
            }
            if self.server.is_broken() {
                return "the server";
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Takes up new settings while it runs; these are the present ones.
    #[must_use]
    pub fn reloader(&self, loaded: &Loaded) -> Reloader {
        Reloader::new(Arc::clone(&self.house), loaded)
    }

    /// Longest time that [`App::shut_down`] takes, unless something hangs.
    #[must_use]
    pub fn longest_end(&self) -> Duration {
        self.patience.0 + self.patience.1 + FEED_GRACE + STORE_GRACE + Duration::from_secs(3)
    }

    /// Ends everything well: clients are told to come back, the feeds stop, the tape is closed. Who
    /// asks meanwhile is told that the server stops.
    pub async fn shut_down(self) {
        info!("stopping: nobody new is let in");
        self.house.draining.store(true, Ordering::Release);
        tokio::time::sleep(self.patience.0).await;
        info!("clients are told to come back");
        self.house.hub.drain();
        let deadline = clock::monotonic() + self.patience.1;
        while clock::monotonic() < deadline && self.is_busy() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if self.is_busy() {
            warn!(connections = self.connections(), "clients that do not go are cut");
        }
        for feed in &self.feeds {
            feed.stop();
        }
        let deadline = tokio::time::Instant::from_std(clock::monotonic() + FEED_GRACE);
        for feed in self.feeds {
            // A feed that hangs must not keep the tape from being closed.
            if let Ok(Err(error)) = tokio::time::timeout_at(deadline, feed.ended()).await {
                error!(%error, "a feed ended badly");
            }
        }
        self.writer.stop.store(true, Ordering::Release);
        if self.writer.thread.join().is_err() {
            error!("the sequencer ended badly");
        }
        if let Some(recorder) = self.recorder {
            let status = recorder.stop(STORE_GRACE);
            if status.behind() != Some(0) {
                info!(events = ?status.behind(), "not stored yet; the tape keeps it until it is");
            }
        }
        self.server.stop();
        self.runtime.shutdown_background();
    }

    /// Whether somebody is still being served.
    fn is_busy(&self) -> bool {
        self.connections() > 0 || self.house.desk.busy() > 0 || self.house.unsent.count() > 0
    }

    fn connections(&self) -> u64 {
        let live: u64 = self.house.hub.stats().iter().map(|stats| stats.connections.get()).sum();
        live + self.house.replays.taken()
    }
}

/// Looks at the files of the certificate every so often.
async fn watch(keeper: Arc<Keeper>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        keeper.look(clock::now());
    }
}

fn start<'a>(what: &'static str) -> impl Fn(std::io::Error) -> Error + 'a {
    move |source| Error::Start { what, source }
}

fn tape_settings(config: &Config) -> tape::Settings {
    tape::Settings {
        segment_bytes: config.tape.segment_bytes.bytes(),
        retention_bytes: config.tape.retention_bytes.bytes(),
        retention_age_ms: i64::try_from(config.tape.retention_age.millis()).unwrap_or(i64::MAX),
        sync_ms: config.tape.sync_ms.into(),
        ..tape::Settings::new(&config.tape.dir)
    }
}

fn manners(config: &Config) -> Manners {
    let (http, limits) = (&config.http, &config.limits);
    Manners {
        bounds: ClientBounds {
            frame_bytes: limits.frame_bytes,
            message_bytes: limits.message_bytes,
            fragments: limits.fragments,
        },
        head_bytes: limits.head_bytes,
        origins: http.allowed_origins.clone(),
        public_url: http.public_url.clone(),
        trusted: Trusted { proxies: http.trusted_proxies.clone(), header: http.forwarded },
    }
}

fn rules(config: &Config, gate: Option<Arc<Gate>>) -> Rules {
    let limits = &config.limits;
    let millis = |ms: u32| Duration::from_millis(ms.into());
    Rules {
        limits: Limits {
            symbols: limits.symbols,
            message_bytes: limits.message_bytes,
            ops_per_s: limits.ops_per_s,
            buffer_bytes: limits.buffer_bytes,
            frame_bytes: limits.frame_bytes,
            fragments: limits.fragments,
            connections_per_ip: limits.connections_per_ip,
            replays_per_ip: limits.replays_per_ip,
            requests_per_s: limits.requests_per_s,
            idle_s: limits.idle_s,
            life_s: limits.life_s,
        },
        heartbeat: millis(config.stream.heartbeat_ms),
        ping: millis(config.stream.ping_ms),
        pong: millis(config.stream.pong_ms),
        write_deadline: millis(config.stream.write_deadline_ms),
        reconnect_spread: millis(config.http.reconnect_spread_ms),
        gate,
    }
}

/// Starts the sequencer, with one intake for each feed.
fn start_writer(
    (journal, board): (Journal, Board),
    publisher: Publisher,
    feeds: Vec<(String, String)>,
    queue_ticks: usize,
) -> Result<(Writer, Vec<Intake>, Arc<sequencer::Stats>), Error> {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let (ready, started) = crossbeam_channel::bounded(1);
    let run = move || {
        let bell = Arc::new(Bell::of_this_thread());
        let (intakes, queues): (Vec<Intake>, Vec<Queue>) =
            feeds.iter().map(|_| intake::queue(queue_ticks, Arc::clone(&bell))).unzip();
        let mut sequencer = Sequencer::new(journal, board, publisher, bell);
        for ((name, venue), queue) in feeds.iter().zip(queues) {
            sequencer.add(name, venue, queue);
        }
        sequencer.retire_others();
        if ready.send((intakes, sequencer.stats())).is_ok() {
            sequencer.run(&stopped);
        }
    };
    let builder = std::thread::Builder::new().name("sequencer".to_owned());
    let thread = builder.spawn(run).map_err(start("the sequencer"))?;
    let (intakes, stats) =
        started.recv().map_err(|_| start("the sequencer")(std::io::Error::other("it panicked")))?;
    Ok((Writer { stop, thread }, intakes, stats))
}

fn start_feeds(
    runtime: &tokio::runtime::Runtime,
    plans: Vec<Plan>,
    intakes: Vec<Intake>,
) -> (Vec<ingest::Handle>, Vec<RunningFeed>) {
    let _in_runtime = runtime.enter();
    let started = plans.into_iter().zip(intakes).map(|(plan, intake)| {
        let (name, continuity) = (plan.name.clone(), plan.continuity);
        let handle = plan.start(intake);
        let stats = handle.stats();
        (handle, RunningFeed { name, continuity, stats })
    });
    started.unzip()
}

fn start_server(
    config: &Config,
    listener: TcpListener,
    house: &Arc<House>,
) -> Result<Server, Error> {
    let millis = |ms: u32| Duration::from_millis(ms.into());
    let listening = Listening {
        rules: Arc::new(rules(config, house.gate.clone())),
        flush: FlushRule {
            min: millis(config.http.flush_ms_min),
            max: millis(config.http.flush_ms_max),
        },
        workers: config.http.workers,
        head_timeout: millis(config.http.head_timeout_ms),
        connections: config.limits.connections,
    };
    Server::start(listener, &listening, house).map_err(start("the server"))
}
