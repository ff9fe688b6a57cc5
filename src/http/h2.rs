//! HTTP/2: one connection, many requests, each an answer of the same application as HTTP/1.1.
//!
//! A driver of our own, as the library's sets no bound of streams, of heads or of idle time. What
//! clients send after a head is not read: no way in takes a body. A WebSocket needs HTTP/1.1.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;
use std::time::Instant;
use std::time::UNIX_EPOCH;

use actix_http::Payload;
use actix_http::Request;
use actix_http::Response;
use actix_http::ResponseHead;
use actix_http::body::BodySize;
use actix_http::body::BoxBody;
use actix_http::body::MessageBody;
use actix_service::Service;
use actix_web::http::Method;
use actix_web::http::header;
use actix_web::http::header::HeaderName;
use actix_web::http::header::HeaderValue;
use actix_web::web::Bytes;
use h2::Ping;
use h2::PingPong;
use h2::Reason;
use h2::RecvStream;
use h2::SendStream;
use h2::server::SendResponse;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;

use crate::clock;
use crate::subscriber::Rules;

/// Requests of one connection at once.
const STREAMS_MAX: u32 = 100;
/// Bytes of one connection that wait for its socket or its windows.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// Bytes that clients may send unasked, of a stream and of all: nobody reads them.
const WINDOW_BYTES: u32 = 65_535;
/// Bytes handed over at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// How long what is waited for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For the first request, and between two of them.
    pub(super) head: Duration,
    /// Between two pings while requests are being answered.
    pub(super) ping: Duration,
    /// From a ping to its answer.
    pub(super) pong: Duration,
    /// For a client to take a part of an answer.
    pub(super) write: Duration,
}

/// Bytes of a request's head, and how long what is waited for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) head_bytes: u32,
    pub(super) patience: Patience,
}

impl Bounds {
    /// Of the rules that hold now.
    pub(super) fn of(rules: &Rules, (head, head_bytes): (Duration, usize)) -> Self {
        let (ping, pong, write) = (rules.ping, rules.pong, rules.write_deadline);
        let patience = Patience { head, ping, pong, write };
        Self { head_bytes: u32::try_from(head_bytes).unwrap_or(u32::MAX), patience }
    }
}

/// Serves a connection to its end.
pub(super) async fn serve<T, S, B>(
    io: T,
    peer: Option<SocketAddr>,
    application: Rc<S>,
    bounds: Bounds,
) -> Result<(), h2::Error>
where
    T: AsyncRead + AsyncWrite + Unpin,
    S: Service<Request, Response: Into<Response<B>>, Error: Into<Response<BoxBody>>> + 'static,
    B: MessageBody + 'static,
{
    let mut builder = h2::server::Builder::new();
    builder
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(bounds.head_bytes)
        .max_send_buffer_size(SEND_BUFFER_BYTES)
        .initial_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES);
    let shaken = tokio::time::timeout(bounds.patience.head, builder.handshake(io)).await;
    let Ok(connection) = shaken else { return Ok(()) };
    let mut connection = connection?;
    let mut watch = Watch::new(connection.ping_pong(), bounds.patience);
    let mut is_ending = false;
    let open = Rc::new(());
    loop {
        let at = watch.at;
        let accepted = tokio::select! {
            accepted = connection.accept() => accepted,
            () = watch.answered() => continue,
            () = tokio::time::sleep_until(at.into()) => {
                match watch.look(Rc::strong_count(&open) - 1, clock::monotonic()) {
                    Seen::Alive => continue,
                    Seen::Idle if !is_ending => {
                        // Requests that are on their way are answered still.
                        connection.graceful_shutdown();
                        is_ending = true;
                        watch.rest();
                        continue;
                    }
                    Seen::Idle | Seen::Dead => return Ok(()),
                }
            }
        };
        let Some(accepted) = accepted else { return Ok(()) };
        let (request, respond) = accepted?;
        watch.rest();
        let (application, open) = (Rc::clone(&application), Rc::clone(&open));
        let most = bounds.patience.write;
        actix_web::rt::spawn(async move {
            let is_head = request.method() == Method::HEAD;
            let answered = match application.call(translate(request, peer)).await {
                Ok(response) => answer(response.into(), respond, (is_head, most)).await,
                Err(error) => answer(error.into(), respond, (is_head, most)).await,
            };
            if let Err(error) = answered {
                tracing::debug!(%error, "an answer over HTTP/2 ended early");
            }
            drop(open);
        });
    }
}

/// Finds connections that nobody needs or nobody is at the other end of.
struct Watch {
    pings: Option<PingPong>,
    patience: Patience,
    /// When to look next.
    at: Instant,
    asked: bool,
}

/// What a look at a connection found.
enum Seen {
    Alive,
    Idle,
    Dead,
}

