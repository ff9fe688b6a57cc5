//! WebSocket frames as a server sends them: unmasked and whole (RFC 6455 §5.2).

use bytes::BytesMut;

use crate::wire::Close;

const FIN: u8 = 0x80;
/// Of a frame without a mask.
const HEAD_BYTES_MAX: usize = 10;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    /// One text message.
    Text = 1,
    /// One binary message.
    Binary = 2,
    /// The end, with a code and a reason.
    Close = 8,
    /// A question whether the peer lives; at most 125 bytes.
    Ping = 9,
    /// The answer, with the same bytes.
    Pong = 10,
}

/// Appends one frame.
#[expect(clippy::cast_possible_truncation, reason = "each length is checked by its range")]
pub fn write(out: &mut BytesMut, opcode: Opcode, payload: &[u8]) {
    let first = FIN | opcode as u8;
    let length = payload.len();
    out.reserve(HEAD_BYTES_MAX + length);
    match length {
        0..=125 => out.extend_from_slice(&[first, length as u8]),
        126..=0xFFFF => {
            let [high, low] = (length as u16).to_be_bytes();
            out.extend_from_slice(&[first, 126, high, low]);
        }
        _ => {
            out.extend_from_slice(&[first, 127]);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

/// Appends a close frame.
pub fn write_close(out: &mut BytesMut, close: Close) {
    let mut payload = Vec::new();
    if let Some(number) = close.number() {
        payload.extend(number.to_be_bytes());
        payload.extend_from_slice(close.reason().as_bytes());
    }
    write(out, Opcode::Close, &payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(length: usize, header: &[u8]) {
        let mut out = BytesMut::new();
        write(&mut out, Opcode::Text, &vec![b'x'; length]);
        assert_eq!(&out[..header.len()], header);
        assert_eq!(out.len(), header.len() + length);
    }

    #[test]
    fn the_length_takes_the_shortest_form() {
        check(0, &[0x81, 0]);
        check(125, &[0x81, 125]);
        check(126, &[0x81, 126, 0, 126]);
        check(65_535, &[0x81, 126, 0xFF, 0xFF]);
        check(65_536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn a_close_names_code_and_reason() {
        let mut out = BytesMut::new();
        write_close(&mut out, Close::TooSlow);
        assert_eq!(&out[..], b"\x88\x0a\x0f\xa8too slow");
        out.clear();
        write_close(&mut out, Close::Answer(None));
        assert_eq!(&out[..], b"\x88\0");
    }
}
