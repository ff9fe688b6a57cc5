//! How streams are subscribed, replaced, stopped and added later.
//!
//! A stream belongs to the latest subscription that names it exactly, else to the latest one with a
//! pattern that covers it.

use std::collections::HashSet;
use std::time::Instant;

use tickwire_feeds::Symbol;

use crate::board::Board;
use crate::event::Channel;
use crate::event::Seq;
use crate::event::SymbolId;
use crate::subscriber::CURSOR_WAIT;
use crate::subscriber::Change;
use crate::subscriber::Pace;
use crate::subscriber::Subscriber;
use crate::subscriber::View;
use crate::subscriber::Waiting;
use crate::subscriber::names::Names;
use crate::subscriber::naming::Named;
use crate::subscriber::naming::resolve;
use crate::subscriber::stream::By;
use crate::subscriber::stream::Due;
use crate::subscriber::stream::Phase;
use crate::subscriber::subscription::Conflation;
use crate::subscriber::subscription::Subscription;
use crate::tape::Resume;
use crate::wire::Code;
use crate::wire::Reject;
use crate::wire::answer::Answer;
use crate::wire::answer::Id;
use crate::wire::answer::PatternCount;
use crate::wire::answer::Rejected;
use crate::wire::answer::Subscribed;
use crate::wire::op;
use crate::wire::op::Start;
use crate::wire::op::Unsubscribe;
use crate::wire::pattern::Name;
use crate::wire::pattern::Pattern;

/// How the streams of a subscription begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    Snapshot(Option<&'static str>),
    Trace(usize),
    After(Seq),
    Wait,
}

impl Subscriber {
    pub(super) fn subscribe_or_wait(&mut self, id: Option<Id>, op: op::Subscribe, view: &View<'_>) {
        self.attempt(id, op, view, view.now + CURSOR_WAIT);
    }