impl Watch {
    fn new(pings: Option<PingPong>, patience: Patience) -> Self {
        Self { pings, patience, at: clock::monotonic() + patience.head, asked: false }
    }

    /// There was a request, or a goodbye: nothing is missed for a while.
    fn rest(&mut self) {
        if !self.asked {
            self.at = clock::monotonic() + self.patience.head;
        }
    }

    fn look(&mut self, open: usize, now: Instant) -> Seen {
        if self.asked {
            return Seen::Dead;
        }
        if open == 0 {
            return Seen::Idle;
        }
        let asked = self.pings.as_mut().map(|pings| pings.send_ping(Ping::opaque()));
        self.asked = matches!(asked, Some(Ok(())));
        self.at = now + self.patience.pong;
        Seen::Alive
    }

    /// Waits for the answer to a ping.
    async fn answered(&mut self) {
        let Some(pings) = self.pings.as_mut().filter(|_| self.asked) else {
            return std::future::pending().await;
        };
        if poll_fn(|cx| pings.poll_pong(cx)).await.is_err() {
            return std::future::pending().await;
        }
        self.asked = false;
        self.at = clock::monotonic() + self.patience.ping;
    }
}

/// A request as the application knows them.
fn translate(request: http02::Request<RecvStream>, peer: Option<SocketAddr>) -> Request {
    let (parts, _) = request.into_parts();
    let mut request = Request::with_payload(Payload::None);
    let head = request.head_mut();
    let authority =
        parts.uri.authority().map(|authority| HeaderValue::from_str(authority.as_str()));
    head.uri = parts.uri;
    head.method = parts.method;
    head.version = parts.version;
    head.headers = parts.headers.into();
    head.peer_addr = peer;
    if let Some(Ok(host)) = authority {
        head.headers.insert(header::HOST, host);
    }
    request
}

/// Sends an answer, as fast as the client takes it; no part of it may take longer than so long.
async fn answer<B: MessageBody>(
    response: Response<B>,
    mut respond: SendResponse<Bytes>,
    (is_head, most): (bool, Duration),
) -> Result<(), h2::Error> {
    let (response, body) = response.into_parts();
    let size = body.size();
    let is_empty = is_head || size.is_eof();
    let mut stream = respond.send_response(head_of(response.head(), size), is_empty)?;
    if is_empty {
        return Ok(());
    }
    let mut body = std::pin::pin!(body);
    loop {
        let chunk = poll_fn(|cx| {
            if let Poll::Ready(reset) = stream.poll_reset(cx) {
                return Poll::Ready(Err(reset.map_or_else(|error| error, h2::Error::from)));
            }
            body.as_mut().poll_next(cx).map(Ok)
        });
        match chunk.await? {
            Some(Ok(chunk)) => match tokio::time::timeout(most, send(&mut stream, chunk)).await {
                Ok(sent) => sent?,
                Err(_) => {
                    stream.send_reset(Reason::CANCEL);
                    return Ok(());
                }
            },
            Some(Err(_)) => {
                stream.send_reset(Reason::INTERNAL_ERROR);
                return Ok(());
            }
            None => return stream.send_data(Bytes::new(), true),
        }
    }
}

async fn send(stream: &mut SendStream<Bytes>, mut chunk: Bytes) -> Result<(), h2::Error> {
    while !chunk.is_empty() {
        stream.reserve_capacity(chunk.len().min(CHUNK_BYTES));
        let capacity = poll_fn(|cx| stream.poll_capacity(cx)).await;
        let gone = || h2::Error::from(Reason::CANCEL);
        let capacity = capacity.ok_or_else(gone)??;
        stream.send_data(chunk.split_to(capacity.min(chunk.len())), false)?;
    }
    Ok(())
}

fn head_of(head: &ResponseHead, size: BodySize) -> http02::Response<()> {
    let mut response = http02::Response::new(());
    *response.status_mut() = head.status;
    let headers = response.headers_mut();
    for (name, value) in head.headers() {
        // RFC 9113 §8.2.2: what concerns one connection has no place here.
        let is_of_connection =
            matches!(*name, header::CONNECTION | header::TRANSFER_ENCODING | header::UPGRADE)
                || name == HeaderName::from_static("keep-alive");
        if !is_of_connection {
            headers.append(name, value.clone());
        }
    }
    if let BodySize::Sized(length) = size {
        headers.insert(header::CONTENT_LENGTH, length.into());
    }
    let since = Duration::from_nanos(u64::try_from(clock::now().0).unwrap_or(0));
    let date = header::HttpDate::from(UNIX_EPOCH + since).to_string();
    if let Ok(date) = HeaderValue::from_str(&date) {
        headers.insert(header::DATE, date);
    }
    response
}
