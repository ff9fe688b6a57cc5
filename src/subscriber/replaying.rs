//! What a replay asks of its subscriber beyond what a shard does.
//!
//! A replay waits for its client: it moves on only while there is room, so no `slow` policy acts.

use std::collections::BTreeSet;
use std::sync::Arc;

use tickwire_feeds::Symbol;

use crate::board::Board;
use crate::event::Channel;
use crate::event::Seq;
use crate::outbox::Outbox;
use crate::subscriber::Rules;
use crate::subscriber::Subscriber;
use crate::subscriber::View;
use crate::subscriber::naming::check_hope;
use crate::subscriber::subscribing::Begin;

use crate::wire::Form;
use crate::wire::Reject;
use crate::wire::answer::Answer;
use crate::wire::answer::Id;
use crate::wire::answer::Subscribed;
use crate::wire::op;

/// What is known of the way that a replay will go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coming {
    /// Symbols that are listed on it.
    pub symbols: BTreeSet<Symbol>,
    /// Whether there are others that may be.
    pub horizon: Horizon,
}

/// Whether the way of a replay is known to its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Horizon {
    /// It is.
    #[default]
    Closed,
    /// It goes on with what is live.
    Open,
}

impl Subscriber {
    /// The subscriber of a replay, whose driver waits for the client. `head` is the end of the
    /// server's tape.
    #[must_use]
    pub fn for_replay(rules: Arc<Rules>, form: Form, view: &View<'_>, head: Seq) -> Self {
        let outbox = Outbox::patient(form, rules.limits.buffer_bytes);
        let mut subscriber = Self::silent(rules, outbox, view.now);
        subscriber.welcome(view, head);
        subscriber
    }

    /// Begins the streams of a replay where the board stands.
    ///
    /// # Errors
    /// [`Code::UnknownSymbol`] if there is not one symbol to wait for, [`Code::TooManySymbols`].
    pub fn open(
        &mut self,
        op: &op::Subscribe,
        view: &View<'_>,
        answer: impl FnOnce(Subscribed<'_>) -> Vec<u8>,
    ) -> Result<(), Reject> {
        let message = "none of these symbols is on the tape, up to the end of the range";
        check_hope(&op.names, (view.board, self.rights(), self.coming.as_deref()), message)?;
        self.subscribe(op, Begin::Snapshot(None), view, answer)
    }

    /// Symbols that the driver found further along the way: they are waited for.
    pub fn await_symbols(&mut self, coming: Coming) {
        let known = self.coming.get_or_insert_default();
        known.horizon = coming.horizon;
        known.symbols.extend(coming.symbols);
    }

    /// The board is another one: what was subscribed begins anew, by channel and then by symbol
    /// bytewise.
    pub fn reseat(&mut self, board: &Board) {
        self.end_all();
        let listed = board.symbols().filter(|(_, symbol)| symbol.listed);
        let mut listed: Vec<_> = listed.map(|(id, symbol)| (&symbol.symbol, id)).collect();
        listed.sort_unstable();
        for channel in Channel::ALL {
            if !self.subscriptions.iter().any(|subscription| subscription.channel == channel) {
                continue;
            }
            for (symbol, id) in &listed {
                let has_room = self.streams.len() < self.rules.limits.symbols;
                if let Some(owner) = self.owner_of(channel, symbol).filter(|_| has_room) {
                    self.begin((channel, *id), owner, Begin::Snapshot(None), board);
                }
            }
        }
    }

    /// Whether streams are due a first snapshot, for which there was no room yet.
    pub fn is_starting(&mut self) -> bool {
        self.starting.front(&self.streams).is_some()
    }

    /// Says something that is no data.
    pub(crate) fn say(&mut self, answer: &Answer<'_>) {
        self.push(answer);
    }

    /// Refuses an operation.
    pub(crate) fn reject(&mut self, id: Option<Id>, reject: &Reject) {
        self.refuse(id, reject);
    }
}
