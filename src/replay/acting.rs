//! What the client of a replay asks for.

use super::Errand;
use super::Moment;
use super::Replay;
use super::Rest;
use super::State;
use super::view;
use crate::access::Pass;
use crate::access::Rights;
use crate::subscriber::Pace as Keeping;
use crate::subscriber::View;
use crate::wire::Close;
use crate::wire::Code;
use crate::wire::Reject;
use crate::wire::answer::Id;
use crate::wire::op;
use crate::wire::op::Op;
use crate::wire::op::ReplayOp;
use crate::wire::op::Then;

impl Replay {
    /// The client sent a text message. If there is something to be found out for it, hand in no
    /// other one until that is handed in.
    pub fn on_text(&mut self, text: &[u8], moment: Moment) -> Option<Errand> {
        self.hear(op::parse_replay(text), moment)
    }

    /// The client sent a binary message, which is MessagePack; else as with a text message.
    pub fn on_packed(&mut self, bytes: &[u8], moment: Moment) -> Option<Errand> {
        self.hear(op::parse_replay_packed(bytes), moment)
    }

    fn hear(
        &mut self,
        (id, op): (Option<Id>, Result<ReplayOp, Reject>),
        moment: Moment,
    ) -> Option<Errand> {
        let id = self.subscriber.allow(id, moment.now)?;
        let done = op.and_then(|op| match op {
            ReplayOp::Stream(op @ Op::Auth(_)) => {
                self.act(id.clone(), op, moment);
                self.check_history();
                Ok(None)
            }
            op => {
                let view = view!(self, moment);
                self.subscriber.check_standing(&view)?;
                self.carry_out(id.clone(), op, moment)
            }
        });
        done.unwrap_or_else(|reject| {
            self.subscriber.reject(id, &reject);
            None
        })
    }

    fn carry_out(
        &mut self,
        id: Option<Id>,
        op: ReplayOp,
        moment: Moment,
    ) -> Result<Option<Errand>, Reject> {
        let is_open = self.range.is_some();
        match op {
            ReplayOp::Stream(op @ (Op::Ping | Op::Subscriptions | Op::Plan(_))) => {
                self.act(id, op, moment);
            }
            ReplayOp::Open(_) if is_open => {
                let message = "this connection has a replay: seek in it, or connect once more";
                return Err(Reject::bad(message));
            }
            ReplayOp::Open(open) => {
                history_of(self.subscriber.rights())?;
                return Ok(Some(Errand::Open(id, open)));
            }
            _ if !is_open => return Err(Reject::bad("there is no replay yet: open one first")),
            ReplayOp::Stream(Op::Subscribe(op)) => return Ok(Some(Errand::Subscribe(id, op))),
            ReplayOp::Stream(op) => self.act(id, op, moment),
            ReplayOp::Seek(point) => {
                self.interrupt_step();
                return Ok(Some(Errand::Seek(id, point)));
            }
            ReplayOp::Pause => {
                self.halt(moment);
                if self.state != State::Ended {
                    self.state = State::Paused;
                }
                self.untold.push_back(id);
            }
            ReplayOp::Play => {
                self.interrupt_step();
                if self.state == State::Paused {
                    self.state = State::Playing;
                    self.look_again();
                }
                self.untold.push_back(id);
            }
            ReplayOp::Speed(speed) => {
                self.interrupt_step();
                let next = self.next_recv();
                self.pace.set_speed(speed, (moment.now, next));
                self.untold.push_back(id);
            }
            ReplayOp::Step(count) => {
                self.halt(moment);
                if self.state == State::Ended {
                    self.untold.push_back(id);
                } else {
                    self.state = State::Stepping(count, id);
                    self.look_again();
                }
            }
        }
        Ok(None)
    }

    /// The client was let in with what it showed before; if that was withdrawn since, it goes.
    pub fn let_in(&mut self, pass: Pass, moment: Moment) {
        let view = view!(self, moment);
        if let Err(reject) = self.subscriber.let_in(pass, &view) {
            self.subscriber.fail(Close::Unauthorized, Some(&reject));
        }
    }

    /// Has the subscriber carry an operation out.
    pub(super) fn act(&mut self, id: Option<Id>, op: Op, moment: Moment) {
        let view = view!(self, moment);
        self.subscriber.act(id, op, &view);
    }

    /// Ends a replay that is for its client no longer: its last token grants less.
    pub(super) fn check_history(&mut self) {
        if self.range.is_some()
            && let Err(reject) = history_of(self.subscriber.rights())
        {
            self.subscriber.fail(Close::Forbidden, Some(&reject));
        }
    }

    /// Stands still where it is.
    pub(super) fn halt(&mut self, moment: Moment) {
        self.interrupt_step();
        let next = self.next_recv();
        self.pace.stop(moment.now, next);
    }

    /// A step that is under way is over.
    pub(super) fn interrupt_step(&mut self) {
        if matches!(self.state, State::Stepping(..))
            && let State::Stepping(_, id) = std::mem::replace(&mut self.state, State::Paused)
        {
            self.untold.push_back(id);
        }
    }

    /// The tape may have grown while it stood still, or be readable again.
    fn look_again(&mut self) {
        if !matches!(self.rest, Rest::Dry) || self.then == Then::Live {
            self.rest = Rest::Unread;
        }
    }
}

fn history_of(rights: Rights<'_>) -> Result<(), Reject> {
    let granted = rights.allow_history().then_some(());
    granted.ok_or_else(|| Reject::new(Code::Forbidden, "history is not granted"))
}
