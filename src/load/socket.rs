//! One client's connection: its handshake (RFC 6455 §4.1), what it still has to send, and the part
//! of a frame that came last.

use std::io;
use std::io::Read as _;
use std::io::Write as _;

use mio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::load::frame;
use crate::load::plan::Plan;
use crate::wire::Secret;

/// The longest head of an answer to a handshake.
const HEAD_MAX: usize = 16 * 1024;
/// Room that a read finds at least.
const ROOM_MIN: usize = 64 * 1024;

/// A connection.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    /// What `Sec-WebSocket-Accept` must say; `None` once it did.
    accept: Option<String>,
    /// A part of a frame, or of the head of the answer.
    unread: Vec<u8>,
    unsent: Vec<u8>,
}

/// What a read brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filled {
    /// Nothing for now.
    Nothing,
    /// So many bytes stand in the buffer.
    Some {
        /// Together with what was kept before.
        length: usize,
        /// Whether there may be more.
        more: bool,
    },
    /// The end.
    End,
}

impl Socket {
    /// Begins to connect.
    pub(super) fn open(plan: &Plan) -> io::Result<Self> {
        let stream = TcpStream::connect(plan.server)?;
        stream.set_nodelay(true)?;
        let key = generate_key();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\
             Sec-WebSocket-Protocol: tickwire.v1.json\r\n{shown}\r\n",
            path = plan.path,
            host = plan.host,
            shown = plan.token.as_ref().map(Secret::line).unwrap_or_default(),
        );
        Ok(Self {
            stream,
            accept: Some(derive_accept_key(key.as_bytes())),
            unread: Vec::new(),
            unsent: request.into_bytes(),
        })
    }

    /// For the registry of a poll.
    pub(super) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Whether the handshake is done.
    pub(super) fn is_open(&self) -> bool {
        self.accept.is_none()
    }

    /// Sends what is to be sent, as far as it goes. To be called whenever there may be room.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.unsent.is_empty() {
            return Ok(());
        }
        if self.accept.is_some()
            && let Some(error) = self.stream.take_error()?
        {
            return Err(error);
        }
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(sent) => drop(self.unsent.drain(..sent)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_not_yet(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        self.unsent = Vec::new();
        Ok(())
    }

    /// Sends one message.
    pub(super) fn send(&mut self, text: &str) -> io::Result<()> {
        frame::write_text(&mut self.unsent, text, rand::random());
        self.flush()
    }

    /// Answers a ping.
    pub(super) fn pong(&mut self, payload: &[u8]) -> io::Result<()> {
        frame::write_pong(&mut self.unsent, payload, rand::random());
        self.flush()
    }

    /// Reads once, behind what was kept.
    #[inline]
    pub(super) fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<Filled> {
        let kept = self.unread.len();
        if buffer.len() < kept + ROOM_MIN {
            buffer.resize((kept + ROOM_MIN) * 2, 0);
        }
        let Some((front, room)) = buffer.split_at_mut_checked(kept) else {
            return Ok(Filled::Nothing);
        };
        front.copy_from_slice(&self.unread);
        let space = room.len();
        loop {
            return match self.stream.read(room) {
                Ok(0) => Ok(Filled::End),
                Ok(read) => Ok(Filled::Some { length: kept + read, more: read == space }),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if is_not_yet(&error) => Ok(Filled::Nothing),
                Err(error) => Err(error),
            };
        }
    }

    /// Keeps what could not be used of a read.
    #[inline]
    pub(super) fn keep(&mut self, rest: &[u8]) {
        self.unread.clear();
        self.unread.extend_from_slice(rest);
    }

    /// Reads the answer to the handshake from what came; what follows it once it is whole.
    pub(super) fn shake<'a>(&mut self, came: &'a [u8]) -> Result<Option<&'a [u8]>, String> {
        let Some(accept) = &self.accept else { return Ok(Some(came)) };
        let Some(at) = came.windows(4).position(|window| window == b"\r\n\r\n") else {
            return match came.len() {
                0..=HEAD_MAX => Ok(None),
                _ => Err("an endless answer".to_owned()),
            };
        };
        let (head, rest) = came.split_at_checked(at + 4).unwrap_or((came, &[]));
        check_head(&String::from_utf8_lossy(head), accept)?;
        self.accept = None;
        Ok(Some(rest))
    }
}

/// A connection that is still being made says that it is none.
fn is_not_yet(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected)
}

fn check_head(head: &str, accept: &str) -> Result<(), String> {
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("101") {
        let status: String = status.chars().take(100).collect();
        return Err(format!("the server answered {status:?}"));
    }
    let said = lines.filter_map(|line| line.split_once(':')).find_map(|(name, value)| {
        name.eq_ignore_ascii_case("sec-websocket-accept").then(|| value.trim())
    });
    match said {
        Some(said) if said == accept => Ok(()),
        _ => Err("the answer to the handshake has a wrong Sec-WebSocket-Accept".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_true_answer_to_the_handshake_is_taken() {
        // The example of RFC 6455 §1.3.
        let accept = derive_accept_key(b"dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        let good = format!("HTTP/1.1 101 Switching\r\nsec-websocket-ACCEPT: {accept}\r\n\r\n");
        assert_eq!(check_head(&good, &accept), Ok(()));
        for (head, why) in [
            ("HTTP/1.1 503 Busy\r\n\r\n", "503 Busy"),
            ("HTTP/1.1 101 Switching\r\n\r\n", "wrong Sec-WebSocket-Accept"),
            ("HTTP/1.1 101 S\r\nSec-WebSocket-Accept: x\r\n\r\n", "wrong Sec-WebSocket-Accept"),
            ("", "answered"),
        ] {
            let error = check_head(head, &accept).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
