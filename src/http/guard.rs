//! The guard before the WebSocket codec: judges each frame by its head, before anything of it is
//! stored, and each text at its first wrong byte (RFC 6455 §5 and §8.1).
//!
//! The codec behind it would buffer an announced gigabyte before it looks at its limit, and a whole
//! message before it looks at its text.

mod utf8;

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::web::Bytes;
use futures_util::Stream;
use futures_util::StreamExt as _;

use crate::http::guard::utf8::Utf8;
use crate::wire::Close;

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const HEAD_BYTES_MAX: usize = 14;
const CONTROL_BYTES_MAX: u64 = 125;
/// Of a close frame, before its reason.
const CODE_BYTES: u64 = 2;

/// What a client may send.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) frame_bytes: u64,
    pub(super) message_bytes: u64,
    pub(super) fragments: usize,
}

/// Why the guard stopped a client; shared with the reader of its messages.
pub(super) type Breach = Rc<Cell<Option<Close>>>;

/// A client's bytes, as long as they keep to the protocol and the bounds.
pub(super) struct Guard {
    payload: Payload,
    frames: Frames,
    breach: Breach,
}

impl Guard {
    /// A payload that ends where the client breaks the rules.
    pub(super) fn wrap(payload: Payload, bounds: Bounds, breach: Breach) -> Payload {
        let guard = Self { payload, frames: Frames::new(bounds), breach };
        Payload::Stream { payload: guard.boxed_local() }
    }
}

impl Stream for Guard {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.breach.get().is_some() {
            return Poll::Ready(None);
        }
        let polled = Pin::new(&mut self.payload).poll_next(cx);
        let mut bytes = match polled {
            Poll::Ready(Some(Ok(bytes))) => bytes,
            // A client that is gone has ended; an error would have what it sent before thrown away.
            Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(None),
            Poll::Pending => return Poll::Pending,
        };
        match self.frames.pass(&bytes) {
            Ok(()) => Poll::Ready(Some(Ok(bytes))),
            Err(offence) => {
                // What came before it is still dealt with.
                self.breach.set(Some(offence.close));
                bytes.truncate(offence.at);
                Poll::Ready((!bytes.is_empty()).then_some(Ok(bytes)))
            }
        }
    }
}

/// Follows a client's frames.
#[derive(Debug)]
struct Frames {
    bounds: Bounds,
    head: [u8; HEAD_BYTES_MAX],
    head_bytes: usize,
    rest: Rest,
    message: Option<Message>,
    /// Of the present message, or of the reason of a close, after which nothing matters.
    text: Utf8,
}

/// What is still to come of the present frame.
#[derive(Debug, Clone, Copy)]
struct Rest {
    bytes: u64,
    /// The next byte's first.
    mask: [u8; 4],
    content: Content,
}

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Bytes,
    /// A part of a text, or the last one.
    Text {
        is_last: bool,
    },
    /// A text, after so many bytes.
    Reason {
        after: u64,
    },
}

/// Where a client broke the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Offence {
    close: Close,
    /// Where its frame begins in the present bytes, or what of it had not come before.
    at: usize,
}

/// A message of which not all fragments have come.
#[derive(Debug, Clone, Copy)]
struct Message {
    bytes: u64,
    fragments: usize,
    is_text: bool,
}

impl Frames {
    const fn new(bounds: Bounds) -> Self {
        let head = [0; HEAD_BYTES_MAX];
        let rest = Rest { bytes: 0, mask: [0; 4], content: Content::Bytes };
        Self { bounds, head, head_bytes: 0, rest, message: None, text: Utf8::new() }
    }

    /// Follows more bytes.
    fn pass(&mut self, all: &[u8]) -> Result<(), Offence> {
        let mut bytes = all;
        let mut at = 0;
        while !bytes.is_empty() {
            if self.rest.bytes > 0 {
                let count = usize::try_from(self.rest.bytes).unwrap_or(usize::MAX);
                let (part, rest) = bytes.split_at(count.min(bytes.len()));
                self.follow(part).map_err(|close| Offence { close, at })?;
                bytes = rest;
                at = all.len() - rest.len();
                continue;
            }
            let Some((byte, rest)) = bytes.split_first() else { break };
            bytes = rest;
            if let Some(place) = self.head.get_mut(self.head_bytes) {
                *place = *byte;
                self.head_bytes += 1;
            }
            let head = self.head.get(..self.head_bytes).unwrap_or_default();
            let judged = Head::read(head)
                .and_then(|head| head.map(|head| self.judge(head).map(|()| head)).transpose());
            if let Some(head) = judged.map_err(|close| Offence { close, at })? {
                self.head_bytes = 0;
                self.rest = Rest { bytes: head.length, mask: head.mask, ..self.rest };
                self.follow(&[]).map_err(|close| Offence { close, at })?;
                at = all.len() - rest.len();
            }
        }
        Ok(())
    }

