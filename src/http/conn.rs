//! A connection as the HTTP library or TLS sees it; a plain WebSocket's shard holds the same
//! [`Line`].

use std::cell::Cell;
use std::io;
use std::io::ErrorKind;
use std::net::Shutdown;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::task::ready;
use std::time::Duration;
use std::time::Instant;

use bytes::BufMut as _;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio::time::Sleep;

use crate::clock;
use crate::http::visitors::Visit;
use crate::hub::shard::Line;

/// What may be read of a client at once, as time in which it is earned.
const BURST: Duration = Duration::from_millis(250);
/// Bytes that are read of a client before others get their turn. The library deals in one go with
/// all requests that it has read.
const TURN_BYTES: usize = 256;

/// A TCP connection.
#[derive(Debug)]
pub(super) struct Conn {
    line: Rc<Line>,
    presence: Rc<Presence>,
    thirst: Thirst,
    unsent: Unsent,
    stuck: Option<Stuck>,
    _visit: Option<Visit>,
}

/// Whether a client is there.
#[derive(Debug, Default)]
pub(super) struct Presence {
    is_ended: Cell<bool>,
    is_conversing: Cell<bool>,
}

/// Connections whose sockets do not take what there is for them.
#[derive(Debug, Clone, Default)]
pub struct Unsent(Arc<AtomicUsize>);

/// A connection among those, until it is dropped.
#[derive(Debug)]
struct Stuck {
    unsent: Unsent,
    /// Something would have been read else.
    blocks_reading: bool,
}

/// How fast a client is read: one that sends without an end waits, and takes no time from others.
#[derive(Debug)]
struct Thirst {
    bytes_per_s: u32,
    /// When everything read is earned.
    even_at: Instant,
    /// Only of those that had to wait, as few ever do.
    wait: Option<Pin<Box<Sleep>>>,
    had_its_turn: bool,
}

impl Conn {
    /// A new connection, of which so many bytes are read in a second.
    pub(super) fn new(
        socket: TcpStream,
        (visit, unsent): (Option<Visit>, &Unsent),
        bytes_per_s: u32,
    ) -> Self {
        let line = Rc::new(Line::new(socket));
        let thirst =
            Thirst { bytes_per_s, even_at: clock::monotonic(), wait: None, had_its_turn: false };
        let (presence, unsent) = (Rc::default(), unsent.clone());
        Self { line, presence, thirst, unsent, stuck: None, _visit: visit }
    }

    pub(super) fn presence(&self) -> Rc<Presence> {
        Rc::clone(&self.presence)
    }

    pub(super) fn line(&self) -> Rc<Line> {
        Rc::clone(&self.line)
    }
}

impl Unsent {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Stuck {
    fn new(unsent: &Unsent) -> Self {
        unsent.0.fetch_add(1, Ordering::Relaxed);
        Self { unsent: unsent.clone(), blocks_reading: false }
    }
}

impl Drop for Stuck {
    fn drop(&mut self) {
        self.unsent.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Presence {
    /// From now on the client is heard though it does not take what it is told. Else the library
    /// would go on to answer requests, and hold what nobody takes.
    pub(super) fn converse(&self) {
        self.is_conversing.set(true);
    }

    /// Whether the client sends nothing more. One that is not to say anything is gone then.
    pub(super) const fn is_ended(&self) -> bool {
        self.is_ended.get()
    }
}

impl Thirst {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(wait) = &mut self.wait {
            ready!(wait.as_mut().poll(cx));
            self.wait = None;
        }
        if self.had_its_turn {
            self.had_its_turn = false;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    fn drink(&mut self, bytes: usize, now: Instant) {
        self.had_its_turn = bytes == TURN_BYTES;
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let nanos = bytes.saturating_mul(1_000_000_000) / u64::from(self.bytes_per_s.max(1));
        self.even_at = self.even_at.max(now) + Duration::from_nanos(nanos);
        let too_early = self.even_at.saturating_duration_since(now + BURST);
        if !too_early.is_zero() {
            self.wait = Some(Box::pin(tokio::time::sleep(too_early)));
        }
    }
}

impl AsyncRead for Conn {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let is_conversing = self.presence.is_conversing.get();
        if let Some(stuck) = self.stuck.as_mut().filter(|_| !is_conversing) {
            stuck.blocks_reading = true;
            return Poll::Pending;
        }
        ready!(self.thirst.poll(cx));
        let socket = self.line.socket();
        loop {
            ready!(socket.poll_read_ready(cx))?;
            match socket.try_read_buf(&mut (&mut *buffer).limit(TURN_BYTES)) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Ok(0) => {
                    self.presence.is_ended.set(true);
                    return Poll::Ready(Ok(()));
                }
                Ok(bytes) => {
                    self.thirst.drink(bytes, clock::monotonic());
                    return Poll::Ready(Ok(()));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Conn {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.line.poll_write(cx, bytes);
        if written.is_pending() {
            let Self { stuck, unsent, .. } = &mut *self;
            stuck.get_or_insert_with(|| Stuck::new(unsent));
        } else if self.stuck.take().is_some_and(|stuck| stuck.blocks_reading) {
            cx.waker().wake_by_ref();
        }
        written
    }

    /// The library asks for this once the socket took all that it had.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.line.release();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(socket2::SockRef::from(self.line.socket()).shutdown(Shutdown::Write))
    }
}
