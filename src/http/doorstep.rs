//! The doorstep: where connections stand a while that are ended unread.
//!
//! One that ends at once is made anew at once, by some programs ten thousand times a second, and
//! to accept each takes time from those who are served. One that hears nothing waits.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tracing::debug;

/// How long each stands there.
const STAY: Duration = Duration::from_secs(1);
/// How many do at once; those beyond them end at once.
const PLACES: usize = if cfg!(test) { 2 } else { 1_024 };

/// The doorstep of all workers.
#[derive(Debug, Default)]
pub(super) struct Doorstep(Arc<AtomicUsize>);

/// One who stands there, until it is dropped.
struct Place(Arc<AtomicUsize>);

impl Doorstep {
    /// Ends a connection: with a reset, as a close would leave the kernel with work and the peer
    /// with hope.
    pub(super) fn end(&self, socket: actix_web::rt::net::TcpStream) {
        // The runtime is not to be woken by what it is sent.
        let ended = socket.into_std().and_then(|socket| {
            socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO))?;
            Ok(socket)
        });
        match ended {
            Ok(socket) => self.keep(socket),
            Err(error) => debug!(%error, "a connection ended by itself"),
        }
    }

    fn keep(&self, socket: TcpStream) {
        let place = Place(Arc::clone(&self.0));
        if self.0.fetch_add(1, Ordering::Relaxed) < PLACES {
            actix_web::rt::spawn(async move {
                tokio::time::sleep(STAY).await;
                drop((socket, place));
            });
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::io::Read as _;
    use std::time::Instant;

    use super::*;
    use crate::clock;

    /// A connection, and the socket that it comes to.
    async fn connection() -> (TcpStream, actix_web::rt::net::TcpStream) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, _) = listener.accept().await.unwrap();
        (client, socket)
    }

    /// When a client sees its connection end with a reset.
    async fn ended(mut client: TcpStream) -> Instant {
        let read = move || (client.read(&mut [0]).unwrap_err().kind(), clock::monotonic());
        let (error, at) = actix_web::rt::task::spawn_blocking(read).await.unwrap();
        assert_eq!(error, ErrorKind::ConnectionReset);
        at
    }

    #[actix_web::test]
    async fn those_for_whom_there_is_a_place_wait() {
        let doorstep = Doorstep::default();
        let mut clients = Vec::new();
        let began = clock::monotonic();
        for _ in 0..=PLACES {
            let (client, socket) = connection().await;
            doorstep.end(socket);
            clients.push(client);
        }
        let last = ended(clients.pop().unwrap()).await;
        assert!(last < began + STAY, "{:?}", last - began);
        for client in clients {
            let at = ended(client).await;
            assert!(at >= began + STAY, "{:?}", at - began);
        }
        let (client, socket) = connection().await;
        let began = clock::monotonic();
        doorstep.end(socket);
        assert!(ended(client).await >= began + STAY, "there are places again");
    }
}
