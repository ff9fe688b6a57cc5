//! A WebSocket to a server: how it opens, what comes out of it, and what its end means.

use std::sync::Arc;
use std::time::Duration;

use futures_util::SinkExt as _;
use futures_util::StreamExt as _;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio_tungstenite::MaybeTlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::Response;
use tokio_tungstenite::tungstenite::http::header;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::endpoint::Endpoint;
use crate::endpoint::Format;
use crate::error::Error;
use crate::machine::Welcome;

/// Longest time that sending an operation may take.
const SEND_MAX: Duration = Duration::from_secs(10);
/// Longest time to say goodbye.
const CLOSE_MAX: Duration = Duration::from_secs(2);
/// The code of a connection that ended without a Close.
const NO_CLOSE: u16 = 1006;

/// A connection that is open, of which the server has said its welcome.
#[derive(Debug)]
pub(crate) struct Socket {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    format: Format,
}

/// A message of the server.
#[derive(Debug)]
pub(crate) enum Said {
    /// One of the protocol.
    Text(tungstenite::Utf8Bytes),
    /// A sign of life.
    Nothing,
}

/// An error in the body of an answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body {
    error: Words,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Words {
    code: String,
    message: String,
}

impl Socket {
    /// Connects, and waits for the welcome.
    ///
    /// # Errors
    /// Why there is no connection.
    pub(crate) async fn open(
        endpoint: &Arc<Endpoint>,
        path: &str,
    ) -> Result<(Self, Welcome), Error> {
        let token = endpoint.tokens.token().await?;
        let request = request(endpoint, path, token.as_deref())?;
        let late = |_| {
            let url = endpoint.ws(path);
            Error::Connection(format!("{url}: no welcome in {} ms", endpoint.connect.as_millis()))
        };
        let attempt = async {
            let config = WebSocketConfig::default()
                .max_message_size(Some(endpoint.message_bytes_max))
                .max_frame_size(Some(endpoint.message_bytes_max));
            let connected = connect(endpoint, request, config).await;
            let (socket, _) = connected.map_err(|error| failed(&endpoint.ws(path), error))?;
            let mut socket = Self { socket, format: endpoint.format };
            loop {
                if let Said::Text(text) = socket.next().await? {
                    return Ok((socket, Welcome::parse(&text)?));
                }
            }
        };
        tokio::time::timeout(endpoint.connect, attempt).await.map_err(late)?
    }

    /// The next message.
    ///
    /// # Errors
    /// How the connection ended.
    ///
    /// # Cancel safety
    /// Nothing is lost if it is not waited for to its end.
    pub(crate) async fn next(&mut self) -> Result<Said, Error> {
        match self.socket.next().await {
            Some(Ok(Message::Text(text))) => Ok(Said::Text(text)),
            Some(Ok(Message::Binary(bytes))) => self.format.read(&bytes).map(Said::Text),
            Some(Ok(Message::Close(frame))) => {
                let frame = frame.map(|it| (u16::from(it.code), it.reason.to_string()));
                let (code, reason) = frame.unwrap_or((1005, String::new()));
                Err(Error::Closed { code, reason })
            }
            Some(Ok(_)) => Ok(Said::Nothing),
            Some(Err(tungstenite::Error::Capacity(error))) => {
                Err(Error::Protocol(error.to_string()))
            }
            Some(Err(tungstenite::Error::Utf8(_))) => {
                Err(Error::Protocol("a text that is not UTF-8".to_owned()))
            }
            Some(Err(tungstenite::Error::Protocol(
                tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            )))
            | None => Err(Error::Closed { code: NO_CLOSE, reason: String::new() }),
            Some(Err(tungstenite::Error::Protocol(error))) => {
                Err(Error::Protocol(error.to_string()))
            }
            Some(Err(error)) => Err(Error::Connection(error.to_string())),
        }
    }

    /// Sends an operation.
    ///
    /// # Errors
    /// If the server takes nothing any more.
    pub(crate) async fn send(&mut self, operation: String) -> Result<(), Error> {
        let sent = self.socket.send(Message::text(operation));
        match tokio::time::timeout(SEND_MAX, sent).await {
            Ok(sent) => sent.map_err(|error| Error::Connection(error.to_string())),
            Err(_) => Err(Error::Silence(SEND_MAX)),
        }
    }

