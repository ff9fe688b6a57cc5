//! The form in which messages stand among the bytes that a client gets.

use bytes::BytesMut;

use crate::event::Seq;
use crate::wire::Close;
use crate::wire::Message;
use crate::wire::frame;
use crate::wire::frame::Opcode;
use crate::wire::msgpack;

/// How one message is told from the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// WebSocket text messages of JSON.
    Text,
    /// WebSocket binary messages of MessagePack.
    Packed,
    /// One JSON object a line, each ended by a line feed.
    Lines,
    /// Server-Sent Events (WHATWG HTML §9.2), each with one JSON object as its data.
    Events,
}

impl Form {
    /// Appends one message.
    pub fn write(self, out: &mut BytesMut, message: Message<'_>) {
        match self {
            Self::Text => frame::write(out, Opcode::Text, message.json),
            Self::Packed => write_packed(out, message),
            Self::Lines => {
                out.reserve(message.json.len() + 1);
                out.extend_from_slice(message.json);
                out.extend_from_slice(b"\n");
            }
            Self::Events => {
                out.reserve(message.json.len() + 8);
                out.extend_from_slice(b"data: ");
                out.extend_from_slice(message.json);
                out.extend_from_slice(b"\n\n");
            }
        }
    }

    /// Appends, before a message, after how many ms a client that was cut off is to come back; in
    /// forms that have a word for it.
    pub fn write_retry(self, out: &mut BytesMut, retry_ms: u64) {
        if self == Self::Events {
            out.extend_from_slice(format!("retry: {retry_ms}\n").as_bytes());
        }
    }

    /// Says of the message that `out` ends with that everything up to a place stands before its
    /// end; in forms that have a word for it.
    pub fn write_id(self, out: &mut BytesMut, epoch: &str, seq: Seq) {
        if self == Self::Events && out.ends_with(b"\n\n") {
            out.truncate(out.len() - 1);
            out.extend_from_slice(format!("id: {epoch}:{seq}\n\n").as_bytes());
        }
    }

    /// Whether it has pings, pongs and closes; else a connection just ends.
    #[must_use]
    pub const fn has_controls(self) -> bool {
        matches!(self, Self::Text | Self::Packed)
    }

    /// Appends a ping or pong, in forms that have them.
    pub fn write_control(self, out: &mut BytesMut, opcode: Opcode, payload: &[u8]) {
        match self {
            Self::Text | Self::Packed => frame::write(out, opcode, payload),
            Self::Lines | Self::Events => {}
        }
    }

    /// Appends the end, in forms that have one of their own.
    pub fn write_close(self, out: &mut BytesMut, close: Close) {
        match self {
            Self::Text | Self::Packed => frame::write_close(out, close),
            Self::Lines | Self::Events => {}
        }
    }
}

/// A message that is for one client alone is packed here.
fn write_packed(out: &mut BytesMut, message: Message<'_>) {
    if let Some(packed) = message.packed {
        return frame::write(out, Opcode::Binary, packed);
    }
    let mut packed = Vec::new();
    msgpack::pack(&mut packed, message.json);
    frame::write(out, Opcode::Binary, &packed);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(form: Form) -> BytesMut {
        let mut out = BytesMut::new();
        form.write(&mut out, b"{}"[..].into());
        form.write_control(&mut out, Opcode::Ping, b"?");
        form.write_close(&mut out, Close::Answer(Some(1000)));
        out
    }

    #[test]
    fn each_form_has_its_own_ends() {
        assert_eq!(&written(Form::Text)[..], b"\x81\x02{}\x89\x01?\x88\x02\x03\xe8");
        assert_eq!(&written(Form::Packed)[..], b"\x82\x01\x80\x89\x01?\x88\x02\x03\xe8");
        assert_eq!(&written(Form::Lines)[..], b"{}\n");
        assert_eq!(&written(Form::Events)[..], b"data: {}\n\n");
    }

    #[test]
    fn an_event_has_its_retry_before_and_its_id_after_its_data() {
        let write = |form: Form| {
            let mut out = BytesMut::new();
            form.write_id(&mut out, "k3v9", Seq(1));
            form.write_retry(&mut out, 1_000);
            form.write(&mut out, b"{}"[..].into());
            form.write_id(&mut out, "k3v9", Seq(7));
            out
        };
        assert_eq!(&write(Form::Events)[..], b"retry: 1000\ndata: {}\nid: k3v9:7\n\n");
        assert_eq!(&write(Form::Lines)[..], b"{}\n");
    }
}
