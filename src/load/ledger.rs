//! What all connections of a load have seen together.

use tickwire_feeds::Nanos;

use crate::load::latency::Latency;
use crate::load::names::Names;
use crate::load::plan::Plan;
use crate::load::report::Faults;
use crate::load::report::Flow;
use crate::load::scan::Stamp;
use crate::load::scan::Times;

/// Books kept over all connections.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) names: Names,
    /// How many symbols there are.
    pub(super) symbols: usize,
    /// What came in the measured time.
    pub(super) flow: Flow,
    /// What went wrong at any time.
    pub(super) faults: Faults,
    /// Snapshots that took the place of messages.
    pub(super) replaced: u64,
    /// From the server's reading of a tick to the reading of its message here.
    pub(super) latency: Latency,
    /// From subscribing again to the new snapshot.
    pub(super) answers: Latency,
    /// The newest place of each symbol that anybody who never stood still has; empty if nobody
    /// asks.
    pub(super) heads: Vec<u64>,
    times: Times,
    /// What the server said about a subscription that it refused.
    pub(super) refused: Option<String>,
}

impl Ledger {
    pub(super) fn new(plan: &Plan) -> Self {
        let heads = if plan.stalled > 0 { plan.symbols.len() } else { 0 };
        Self {
            names: Names::new(&plan.symbols),
            symbols: plan.symbols.len(),
            flow: Flow::default(),
            faults: Faults::default(),
            replaced: 0,
            latency: Latency::default(),
            answers: Latency::default(),
            heads: vec![0; heads],
            times: Times::default(),
            refused: None,
        }
    }

    /// The measured time begins: what came before does not count. Faults do.
    pub(super) fn begin(&mut self) {
        self.flow = Flow::default();
        self.replaced = 0;
        self.latency.clear();
        self.answers.clear();
    }

    /// Takes note of when a message was read that tells of `recv`.
    #[inline]
    pub(super) fn time(&mut self, recv: Option<Stamp<'_>>, read: Nanos) {
        if let Some(recv) = recv.and_then(|recv| self.times.read(recv)) {
            self.latency.record(read.0 - recv.0);
        }
    }

    /// Takes note of the newest place of a symbol.
    #[inline]
    pub(super) fn head(&mut self, symbol: usize, seq: u64) {
        if let Some(head) = self.heads.get_mut(symbol) {
            *head = (*head).max(seq);
        }
    }
}
