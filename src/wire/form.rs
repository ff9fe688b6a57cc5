//! The form in which messages stand among the bytes that a client gets.

use bytes::BytesMut;

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
        }
    }

    /// Appends a ping or pong, in forms that have them.
    pub fn write_control(self, out: &mut BytesMut, opcode: Opcode, payload: &[u8]) {
        match self {
            Self::Text | Self::Packed => frame::write(out, opcode, payload),
            Self::Lines => {}
        }
    }

    /// Appends the end, in forms that have one of their own.
    pub fn write_close(self, out: &mut BytesMut, close: Close) {
        match self {
            Self::Text | Self::Packed => frame::write_close(out, close),
            Self::Lines => {}
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
    }
}
