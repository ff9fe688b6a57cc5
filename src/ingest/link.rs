//! A WebSocket connection to a venue.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;
use std::time::Instant;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::SinkExt;
use futures_util::StreamExt;
use tokio::net::TcpStream;
use tokio_tungstenite::MaybeTlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::clock;
use crate::ingest::Settings;

/// A venue that does not take a short message for so long is gone.
const SEND_MAX: Duration = Duration::from_secs(5);
/// How long to wait for the farewell to leave.
const CLOSE_MAX: Duration = Duration::from_secs(1);

/// An open connection, and what is still to be sent on it.
#[derive(Debug)]
pub(super) struct Link {
    socket: Box<WebSocketStream<MaybeTlsStream<TcpStream>>>,
    sends: VecDeque<String>,
    send_gap: Duration,
    send_at: Instant,
    /// A message that was read and put back.
    held: Option<Bytes>,
}

/// What came on a connection.
#[derive(Debug)]
pub(super) enum Arrival {
    /// A text or binary message.
    Message(Bytes),
    /// Something of the protocol below, which is no sign of life of the market.
    Control,
    /// The end; why.
    Gone(String),
}

impl Link {
    /// Connects to `settings.url`.
    ///
    /// # Errors
    /// Why not, for people.
    pub(super) async fn connect(settings: &Settings) -> Result<Self, String> {
        let limit = Duration::from_millis(settings.connect_ms_max);
        let size = Some(settings.frame_bytes_max);
        let config = WebSocketConfig::default().max_message_size(size).max_frame_size(size);
        let url = settings.url.as_str();
        let request = url.into_client_request().map_err(|error| cannot_connect(&error))?;
        if request.uri().scheme_str() == Some("ws") && !request.uri().host().is_some_and(is_here) {
            return Err("cannot connect: a URL of another machine must be wss://".to_owned());
        }
        // Without Nagle: requests are short, and wait for their answer.
        let connect = tokio_tungstenite::connect_async_with_config(request, Some(config), true);
        match tokio::time::timeout(limit, connect).await {
            Ok(Ok((socket, _))) => Ok(Self {
                socket: Box::new(socket),
                sends: VecDeque::new(),
                send_gap: Duration::from_millis(settings.send_gap_ms),
                send_at: clock::monotonic(),
                held: None,
            }),
            Ok(Err(error)) => Err(cannot_connect(&error)),
            Err(_) => Err(format!("cannot connect: no answer in {} ms", settings.connect_ms_max)),
        }
    }

    /// Sends these one after the other, as fast as the venue allows.
    pub(super) fn queue(&mut self, messages: impl Iterator<Item = String>) {
        self.sends.extend(messages);
    }

    /// When to call [`Link::send`]; `None` for never.
    pub(super) fn send_at(&self) -> Option<Instant> {
        (!self.sends.is_empty()).then_some(self.send_at)
    }

    /// Sends what is due.
    ///
    /// # Errors
    /// Why the connection is of no more use, for people.
    pub(super) async fn send(&mut self, now: Instant) -> Result<(), String> {
        while now >= self.send_at
            && let Some(text) = self.sends.pop_front()
        {
            self.send_at = now + self.send_gap;
            match tokio::time::timeout(SEND_MAX, self.socket.send(Message::text(text))).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(explain(&error)),
                Err(_) => return Err("the venue reads nothing".to_owned()),
            }
        }
        Ok(())
    }

    /// Waits for what comes next. Pings are answered by the next call, or by [`Link::flush`].
    ///
    /// # Cancel safety
    /// Nothing is lost if the future is dropped.
    pub(super) async fn next(&mut self) -> Arrival {
        if let Some(bytes) = self.held.take() {
            return Arrival::Message(bytes);
        }
        match self.socket.next().await {
            Some(Ok(Message::Text(text))) => Arrival::Message(text.into()),
            Some(Ok(Message::Binary(bytes))) => Arrival::Message(bytes),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Arrival::Control,
            Some(Ok(Message::Close(frame))) => Arrival::Gone(match frame {
                Some(frame) if frame.reason.is_empty() => {
                    format!("connection closed by the venue: {}", u16::from(frame.code))
                }
                Some(frame) => {
                    let (code, reason) = (u16::from(frame.code), frame.reason);
                    format!("connection closed by the venue: {code} {reason}")
                }
                None => "connection closed by the venue".to_owned(),
            }),
            Some(Err(error)) => Arrival::Gone(explain(&error)),
            None => Arrival::Gone("connection closed by the venue".to_owned()),
        }
    }

    /// What has come already, if anything has.
    pub(super) fn next_ready(&mut self) -> Option<Arrival> {
        self.next().now_or_never()
    }

    /// Puts a message back, to be the next.
    pub(super) fn hold(&mut self, message: Bytes) {
        self.held = Some(message);
    }

    /// Sends the answers to pings that were read, as far as that is possible at once.
    pub(super) fn flush(&mut self) {
        // An error comes again when the socket is read.
        drop(self.socket.flush().now_or_never());
    }

    /// Says farewell and leaves.
    pub(super) async fn close(mut self) {
        // Whether the venue hears it does not matter any more.
        let farewell = WebSocketStream::close(&mut self.socket, None);
        drop(tokio::time::timeout(CLOSE_MAX, farewell).await);
    }
}

fn cannot_connect(error: &Error) -> String {
    match error {
        Error::Http(response) => {
            format!("cannot connect: the venue answered HTTP {}", response.status().as_u16())
        }
        Error::Io(error) => format!("cannot connect: {error}"),
        other => format!("cannot connect: {other}"),
    }
}

fn explain(error: &Error) -> String {
    match error {
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            "connection closed by the venue without a word".to_owned()
        }
        Error::Io(error) => format!("connection lost: {error}"),
        other => format!("connection given up: {other}"),
    }
}

/// Whether a host is this machine.
fn is_here(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_here() {
        for host in ["localhost", "127.0.0.1", "127.1.2.3", "[::1]"] {
            assert!(is_here(host), "{host}");
        }
        for host in ["example.com", "localhost.example.com", "10.0.0.1", "[fe80::1]", "0.0.0.0"] {
            assert!(!is_here(host), "{host}");
        }
    }
}
