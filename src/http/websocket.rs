//! `GET /v1/stream`: the WebSocket driver of a subscriber.
//!
//! The library does the handshake and decodes what clients send. What they get goes from the
//! outbox straight into the response body, so that many frames leave in one write.

use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;

use actix_web::FromRequest as _;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::body::BodySize;
use actix_web::body::BoxBody;
use actix_web::body::MessageBody;
use actix_web::http::header;
use actix_web::web;
use actix_web::web::Bytes;
use actix_ws::AggregatedMessage;
use actix_ws::AggregatedMessageStream;
use actix_ws::CloseReason;
use actix_ws::ProtocolError;
use actix_ws::Session;
use tokio::sync::Notify;

use crate::http::caller::Admitted;
use crate::http::caller::Show;
use crate::http::failure::Failure;
use crate::http::guard::Bounds;
use crate::http::guard::Breach;
use crate::http::guard::Guard;
use crate::http::shop::Shop;
use crate::http::visitors::Visit;
use crate::hub::shard::ConnectionId;
use crate::hub::shard::Line;
use crate::hub::shard::Shard;
use crate::hub::shard::SharedShard;
use crate::wire::Close;
use crate::wire::Code;
use crate::wire::Form;
use crate::wire::Reject;

/// The only subprotocol that is served, also to a client that names none.
const PROTOCOL: &str = "tickwire.v1.json";
/// Messages of one client that are dealt with before others get their turn.
const TURN_MESSAGES: u32 = 32;

/// Upgrades a request to a WebSocket and connects it to this worker's shard.
pub(super) async fn stream(
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Failure> {
    let shop = Shop::of(&request)?;
    let shard = Rc::clone(shop.shard());
    let guest = admit(&request, shop).await?;
    let Upgraded { response, incoming, over, admitted } =
        upgrade(&request, payload, (shop, guest)).await?;
    let line = request.conn_data::<Rc<Line>>().cloned();
    let id = shard.borrow_mut().connect(line, Form::Text);
    let visit = admitted.sit(&shard, id);
    actix_web::rt::spawn(read(incoming, Rc::clone(&shard), id));
    let body = |inner| Body { _inner: inner, shard, id, over, _visit: visit };
    Ok(response.map_body(|_, inner| BoxBody::new(body(inner))))
}

/// Who may connect, and the subprotocols to answer with.
pub(super) struct Guest {
    admitted: Admitted,
    protocols: &'static [&'static str],
}

/// Lets a client connect, if it may.
pub(super) async fn admit(request: &HttpRequest, shop: &Shop) -> Result<Guest, Failure> {
    let protocols = check_protocols(request)?;
    Ok(Guest { admitted: shop.admit(request, Show::Later).await?, protocols })
}

impl Guest {
    /// What it was let in with, if it has shown anything yet.
    pub(super) const fn admitted(&self) -> &Admitted {
        &self.admitted
    }
}

/// A request that is a WebSocket now.
pub(super) struct Upgraded {
    pub(super) response: HttpResponse,
    pub(super) incoming: Incoming,
    /// To be told when there is nobody left to answer.
    pub(super) over: Rc<Notify>,
    pub(super) admitted: Admitted,
}

/// Upgrades a request.
pub(super) async fn upgrade(
    request: &HttpRequest,
    payload: web::Payload,
    (shop, guest): (&Shop, Guest),
) -> Result<Upgraded, Failure> {
    let Guest { admitted, protocols } = guest;
    let breach = Breach::default();
    let mut guarded = Guard::wrap(payload.into_inner(), shop.bounds(), Rc::clone(&breach));
    let payload = web::Payload::from_request(request, &mut guarded).await.map_err(Failure::of)?;
    let (response, session, messages) =
        actix_ws::handle_with_protocols(request, payload, protocols).map_err(Failure::of)?;
    let Bounds { frame_bytes, message_bytes, .. } = shop.bounds();
    let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    let messages = messages.max_frame_size(size(frame_bytes)).aggregate_continuations();
    let messages = messages.max_continuation_size(size(message_bytes));
    let over = Rc::new(Notify::new());
    let incoming = Incoming { messages, breach, over: Rc::clone(&over), _session: session };
    Ok(Upgraded { response, incoming, over, admitted })
}

/// A client that names subprotocols must name one that is served.
fn check_protocols(request: &HttpRequest) -> Result<&'static [&'static str], Failure> {
    let mut offered = false;
    for value in request.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL) {
        let value = value.to_str().unwrap_or_default();
        offered = true;
        if value.split(',').any(|protocol| protocol.trim() == PROTOCOL) {
            return Ok(&[PROTOCOL]);
        }
    }
    if offered {
        let message = format!("no subprotocol that is served: offer {PROTOCOL}, or none");
        return Err(Failure::bad(message));
    }
    Ok(&[])
}

/// What a client sends.
pub(super) struct Incoming {
    messages: AggregatedMessageStream,
    breach: Breach,
    /// Told when there is nobody left to answer.
    pub(super) over: Rc<Notify>,
    /// The connection ends when it is dropped.
    _session: Session,
}

