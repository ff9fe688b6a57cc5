//! How a connection ends, and what is said before.

use crate::subscriber::Subscriber;
use crate::subscriber::pulse::Part;
use crate::wire::Close;
use crate::wire::Code;
use crate::wire::Reject;
use crate::wire::answer::Answer;

impl Subscriber {
    /// Ends the connection, with a refusal before it if there is something to say.
    pub fn fail(&mut self, close: Close, reject: Option<&Reject>) {
        if let Some(reject) = reject {
            self.refuse(None, reject);
        }
        self.close(close);
    }

    /// An operator wants the client to go, and not to come back at once.
    pub fn dismiss(&mut self) {
        if self.outbox.closing().is_none() {
            let reject = Reject::new(Code::Forbidden, "an operator ended this connection");
            self.fail(Close::Forbidden, Some(&reject));
        }
    }

    /// The server stops: the client shall come back after a while.
    pub fn shut_down(&mut self, reconnect_ms: u64) {
        self.bid_farewell(Close::Shutdown, reconnect_ms);
    }

    /// One more heartbeat of its life: that may have been the last.
    pub(super) fn grow_older(&mut self) {
        let is_idle = self.subscriptions.is_empty() && self.waiting.is_none();
        let part = if is_idle { Part::Idle } else { Part::Busy };
        if let Some(close) = self.pulse.grow_older(&self.rules, part) {
            self.bid_farewell(close, 0);
        }
    }

    pub(super) fn close(&mut self, close: Close) {
        let is_first = self.outbox.closing().is_none();
        self.tally.too_slow += u32::from(is_first && close == Close::TooSlow);
        self.say_close(close);
        self.outbox.close(close);
        self.waiting = None;
    }

    fn bid_farewell(&mut self, close: Close, reconnect_ms: u64) {
        if self.page.is_none() {
            self.outbox.push_retry(reconnect_ms);
            self.push(&Answer::Closing { code: close.word(), reconnect_ms });
        }
        self.close(close);
    }
}
