//! Clients that ask once, with a request of plain HTTP, and say nothing after it.
//!
//! What they get is a stream without an end, or a page: the one answer of a poll. A page takes
//! messages in the order of the tape, and ends where everything before its end is in it.

use std::sync::Arc;
use std::time::Instant;

use crate::board::Board;
use crate::event::Seq;
use crate::outbox::Outbox;
use crate::subscriber::Rules;
use crate::subscriber::Subscriber;
use crate::subscriber::View;
use crate::subscriber::naming::check_hope;
use crate::subscriber::subscribing::Begin;
use crate::subscriber::subscribing::begin;

use crate::subscriber::tape::is_unbegun;
use crate::wire::Close;
use crate::wire::Code;
use crate::wire::Form;
use crate::wire::Reject;
use crate::wire::answer::Answer;
use crate::wire::answer::Subscribed;
use crate::wire::op;
use crate::wire::op::Slow;
use crate::wire::op::Start;

/// After how long a client that was cut off is to come back.
const RETRY_MS: u64 = 1_000;
/// Most messages that the streams of one page may begin with.
const PAGE_LAST_MAX: usize = 10_000;

/// The one answer to a request, while it is being made.
#[derive(Debug)]
pub(super) struct Page {
    /// Messages that it may still take.
    left: usize,
    /// Of the last message that it took.
    last: Seq,
    begins: Begins,
    /// Bytes in it that nobody waited for.
    aside: usize,
}

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begins {
    /// With what is true now, or was some messages ago.
    Anew,
    /// After what the client has.
    After(Seq),
}

/// How long a page may still wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Until there is something in it.
    Some,
    /// Until it stands further on the tape than what the client has, if that is behind.
    None,
}

impl Page {
    /// Whether it takes a message: the last place in it is there as a whole.
    pub(super) const fn takes(&self, seq: Seq) -> bool {
        self.left > 0 || self.last.0 == seq.0
    }

    /// It took one.
    pub(super) const fn note(&mut self, seq: Seq) {
        self.left = self.left.saturating_sub(1);
        self.last = seq;
    }
}

impl Subscriber {
    /// The client of a stream without an end; it is not welcomed.
    #[must_use]
    pub fn asking(rules: Arc<Rules>, form: Form, now: Instant) -> Self {
        let outbox = Outbox::new(form, rules.limits.buffer_bytes);
        Self::silent(rules, outbox, now)
    }

    /// The client of a page of at most so many messages, if the last of them is the last of its
    /// place; first snapshots do not count.
    #[must_use]
    pub fn asking_page(rules: Arc<Rules>, limit: usize, now: Instant) -> Self {
        let outbox = Outbox::page(Form::Lines, rules.limits.buffer_bytes);
        let page = Page { left: limit, last: Seq::START, begins: Begins::Anew, aside: 0 };
        Self { page: Some(Box::new(page)), ..Self::silent(rules, outbox, now) }
    }