/// Hands a client's messages to its subscriber, in order, until either end is over.
#[expect(clippy::manual_async_fn, reason = "an async fn would keep room for its arguments twice")]
fn read(mut incoming: Incoming, shard: SharedShard, id: ConnectionId) -> impl Future<Output = ()> {
    async move {
        let mut turn = 0;
        loop {
            let over = Rc::clone(&incoming.over);
            let message = tokio::select! {
                message = incoming.next(&shard, id) => message,
                () = over.notified() => return,
            };
            if incoming.hand_in(message, &shard, id) == Ended::Yes {
                break;
            }
            turn += 1;
            if turn % TURN_MESSAGES == 0 {
                tokio::task::yield_now().await;
            }
        }
        shard.borrow_mut().hung_up(id);
    }
}

/// Whether anything more is read from a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    No,
    Yes,
}

impl Incoming {
    fn hand_in(
        &self,
        message: Option<Result<AggregatedMessage, ProtocolError>>,
        shard: &SharedShard,
        id: ConnectionId,
    ) -> Ended {
        let mut shard = shard.borrow_mut();
        match self.understand(message) {
            Heard::Text(text) => {
                shard.with(id, |subscriber, view| subscriber.on_text(&text, view));
            }
            Heard::Ping(payload) => {
                shard.with(id, |subscriber, _| subscriber.on_ping(&payload));
            }
            Heard::Pong => shard.with(id, |subscriber, _| subscriber.on_pong()),
            Heard::Fail(close) => {
                let reject = reject_of(close, shard.rules().limits.message_bytes);
                shard.with(id, |subscriber, _| subscriber.fail(close, reject.as_ref()));
                return Ended::Yes;
            }
            Heard::HungUp => return Ended::Yes,
        }
        Ended::No
    }

    /// What a message of the client means to the connection.
    pub(super) fn understand(
        &self,
        message: Option<Result<AggregatedMessage, ProtocolError>>,
    ) -> Heard {
        match message {
            Some(Ok(AggregatedMessage::Text(text))) => Heard::Text(text.into_bytes()),
            Some(Ok(AggregatedMessage::Ping(payload))) => Heard::Ping(payload),
            Some(Ok(AggregatedMessage::Pong(_))) => Heard::Pong,
            Some(Ok(AggregatedMessage::Binary(_))) => Heard::Fail(Close::Unsupported),
            Some(Ok(AggregatedMessage::Close(reason))) => Heard::Fail(answer_to(reason)),
            Some(Err(error)) => Heard::Fail(close_for(&error)),
            None => self.breach.take().map_or(Heard::HungUp, Heard::Fail),
        }
    }

    /// The next message.
    pub(super) async fn recv(&mut self) -> Option<Result<AggregatedMessage, ProtocolError>> {
        self.messages.recv().await
    }

    /// The next message, as soon as there is room for what answers it. Operations also wait while
    /// an earlier one does.
    async fn next(
        &mut self,
        shard: &SharedShard,
        id: ConnectionId,
    ) -> Option<Result<AggregatedMessage, ProtocolError>> {
        let message = self.messages.recv().await;
        let waits = match &message {
            Some(Ok(AggregatedMessage::Text(_))) => Shard::waits,
            Some(Ok(AggregatedMessage::Ping(_))) => Shard::is_full,
            _ => return message,
        };
        loop {
            let notice = waits(&shard.borrow(), id);
            let Some(notice) = notice else { return message };
            notice.notified().await;
        }
    }
}

/// What a client did.
pub(super) enum Heard {
    Text(Bytes),
    Ping(Bytes),
    Pong,
    /// The connection is to be closed with a code; nothing is read any more.
    Fail(Close),
    HungUp,
}

/// The error message before a close, where there is one to say.
pub(super) fn reject_of(close: Close, message_bytes: usize) -> Option<Reject> {
    (close == Close::TooLarge).then(|| {
        let message = format!("a message may have {message_bytes} bytes, in few fragments");
        Reject::new(Code::MessageTooLarge, message)
    })
}

/// A close is answered with its own code, if it may stand in a frame (RFC 6455 §7.4).
fn answer_to(reason: Option<CloseReason>) -> Close {
    match reason.map(|reason| u16::from(reason.code)) {
        None => Close::Answer(None),
        Some(code @ (1000..=1003 | 1007..=1014 | 3000..=4999)) => Close::Answer(Some(code)),
        Some(_) => Close::Protocol,
    }
}

/// The library's errors name no close code.
fn close_for(error: &ProtocolError) -> Close {
    match error {
        ProtocolError::Overflow => Close::TooLarge,
        ProtocolError::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            Close::NotUtf8
        }
        ProtocolError::Io(_) => Close::TooLarge,
        _ => Close::Protocol,
    }
}

/// The response body: what is in the client's outbox.
struct Body {
    /// The library's own body; dropping it would end the client's messages.
    _inner: BoxBody,
    shard: SharedShard,
    id: ConnectionId,
    over: Rc<Notify>,
    _visit: Visit,
}

impl MessageBody for Body {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let polled = self.shard.borrow_mut().poll_bytes(self.id, cx.waker());
        polled.map(|bytes| bytes.map(Ok))
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.shard.borrow_mut().disconnect(self.id);
        self.over.notify_one();
    }
}
