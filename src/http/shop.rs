//! What the handlers of one worker share: its shard, the rules of the house, and the feeds.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use actix_web::HttpRequest;
use actix_web::http::header;
use tickwire_feeds::error::quoted;

use crate::access::Gate;
use crate::clock;
use crate::history::Desk;
use crate::history::History;
use crate::http::conn::Unsent;
use crate::http::entrance::Beginning;
use crate::http::entrance::Entrance;
use crate::http::entrance::Heeded;
use crate::http::failure::Failure;
use crate::http::guard::Bounds;
use crate::http::origin;
use crate::http::proxies::Trusted;
use crate::http::roster::Seat;
use crate::http::visitors::Crowded;
use crate::http::visitors::Visit;
use crate::hub::Hub;
use crate::hub::gauge::Gauge;
use crate::hub::shard::SharedShard;
use crate::ingest;
use crate::replay::Office;
use crate::sequencer;
use crate::store;
use crate::tape::Tape;
use crate::tls::Keeper;

/// The paths by which clients come in that are shown to those who watch over the service.
const WAYS: [&str; 5] = ["/v1/stream", "/v1/sse", "/v1/ndjson", "/v1/poll", "/v1/replay"];

/// One worker's front end.
#[derive(Debug, Clone)]
pub struct Shop {
    shard: SharedShard,
    house: Arc<House>,
}

/// What all workers share.
#[derive(Debug)]
pub struct House {
    /// The hub.
    pub hub: Arc<Hub>,
    /// The tape.
    pub tape: Tape,
    /// The running feeds.
    pub feeds: Vec<RunningFeed>,
    /// Of the sequencer.
    pub sequencer: Arc<sequencer::Stats>,
    /// All that was.
    pub history: History,
    /// Where history is read.
    pub desk: Desk,
    /// The replays that run there.
    pub replays: Arc<Office>,
    /// Where clients show who they are; `None`: everyone may have everything.
    pub gate: Option<Arc<Gate>>,
    /// Of the recorder of history, if there is one.
    pub recorder: Option<store::Watch>,
    /// What may change while the server runs.
    pub manners: RwLock<Arc<Manners>>,
    /// Who may connect and ask.
    pub entrance: Entrance,
    /// Answers that are still on their way though they were made.
    pub unsent: Unsent,
    /// The certificate, if TLS is spoken.
    pub tls: Option<Arc<Keeper>>,
    /// Set once a feed was seen live.
    pub was_live: AtomicBool,
    /// Set while the server stops.
    pub draining: AtomicBool,
}

/// How the server treats clients, until it is told otherwise.
#[derive(Debug, Clone)]
pub struct Manners {
    /// Bounds of clients.
    pub bounds: ClientBounds,
    /// Bytes of a request's head.
    pub head_bytes: usize,
    /// Browser origins that may connect besides the server's own.
    pub origins: Vec<String>,
    /// The URL under which browsers reach the server; empty if they use its address.
    pub public_url: String,
    /// Which proxies are believed.
    pub trusted: Trusted,
}

/// A feed that runs in this process.
#[derive(Debug)]
pub struct RunningFeed {
    /// Its name in the configuration.
    pub name: String,
    /// What continuity of trades it can prove: `exact` or `none`.
    pub continuity: &'static str,
    /// Its counters.
    pub stats: Arc<ingest::Stats>,
}

/// What clients may send.
#[derive(Debug, Clone, Copy)]
pub struct ClientBounds {
    /// Bytes of one frame.
    pub frame_bytes: usize,
    /// Bytes of one message.
    pub message_bytes: usize,
    /// Frames of one message.
    pub fragments: usize,
}

impl ClientBounds {
    /// Bytes that are read of one client in a second, in the long run: some of its largest
    /// messages.
    pub(super) fn bytes_per_s(self) -> u32 {
        u32::try_from(self.message_bytes.saturating_mul(4)).unwrap_or(u32::MAX).max(256 * 1024)
    }
}

