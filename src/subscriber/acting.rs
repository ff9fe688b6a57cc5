//! What a client asks for: read, allowed, carried out.

use std::time::Instant;

use crate::subscriber::Subscriber;
use crate::subscriber::View;
use crate::subscriber::allowance::Verdict;
use crate::wire::Close;
use crate::wire::Code;
use crate::wire::Reject;
use crate::wire::answer::Answer;
use crate::wire::answer::Entry;
use crate::wire::answer::Id;
use crate::wire::answer::Time;
use crate::wire::frame::Opcode;
use crate::wire::op;
use crate::wire::op::Op;

/// Pings and pongs that a client may send for each operation: they cost next to nothing.
pub(super) const BEATS_PER_OP: u32 = 10;

impl Subscriber {
    /// The client sent a text message.
    pub fn on_text(&mut self, text: &[u8], view: &View<'_>) {
        self.hear(op::parse(text), view);
    }

    /// The client sent a binary message, which is MessagePack.
    pub fn on_packed(&mut self, bytes: &[u8], view: &View<'_>) {
        self.hear(op::parse_packed(bytes), view);
    }

    /// The client sent a ping. One that does not take its pongs, or sends far too many, gets no
    /// more of them.
    pub fn on_ping(&mut self, payload: &[u8], now: Instant) {
        if self.hears_beat(now) && self.outbox.has_room(payload.len()) {
            self.outbox.push_control(Opcode::Pong, payload);
        }
    }

    /// The client sent a pong, asked for or not.
    pub fn on_pong(&mut self, now: Instant) {
        if self.hears_beat(now) {
            self.pulse.on_pong();
        }
    }

    fn hears_beat(&mut self, now: Instant) -> bool {
        let verdict = self.beats.spend(now);
        if verdict == Verdict::Hopeless {
            self.close(Close::TooManyOps);
        }
        verdict == Verdict::Allowed
    }

    /// Whether the client may have an operation carried out now; else it is told. Returns the `id`.
    pub(crate) fn allow(&mut self, id: Option<Id>, now: Instant) -> Option<Option<Id>> {
        match self.allowance.spend(now) {
            Verdict::Allowed => return Some(id),
            Verdict::Refused => {
                let limit = self.rules.limits.ops_per_s;
                let message = format!("more than {limit} operations in a second");
                self.refuse(id, &Reject::new(Code::RateLimited, message));
            }
            Verdict::Hopeless => self.close(Close::TooManyOps),
        }
        None
    }

    /// Carries an operation out.
    pub(crate) fn act(&mut self, id: Option<Id>, op: Op, view: &View<'_>) {
        if let Op::Auth(shown) = op {
            return self.on_auth(id, shown, view);
        }
        if let Err(reject) = self.check_standing(view) {
            return self.refuse(id, &reject);
        }
        match op {
            Op::Auth(_) => {}
            Op::Subscribe(op) => self.subscribe_or_wait(id, op, view),
            Op::Plan(op) => self.plan(id, &op, view),
            Op::Unsubscribe(op) => self.unsubscribe(id, &op, view),
            Op::Subscriptions => self.list(id),
            Op::Ping => self.push(&Answer::Pong { id, now: Time(view.wall) }),
        }
    }

    fn list(&mut self, id: Option<Id>) {
        let mut out = Vec::new();
        let entries = self.subscriptions.iter().map(|subscription| Entry {
            channel: subscription.channel.word(),
            symbols: subscription.names().collect(),
            conflate_ms: subscription.conflate_ms(),
            slow: subscription.slow.word(),
        });
        out.extend(Answer::Subscriptions { id, streams: entries.collect() }.to_json());
        self.outbox.push(&out);
    }

    fn hear(&mut self, (id, op): (Option<Id>, Result<Op, Reject>), view: &View<'_>) {
        let Some(id) = self.allow(id, view.now) else { return };
        match op {
            Ok(op) => self.act(id, op, view),
            Err(reject) => self.refuse(id, &reject),
        }
    }
}
