//! The outbox: bytes that wait for one client, as one contiguous buffer.
//!
//! Messages that are due in one wake-up stand side by side and leave in one write. The bound is the
//! caller's to keep: it asks for room before it pushes data, and acts by the `slow` policy when
//! there is none.

use bytes::Buf as _;
use bytes::Bytes;
use bytes::BytesMut;

use crate::event::Seq;
use crate::wire::Close;
use crate::wire::Form;
use crate::wire::Message;
use crate::wire::frame::Opcode;

/// A client that got less keeps no empty buffer: where thousands come at once and hear little,
/// their first answers would else leave the memory full of them.
const NEWCOMER_BYTES: u64 = 4_096;

/// Bytes that wait for one client.
#[derive(Debug)]
pub struct Outbox {
    form: Form,
    bytes: BytesMut,
    bound: usize,
    patience: Patience,
    pushed: u64,
    /// What was pushed when a place was last told.
    told: u64,
    /// The most that waited since the last [`Outbox::trim`].
    most: usize,
    state: State,
}

/// What happens at the bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// A message beyond it has no room.
    None,
    /// It has: the caller makes no more of them until the client has taken some.
    Endless,
    /// It has: the caller tells the end.
    Page,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Closing(Close),
}

impl Outbox {
    /// An empty one for at most `bound` bytes of data.
    #[must_use]
    pub fn new(form: Form, bound: usize) -> Self {
        let (bytes, patience, state) = (BytesMut::new(), Patience::None, State::Open);
        Self { form, bytes, bound, patience, pushed: 0, told: 0, most: 0, state }
    }

    /// An empty one of which the caller waits for the client: it hands in an event only while
    /// [`Outbox::wants_more`], and then all messages of that event have room.
    #[must_use]
    pub fn patient(form: Form, bound: usize) -> Self {
        Self { patience: Patience::Endless, ..Self::new(form, bound) }
    }

    /// An empty one for the one answer to a request, which its client takes when it is whole. The
    /// caller ends it at some place above the bound.
    #[must_use]
    pub fn page(form: Form, bound: usize) -> Self {
        Self { patience: Patience::Page, ..Self::new(form, bound) }
    }

    /// How its messages stand among its bytes.
    #[must_use]
    pub const fn form(&self) -> Form {
        self.form
    }

    /// Whether a message of that many bytes stays within the bound.
    #[must_use]
    pub fn has_room(&self, length: usize) -> bool {
        self.is_patient() || self.bytes.len() + length <= self.bound
    }

    /// Whether there is always room.
    #[must_use]
    pub fn is_patient(&self) -> bool {
        self.patience != Patience::None
    }

    /// The most that may wait, in bytes.
    #[must_use]
    pub const fn bound(&self) -> usize {
        self.bound
    }

    /// Bytes waiting.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether so little waits that more may be produced.
    #[must_use]
    pub fn wants_more(&self) -> bool {
        let wants_more = self.patience == Patience::Page || self.bytes.len() < self.bound / 16;
        self.state == State::Open && wants_more
    }

    /// Bytes ever pushed.
    #[must_use]
    pub const fn pushed(&self) -> u64 {
        self.pushed
    }

