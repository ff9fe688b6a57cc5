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
use actix_web::http::Version;
use actix_web::http::header;
use actix_web::web;
use actix_web::web::Bytes;
use actix_ws::AggregatedMessage;
use actix_ws::AggregatedMessageStream;
use actix_ws::CloseReason;
use actix_ws::ProtocolError;

use crate::http::caller::Admitted;
use crate::http::caller::Show;
use crate::http::conn::Presence;
use crate::http::failure::Failure;
use crate::http::guard::Bounds;
use crate::http::guard::Breach;
use crate::http::guard::Guard;
use crate::http::shop::Shop;
use crate::http::visitors::Visit;
use crate::hub::shard;
use crate::hub::shard::ConnectionId;
use crate::hub::shard::Shard;
use crate::hub::shard::SharedShard;
use crate::wire::Close;
use crate::wire::Code;
use crate::wire::Form;
use crate::wire::Reject;

/// The subprotocols that are served. A client that names none gets the first.
const PROTOCOLS: [(&str, Form); 2] =
    [("tickwire.v1.json", Form::Text), ("tickwire.v1.msgpack", Form::Packed)];
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
    let form = guest.form();
    let Upgraded { response, incoming, admitted } =
        upgrade(&request, payload, (shop, guest)).await?;
    let line = request.conn_data::<Presence>().and_then(Presence::direct);
    let id = shard.borrow_mut().connect(line, form);
    let mut visit = admitted.sit(&shard, id);
    let gauge = shard.borrow_mut().gauge(id);
    shop.introduce(&mut visit, &request, gauge);
    actix_web::rt::spawn(read(incoming, Rc::clone(&shard), id));
    let body = |inner| Body { _inner: inner, shard, id, _visit: visit };
    Ok(response.map_body(|_, inner| BoxBody::new(body(inner))))
}

/// Who may connect, and the subprotocol to answer with, if one was named.
pub(super) struct Guest {
    admitted: Admitted,
    protocol: Option<(&'static str, Form)>,
}

/// Lets a client connect, if it may.
pub(super) async fn admit(request: &HttpRequest, shop: &Shop) -> Result<Guest, Failure> {
    let protocol = choose_protocol(request)?;
    Ok(Guest { admitted: shop.admit(request, Show::Later).await?, protocol })
}

impl Guest {
    /// What it was let in with, if it has shown anything yet.
    pub(super) const fn admitted(&self) -> &Admitted {
        &self.admitted
    }

    /// How messages reach the client.
    pub(super) fn form(&self) -> Form {
        self.protocol.map_or(Form::Text, |(_, form)| form)
    }
}

/// A request that is a WebSocket now.
pub(super) struct Upgraded {
    pub(super) response: HttpResponse,
    pub(super) incoming: Incoming,
    pub(super) admitted: Admitted,
}

/// Upgrades a request.
pub(super) async fn upgrade(
    request: &HttpRequest,
    payload: web::Payload,
    (shop, guest): (&Shop, Guest),
) -> Result<Upgraded, Failure> {
    let form = guest.form();
    let Guest { admitted, protocol } = guest;
    check_upgrade(request)?;
    if let Some(client) = request.conn_data::<Presence>() {
        client.line().converse();
    }
    let breach = Breach::default();
    let mut guarded = Guard::wrap(payload.into_inner(), shop.bounds(), Rc::clone(&breach));
    let payload = web::Payload::from_request(request, &mut guarded).await.map_err(Failure::of)?;
    let protocol = protocol.map(|(name, _)| name);
    let (response, _, messages) =
        actix_ws::handle_with_protocols(request, payload, protocol.as_slice())
            .map_err(Failure::of)?;
    let Bounds { frame_bytes, message_bytes, .. } = shop.bounds();
    let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    let messages = messages.max_frame_size(size(frame_bytes)).aggregate_continuations();
    let messages = messages.max_continuation_size(size(message_bytes));
    Ok(Upgraded { response, incoming: Incoming { messages, form, breach }, admitted })
}

/// What the library does not look at (RFC 6455 §4.2.1): it takes HTTP/1.0, any word with
/// `websocket` in it, and the first of many keys.
fn check_upgrade(request: &HttpRequest) -> Result<(), Failure> {
    let headers = request.headers();
    if request.version() < Version::HTTP_11 {
        return Err(Failure::bad("an upgrade takes HTTP/1.1"));
    }
    let words = headers.get_all(header::UPGRADE).filter_map(|value| value.to_str().ok());
    let mut words = words.flat_map(|value| value.split(','));
    if !words.any(|word| word.trim().eq_ignore_ascii_case("websocket")) {
        return Err(Failure::bad("the header Upgrade must name websocket"));
    }
    for name in [header::SEC_WEBSOCKET_KEY, header::SEC_WEBSOCKET_VERSION] {
        if headers.get_all(&name).count() > 1 {
            return Err(Failure::bad(format!("the header {name} may be there once")));
        }
    }
    Ok(())
}

/// The subprotocol that is served and that the client likes best; one that names any must name one
/// that is.
fn choose_protocol(request: &HttpRequest) -> Result<Option<(&'static str, Form)>, Failure> {
    let mut lists = request.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL).peekable();
    if lists.peek().is_none() {
        return Ok(None);
    }
    let mut offered = lists.flat_map(|list| list.to_str().unwrap_or_default().split(','));
    let served = |offer: &str| PROTOCOLS.into_iter().find(|(name, _)| *name == offer.trim());
    offered.find_map(served).map(Some).ok_or_else(|| {
        let [(json, _), (msgpack, _)] = PROTOCOLS;
        let message = format!("no subprotocol that is served: offer {json}, {msgpack}, or none");
        Failure::bad(message)
    })
}

