//! A WebSocket connection to a server, and what its ends mean.

use std::io;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::SinkExt as _;
use futures_util::StreamExt as _;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_tungstenite::Connector;
use tokio_tungstenite::MaybeTlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::connect_async_tls_with_config;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::cli::endpoint;
use crate::cli::endpoint::Endpoint;
use crate::cli::failure::Failure;

/// Longest time to connect.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// Longest time to say goodbye.
const CLOSE_MAX: Duration = Duration::from_millis(300);
/// After a server that has too many connections turned us away.
const CROWDED: Duration = Duration::from_secs(10);

/// A connection that is open.
#[derive(Debug)]
pub(super) struct Connection {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// What comes out of a connection.
#[derive(Debug)]
pub(super) enum Heard {
    /// A message.
    Text(Utf8Bytes),
    /// Nothing, until the time given.
    Silence,
    /// Its end.
    Ended {
        /// Why.
        reason: String,
        /// Least time before the next attempt.
        wait: Duration,
    },
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// [`Failure::Connection`], or [`Failure::Access`] if it is the server that refuses.
    pub(super) async fn open(endpoint: &Endpoint) -> Result<Self, Failure> {
        let url = &endpoint.url;
        let connector = endpoint.trust()?.map(|trust| Connector::Rustls(trust.config()));
        let attempt = connect_async_tls_with_config(request(endpoint)?, None, true, connector);
        match tokio::time::timeout(CONNECT_MAX, attempt).await {
            Ok(Ok((socket, _))) => Ok(Self { socket }),
            Ok(Err(error)) => Err(refusal(url, error)),
            Err(_) => Err(Failure::Connection(format!(
                "cannot connect to {url}: no answer within {} s",
                CONNECT_MAX.as_secs()
            ))),
        }
    }

    /// What is here already; `None` if that is nothing.
    ///
    /// # Errors
    /// As [`Self::hear`].
    pub(super) fn hear_now(&mut self) -> Result<Option<Heard>, Failure> {
        loop {
            match self.socket.next().now_or_never() {
                None => return Ok(None),
                Some(item) => match interpret(item)? {
                    Some(heard) => return Ok(Some(heard)),
                    None => continue,
                },
            }
        }
    }

    /// Waits for the next message.
    ///
    /// # Errors
    /// [`Failure::Access`] if the server refuses for good.
    pub(super) async fn hear(&mut self, until: Instant) -> Result<Heard, Failure> {
        loop {
            match tokio::time::timeout_at(until, self.socket.next()).await {
                Err(_) => return Ok(Heard::Silence),
                Ok(item) => {
                    if let Some(heard) = interpret(item)? {
                        return Ok(heard);
                    }
                }
            }
        }
    }

    /// Sends operations. If they cannot be sent, that will be heard.
    pub(super) async fn send(&mut self, operations: Vec<String>) {
        for operation in operations {
            if let Err(error) = self.socket.send(Message::text(operation)).await {
                tracing::debug!(%error, "could not send");
            }
        }
    }

    /// Says goodbye.
    pub(super) async fn close(mut self) {
        tokio::time::timeout(CLOSE_MAX, self.socket.close(None)).await.ok();
    }
}

/// The request for an upgrade, with the credential in its head.
fn request(endpoint: &Endpoint) -> Result<Request, Failure> {
    let url = endpoint.url.as_str();
    let mut request = url.into_client_request().map_err(|error| refusal(url, error))?;
    if let Some(token) = &endpoint.token {
        let value = HeaderValue::try_from(format!("Bearer {}", token.reveal()));
        let value = value.map_err(|_| Failure::Usage("that is no token".to_owned()))?;
        request.headers_mut().insert(header::AUTHORIZATION, value);
    }
    Ok(request)
}

type Item = Option<Result<Message, tungstenite::Error>>;

/// `None` for what concerns nobody here, as pings.
fn interpret(item: Item) -> Result<Option<Heard>, Failure> {
    let ended = |reason: String| Heard::Ended { reason, wait: Duration::ZERO };
    match item {
        Some(Ok(Message::Text(text))) => Ok(Some(Heard::Text(text))),
        Some(Ok(Message::Close(frame))) => closed(frame).map(Some),
        Some(Ok(_)) => Ok(None),
        Some(Err(error)) => Ok(Some(ended(format!("the connection broke: {error}")))),
        None => Ok(Some(ended("the connection ended".to_owned()))),
    }
}

fn closed(frame: Option<CloseFrame>) -> Result<Heard, Failure> {
    let Some(CloseFrame { code, reason }) = frame else {
        let reason = "the server closed".to_owned();
        return Ok(Heard::Ended { reason, wait: Duration::ZERO });
    };
    let code = u16::from(code);
    let text = format!("the server closed: {code} {reason}").trim_end().to_owned();
    match code {
        4001 | 4010 | 4401 | 4403 => Err(Failure::Access(text)),
        // We did something that it does not understand; again would be no better.
        1002 | 1003 | 1007 | 1009 => Err(Failure::General(text)),
        4429 => Ok(Heard::Ended { reason: text, wait: CROWDED }),
        _ => Ok(Heard::Ended { reason: text, wait: Duration::ZERO }),
    }
}

fn refusal(url: &str, error: tungstenite::Error) -> Failure {
    match error {
        tungstenite::Error::Http(response) => {
            let (status, body) = (response.status(), response.body().as_deref());
            let said = body.and_then(said).map(|said| format!(": {said}")).unwrap_or_default();
            match status.as_u16() {
                401 | 403 => Failure::Access(format!("{url} refuses with {status}{said}")),
                _ => Failure::Connection(format!("{url} answers {status}{said}")),
            }
        }
        tungstenite::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            Failure::Connection(format!(
                "nobody listens at {url}; is tickwire serving? start it with: tickwire serve"
            ))
        }
        error => {
            let said = error.to_string();
            let advice = endpoint::tls_advice(&said);
            Failure::Connection(format!("cannot connect to {url}: {said}{advice}"))
        }
    }
}

/// The message in the body of a refusal.
fn said(body: &[u8]) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    Some(body.pointer("/error/message")?.as_str()?.to_owned())
}
