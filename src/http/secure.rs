//! How a connection begins on a port that speaks TLS.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::debug;

use crate::http::conn::Conn;
use crate::tls::Keeper;

/// The first byte of a TLS connection: a record of its handshake.
const HANDSHAKE: u8 = 0x16;
/// Bytes that rustls holds for a socket that takes none; the rest waits where it is counted.
const BUFFER_BYTES: usize = 32 * 1024;
/// How long what a client still sends is read after it was told that this port speaks TLS.
const LINGER: Duration = Duration::from_millis(500);

/// Takes connections up.
#[derive(Clone)]
pub(super) struct Doorkeeper {
    keeper: Arc<Keeper>,
    acceptor: TlsAcceptor,
    /// Longest time for a handshake.
    timeout: Duration,
}

/// The protocol that client and server agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spoken {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

/// A connection with its handshake behind it.
pub(super) struct Taken {
    pub(super) stream: TlsStream<Conn>,
    pub(super) spoken: Spoken,
}

impl Doorkeeper {
    pub(super) fn new(keeper: &Arc<Keeper>, timeout: Duration) -> io::Result<Self> {
        let config = keeper.config().map_err(io::Error::other)?;
        Ok(Self { keeper: Arc::clone(keeper), acceptor: TlsAcceptor::from(config), timeout })
    }

    /// Shakes hands; `None` if that came to nothing.
    pub(super) async fn take(&self, conn: Conn) -> Option<Taken> {
        match tokio::time::timeout(self.timeout, self.shake(conn)).await {
            Ok(Ok(Some(mut stream))) => {
                let spoken = match stream.get_ref().1.alpn_protocol() {
                    Some(b"h2") => {
                        // It has windows of its own.
                        stream.get_ref().0.line().converse();
                        Spoken::Http2
                    }
                    _ => {
                        stream.get_mut().0.expect_head();
                        Spoken::Http1
                    }
                };
                return Some(Taken { stream, spoken });
            }
            Ok(Ok(None)) => debug!("plain HTTP where TLS is spoken"),
            Ok(Err(error)) => debug!(%error, "no handshake"),
            Err(_) => debug!("a handshake took too long"),
        }
        self.keeper.broken.fetch_add(1, Ordering::Relaxed);
        None
    }

    async fn shake(&self, mut conn: Conn) -> io::Result<Option<TlsStream<Conn>>> {
        let mut first = [0];
        if conn.line().socket().peek(&mut first).await? == 1 && first[0] != HANDSHAKE {
            return explain(&mut conn).await.map(|()| None);
        }
        let mut stream = self.acceptor.accept(conn).await?;
        stream.get_mut().1.set_buffer_limit(Some(BUFFER_BYTES));
        Ok(Some(stream))
    }
}

/// Tells somebody who speaks plain HTTP, as it seems, what is spoken here.
async fn explain(conn: &mut Conn) -> io::Result<()> {
    let body =
        r#"{"error":{"code":"bad_request","message":"this port speaks TLS: use https or wss"}}"#;
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    conn.write_all(answer.as_bytes()).await?;
    conn.shutdown().await?;
    // Closing with bytes unread would answer with a reset, which can overtake the answer.
    let mut rest = [0; 1024];
    let drain = async {
        while conn.read(&mut rest).await? > 0 {}
        io::Result::Ok(())
    };
    tokio::time::timeout(LINGER, drain).await.unwrap_or(Ok(()))
}
