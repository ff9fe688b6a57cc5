//! The load generator: many clients in one thread, that check all they get and measure it.
//!
//! It speaks WebSocket over non-blocking sockets with no runtime between, because what it takes
//! itself is taken from what it can measure. Up to two million messages a second each one is
//! checked; above that every tenth connection is, and of the others the frames are counted.

pub mod chain;
pub mod cores;
pub mod cpu;
mod crowd;
pub mod frame;
mod hall;
pub mod latency;
mod ledger;
mod member;
mod names;
pub mod plan;
pub mod ramp;
mod recovery;
pub mod report;
pub mod scan;
mod socket;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::load::crowd::Crowd;
use crate::load::plan::Plan;
use crate::load::report::Report;

/// Why a load could not be run to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refused something.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// A connection could not be made.
    #[error("cannot connect to {server}: {why}")]
    Connect {
        /// Where to.
        server: SocketAddr,
        /// What happened.
        why: String,
    },
    /// What was subscribed is not what was asked for.
    #[error("the server refused a subscription: {0}")]
    Refused(String),
    /// No connection got further for a long time.
    #[error("{whole} of {of} connections got their first snapshots, and no more did in {waited:?}")]
    Stuck {
        /// How many are whole.
        whole: usize,
        /// Of how many.
        of: usize,
        /// How long was waited for one more.
        waited: Duration,
    },
    /// The caller wanted no more.
    #[error("stopped")]
    Stopped,
}

impl Error {
    fn io(doing: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }
}

/// What a load does at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Opening connections and waiting for their first snapshots.
    Opening,
    /// Letting things settle.
    WarmingUp,
    /// Measuring.
    Measuring,
    /// Waiting until those that stood still are whole again.
    Recovering,
}

/// How far a load is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// What it does.
    pub stage: Stage,
    /// How much of the stage is done, in thousandths.
    pub done_per_mille: u64,
    /// Messages in the last second, about.
    pub messages_per_s: u64,
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Go {
    /// Yes.
    On,
    /// No: end at once.
    Stop,
}

/// Runs a load in this thread. `watch` is called some times a second.
///
/// # Errors
/// [`Error`], when it could not be run to its end. What was lost or doubled stands in the report.
pub fn run(plan: &Plan, watch: &mut dyn FnMut(Progress) -> Go) -> Result<Report, Error> {
    Crowd::new(plan, watch)?.run()
}
