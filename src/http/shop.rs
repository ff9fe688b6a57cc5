//! What the handlers of one worker share: its shard, the rules of the house, and the feeds.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use actix_web::HttpRequest;
use actix_web::http::header;

use crate::http::failure::Failure;
use crate::http::guard::Bounds;
use crate::hub::Hub;
use crate::hub::shard::SharedShard;
use crate::ingest;
use crate::sequencer;
use crate::tape::Tape;

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
    /// Bounds of clients.
    pub bounds: ClientBounds,
    /// Browser origins that may connect besides the server's own.
    pub origins: Vec<String>,
    /// Set once a feed was seen live.
    pub was_live: AtomicBool,
    /// Set while the server stops.
    pub draining: AtomicBool,
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

/// What clients may send and how many there may be.
#[derive(Debug, Clone, Copy)]
pub struct ClientBounds {
    /// Bytes of one frame.
    pub frame_bytes: usize,
    /// Bytes of one message.
    pub message_bytes: usize,
    /// Frames of one message.
    pub fragments: usize,
    /// Connections of all clients.
    pub connections: usize,
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
        let ClientBounds { frame_bytes, message_bytes, fragments, .. } = self.house.bounds;
        Bounds { frame_bytes: frame_bytes as u64, message_bytes: message_bytes as u64, fragments }
    }

    /// Whether a client may connect now, and from where it does.
    pub(super) fn admit(&self, request: &HttpRequest) -> Result<(), Failure> {
        if self.house.draining.load(Ordering::Acquire) {
            return Err(Failure::unavailable("this server is stopping", 5));
        }
        let connections: u64 = self.house.hub.stats().iter().map(|of| of.connections()).sum();
        if connections >= self.house.bounds.connections as u64 {
            return Err(Failure::unavailable("limits.connections are open already", 5));
        }
        self.check_origin(request)
    }

    fn check_origin(&self, request: &HttpRequest) -> Result<(), Failure> {
        let Some(origin) = request.headers().get(header::ORIGIN) else { return Ok(()) };
        let origin = origin.to_str().unwrap_or_default();
        let host = request.connection_info().host().to_owned();
        let own = is_loopback(&host) && origin.split_once("://").is_some_and(|(_, of)| of == host);
        if own || self.house.origins.iter().any(|allowed| allowed == origin) {
            return Ok(());
        }
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

fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    let name = name.map_or(host, |(name, _)| name);
    matches!(name, "localhost" | "[::1]") || name.starts_with("127.")
}

/// A shop's shard, for the worker that owns it.
#[must_use]
pub fn shared(shard: crate::hub::shard::Shard) -> SharedShard {
    Rc::new(std::cell::RefCell::new(shard))
}
