//! Playing: the next events, one after the other, as far as time and the client allow.

use super::Moment;
use super::Next;
use super::Replay;
use super::Rest;
use super::State;
use super::view;
use crate::board::Reach;
use crate::event::Body;
use crate::event::Channel;
use crate::event::Event;
use crate::event::Seq;
use crate::event::SymbolId;
use crate::subscriber::Got;
use crate::subscriber::Pace as Keeping;
use crate::subscriber::Subscriber;
use crate::subscriber::View;
use crate::wire::Reject;
use crate::wire::json;
use crate::wire::json::StreamName;
use crate::wire::op::Then;

/// Events that are played before others get their turn.
const TURN: usize = 4_096;

/// Whether an event was something to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    No,
    Yes,
}

impl Replay {
    /// Does what is to be done now.
    pub fn advance(&mut self, moment: Moment) -> Next {
        self.settle();
        if self.range.is_none() {
            return Next::Rest;
        }
        if !self.subscriber.outbox().wants_more() || self.subscriber.is_starting() {
            return Next::Room;
        }
        if self.ready.is_empty() && matches!(self.rest, Rest::Unread) {
            return Next::Read;
        }
        let is_told = self.untold.is_empty();
        while let Some(id) = self.untold.pop_front() {
            self.tell(id, moment);
        }
        match self.state {
            State::Closed | State::Paused | State::Ended => return Next::Rest,
            State::Playing if !is_told => self.pace.run(moment.now),
            State::Playing | State::Stepping(..) | State::Live => {}
        }
        for _ in 0..TURN {
            let next = self.play_next(moment);
            if next != Next::More {
                return next;
            }
            let is_halted = self.state == State::Paused || self.subscriber.is_starting();
            if is_halted || !self.subscriber.outbox().wants_more() {
                break;
            }
        }
        Next::More
    }

    fn play_next(&mut self, moment: Moment) -> Next {
        let Some(event) = self.ready.pop_front() else { return self.on_dry(moment) };
        if self.is_paced()
            && event.seq <= self.end()
            && let Some(due) = self.pace.due(event.recv, moment.now)
        {
            self.ready.push_front(event);
            return Next::At(due);
        }
        self.seq = event.seq;
        self.played += 1;
        let heard = self.apply(&event, moment);
        self.pace.played(event.recv, moment.now);
        if heard == Heard::No {
            return Next::More;
        }
        self.pace.heard(moment.now);
        let State::Stepping(left, _) = &mut self.state else { return Next::More };
        *left = left.saturating_sub(1);
        if *left == 0 {
            // It is told when what it began has been sent.
            self.interrupt_step();
        }
        Next::More
    }

    /// There are no events left.
    fn on_dry(&mut self, moment: Moment) -> Next {
        match std::mem::replace(&mut self.rest, Rest::Barred) {
            Rest::Unread => {
                self.rest = Rest::Unread;
                return Next::Read;
            }
            Rest::Dry => self.rest = Rest::Dry,
            Rest::Unreadable(reject) => return self.bar(Some(&reject), moment),
            Rest::Barred => return self.bar(None, moment),
        }
        // Between the last event and the end there is nothing.
        self.seq = self.seq.max(self.end());
        match (self.then, &self.state) {
            (Then::Live, State::Live) => return Next::Tape,
            (Then::Live, State::Stepping(..)) => return Next::Tape,
            (Then::Live, _) => {
                self.state = State::Live;
                self.tell(None, moment);
                return Next::Tape;
            }
            (Then::End, _) => {}
        }
        self.interrupt_step();
        self.state = State::Ended;
        self.tell_standing(moment)
    }

    /// Nothing more can be read: stands still here.
    fn bar(&mut self, reject: Option<&Reject>, moment: Moment) -> Next {
        if let Some(reject) = reject {
            self.subscriber.reject(None, reject);
        }
        self.halt(moment);
        self.state = State::Paused;
        self.tell_standing(moment)
    }

    /// Says that it stands still, to each operation that waits to hear of it.
    fn tell_standing(&mut self, moment: Moment) -> Next {
        let ids: Vec<_> = self.untold.drain(..).collect();
        if ids.is_empty() {
            self.tell(None, moment);
        }
        ids.into_iter().for_each(|id| self.tell(id, moment));
        Next::Rest
    }

    /// Where the range ends.
    fn end(&self) -> Seq {
        self.range.as_ref().map_or(Seq::START, |range| range.to)
    }

    /// A step is as fast as can be, and so is the way from the end of the range to what is live.
    fn is_paced(&self) -> bool {
        self.state == State::Playing
    }

    /// Streams joined and left, and snapshots that are due.
    fn settle(&mut self) {
        let changes = self.subscriber.take_changes();
        if !changes.is_empty() {
            self.slots.apply(&changes);
        }
        self.subscriber.fill(&self.board, &self.snapshots);
    }

    fn apply(&mut self, event: &Event, moment: Moment) -> Heard {
        self.board.apply(event);
        let pushed = self.subscriber.outbox().pushed();
        let mut heard = Heard::No;
        match self.board.reach(event) {
            Reach::Nobody => {}
            Reach::Streams(symbol, channels) => {
                for channel in channels {
                    if self.deliver((channel, symbol), event) == Heard::Yes {
                        heard = Heard::Yes;
                    }
                }
            }
            Reach::Closed => heard = self.deliver_closed(event.seq),
            Reach::Feed(feed) => self.subscriber.on_feed_event(feed, event, &self.board),
            Reach::Listed(symbol) => {
                let view = view!(self, moment);
                self.subscriber.on_listed(symbol, &view);
                if self.subscriber.is_starting() {
                    self.settle();
                }
            }
        }
        let is_sent = self.subscriber.outbox().pushed() > pushed;
        if is_sent { Heard::Yes } else { heard }
    }

    fn deliver(&mut self, (channel, symbol): (Channel, SymbolId), event: &Event) -> Heard {
        let Some(slot) = self.slots.of(channel, symbol) else { return Heard::No };
        let Some(board) = self.board.symbol(symbol) else { return Heard::No };
        let stream = StreamName { channel, id: symbol, symbol: board.symbol.as_str() };
        self.message.clear();
        json::write_message(&mut self.message, stream, event, &self.board);
        let is_trade = matches!(event.body, Body::Trade(_));
        let is_final = is_trade && self.board.is_final_bar(channel, symbol);
        let take = if is_final { Subscriber::on_final } else { Subscriber::on_message };
        let _sent_in_any_case: Got =
            take(&mut self.subscriber, slot, event.seq, self.message[..].into());
        Heard::Yes
    }

    /// The bars that a clock event made final.
    fn deliver_closed(&mut self, seq: Seq) -> Heard {
        let slots = &self.slots;
        let hears = |channel, symbol| slots.of(channel, symbol).is_some();
        let mut heard = Heard::No;
        for (channel, symbol) in self.board.closed_for(hears) {
            let Some(slot) = self.slots.of(channel, symbol) else { continue };
            self.message.clear();
            json::write_bar(&mut self.message, (channel, symbol), None, &self.board);
            let _sent: Got = self.subscriber.on_final(slot, seq, self.message[..].into());
            heard = Heard::Yes;
        }
        heard
    }
}