    /// Follows a part of the present frame's payload.
    fn follow(&mut self, part: &[u8]) -> Result<(), Close> {
        let Self { rest, text, .. } = self;
        rest.bytes -= part.len() as u64;
        let is_last = match &mut rest.content {
            Content::Bytes => return Ok(()),
            Content::Text { is_last } => *is_last,
            Content::Reason { .. } => true,
        };
        for byte in part {
            let [mask, ..] = rest.mask;
            rest.mask.rotate_left(1);
            match &mut rest.content {
                Content::Reason { after } if *after > 0 => *after -= 1,
                _ => text.pass(byte ^ mask).map_err(|_| Close::NotUtf8)?,
            }
        }
        let is_cut = rest.bytes == 0 && is_last && !text.is_whole();
        if is_cut { Err(Close::NotUtf8) } else { Ok(()) }
    }

    fn judge(&mut self, head: Head) -> Result<(), Close> {
        if head.opcode >= 8 {
            // Half a close code (RFC 6455 §5.5.1).
            let half = head.opcode == CLOSE && head.length == 1;
            self.rest.content = Content::Bytes;
            if head.opcode == CLOSE {
                self.rest.content = Content::Reason { after: CODE_BYTES };
                self.text = Utf8::new();
            }
            return if half { Err(Close::Protocol) } else { Ok(()) };
        }
        let before = match (head.opcode, self.message) {
            (0, Some(message)) => message,
            (0, None) | (_, Some(_)) => return Err(Close::Protocol),
            (opcode, None) => {
                self.text = Utf8::new();
                Message { bytes: 0, fragments: 0, is_text: opcode == TEXT }
            }
        };
        let bytes = before.bytes.saturating_add(head.length);
        let message = Message { bytes, fragments: before.fragments + 1, ..before };
        if head.length > self.bounds.frame_bytes
            || message.bytes > self.bounds.message_bytes
            || message.fragments > self.bounds.fragments
        {
            return Err(Close::TooLarge);
        }
        let is_last = head.is_last;
        self.rest.content =
            if message.is_text { Content::Text { is_last } } else { Content::Bytes };
        self.message = (!head.is_last).then_some(message);
        Ok(())
    }
}

/// The head of one frame.
#[derive(Debug, Clone, Copy)]
struct Head {
    opcode: u8,
    is_last: bool,
    length: u64,
    mask: [u8; 4],
}

