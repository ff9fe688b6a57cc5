//! The entrance: whether a client is dealt with at all.
//!
//! A refusal costs time too, and who is refused and goes on is after that. So a connection is
//! judged before a byte of it is read: by how many its address has and begins, how many of these
//! with a handshake of TLS, and how often it was refused lately.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use crate::config::limits::Limits;
use crate::config::limits::Loopback;
use crate::http::turnstile::Pace;
use crate::http::turnstile::Turnstile;
use crate::http::visitors::Visit;
use crate::http::visitors::Visitors;

/// Handshakes of an address in a second that `limits.requests_per_s` cannot lower: each costs as
/// much as many requests, but who is refused should be told so once it is made.
const HANDSHAKES_MIN: u32 = 100;
/// Connections that an address begins in a second, for each request that it may make, in the long
/// run, and at once. Enough for one a request and for refusals that are heeded; heads that never
/// come or are none make more of them.
const CONNECTIONS_PER_REQUEST: u32 = 2;
const CONNECTIONS_BURST: Duration = Duration::from_secs(5);
/// Refusals of an address that are said in a second, in the long run, and at once. A program that
/// does not look at what it is told makes more of them.
const REFUSALS_PER_S: u32 = 100;
const REFUSALS_BURST: Duration = Duration::from_secs(5);

/// Counts what the clients of all workers begin.
#[derive(Debug)]
pub struct Entrance {
    /// Who is here.
    pub visitors: Arc<Visitors>,
    requests: Turnstile,
    connections: Turnstile,
    handshakes: Turnstile,
    refusals: Turnstile,
    turned_away: AtomicU64,
}

/// How a connection begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beginning {
    Plain,
    Tls,
}

/// How often each address may do what.
struct Paces {
    requests: Pace,
    connections: Pace,
    handshakes: Pace,
    refusals: Pace,
}

impl Paces {
    fn of(limits: &Limits) -> Self {
        let second = Duration::from_secs(1);
        let (per_s, loopback) = (limits.requests_per_s, limits.loopback_requests);
        let requests = Pace { per_s, burst: second, loopback };
        let handshakes = Pace { per_s: per_s.max(HANDSHAKES_MIN), ..requests };
        let connections = Pace {
            per_s: handshakes.per_s.saturating_mul(CONNECTIONS_PER_REQUEST),
            burst: CONNECTIONS_BURST,
            loopback,
        };
        let loopback = match (limits.loopback, limits.loopback_requests) {
            (Loopback::Exempt, Loopback::Exempt) => Loopback::Exempt,
            _ => Loopback::Counted,
        };
        let refusals = Pace { per_s: REFUSALS_PER_S, burst: REFUSALS_BURST, loopback };
        Self { requests, connections, handshakes, refusals }
    }
}

impl Entrance {
    /// Nobody has come yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let Paces { requests, connections, handshakes, refusals } = Paces::of(limits);
        Self {
            visitors: Arc::new(Visitors::new(limits)),
            requests: Turnstile::new(requests),
            connections: Turnstile::new(connections),
            handshakes: Turnstile::new(handshakes),
            refusals: Turnstile::new(refusals),
            turned_away: AtomicU64::new(0),
        }
    }

    /// New limits for those who come from now on.
    pub fn limit(&self, limits: &Limits) {
        let Paces { requests, connections, handshakes, refusals } = Paces::of(limits);
        self.visitors.limit(limits);
        self.requests.set_pace(requests);
        self.connections.set_pace(connections);
        self.handshakes.set_pace(handshakes);
        self.refusals.set_pace(refusals);
    }

    /// Connections that were ended unread.
    #[must_use]
    pub fn turned_away(&self) -> u64 {
        self.turned_away.load(Ordering::Relaxed)
    }

    /// Takes a connection up; `None` if it is to be ended unread.
    pub(super) fn open(&self, ip: IpAddr, how: Beginning, now: Instant) -> Option<Visit> {
        let may = self.refusals.is_open(ip, now)
            && self.connections.pass(ip, now).is_ok()
            && (how == Beginning::Plain || self.handshakes.pass(ip, now).is_ok());
        let visit = may.then(|| self.visitors.enter_socket(Some(ip))).flatten();
        if visit.is_none() {
            self.turned_away.fetch_add(1, Ordering::Relaxed);
        }
        visit
    }

    /// One more request of an address.
    ///
    /// # Errors
    /// How long the address has to wait, if that is one too many.
    pub(super) fn pass(&self, ip: IpAddr, now: Instant) -> Result<(), Duration> {
        self.requests.pass(ip, now)
    }

    /// An address was told that it does too much; whether it may be told more.
    pub(super) fn refuse(&self, ip: IpAddr, now: Instant) -> Heeded {
        if self.refusals.pass(ip, now).is_ok() { Heeded::Perhaps } else { Heeded::No }
    }
}

/// Whether a client heeds what it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heeded {
    Perhaps,
    /// It was refused so often that it is not.
    No,
}
