//! The line: a client's TCP connection, which its shard writes to without a detour.
//!
//! The HTTP library owns the connection and writes what its response body hands over. While nothing
//! of that is on its way, the shard writes to the socket itself: it saves the wake-up of a task and
//! a copy for each message. What the socket does not take at once goes the long way.

use std::cell::Cell;
use std::io;
use std::io::ErrorKind;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use rustix::net::SendFlags;
use tokio::net::TcpStream;

/// A client's TCP connection.
#[derive(Debug)]
pub struct Line {
    socket: TcpStream,
    /// The library holds bytes that must be written before any others.
    is_taken: Cell<bool>,
    is_ended: Cell<bool>,
    is_conversing: Cell<bool>,
    /// Requests that are not answered yet.
    asked: Cell<u32>,
}

impl Line {
    /// A new connection: the library has the first word.
    #[must_use]
    pub const fn new(socket: TcpStream) -> Self {
        let (is_ended, is_conversing) = (Cell::new(false), Cell::new(false));
        let (is_taken, asked) = (Cell::new(true), Cell::new(0));
        Self { socket, is_taken, is_ended, is_conversing, asked }
    }

    /// The socket.
    #[must_use]
    pub const fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// The library was handed bytes.
    pub fn take(&self) {
        self.is_taken.set(true);
    }

    /// The library has written all that it was handed.
    pub fn release(&self) {
        self.is_taken.set(false);
    }

    /// The client sends nothing more.
    pub fn end(&self) {
        self.is_ended.set(true);
    }

    /// Whether the client sends nothing more. One that is not to say anything is gone then.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        self.is_ended.get()
    }

    /// From now on the client is heard though it does not take what it is told. Else the library
    /// would go on to answer requests, and hold what nobody takes.
    pub fn converse(&self) {
        self.is_conversing.set(true);
    }

    /// Whether that was said.
    #[must_use]
    pub const fn is_conversing(&self) -> bool {
        self.is_conversing.get()
    }

    /// The client asks for something.
    pub fn ask(&self) {
        self.asked.set(self.asked.get() + 1);
    }

    /// It is told something of what it asked for, or nothing will come of it.
    pub fn answer(&self) {
        self.asked.set(self.asked.get().saturating_sub(1));
    }

    /// Whether it waits for an answer.
    #[must_use]
    pub const fn is_asking(&self) -> bool {
        self.asked.get() > 0
    }

    /// Writes for the library, once the socket takes something.
    pub fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.socket.poll_write_ready(cx))?;
            match self.socket.try_write(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    /// Writes what the socket takes at once, and says how much that was. An error is left for the
    /// library to find.
    pub(super) fn write(&self, bytes: &[u8]) -> usize {
        if self.is_taken.get() {
            return 0;
        }
        // Not by the runtime, which would look up first what it knows of the socket.
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        rustix::net::send(&self.socket, bytes, flags).unwrap_or(0)
    }
}