    /// Says goodbye, and waits a little for the answer.
    pub(crate) async fn close(mut self) {
        let goodbye = async {
            let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
            let mut open = self.socket.close(Some(frame)).await.is_ok();
            while open {
                open = matches!(self.socket.next().await, Some(Ok(_)));
            }
        };
        tokio::time::timeout(CLOSE_MAX, goodbye).await.unwrap_or_default();
    }
}

impl Format {
    /// The text that a binary message stands for.
    fn read(self, bytes: &[u8]) -> Result<tungstenite::Utf8Bytes, Error> {
        match self {
            Self::Json => Err(Error::Protocol(format!(
                "a binary message of {} bytes where JSON is spoken",
                bytes.len()
            ))),
            #[cfg(feature = "msgpack")]
            Self::MessagePack => crate::msgpack::to_json(bytes).map(Into::into),
        }
    }
}

fn request(endpoint: &Endpoint, path: &str, token: Option<&str>) -> Result<Request, Error> {
    let url = endpoint.ws(path);
    let mut request =
        url.as_str().into_client_request().map_err(|error| Error::Usage(error.to_string()))?;
    let subprotocol = match endpoint.format {
        Format::Json => "tickwire.v1.json",
        #[cfg(feature = "msgpack")]
        Format::MessagePack => "tickwire.v1.msgpack",
    };
    let headers = request.headers_mut();
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(subprotocol));
    if let Some(token) = token {
        let mut value = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| Error::Token("it cannot stand in a header".to_owned()))?;
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
    }
    Ok(request)
}

type Connected = Result<
    (WebSocketStream<MaybeTlsStream<TcpStream>>, Response<Option<Vec<u8>>>),
    tungstenite::Error,
>;

#[cfg(feature = "rustls")]
async fn connect(endpoint: &Endpoint, request: Request, config: WebSocketConfig) -> Connected {
    let trust = tokio_tungstenite::Connector::Rustls(Arc::clone(&endpoint.trust));
    let config = Some(config);
    tokio_tungstenite::connect_async_tls_with_config(request, config, true, Some(trust)).await
}

#[cfg(not(feature = "rustls"))]
async fn connect(_: &Endpoint, request: Request, config: WebSocketConfig) -> Connected {
    tokio_tungstenite::connect_async_with_config(request, Some(config), true).await
}

/// Whom to trust: the certificates of a PEM file, or the roots of webpki.
///
/// # Errors
/// [`Error::Usage`] if there is no certificate in it.
#[cfg(feature = "rustls")]
pub(crate) fn trust(pem: Option<&[u8]>) -> Result<Arc<rustls::ClientConfig>, Error> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    let usage = |error: &dyn std::fmt::Display| Error::Usage(format!("certificates: {error}"));
    let mut roots = rustls::RootCertStore::empty();
    match pem {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|error| usage(&error))?;
                roots.add(certificate).map_err(|error| usage(&error))?;
            }
            if roots.is_empty() {
                return Err(usage(&"there is none"));
            }
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| usage(&error))?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

fn failed(url: &str, error: tungstenite::Error) -> Error {
    match error {
        tungstenite::Error::Http(response) => answered(&response),
        error => Error::Connection(format!("cannot connect to {url}: {error}")),
    }
}

fn answered(response: &Response<Option<Vec<u8>>>) -> Error {
    let body = response.body().as_deref().unwrap_or_default();
    let wait = response.headers().get(header::RETRY_AFTER).and_then(|it| it.to_str().ok());
    refused(response.status().as_u16(), wait, body)
}

/// The error that an HTTP answer is.
pub(crate) fn refused(status: u16, retry_after: Option<&str>, body: &[u8]) -> Error {
    let Words { code, message } =
        serde_json::from_slice::<Body>(body).map(|body| body.error).unwrap_or_default();
    let code = if code.is_empty() { "http".to_owned() } else { code };
    let seconds = retry_after.and_then(|it| it.trim().parse().ok());
    let retry_after = seconds.map(|it: u64| Duration::from_secs(it.min(3_600)));
    Error::Http { status, code, message, retry_after, next: None }
}
