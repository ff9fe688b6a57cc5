//! The acceptor: the thread that accepts connections, judges each before anything of it is read,
//! and deals those that may come in to the workers.
//!
//! Those who are served come before those who want to be. A connection that is turned away wakes no
//! worker; the thread stands behind all others where processors are few; and it rests after some
//! connections, however many wait.

use std::io;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use mio::Events;
use mio::Interest;
use mio::Poll;
use mio::Token;
use mio::net::TcpListener;
use rustix::process::setpriority_process;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::sync::mpsc;
use tracing::debug;
use tracing::error;
use tracing::warn;

use crate::clock;
use crate::http::doorstep::Doorstep;
use crate::http::listening::Listening;
use crate::http::shop::House;
use crate::http::visitors::Visit;

/// Of -20..=19: a tenth of the share of the others, if they want theirs.
const NICENESS: i32 = 10;
/// Connections that are dealt with before the thread rests, and for how long it does. To be woken
/// for each costs more than the connection.
const TURN: usize = 32;
const REST: Duration = Duration::from_millis(1);
/// The same where there is no room, no descriptor or no memory for a connection.
const SHORTAGE: Duration = Duration::from_millis(100);
/// Bytes that the kernel holds unsent for one client: beyond them they wait where they are counted.
const NOTSENT_LOWAT: u32 = 16 * 1024;
/// What the thread is woken for.
const ARRIVED: Token = Token(0);
pub(super) const STOP: Token = Token(1);

/// Accepts connections.
pub(super) struct Acceptor {
    pub(super) house: Arc<House>,
    pub(super) listening: Listening,
    pub(super) doors: Vec<Door>,
    /// For so many connections more.
    pub(super) room: Arc<Semaphore>,
    pub(super) doorstep: Doorstep,
}

/// What a turn leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Nothing,
    More,
    /// More, for which something is short.
    Shortage,
}

/// The way to a worker.
pub(super) struct Door {
    arrivals: mpsc::Sender<Arrival>,
    /// Held by each connection behind it.
    inside: Arc<()>,
}

/// A connection that may come in.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) socket: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) admission: Admission,
}

/// What a connection holds while it is open.
#[derive(Debug)]
pub(super) struct Admission {
    _visit: Option<Visit>,
    _room: OwnedSemaphorePermit,
    _inside: Arc<()>,
}

impl Door {
    pub(super) fn new(arrivals: mpsc::Sender<Arrival>) -> Self {
        Self { arrivals, inside: Arc::default() }
    }
}

impl Acceptor {
    /// Accepts connections until [`STOP`] is said.
    pub(super) fn run(mut self, poll: Poll, listener: TcpListener) {
        // Of this thread alone. Where that cannot be done all goes on as well.
        if let Err(error) = setpriority_process(None, NICENESS) {
            debug!(%error, "the acceptor stays as important as others");
        }
        if let Err(error) = self.accept(poll, listener) {
            error!(%error, "connections cannot be accepted");
        }
    }

    fn accept(&mut self, mut poll: Poll, mut listener: TcpListener) -> io::Result<()> {
        poll.registry().register(&mut listener, ARRIVED, Interest::READABLE)?;
        let (mut events, mut left) = (Events::with_capacity(2), Left::Nothing);
        loop {
            let most = match left {
                Left::Nothing => self.doorstep.time_left(clock::monotonic()),
                Left::More | Left::Shortage => Some(Duration::ZERO),
            };
            match poll.poll(&mut events, most) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ if events.iter().any(|event| event.token() == STOP) => return Ok(()),
                _ => {}
            }
            left = self.take_turn(&listener);
            self.doorstep.release(TURN, clock::monotonic());
            thread::sleep(if left == Left::Shortage { SHORTAGE } else { REST });
        }
    }

    fn take_turn(&mut self, listener: &TcpListener) -> Left {
        for _ in 0..TURN {
            let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else {
                return Left::Shortage;
            };
            match listener.accept() {
                Ok((socket, peer)) => self.receive(socket.into(), peer, room),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return Left::Nothing,
                    ErrorKind::ConnectionAborted | ErrorKind::Interrupted => {}
                    _ => {
                        warn!(%error, "a connection cannot be accepted yet");
                        return Left::Shortage;
                    }
                },
            }
        }
        Left::More
    }

    /// Deals with a connection: in a worker, or on the doorstep.
    fn receive(&mut self, socket: TcpStream, peer: SocketAddr, room: OwnedSemaphorePermit) {
        let door = self.doors.iter().min_by_key(|door| Arc::strong_count(&door.inside));
        let (Some(visit), Some(door)) = (self.house.open(peer.ip()), door) else {
            return self.doorstep.end(socket, clock::monotonic());
        };
        if let Err(error) = tune(&socket, self.listening.rules_now(&self.house).write_deadline) {
            return debug!(%error, "a connection ended by itself");
        }
        let inside = Arc::clone(&door.inside);
        let admission = Admission { _visit: visit, _room: room, _inside: inside };
        if door.arrivals.blocking_send(Arrival { socket, peer, admission }).is_err() {
            error!("a worker has ended");
        }
    }
}

/// Small frames leave at once, stale bytes do not hide in the kernel, and a peer that takes
/// nothing is cut.
fn tune(socket: &TcpStream, deadline: Duration) -> io::Result<()> {
    let socket = socket2::SockRef::from(socket);
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_notsent_lowat(NOTSENT_LOWAT)?;
    socket.set_tcp_user_timeout(Some(deadline))
}
