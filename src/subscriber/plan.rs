//! What a subscription would cost, told without making it.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::access::Rights;
use crate::board::Board;
use crate::event::Channel;
use crate::event::SymbolId;
use crate::subscriber::Subscriber;
use crate::subscriber::View;
use crate::subscriber::naming::resolve;
use crate::subscriber::rates::Rates;
use crate::wire::Code;
use crate::wire::Reject;
use crate::wire::answer::Answer;
use crate::wire::answer::Id;
use crate::wire::json;
use crate::wire::op;
use crate::wire::pattern::Name;

/// Snapshots whose lengths are taken for a conflated subscription.
const SNAPSHOTS_MEASURED: usize = 32;

impl Subscriber {
    /// Answers `plan`: the streams that the names cover now, and what they had of late.
    pub(super) fn plan(&mut self, id: Option<Id>, op: &op::Subscribe, view: &View<'_>) {
        let rights = self.rights();
        if !rights.allow_channel(op.channel) {
            let message = format!("{} is not granted", op.channel.word());
            return self.refuse(id, &Reject::new(Code::Forbidden, message));
        }
        let named = resolve(&op.names, (view.board, rights), None);
        let denied = denied(op, view.board, rights);
        let known = named.known.iter().map(|(id, _)| *id);
        let symbols: BTreeSet<SymbolId> = known.chain(named.covered).collect();
        // The clock of a subscription lets so many snapshots of a stream pass.
        let most = 1_000_000_u64.checked_div(op.conflate_ms).unwrap_or(u64::MAX);
        let messages = per_1000_s(view.rates, (op.channel, &symbols), most, view.now);
        let bytes = if op.conflate_ms == 0 {
            view.rates.bytes(op.channel)
        } else {
            snapshot_bytes(op.channel, &symbols, view.board)
        };
        self.push(&Answer::Plan {
            id,
            streams: symbols.len(),
            messages_per_s: messages.div_ceil(1_000),
            bytes_per_s: messages.saturating_mul(bytes).div_ceil(1_000),
            denied: denied.iter().map(String::as_str).collect(),
        });
    }
}

/// What of the names is granted in no part, by venue where a name is of many.
fn denied(op: &op::Subscribe, board: &Board, rights: Rights<'_>) -> Vec<String> {
    let venues: BTreeSet<&str> = board.feeds().map(|(_, feed)| &*feed.venue).collect();
    let mut denied = Vec::new();
    for name in op.names.iter().flatten() {
        match name {
            Name::Exact(symbol) if !rights.cover(symbol) => denied.push(symbol.to_string()),
            Name::Pattern(pattern) if !rights.meet(pattern) => denied.push(pattern.as_str().into()),
            Name::Pattern(pattern) if pattern.venue().is_none() => {
                let parts = venues.iter().filter_map(|venue| pattern.at(venue));
                let parts = parts.filter(|part| !rights.meet(part));
                denied.extend(parts.map(|part| part.as_str().to_owned()));
            }
            Name::Exact(_) | Name::Pattern(_) => {}
        }
    }
    denied
}

/// Messages in 1,000 s, at most so many of each stream.
fn per_1000_s(
    rates: &Rates,
    (channel, symbols): (Channel, &BTreeSet<SymbolId>),
    most: u64,
    now: Instant,
) -> u64 {
    let each = symbols.iter().map(|symbol| rates.per_1000_s(channel, *symbol, now).min(most));
    each.fold(0, u64::saturating_add)
}

/// Mean length of the snapshots, of some streams if there are many.
fn snapshot_bytes(channel: Channel, symbols: &BTreeSet<SymbolId>, board: &Board) -> u64 {
    let step = symbols.len().div_ceil(SNAPSHOTS_MEASURED).max(1);
    let (mut message, mut count) = (Vec::new(), 0_u64);
    for symbol in symbols.iter().step_by(step) {
        json::write_snapshot(&mut message, channel, *symbol, board);
        count += 1;
    }
    (message.len() as u64).checked_div(count).unwrap_or(0)
}