impl House {
    /// How clients are treated now.
    #[must_use]
    pub fn manners(&self) -> Arc<Manners> {
        Arc::clone(&self.manners.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// How clients are treated from now on.
    pub fn set_manners(&self, manners: Manners) {
        *self.manners.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(manners);
    }

    /// Takes a connection up that a client has made; `None` if it is to be ended unread. Proxies
    /// are not counted: they are many clients.
    pub(super) fn open(&self, peer: IpAddr) -> Option<Option<Visit>> {
        let peer = peer.to_canonical();
        if self.manners().trusted.trusts(peer) {
            return Some(None);
        }
        let how = if self.tls.is_some() { Beginning::Tls } else { Beginning::Plain };
        self.entrance.open(peer, how, clock::monotonic()).map(Some)
    }
}

impl Shop {
    /// The front end of a worker with this shard.
    #[must_use]
    pub const fn new(shard: SharedShard, house: Arc<House>) -> Self {
        Self { shard, house }
    }

    pub(super) fn of(request: &HttpRequest) -> Result<&Self, Failure> {
        request.app_data::<Self>().ok_or_else(|| Failure::internal("this worker has no shard"))
    }

    pub(super) const fn shard(&self) -> &SharedShard {
        &self.shard
    }

    pub(super) fn house(&self) -> &House {
        &self.house
    }

    pub(super) fn bounds(&self) -> Bounds {
        let ClientBounds { frame_bytes, message_bytes, fragments } = self.house.manners().bounds;
        Bounds { frame_bytes: frame_bytes as u64, message_bytes: message_bytes as u64, fragments }
    }

    /// Whether the server stops.
    pub(super) fn is_draining(&self) -> bool {
        self.house.draining.load(Ordering::Acquire)
    }

    /// Over how long clients are asked to come back, in ms.
    pub(super) fn reconnect_spread_ms(&self) -> u64 {
        let spread = self.shard.borrow().rules().reconnect_spread;
        u64::try_from(spread.as_millis()).unwrap_or(0)
    }

    /// Refuses who comes while the server stops.
    pub(super) fn check_open(&self) -> Result<(), Failure> {
        if self.is_draining() {
            return Err(Failure::unavailable("this server is stopping", 5));
        }
        Ok(())
    }

    /// Counts one connection more.
    pub(super) fn visit(&self, request: &HttpRequest) -> Result<Visit, Failure> {
        self.house.entrance.visitors.enter(self.address_of(request)).map_err(crowded)
    }

    /// Counts one replay more, besides its connection.
    pub(super) fn visit_replay(&self, request: &HttpRequest) -> Result<Visit, Failure> {
        self.house.entrance.visitors.enter_replay(self.address_of(request)).map_err(crowded)
    }

    /// Shows a client to those who watch over the service.
    pub(super) fn introduce(
        &self,
        visit: &mut Visit,
        request: &HttpRequest,
        gauge: Option<Arc<Gauge>>,
    ) {
        let remote = self.address_of(request);
        let way = WAYS.into_iter().find(|way| *way == request.path()).unwrap_or_default();
        visit.introduce(Seat { remote, way, since: clock::now(), gauge });
    }

    /// Refuses who asks too often.
    pub(super) fn check_pace(&self, request: &HttpRequest) -> Result<(), Failure> {
        let Some(address) = self.address_of(request) else { return Ok(()) };
        self.house.entrance.pass(address, clock::monotonic()).map_err(|wait| {
            let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
            Failure::too_many("limits.requests_per_s: too many requests of your address", seconds)
        })
    }

    /// Counts that a client was told to ask less often.
    pub(super) fn count_refusal(&self, request: &HttpRequest) -> Heeded {
        let peer = request.peer_addr().map(|peer| peer.ip().to_canonical());
        match peer.filter(|peer| !self.house.manners().trusted.trusts(*peer)) {
            Some(peer) => self.house.entrance.refuse(peer, clock::monotonic()),
            None => Heeded::Perhaps,
        }
    }

    /// The address of a request's client.
    pub(super) fn address_of(&self, request: &HttpRequest) -> Option<IpAddr> {
        let peer = request.peer_addr().map(|address| address.ip());
        self.house.manners().trusted.client(peer, request.headers())
    }

    /// Whether the page that sends a request may.
    pub(super) fn check_origin(&self, request: &HttpRequest) -> Result<(), Failure> {
        let Some(origin) = request.headers().get(header::ORIGIN) else { return Ok(()) };
        let origin = origin.to_str().unwrap_or_default();
        // Not what a proxy says: only a proxy that we know could be believed.
        let host = request.headers().get(header::HOST);
        let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
        let manners = self.house.manners();
        let public = origin::of_url(&manners.public_url);
        if origin::is_own(origin, host)
            || public == Some(origin)
            || manners.origins.iter().any(|allowed| allowed == origin)
        {
            return Ok(());
        }
        let origin = quoted(origin);
        let message = format!("pages of {origin:?} may not connect: see http.allowed_origins");
        Err(Failure::forbidden(message))
    }

    /// A feed was live at some time.
    pub(super) fn was_live(&self) -> bool {
        let flag = &self.house.was_live;
        let live = || {
            let shard = self.shard.borrow();
            let mut feeds = shard.board().feeds();
            feeds.any(|(_, feed)| feed.health.state == tickwire_feeds::tick::State::Live)
        };
        if !flag.load(Ordering::Relaxed) && live() {
            flag.store(true, Ordering::Relaxed);
        }
        flag.load(Ordering::Relaxed)
    }
}

fn crowded(crowded: Crowded) -> Failure {
    let say = |name, limit: usize| format!("limits.{name} = {limit} are open already");
    match crowded {
        Crowded::House(limit) => Failure::unavailable(say("connections", limit), 5),
        Crowded::Address(limit) => Failure::too_many(say("connections_per_ip", limit), 5),
        Crowded::Replays(limit) => Failure::too_many(say("replays_per_ip", limit), 5),
    }
}

/// A shop's shard, for the worker that owns it.
#[must_use]
pub fn shared(shard: crate::hub::shard::Shard) -> SharedShard {
    Rc::new(std::cell::RefCell::new(shard))
}
