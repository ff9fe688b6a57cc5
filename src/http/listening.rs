//! How a server listens.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use crate::http::shop::House;
use crate::hub::shard::FlushRule;
use crate::subscriber::Rules;

/// How a server listens.
#[derive(Debug, Clone)]
pub struct Listening {
    /// What is the same for all clients.
    pub rules: Arc<Rules>,
    /// When they are written to.
    pub flush: FlushRule,
    /// Worker threads; 0 for one a core.
    pub workers: usize,
    /// Longest time for a request's head to arrive.
    pub head_timeout: Duration,
    /// Connections that are held at once.
    pub connections: usize,
}

impl Listening {
    /// The rules as they are now: they may have been read anew.
    pub(super) fn rules_now(&self, house: &House) -> Arc<Rules> {
        house.hub.rules().unwrap_or_else(|| Arc::clone(&self.rules))
    }

    /// Worker threads.
    pub(super) fn threads(&self) -> usize {
        match self.workers {
            0 => std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
            workers => workers,
        }
    }
}