/// What a client sends, until the response body is dropped.
pub(super) struct Incoming {
    messages: AggregatedMessageStream,
    form: Form,
    breach: Breach,
}

/// Hands a client's messages to its subscriber, in order, until either end is over.
#[expect(clippy::manual_async_fn, reason = "an async fn would keep room for its arguments twice")]
fn read(mut incoming: Incoming, shard: SharedShard, id: ConnectionId) -> impl Future<Output = ()> {
    async move {
        let mut turn = 0;
        loop {
            let message = incoming.next(&shard, id).await;
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
        shard::keep_up(shard);
        let mut shard = shard.borrow_mut();
        match self.understand(message) {
            Heard::Text(text) => {
                shard.with(id, |subscriber, view| subscriber.on_text(&text, view));
            }
            Heard::Packed(bytes) => {
                shard.with(id, |subscriber, view| subscriber.on_packed(&bytes, view));
            }
            Heard::Ping(payload) => {
                shard.with(id, |subscriber, view| subscriber.on_ping(&payload, view.now));
            }
            Heard::Pong => {
                shard.with(id, |subscriber, view| subscriber.on_pong(view.now));
            }
            Heard::Fail(close) => {
                let reject = reject_of(close, shard.rules().limits.message_bytes);
                shard.with(id, |subscriber, _| subscriber.fail(close, reject.as_ref()));
                return Ended::Yes;
            }
            Heard::HungUp => return Ended::Yes,
        }
        if shard.gives_up(id) { Ended::Yes } else { Ended::No }
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
            Some(Ok(AggregatedMessage::Binary(bytes))) if self.form == Form::Packed => {
                Heard::Packed(bytes)
            }
            Some(Ok(AggregatedMessage::Binary(_))) => Heard::Fail(Close::Unsupported),
            Some(Ok(AggregatedMessage::Close(reason))) => Heard::Fail(answer_to(reason)),
            Some(Err(error)) => close_for(&error).map_or(Heard::HungUp, Heard::Fail),
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
            Some(Ok(AggregatedMessage::Text(_) | AggregatedMessage::Binary(_))) => Shard::waits,
            Some(Ok(AggregatedMessage::Ping(_))) => Shard::is_full,
            _ => return message,
        };
        loop {
            let notice = waits(&mut shard.borrow_mut(), id);
            let Some(notice) = notice else { return message };
            notice.notified().await;
        }
    }
}

/// What a client did.
pub(super) enum Heard {
    Text(Bytes),
    Packed(Bytes),
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

/// The library's errors name no close code. One that has none is the end of the connection.
fn close_for(error: &ProtocolError) -> Option<Close> {
    match error {
        ProtocolError::Overflow => Some(Close::TooLarge),
        ProtocolError::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            Some(Close::NotUtf8)
        }
        ProtocolError::Io(_) => None,
        _ => Some(Close::Protocol),
    }
}

/// The response body: what is in the client's outbox.
struct Body {
    /// The library's own body; dropping it would end the client's messages.
    _inner: BoxBody,
    shard: SharedShard,
    id: ConnectionId,
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
    }
}