    /// Carries the operation out, or keeps it until this shard has reached its cursor.
    pub(super) fn attempt(
        &mut self,
        id: Option<Id>,
        op: op::Subscribe,
        view: &View<'_>,
        deadline: Instant,
    ) {
        match begin(&op.start, view) {
            Begin::Wait => self.waiting = Some(Box::new(Waiting { id, op, deadline })),
            begin => {
                let answer = |answer: Subscribed<'_>| {
                    Answer::Subscribed(Subscribed { id: id.clone(), ..answer }).to_json()
                };
                if let Err(reject) = self.subscribe(&op, begin, view, answer) {
                    self.refuse(id, &reject);
                }
            }
        }
    }

    pub(super) fn subscribe(
        &mut self,
        op: &op::Subscribe,
        begin: Begin,
        view: &View<'_>,
        answer: impl FnOnce(Subscribed<'_>) -> Vec<u8>,
    ) -> Result<(), Reject> {
        if view.pace == Pace::Lagging {
            return Err(Reject::new(Code::Unavailable, "this server is catching up"));
        }
        let rights = self.rights();
        if !rights.allow_channel(op.channel) {
            let message = format!("{} is not granted", op.channel.word());
            return Err(Reject::new(Code::Forbidden, message));
        }
        let named = resolve(&op.names, (view.board, rights), self.coming.as_deref());
        let claimed = self.claim(op.channel, &named, view.board);
        self.check_limit(op.channel, &claimed, &named)?;
        let subscribed = Subscribed {
            id: None,
            channel: op.channel.word(),
            symbols: named.known.iter().map(|(_, symbol)| symbol.as_str()).collect(),
            patterns: (named.patterns.iter())
                .map(|(pattern, count)| PatternCount { pattern: pattern.as_str(), count: *count })
                .collect(),
            pending: named.pending.iter().map(|symbol| symbol.as_str()).collect(),
            rejected: (named.rejected.iter())
                .map(|(symbol, code)| Rejected { symbol, code: *code })
                .collect(),
            resumed: matches!(begin, Begin::After(_)),
            reason: if let Begin::Snapshot(reason) = begin { reason } else { None },
        };
        let answer = answer(subscribed);
        if !answer.is_empty() {
            self.outbox.push(&answer);
        }
        let Some(key) = self.register(op, &named, view.now) else { return Ok(()) };
        for id in named.pending.iter().filter_map(|symbol| view.board.id(symbol.as_str())) {
            // It was listed once: its stream goes on when it is listed again.
            if let Some(slot) = self.streams.slot(op.channel, id) {
                self.end(slot);
            }
        }
        for (symbol, by) in claimed {
            self.begin((op.channel, symbol), (key, by), begin, view.board);
        }
        Ok(())
    }

    /// The streams that a list of names takes over: exact ones, then those that its patterns cover
    /// and no exact name holds.
    fn claim(&self, channel: Channel, named: &Named<'_>, board: &Board) -> Vec<(SymbolId, By)> {
        let exact: HashSet<SymbolId> = named.known.iter().map(|(id, _)| *id).collect();
        let free = |id: &SymbolId| {
            let stream = self.streams.slot(channel, *id).and_then(|slot| self.streams.get(slot));
            !exact.contains(id) && stream.is_none_or(|stream| stream.by == By::Pattern)
        };
        let covered = named.covered.iter().copied().filter(free);
        let known = named.known.iter().map(|(id, _)| (*id, By::Name));
        let known = known.chain(covered.map(|id| (id, By::Pattern)));
        known.chain(self.unlisted(channel, named, board)).collect()
    }

    /// Streams of symbols that are no longer listed, within the patterns: they change hands too.
    fn unlisted(&self, channel: Channel, named: &Named<'_>, board: &Board) -> Vec<(SymbolId, By)> {
        let is_covered = |id| {
            let symbol = board.symbol(id).filter(|symbol| !symbol.listed);
            let covers = |symbol: &Symbol| named.patterns.iter().any(|(of, _)| of.covers(symbol));
            symbol.is_some_and(|symbol| covers(&symbol.symbol))
        };
        let streams = self.streams.iter().filter(|(_, stream)| {
            stream.channel == channel && stream.by == By::Pattern && is_covered(stream.symbol)
        });
        let pending = |id: SymbolId| {
            let name = board.symbol(id).map(|symbol| &symbol.symbol);
            named.pending.iter().any(|pending| Some(*pending) == name)
        };
        let ids = streams.map(|(_, stream)| stream.symbol).filter(|id| !pending(*id));
        ids.map(|id| (id, By::Pattern)).collect()
    }

    fn check_limit(
        &self,
        channel: Channel,
        claimed: &[(SymbolId, By)],
        named: &Named<'_>,
    ) -> Result<(), Reject> {
        let is_new = |(id, _): &&(SymbolId, By)| self.streams.slot(channel, *id).is_none();
        let new = claimed.iter().filter(is_new).count();
        let total = self.streams.len() + new;
        self.check_names("streams", total)?;
        let exact = named.known.iter().map(|(_, symbol)| *symbol).chain(named.pending.clone());
        let of_channel = || self.subscriptions.iter().filter(|of| of.channel == channel);
        let kept: usize = self.subscriptions.iter().map(Subscription::names_count).sum();
        let is_new = |symbol: &&Symbol| !of_channel().any(|of| of.exact.contains(symbol));
        let is_new_pattern = |(pattern, _): &&(&Pattern, usize)| {
            !of_channel().any(|of| of.patterns.contains(*pattern))
        };
        let new = exact.filter(is_new).count();
        let new_patterns = named.patterns.iter().filter(is_new_pattern).count();
        self.check_names("names", kept + new + new_patterns)
    }

    /// Also what a client only names takes memory here, be there such a symbol or not.
    fn check_names(&self, what: &str, total: usize) -> Result<(), Reject> {
        let limit = self.rules.limits.symbols;
        if total <= limit {
            return Ok(());
        }
        let message = format!("{total} {what} are more than limits.symbols = {limit}");
        Err(Reject::new(Code::TooManySymbols, message))
    }

    /// Notes a subscription, and takes its names from earlier ones.
    fn register(&mut self, op: &op::Subscribe, named: &Named<'_>, now: Instant) -> Option<u32> {
        let known = named.known.iter().map(|(_, symbol)| *symbol);
        let exact: Names = known.chain(named.pending.iter().copied()).cloned().collect();
        let patterns: Vec<_> =
            named.patterns.iter().map(|(pattern, _)| (*pattern).clone()).collect();
        if exact.is_empty() && patterns.is_empty() {
            return None;
        }
        for earlier in self.subscriptions.iter_mut().filter(|of| of.channel == op.channel) {
            earlier.exact.retain(|symbol| !exact.contains(symbol));
            earlier.patterns.retain(|pattern| !patterns.contains(pattern));
        }
        self.subscriptions.retain(|subscription| !subscription.is_empty());
        self.subscriptions_made = self.subscriptions_made.wrapping_add(1);
        let key = self.subscriptions_made;
        if self.subscriptions.is_empty() {
            self.subscriptions.reserve_exact(1);
        }
        self.subscriptions.push(Subscription {
            key,
            channel: op.channel,
            exact,
            patterns,
            except: Names::default(),
            outgrown: false,
            slow: op.slow,
            conflation: Conflation::new(op.conflate_ms, now).map(Box::new),
        });
        Some(key)
    }

    /// Begins a stream anew.
    pub(super) fn begin(
        &mut self,
        stream: (Channel, SymbolId),
        owner: (u32, By),
        begin: Begin,
        board: &Board,
    ) {
        let phase =
            if let Begin::Trace(count) = begin { Phase::Tracing(count) } else { Phase::Starting };
        let begun = self.streams.begin(stream, owner, phase);
        self.finals.forget(begun.slot);
        self.dropped.remove(&begun.slot);
        let due = Due { slot: begun.slot, round: begun.round, seq: board.seq().next() };
        if begun.is_new {
            self.changes.push(Change::Joined(stream.0, stream.1, begun.slot));
        }
        match begin {
            Begin::Snapshot(_) | Begin::Wait => self.starting.push(due, &self.streams),
            Begin::Trace(_) if stream.0.interval().is_some() => {
                self.tracing_bars.push(due, &self.streams);
            }
            Begin::Trace(_) => self.tracing.push(due, &self.streams),
            Begin::After(cursor) => self.resume(due, cursor, board),
        }
    }

    fn resume(&mut self, due: Due, cursor: Seq, board: &Board) {
        let Some(stream) = self.streams.get(due.slot) else { return };
        let (owner, channel) = (stream.owner, stream.channel);
        let Some(symbol) = board.symbol(stream.symbol) else { return };
        let last = board.last(channel, symbol);
        if !self.is_conflated(owner) {
            self.follow_tape(due.slot, cursor, board);
        } else if symbol.listed_at > cursor {
            self.starting.push(Due { seq: cursor.next(), ..due }, &self.streams);
        } else if last > cursor && channel.interval().is_some() {
            self.follow_finals(due.slot, cursor);
        } else if last > cursor {
            self.starting.push(Due { seq: cursor.next(), ..due }, &self.streams);
        } else {
            self.set_phase(due.slot, Phase::Settled);
            self.place(due.slot, last);
        }
    }

    pub(super) fn unsubscribe(&mut self, id: Option<Id>, op: &Unsubscribe, view: &View<'_>) {
        if let Some(text) = op.names.iter().find_map(|name| name.as_ref().err()) {
            let message = format!("{text:?} is no symbol and no pattern: nothing was unsubscribed");
            return self.refuse(id, &Reject::bad(message));
        }
        if let Err(reject) = self.check_exclusions(op) {
            return self.refuse(id, &reject);
        }
        let mut ended = 0;
        let mut symbols = Vec::new();
        for name in op.names.iter().flatten() {
            match name {
                Name::Exact(symbol) => {
                    symbols.push(symbol.as_str());
                    ended += self.drop_exact(op.channel, symbol, view.board);
                }
                Name::Pattern(pattern) => {
                    symbols.push(pattern.as_str());
                    ended += self.drop_pattern(op.channel, pattern, view.board);
                }
            }
        }
        self.subscriptions.retain(|subscription| !subscription.is_empty());
        let channel = op.channel.word();
        self.push(&Answer::Unsubscribed { id, channel, symbols, streams: ended });
    }

    /// What is excluded from patterns is remembered, so there is a bound to it.
    fn check_exclusions(&self, op: &Unsubscribe) -> Result<(), Reject> {
        let mut excluded: usize = self.subscriptions.iter().map(|of| of.except.len()).sum();
        for name in op.names.iter().flatten() {
            let Name::Exact(symbol) = name else { continue };
            let of_channel = self.subscriptions.iter().filter(|of| of.channel == op.channel);
            excluded += of_channel.filter(|of| of.pattern_of(symbol).is_some()).count();
        }
        self.check_names("excluded symbols", excluded)
    }

    /// Ends one stream by its name; live patterns leave it out from now on.
    fn drop_exact(&mut self, channel: Channel, symbol: &Symbol, board: &Board) -> usize {
        for subscription in self.subscriptions.iter_mut().filter(|of| of.channel == channel) {
            subscription.exact.remove(symbol);
            if subscription.pattern_of(symbol).is_some() {
                subscription.except.insert(symbol.clone());
            }
        }
        let slot = board.id(symbol.as_str()).and_then(|id| self.streams.slot(channel, id));
        slot.map_or(0, |slot| self.end(slot))
    }

    /// Ends what only this pattern covered; what another subscription covers begins anew there.
    fn drop_pattern(&mut self, channel: Channel, pattern: &Pattern, board: &Board) -> usize {
        for subscription in self.subscriptions.iter_mut().filter(|of| of.channel == channel) {
            subscription.patterns.retain(|of| of != pattern);
        }
        let covered = |stream: &crate::subscriber::stream::Stream| {
            let symbol = board.symbol(stream.symbol);
            stream.channel == channel
                && stream.by == By::Pattern
                && symbol.is_some_and(|symbol| pattern.covers(&symbol.symbol))
        };
        let slots = self.streams.iter().filter(|(_, stream)| covered(stream));
        let slots: Vec<_> =
            slots.map(|(slot, stream)| (slot, stream.symbol, stream.owner)).collect();
        let mut ended = 0;
        for (slot, id, owner) in slots {
            let Some(symbol) = board.symbol(id) else { continue };
            match self.owner_of(channel, &symbol.symbol) {
                Some((key, _)) if key == owner => {}
                Some(next) => self.begin((channel, id), next, Begin::Snapshot(None), board),
                None => ended += self.end(slot),
            }
        }
        ended
    }

    /// Ends every stream: the client is gone.
    pub fn end_all(&mut self) {
        let slots: Vec<u32> = self.streams.iter().map(|(slot, _)| slot).collect();
        for slot in slots {
            self.end(slot);
        }
    }

    pub(super) fn end(&mut self, slot: u32) -> usize {
        let Some(stream) = self.streams.end(slot) else { return 0 };
        self.finals.forget(slot);
        self.dropped.remove(&slot);
        self.changes.push(Change::Left(stream.channel, stream.symbol, slot));
        1
    }

    /// The subscription that a stream belongs to, if it may be had.
    pub(super) fn owner_of(&self, channel: Channel, symbol: &Symbol) -> Option<(u32, By)> {
        if !self.rights().allow(channel, symbol) {
            return None;
        }
        let of_channel = || self.subscriptions.iter().rev().filter(|of| of.channel == channel);
        let exact = of_channel().find(|of| of.exact.contains(symbol));
        let exact = exact.map(|subscription| (subscription.key, By::Name));
        let pattern = || of_channel().find(|of| of.pattern_of(symbol).is_some());
        exact.or_else(|| pattern().map(|subscription| (subscription.key, By::Pattern)))
    }

    /// Adds the streams of a symbol that has just been listed.
    pub(super) fn grow(&mut self, id: SymbolId, view: &View<'_>) {
        let Some(symbol) = view.board.symbol(id) else { return };
        for channel in Channel::ALL {
            if self.streams.slot(channel, id).is_some() {
                continue;
            }
            let Some(owner) = self.owner_of(channel, &symbol.symbol) else { continue };
            if self.streams.len() < self.rules.limits.symbols {
                self.begin((channel, id), owner, Begin::Snapshot(None), view.board);
            } else {
                self.say_outgrown(owner.0, &symbol.symbol);
            }
        }
    }

    fn say_outgrown(&mut self, owner: u32, symbol: &Symbol) {
        let found = self.subscriptions.iter_mut().find(|subscription| subscription.key == owner);
        let Some(subscription) = found.filter(|subscription| !subscription.outgrown) else {
            return;
        };
        subscription.outgrown = true;
        let name = subscription.pattern_of(symbol).map_or(symbol.as_str(), Pattern::as_str);
        let limit = self.rules.limits.symbols;
        let message = format!("{name} has outgrown limits.symbols = {limit}: {symbol} is not sent");
        self.refuse(None, &Reject::new(Code::TooManySymbols, message));
    }
}

pub(super) fn begin(start: &Start, view: &View<'_>) -> Begin {
    match start {
        Start::Now => Begin::Snapshot(None),
        Start::Last(count) => Begin::Trace(*count),
        Start::From(cursor) if *cursor.epoch != *view.tape.epoch() => {
            Begin::Snapshot(Some(Code::EpochMismatch.word()))
        }
        Start::From(cursor) => match view.tape.resumable(cursor.seq) {
            Resume::Ahead => Begin::Snapshot(Some("ahead")),
            Resume::Expired => Begin::Snapshot(Some(Code::CursorExpired.word())),
            Resume::Yes if cursor.seq > view.board.seq() => Begin::Wait,
            Resume::Yes => Begin::After(cursor.seq),
        },
    }
}