    /// Carries out what the client asks for.
    ///
    /// # Errors
    /// [`Code::UnknownSymbol`] if there is not one symbol to wait for, [`Code::TooManySymbols`],
    /// [`Code::Unavailable`] if this server cannot do it now.
    pub fn ask(
        &mut self,
        op: &op::Subscribe,
        view: &View<'_>,
        answer: impl FnOnce(Subscribed<'_>) -> Vec<u8>,
    ) -> Result<(), Reject> {
        let begin = begin(&op.start, view);
        if begin == Begin::Wait {
            return Err(Reject::new(Code::Unavailable, "this server has not reached that cursor"));
        }
        let message = "none of these symbols is known: /v1/symbols lists those that are";
        check_hope(&op.names, (view.board, self.rights(), None), message)?;
        self.outbox.push_retry(RETRY_MS);
        let Some(page) = &mut self.page else { return self.subscribe(op, begin, view, answer) };
        if let (Begin::After(_), Start::From(cursor)) = (begin, &op.start) {
            page.begins = Begins::After(cursor.seq);
        }
        // What has no room in a page is not lost: the next one begins with it.
        let slow = if op.conflate_ms == 0 { Slow::Spill } else { op.slow };
        self.subscribe(&op::Subscribe { slow, ..op.clone() }, begin, view, answer)?;
        self.check_last(begin)
    }

    /// Tells the client a place from which it can come back and miss nothing, if there is one.
    pub fn tell(&mut self, epoch: &str, board: &Board) {
        if self.outbox.form() == Form::Events && !self.is_beginning() && !self.lacks_first(board) {
            let cursor = self.cursor(board);
            self.outbox.tell(epoch, cursor);
        }
    }

    /// The place where the page ends, if it may end now.
    pub fn page_end(&mut self, board: &Board, patience: Patience) -> Option<Seq> {
        let cursor = self.cursor(board);
        let is_beginning = self.is_beginning();
        let page = self.page.as_ref()?;
        let is_empty = self.outbox.len() == page.aside;
        let (began, is_late) = (page.begins, patience == Patience::None);
        let is_done = match began {
            _ if is_beginning => false,
            Begins::Anew => self.tape_at.is_none() || self.is_page_full(),
            Begins::After(_) if self.is_page_full() => true,
            Begins::After(after) if self.tape_at.is_some() => is_late && cursor > after,
            Begins::After(_) => is_late || !is_empty,
        };
        let end = if let Begins::After(after) = began { cursor.max(after) } else { cursor };
        is_done.then_some(end)
    }

    /// Streams that were listed up to the end of the page, and of which it has nothing: whoever
    /// comes back after it is taken to hold them. Has them begin now; whether there are any.
    pub fn begin_rest(&mut self, end: Seq, board: &Board) -> bool {
        let listed_at = |symbol| board.symbol(symbol).map(|symbol| symbol.listed_at);
        let streams = self.streams.iter().filter(|(_, stream)| {
            is_unbegun(stream, board) && listed_at(stream.symbol).is_some_and(|at| at <= end)
        });
        let slots: Vec<u32> = streams.map(|(slot, _)| slot).collect();
        slots.iter().for_each(|slot| self.start_over(*slot, end));
        !slots.is_empty()
    }

    /// Whether the page takes no more from the tape. It does not end before every stream that
    /// begins some messages ago has begun.
    #[must_use]
    pub fn is_page_full(&self) -> bool {
        let Some(page) = &self.page else { return false };
        let is_long = self.outbox.len() >= self.outbox.bound();
        let mut streams = self.streams.iter();
        (page.left == 0 || is_long)
            && !streams.any(|(_, stream)| stream.is_bare && stream.held.is_none())
    }

    /// All streams of a page begin in it, however long it gets.
    fn check_last(&self, begin: Begin) -> Result<(), Reject> {
        let Begin::Trace(last) = begin else { return Ok(()) };
        let streams = self.streams.len();
        if streams.saturating_mul(last) <= PAGE_LAST_MAX {
            return Ok(());
        }
        let message = format!(
            "last = {last} of {streams} streams are more than {PAGE_LAST_MAX} messages in one answer"
        );
        Err(Reject::bad(message))
    }

    /// Notes that what was just said is no reason to end a page.
    pub(super) fn set_aside(&mut self, length: usize) {
        if let Some(page) = &mut self.page {
            page.aside += length;
        }
    }

    /// Says why it ends, where no close does.
    pub(super) fn say_close(&mut self, close: Close) {
        if self.page.is_none() && !self.outbox.form().has_controls() && close != Close::Shutdown {
            self.push(&Answer::Closing { code: close.word(), reconnect_ms: RETRY_MS });
        }
    }

    /// Whether streams are due what they begin with.
    fn is_beginning(&mut self) -> bool {
        let queues = [&mut self.starting, &mut self.tracing, &mut self.tracing_bars];
        queues.into_iter().any(|queue| queue.front(&self.streams).is_some())
    }

    /// Whether the tape is read for a stream of which the client has nothing yet.
    fn lacks_first(&self, board: &Board) -> bool {
        self.tape_at.is_some() && self.streams.iter().any(|(_, stream)| is_unbegun(stream, board))
    }
}