impl Head {
    /// Reads a head; `None` while it is not whole.
    fn read(bytes: &[u8]) -> Result<Option<Self>, Close> {
        let [first, rest @ ..] = bytes else { return Ok(None) };
        let (opcode, is_last) = (first & 0x0F, first & FIN != 0);
        let is_control = opcode >= 8;
        if first & RESERVED != 0 || !matches!(opcode, 0..=2 | 8..=10) || (is_control && !is_last) {
            return Err(Close::Protocol);
        }
        let [second, rest @ ..] = rest else { return Ok(None) };
        if second & MASKED == 0 {
            return Err(Close::Protocol);
        }
        let (length, mask) = match (second & !MASKED, rest) {
            (126, [a, b, mask @ ..]) => (u64::from(u16::from_be_bytes([*a, *b])), mask),
            (127, [a, b, c, d, e, f, g, h, mask @ ..]) => {
                (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), mask)
            }
            (126 | 127, _) => return Ok(None),
            (length, mask) => (u64::from(length), mask),
        };
        let shortest = match second & !MASKED {
            126 => length > 125,
            127 => length > 0xFFFF && length >> 63 == 0,
            _ => true,
        };
        if !shortest || (is_control && length > CONTROL_BYTES_MAX) {
            return Err(Close::Protocol);
        }
        Ok(mask.first_chunk().map(|mask| Self { opcode, is_last, length, mask: *mask }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUNDS: Bounds = Bounds { frame_bytes: 1_000, message_bytes: 2_000, fragments: 3 };

    fn frame(first: u8, length: usize) -> Vec<u8> {
        let mut bytes = vec![first];
        match length {
            0..=125 => bytes.push(MASKED | u8::try_from(length).unwrap()),
            _ => {
                bytes.push(MASKED | 126);
                bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
        }
        bytes.extend([0; 4]);
        bytes.resize(bytes.len() + length, 0);
        bytes
    }

    #[track_caller]
    fn check(frames: &[Vec<u8>], verdict: Result<(), Close>) {
        let bytes = frames.concat();
        let close = |passed: Result<(), Offence>| passed.map_err(|offence| offence.close);
        assert_eq!(close(Frames::new(BOUNDS).pass(&bytes)), verdict, "at once");
        let mut frames = Frames::new(BOUNDS);
        let bytewise = bytes.iter().try_for_each(|byte| frames.pass(&[*byte]));
        assert_eq!(close(bytewise), verdict, "byte by byte");
    }

    #[test]
    fn whole_and_fragmented_messages_pass_with_control_frames_between() {
        check(&[frame(0x81, 5), frame(0x82, 1_000), frame(0x89, 125), frame(0x88, 2)], Ok(()));
        check(&[frame(0x01, 900), frame(0x8A, 0), frame(0x00, 900), frame(0x80, 200)], Ok(()));
        check(&[frame(0x01, 1), frame(0x80, 0), frame(0x81, 0)], Ok(()));
        check(&[frame(0x01, 0), frame(0x00, 0), frame(0x80, 0)], Ok(()));
    }

    #[test]
    fn what_breaks_the_protocol_is_stopped() {
        let unmasked = vec![0x81, 0x01, b'x'];
        let long_form = vec![0x81, MASKED | 126, 0, 125];
        let longer_form = vec![0x81, MASKED | 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF];
        let sign_bit = vec![0x81, MASKED | 127, 0x80, 0, 0, 0, 0, 0, 0, 0];
        for bytes in [unmasked, long_form, longer_form, sign_bit] {
            check(&[bytes], Err(Close::Protocol));
        }
        for first in [0xC1, 0xA1, 0x91, 0x83, 0x87, 0x8B, 0x8F, 0x09, 0x08] {
            check(&[frame(first, 0)], Err(Close::Protocol));
        }
        check(&[frame(0x89, 126)], Err(Close::Protocol));
        check(&[frame(0x80, 1)], Err(Close::Protocol));
        check(&[frame(0x01, 1), frame(0x81, 1)], Err(Close::Protocol));
    }

    #[test]
    fn what_came_before_an_offence_passes() {
        let good = [frame(0x81, 5), frame(0x89, 0)].concat();
        for bad in [frame(0xC1, 5), frame(0x81, 1_001), frame(0x88, 1)] {
            let passed = Frames::new(BOUNDS).pass(&[good.clone(), bad].concat());
            assert_eq!(passed.map_err(|offence| offence.at), Err(good.len()));
        }
    }

    #[test]
    fn what_is_too_large_is_stopped_at_its_head() {
        let announced = |length: u64| {
            let mut head = vec![0x82, MASKED | 127];
            head.extend(length.to_be_bytes());
            head.extend([0; 4]);
            head
        };
        check(&[announced(1 << 30)], Err(Close::TooLarge));
        check(&[announced(i64::MAX as u64)], Err(Close::TooLarge));
        check(&[frame(0x81, 1_001)], Err(Close::TooLarge));
        check(&[frame(0x01, 1_000), frame(0x00, 1_000), frame(0x80, 1)], Err(Close::TooLarge));
        let four = [frame(0x01, 1), frame(0x00, 1), frame(0x00, 1), frame(0x80, 1)];
        check(&four, Err(Close::TooLarge));
        check(
            &[frame(0x01, 0), frame(0x00, 0), frame(0x00, 0), frame(0x00, 0)],
            Err(Close::TooLarge),
        );
    }

    fn text(first: u8, text: &[u8]) -> Vec<u8> {
        let mask = [1, 2, 3, 250];
        let mut bytes = vec![first, MASKED | u8::try_from(text.len()).unwrap()];
        bytes.extend(mask);
        bytes.extend(text.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        bytes
    }

    #[test]
    fn text_that_can_become_none_is_stopped_at_once() {
        let smile = "😀".as_bytes();
        check(&[text(0x81, smile), text(0x82, &[0xFF; 5])], Ok(()));
        check(&[text(0x01, &smile[..1]), text(0x89, &[0xFF]), text(0x80, &smile[1..])], Ok(()));
        check(&[text(0x01, &smile[..3]), text(0x00, b""), text(0x80, &smile[3..])], Ok(()));
        check(&[text(0x02, &[0xFF]), text(0x80, &[0xFF])], Ok(()));
        check(&[text(0x81, &smile[..3])], Err(Close::NotUtf8));
        check(&[text(0x01, &smile[..3]), text(0x80, b"")], Err(Close::NotUtf8));
        check(&[text(0x01, &smile[..3]), text(0x80, b"x")], Err(Close::NotUtf8));
        // The message has not ended, nor has its frame.
        check(&[text(0x01, b"ab\xFF")], Err(Close::NotUtf8));
        check(&[text(0x81, b"ab\xC0cdefgh")[..9].to_vec()], Err(Close::NotUtf8));
    }

    #[test]
    fn the_reason_of_a_close_is_text() {
        check(&[text(0x88, b"\x03\xe8"), text(0x88, "\u{3}\u{3}é".as_bytes())], Ok(()));
        check(&[text(0x01, "é".as_bytes().get(..1).unwrap()), text(0x88, b"\x03\xe8")], Ok(()));
        check(&[text(0x88, b"\xff\xffbye")], Ok(()));
        check(&[text(0x88, b"\x03\xe8\xff")], Err(Close::NotUtf8));
        check(&[text(0x88, b"\x03\xe8a\xc3")], Err(Close::NotUtf8));
    }

    proptest! {
        #[test]
        fn cuts_between_reads_change_nothing(
            bytes in prop::collection::vec(any::<u8>(), 0..60),
            cut in 0_usize..60,
        ) {
            let whole = Frames::new(BOUNDS).pass(&bytes);
            let mut frames = Frames::new(BOUNDS);
            let (head, tail) = bytes.split_at(cut.min(bytes.len()));
            let cut = frames.pass(head).and_then(|()| frames.pass(tail));
            let close = |passed: Result<(), Offence>| passed.map_err(|offence| offence.close);
            prop_assert_eq!(close(cut), close(whole));
        }
    }
}
