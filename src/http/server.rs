//! The server: the thread that accepts connections, and those that serve them.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::thread::JoinHandle;

use mio::Poll;
use mio::Waker;
use tokio::sync::Semaphore;
use tokio::sync::mpsc;
use tracing::error;

use crate::http::acceptor;
use crate::http::acceptor::Acceptor;
use crate::http::acceptor::Door;
use crate::http::doorstep::Doorstep;
use crate::http::listening::Listening;
use crate::http::secure::Doorkeeper;
use crate::http::shop::House;
use crate::http::worker::Worker;

/// Connections that are held besides `limits.connections`: those beyond them are told so.
const ROOM_BESIDES: usize = 256;
/// Connections that wait for one worker; then they wait in the kernel.
const ARRIVALS: usize = 64;
/// Bytes that the kernel holds unread of one client: to throw megabytes away at the end of a
/// connection takes milliseconds.
const RECEIVED_BYTES: usize = 64 * 1024;

/// A running server.
#[derive(Debug)]
pub struct Server {
    stop: Waker,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    /// Starts to listen and to serve.
    ///
    /// # Errors
    /// If the listener or the certificate cannot be used, or the system has no thread.
    pub fn start(
        listener: TcpListener,
        listening: &Listening,
        house: &Arc<House>,
    ) -> io::Result<Self> {
        // Connections have it of their listener.
        socket2::SockRef::from(&listener).set_recv_buffer_size(RECEIVED_BYTES)?;
        let address = listener.local_addr()?;
        let doorkeeper = house.tls.as_ref();
        let doorkeeper = doorkeeper.map(|keeper| Doorkeeper::new(keeper, listening.head_timeout));
        let doorkeeper = doorkeeper.transpose()?;
        let (mut doors, mut threads) = (Vec::new(), Vec::new());
        for index in 0..listening.threads() {
            let (door, arrivals) = mpsc::channel(ARRIVALS);
            doors.push(Door::new(door));
            let (house, listening) = (Arc::clone(house), listening.clone());
            let doorkeeper = doorkeeper.clone();
            let work = move || Worker::new(house, listening, address).run(doorkeeper, arrivals);
            threads.push(spawn(&format!("worker {index}"), work)?);
        }
        let poll = Poll::new()?;
        let stop = Waker::new(poll.registry(), acceptor::STOP)?;
        listener.set_nonblocking(true)?;
        let listener = mio::net::TcpListener::from_std(listener);
        let room = Arc::new(Semaphore::new(listening.connections.saturating_add(ROOM_BESIDES)));
        let (house, listening) = (Arc::clone(house), listening.clone());
        let acceptor = Acceptor { house, listening, doors, room, doorstep: Doorstep::default() };
        threads.push(spawn("acceptor", move || acceptor.run(poll, listener))?);
        Ok(Self { stop, threads })
    }

    /// Whether a thread of it ended by itself, which is a bug.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.threads.iter().any(JoinHandle::is_finished)
    }

    /// Ends it, and cuts who is still being served.
    pub fn stop(self) {
        // The workers end once nobody can come any more.
        if let Err(error) = self.stop.wake() {
            return error!(%error, "the server cannot be told to stop");
        }
        for thread in self.threads {
            let name = thread.thread().name().unwrap_or_default().to_owned();
            if thread.join().is_err() {
                error!(thread = name, "a thread of the server ended badly");
            }
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name(name.to_owned()).spawn(work)
}
