//! Frames as a server sends them, found one after another in a buffer (RFC 6455 §5.2), and frames
//! as a client sends them.

/// The longest frame that is taken: beyond it a length is a mistake.
const PAYLOAD_MAX: usize = 64 * 1024 * 1024;

const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;

/// What a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    /// A whole message.
    Message,
    /// The end, with a code.
    Close,
    /// A question that wants a pong.
    Ping,
    /// The answer to a ping.
    Pong,
}

/// One frame of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it is for.
    pub opcode: Opcode,
    /// What it holds.
    pub payload: &'a [u8],
}

/// Bytes that no server may send, or that this client does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadFrame {
    /// Only clients mask.
    #[error("a masked frame")]
    Masked,
    /// Parts of a message, or bits of an extension that nobody asked for.
    #[error("a frame that begins with {0:#04x}")]
    Strange(u8),
    /// More than a message can have.
    #[error("a frame of {0} bytes")]
    TooLong(u64),
}

/// What stands at the beginning of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head<'a> {
    /// A whole frame, and what follows it.
    Whole(Frame<'a>, &'a [u8]),
    /// A part of one; it will have this length, if that can be told yet.
    Part(Option<usize>),
}

/// Takes one frame from the beginning of a buffer.
///
/// # Errors
/// [`BadFrame`]: nothing after it can be understood.
#[inline]
pub fn take(buffer: &[u8]) -> Result<Head<'_>, BadFrame> {
    let (opcode, length, rest) = match buffer {
        // Most frames by far: a text of 126 bytes or more.
        [0x81, 126, high, low, rest @ ..] => {
            (Opcode::Message, usize::from(u16::from_be_bytes([*high, *low])), rest)
        }
        [first, second, rest @ ..] => {
            let opcode = opcode(*first)?;
            if second & MASKED != 0 {
                return Err(BadFrame::Masked);
            }
            match (second, rest) {
                (126, [high, low, rest @ ..]) => {
                    (opcode, usize::from(u16::from_be_bytes([*high, *low])), rest)
                }
                (127, [a, b, c, d, e, f, g, h, rest @ ..]) => {
                    let length = u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]);
                    let fits = usize::try_from(length).ok().filter(|length| *length <= PAYLOAD_MAX);
                    (opcode, fits.ok_or(BadFrame::TooLong(length))?, rest)
                }
                (126 | 127, _) => return Ok(Head::Part(None)),
                (length, rest) => (opcode, usize::from(*length), rest),
            }
        }
        _ => return Ok(Head::Part(None)),
    };
    match rest.split_at_checked(length) {
        Some((payload, rest)) => Ok(Head::Whole(Frame { opcode, payload }, rest)),
        None => Ok(Head::Part(Some(buffer.len() - rest.len() + length))),
    }
}

/// Appends a text frame as a client sends it.
pub fn write_text(out: &mut Vec<u8>, text: &str, mask: [u8; 4]) {
    write(out, FIN | 1, text.as_bytes(), mask);
}

/// Appends the answer to a ping.
pub fn write_pong(out: &mut Vec<u8>, payload: &[u8], mask: [u8; 4]) {
    write(out, FIN | 10, payload, mask);
}

fn opcode(first: u8) -> Result<Opcode, BadFrame> {
    match first {
        0x81 | 0x82 => Ok(Opcode::Message),
        0x88 => Ok(Opcode::Close),
        0x89 => Ok(Opcode::Ping),
        0x8A => Ok(Opcode::Pong),
        _ => Err(BadFrame::Strange(first)),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "each length is checked by its range")]
fn write(out: &mut Vec<u8>, first: u8, payload: &[u8], mask: [u8; 4]) {
    out.push(first);
    match payload.len() {
        length @ 0..=125 => out.push(MASKED | length as u8),
        length @ 126..=0xFFFF => {
            out.push(MASKED | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(MASKED | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;
    use proptest::prelude::*;

    use crate::wire::frame;

    fn served(payloads: &[Vec<u8>]) -> BytesMut {
        let mut out = BytesMut::new();
        payloads.iter().for_each(|payload| frame::write(&mut out, frame::Opcode::Text, payload));
        out
    }

    /// All that can be taken, and how many bytes it used.
    fn take_all(mut rest: &[u8]) -> Result<(Vec<Vec<u8>>, usize), BadFrame> {
        let (mut taken, whole) = (Vec::new(), rest.len());
        while let Head::Whole(frame, after) = take(rest)? {
            taken.push(frame.payload.to_vec());
            rest = after;
        }
        Ok((taken, whole - rest.len()))
    }

    #[test]
    fn every_length_of_the_servers_own_frames_is_taken() {
        for length in [0, 1, 125, 126, 65_535, 65_536, 200_000] {
            let payload = vec![b'x'; length];
            let bytes = served(std::slice::from_ref(&payload));
            let (taken, used) = take_all(&bytes).unwrap();
            assert_eq!((taken, used), (vec![payload], bytes.len()));
            let part = &bytes[..bytes.len() - 1];
            let told = if length == 0 { None } else { Some(bytes.len()) };
            assert_eq!(take(part), Ok(Head::Part(told)), "{length}");
        }
    }

    #[test]
    fn what_no_server_may_send_is_refused() {
        assert_eq!(take(&[0x81, 0x85, 0, 0, 0, 0]), Err(BadFrame::Masked));
        assert_eq!(take(&[0x01, 5]), Err(BadFrame::Strange(0x01)));
        assert_eq!(take(&[0xC1, 126, 0, 200]), Err(BadFrame::Strange(0xC1)));
        let endless = [&[0x81, 127][..], &[0xFF; 8]].concat();
        assert_eq!(take(&endless), Err(BadFrame::TooLong(u64::MAX)));
    }

    #[test]
    fn what_a_client_sends_is_masked() {
        let mut out = Vec::new();
        write_pong(&mut out, b"ab", [1, 2, 3, 4]);
        assert_eq!(out, [0x8A, 0x82, 1, 2, 3, 4, b'a' ^ 1, b'b' ^ 2]);
        out.clear();
        write_text(&mut out, &"x".repeat(70_000), [0; 4]);
        assert_eq!(out[..10], [0x81, 0xFF, 0, 0, 0, 0, 0, 1, 0x11, 0x70]);
        out.clear();
        write_text(&mut out, &"x".repeat(200), [0; 4]);
        assert_eq!(out[..4], [0x81, 0xFE, 0, 200]);
    }

    proptest! {
        #[test]
        fn frames_come_out_as_they_went_in_however_they_are_cut(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 0..20),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
        ) {
            let bytes = served(&payloads);
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let (mut kept, mut taken) = (Vec::new(), Vec::new());
            for ends in cuts.windows(2) {
                kept.extend_from_slice(&bytes[ends[0]..ends[1]]);
                let (more, used) = take_all(&kept).unwrap();
                taken.extend(more);
                kept.drain(..used);
            }
            prop_assert_eq!(taken, payloads);
            prop_assert!(kept.is_empty());
        }

        #[test]
        fn any_bytes_are_frames_a_part_or_refused(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            if let Ok((_, used)) = take_all(&bytes) {
                prop_assert!(used <= bytes.len());
                prop_assert!(matches!(take(&bytes[used..]), Ok(Head::Part(_))));
            }
        }
    }
}
