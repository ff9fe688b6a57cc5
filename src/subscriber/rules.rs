//! What is the same for all subscribers of a server.

use std::sync::Arc;
use std::time::Duration;

use crate::access::Gate;
use crate::wire::answer::Limits;

/// The rules of the house.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Told in `welcome`.
    pub limits: Limits,
    /// Longest time between two heartbeats.
    pub heartbeat: Duration,
    /// Between two pings.
    pub ping: Duration,
    /// From a ping to the end of patience with its pong.
    pub pong: Duration,
    /// Longest time in which a client with waiting bytes may take none.
    pub write_deadline: Duration,
    /// Over how long clients are asked to come back after a shutdown.
    pub reconnect_spread: Duration,
    /// Where clients show who they are; `None`: everyone may have everything.
    pub gate: Option<Arc<Gate>>,
}