    /// Bytes ever taken.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.pushed - self.bytes.len() as u64
    }

    /// Why the connection is being closed, if it is.
    #[must_use]
    pub const fn closing(&self) -> Option<Close> {
        match self.state {
            State::Open => None,
            State::Closing(close) => Some(close),
        }
    }

    /// Appends one message of JSON. Nothing follows a close.
    pub fn push(&mut self, message: &[u8]) {
        self.send(message.into());
    }

    /// Appends one message that others may get too.
    pub fn send(&mut self, message: Message<'_>) {
        self.append(|form, bytes| form.write(bytes, message));
    }

    /// Appends after how many ms a client that was cut off is to come back, if clients of this form
    /// know what to do with it. A message must follow.
    pub fn push_retry(&mut self, retry_ms: u64) {
        self.append(|form, bytes| form.write_retry(bytes, retry_ms));
    }

    /// Says at the end of what waits that everything up to a place is in it or before it, if
    /// clients of this form know what to do with it.
    pub fn tell(&mut self, epoch: &str, seq: Seq) {
        if self.told != self.pushed && !self.bytes.is_empty() {
            self.append(|form, bytes| form.write_id(bytes, epoch, seq));
            self.told = self.pushed;
        }
    }

    /// Whether there is something to send, or nothing will ever be.
    #[must_use]
    pub fn has_news(&self) -> bool {
        !self.is_empty() || self.is_over()
    }

    /// Whether nothing follows any more, not even a sign from the client.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.bytes.is_empty() && self.state != State::Open && !self.form.has_controls()
    }

    /// Appends a ping or pong, if clients of this form know them.
    pub fn push_control(&mut self, opcode: Opcode, payload: &[u8]) {
        self.append(|form, bytes| form.write_control(bytes, opcode, payload));
    }

    /// Says that it ends; it does when all bytes have left.
    pub fn close(&mut self, close: Close) {
        if self.state == State::Open {
            self.append(|form, bytes| form.write_close(bytes, close));
            self.state = State::Closing(close);
        }
    }

    /// What waits.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The socket took so many of [`Outbox::bytes`].
    pub fn advance(&mut self, count: usize) {
        self.most = self.most.max(self.bytes.len());
        if count < self.bytes.len() {
            self.bytes.advance(count);
        } else if self.pushed <= NEWCOMER_BYTES {
            self.bytes = BytesMut::new();
        } else {
            self.bytes.clear();
        }
    }

    /// Gives the buffer back if far less waited since the last call. To be called each second: a
    /// buffer that is made anew for each flush has its pages made anew too, which costs more than
    /// to send it.
    pub fn trim(&mut self) {
        if self.bytes.is_empty() && self.most < self.bytes.capacity() / 4 {
            self.bytes = BytesMut::new();
        }
        self.most = self.bytes.len();
    }

    /// Takes all that waits, without a copy; it ends with a whole message.
    pub fn take_all(&mut self) -> Bytes {
        self.most = self.most.max(self.bytes.len());
        self.bytes.split().freeze()
    }

    /// Takes the next bytes for the socket, at most `count`.
    pub fn take(&mut self, count: usize) -> Bytes {
        let taken = Bytes::copy_from_slice(self.bytes.get(..count).unwrap_or(&self.bytes));
        self.advance(taken.len());
        taken
    }

    fn append(&mut self, write: impl FnOnce(Form, &mut BytesMut)) {
        if self.state == State::Open {
            let before = self.bytes.len();
            write(self.form, &mut self.bytes);
            self.pushed += (self.bytes.len() - before) as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_leave_side_by_side_in_order() {
        let mut outbox = Outbox::new(Form::Text, 64);
        outbox.push(b"one");
        outbox.push(b"two");
        outbox.close(Close::Answer(Some(1000)));
        outbox.push(b"never");
        assert_eq!(&outbox.take(5)[..], b"\x81\x03one");
        assert_eq!(&outbox.take(99)[..], b"\x81\x03two\x88\x02\x03\xe8");
        assert_eq!((outbox.pushed(), outbox.taken(), outbox.len()), (14, 14, 0));
    }

    #[test]
    fn a_buffer_goes_when_it_was_not_needed_for_a_while() {
        let mut outbox = Outbox::new(Form::Text, 1 << 20);
        let message = [b'x'; 1_000];
        (0..100).for_each(|_| outbox.push(&message));
        outbox.trim();
        assert_eq!(outbox.len(), 100_400);
        outbox.advance(100_400);
        outbox.trim();
        assert!(outbox.bytes.capacity() >= 100_000, "it was needed since the last time");
        outbox.push(&message);
        outbox.advance(1_004);
        outbox.trim();
        assert_eq!(outbox.bytes.capacity(), 0);
    }

    #[test]
    fn a_newcomer_keeps_no_buffer_and_one_that_hears_much_does() {
        let mut outbox = Outbox::new(Form::Text, 1 << 20);
        let message = [b'x'; 1_000];
        for heard in 1..=6 {
            outbox.push(&message);
            outbox.advance(outbox.len());
            assert_eq!(outbox.bytes.capacity() > 0, heard > 4, "{heard}");
        }
    }

    #[test]
    fn a_place_is_told_once_and_with_the_last_message() {
        let mut outbox = Outbox::new(Form::Events, 64);
        outbox.tell("e", Seq(1));
        outbox.push(b"1");
        outbox.push(b"2");
        outbox.tell("e", Seq(2));
        outbox.tell("e", Seq(3));
        assert_eq!(outbox.take_all(), "data: 1\n\ndata: 2\nid: e:2\n\n");
        outbox.tell("e", Seq(4));
        assert!(outbox.is_empty() && !outbox.is_over());
        outbox.push(b"3");
        outbox.close(Close::Shutdown);
        outbox.tell("e", Seq(5));
        assert_eq!(outbox.take(99), "data: 3\n\n");
        assert!(outbox.is_over());
    }

    #[test]
    fn room_ends_at_the_bound() {
        let mut outbox = Outbox::new(Form::Text, 10);
        assert!(outbox.has_room(10));
        outbox.push(b"12345678");
        assert!(outbox.has_room(0) && !outbox.has_room(1));
    }
}
