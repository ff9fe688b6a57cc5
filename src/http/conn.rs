//! A connection as the HTTP library or TLS sees it; a plain WebSocket's shard holds the same
//! [`Line`].

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
use crate::http::acceptor::Admission;
use crate::http::head::HeadClock;
use crate::hub::shard;
use crate::hub::shard::Line;
use crate::hub::shard::SharedShard;

/// What may be read of a client at once, as time in which it is earned.
const BURST: Duration = Duration::from_millis(250);
/// Bytes that are read of a client before others get their turn. The library deals in one go with
/// all requests that it has read.
const TURN_BYTES: usize = 1024;

/// A TCP connection. The library keeps one in two places.
#[derive(Debug)]
pub(super) struct Conn(Box<Ends>);

#[derive(Debug)]
struct Ends {
    line: Rc<Line>,
    head: HeadClock,
    thirst: Thirst,
    unsent: Unsent,
    stuck: Option<Stuck>,
    /// Of the worker's other clients, who come before whatever is read of this one.
    shard: Option<SharedShard>,
    _admission: Admission,
}

/// What a request knows of its connection.
#[derive(Debug, Clone)]
pub(super) struct Presence {
    line: Rc<Line>,
    is_direct: bool,
}

/// A request that is being answered, until it is dropped.
#[derive(Debug)]
pub(super) struct Asking(Rc<Line>);

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
    /// A new connection, whose heads have so long to arrive, and of which so many bytes are read in
    /// a second.
    pub(super) fn new(
        socket: TcpStream,
        (admission, shard): (Admission, Option<SharedShard>),
        (head, bytes_per_s, unsent): (HeadClock, u32, &Unsent),
    ) -> Self {
        let line = Rc::new(Line::new(socket));
        let thirst =
            Thirst { bytes_per_s, even_at: clock::monotonic(), wait: None, had_its_turn: false };
        let unsent = unsent.clone();
        Self(Box::new(Ends {
            line,
            head,
            thirst,
            unsent,
            stuck: None,
            shard,
            _admission: admission,
        }))
    }

    pub(super) fn line(&self) -> &Line {
        &self.0.line
    }

    /// A head is waited for from now on, whatever was said before.
    pub(super) fn expect_head(&mut self) {
        self.0.head.start();
    }

    /// What requests know of it, where nothing stands between the library and the socket.
    pub(super) fn direct(&self) -> Presence {
        Presence { line: Rc::clone(&self.0.line), is_direct: true }
    }

    /// What requests know of it, where bytes of another layer are on the socket.
    pub(super) fn wrapped(&self) -> Presence {
        Presence { line: Rc::clone(&self.0.line), is_direct: false }
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
    /// A request has come.
    pub(super) fn ask(&self) -> Asking {
        self.line.ask();
        Asking(Rc::clone(&self.line))
    }

    /// The connection, if a shard can write to it past the library.
    pub(super) fn direct(&self) -> Option<Rc<Line>> {
        self.is_direct.then(|| Rc::clone(&self.line))
    }

    /// The connection, as far as it concerns whether the client is there.
    pub(super) fn line(&self) -> &Line {
        &self.line
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.answer();
    }
}

impl Ends {
    /// Ready once a head should have come, with what is to be said then.
    fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<&'static str> {
        if self.line.is_conversing() || self.line.is_asking() {
            self.head.stop();
        }
        self.head.poll(cx)
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
        let is_conversing = self.0.line.is_conversing();
        if let Some(stuck) = self.0.stuck.as_mut().filter(|_| !is_conversing) {
            stuck.blocks_reading = true;
            return Poll::Pending;
        }
        ready!(self.0.thirst.poll(cx));
        self.0.shard.as_ref().map(shard::keep_up);
        if let Poll::Ready(words) = self.0.poll_overdue(cx) {
            // There is room for so few, as nothing else waits to be written.
            let _told = self.0.line.socket().try_write(words.as_bytes());
            return Poll::Ready(Err(ErrorKind::TimedOut.into()));
        }
        let socket = self.0.line.socket();
        loop {
            ready!(socket.poll_read_ready(cx))?;
            match socket.try_read_buf(&mut (&mut *buffer).limit(TURN_BYTES)) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Ok(0) => {
                    self.0.line.end();
                    return Poll::Ready(Ok(()));
                }
                Ok(bytes) => {
                    if !is_conversing {
                        self.0.head.start();
                    }
                    self.0.thirst.drink(bytes, clock::monotonic());
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
        // Who is told something is not waited for.
        self.0.head.stop();
        let written = self.0.line.poll_write(cx, bytes);
        if written.is_pending() {
            let Ends { stuck, unsent, .. } = &mut *self.0;
            stuck.get_or_insert_with(|| Stuck::new(unsent));
        } else if self.0.stuck.take().is_some_and(|stuck| stuck.blocks_reading) {
            cx.waker().wake_by_ref();
        }
        written
    }

    /// The library asks for this once the socket took all that it had.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.line.release();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.shard.as_ref().map(shard::keep_up);
        Poll::Ready(socket2::SockRef::from(self.0.line.socket()).shutdown(Shutdown::Write))
    }
}
