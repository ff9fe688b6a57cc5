//! The doorstep: where connections stand a while that are ended unread.
//!
//! One that ends at once is made anew at once, by some programs ten thousand times a second, and
//! to accept each takes time from those who are served. One that hears nothing waits.

use std::collections::VecDeque;
use std::net::TcpStream;
use std::time::Duration;
use std::time::Instant;

use tracing::debug;

/// How long each stands there.
const STAY: Duration = Duration::from_secs(1);
/// How many do at once; those beyond them end at once.
const PLACES: usize = if cfg!(test) { 2 } else { 1_024 };

/// Who stands there, and until when; the first to go is the first.
#[derive(Debug, Default)]
pub(super) struct Doorstep(VecDeque<(Instant, TcpStream)>);

impl Doorstep {
    /// Ends a connection: with a reset, as a close would leave the kernel with work and the peer
    /// with hope.
    pub(super) fn end(&mut self, socket: TcpStream, now: Instant) {
        if let Err(error) = socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)) {
            debug!(%error, "a connection ended by itself");
        } else if self.0.len() < PLACES {
            self.0.push_back((now + STAY, socket));
        }
    }

    /// How long the first is to stand there still; `None` if nobody does.
    pub(super) fn time_left(&self, now: Instant) -> Option<Duration> {
        self.0.front().map(|(until, _)| until.saturating_duration_since(now))
    }

    /// Lets so many go, at most, who have.
    pub(super) fn release(&mut self, most: usize, now: Instant) {
        let due = self.0.iter().take(most).take_while(|(until, _)| *until <= now).count();
        self.0.drain(..due);
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::io::Read as _;
    use std::net::TcpListener;

    use super::*;
    use crate::clock;

    /// A connection, and the socket that it comes to.
    fn connection() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, _) = listener.accept().unwrap();
        (client, socket)
    }

    /// Whether a client sees its connection end with a reset.
    fn is_ended(mut client: &TcpStream) -> bool {
        client.set_nonblocking(true).unwrap();
        match client.read(&mut [0]).unwrap_err().kind() {
            ErrorKind::ConnectionReset => true,
            ErrorKind::WouldBlock => false,
            error => panic!("{error}"),
        }
    }

    #[test]
    fn those_for_whom_there_is_a_place_wait() {
        let mut doorstep = Doorstep::default();
        let began = clock::monotonic();
        let clients: Vec<TcpStream> = (0..=PLACES)
            .map(|_| {
                let (client, socket) = connection();
                doorstep.end(socket, began);
                client
            })
            .collect();
        let ended = |of: &[TcpStream]| of.iter().map(is_ended).collect::<Vec<_>>();
        assert_eq!(ended(&clients), [false, false, true]);
        assert_eq!(doorstep.time_left(began), Some(STAY));
        doorstep.release(9, began + STAY - Duration::from_nanos(1));
        assert_eq!(ended(&clients[..2]), [false, false]);
        doorstep.release(1, began + STAY);
        assert_eq!(ended(&clients[..2]), [true, false]);
        let (client, socket) = connection();
        doorstep.end(socket, began);
        assert!(!is_ended(&client), "there is a place again");
        doorstep.release(9, began + STAY);
        assert!(is_ended(&clients[1]) && is_ended(&client));
        assert_eq!(doorstep.time_left(began), None);
    }
}
