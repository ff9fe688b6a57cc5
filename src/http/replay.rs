//! `GET /v1/replay`: the WebSocket driver of a replay, which runs where history is read.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::body::BodySize;
use actix_web::body::BoxBody;
use actix_web::body::MessageBody;
use actix_web::web;
use actix_web::web::Bytes;
use tokio::sync::mpsc;

use crate::http::failure::Failure;
use crate::http::shop::Shop;
use crate::http::visitors::Visit;
use crate::http::websocket;
use crate::http::websocket::Incoming;
use crate::http::websocket::Upgraded;
use crate::replay;
use crate::replay::Heard;
use crate::replay::World;

/// Messages of a client that wait; it is not read from beyond them.
const HEARD_MAX: usize = 8;
/// Chunks for a client that wait; each is about as long as a sixteenth of its buffer.
const CHUNKS_MAX: usize = 4;

/// Upgrades a request to a WebSocket and begins a replay for it.
pub(super) async fn replay(
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Failure> {
    let shop = Shop::of(&request)?;
    let house = shop.house();
    let guest = websocket::admit(&request, shop).await?;
    guest.admitted().check_history()?;
    let turn = shop.visit_replay(&request)?;
    let office = Arc::clone(&house.replays);
    let mut seat = None;
    if guest.admitted().is_known() || house.gate.is_none() {
        let entered = office.enter();
        seat = Some(entered.ok_or_else(|| Failure::unavailable(office.crowded(), 5))?);
    }
    let form = guest.form();
    let Upgraded { response, incoming, admitted } =
        websocket::upgrade(&request, payload, (shop, guest)).await?;
    let rules = Arc::new(shop.shard().borrow().rules().clone());
    let message_bytes = rules.limits.message_bytes;
    let (history, hub, tape) = (house.history.clone(), Arc::clone(&house.hub), house.tape.clone());
    let (speaking, hearing) = mpsc::channel(HEARD_MAX);
    let (sending, chunks) = mpsc::channel(CHUNKS_MAX);
    let (visit, pass) = admitted.into_parts();
    if let Some(pass) = pass {
        // The first of what it hears: there is room.
        speaking.try_send(Heard::Entered(pass)).ok();
    }
    let run =
        replay::run(World { history, hub, tape, rules, office, form }, seat, hearing, sending);
    if house.desk.spawn(run).is_none() {
        return Err(Failure::unavailable("this server is stopping", 5));
    }
    actix_web::rt::spawn(read(incoming, speaking, message_bytes));
    let body = |inner| Body { _inner: inner, chunks, _visits: (visit, turn) };
    Ok(response.map_body(|_, inner| BoxBody::new(body(inner))))
}

/// Hands a client's messages to its replay, in order, until either end is over.
async fn read(mut incoming: Incoming, speaking: mpsc::Sender<Heard>, message_bytes: usize) {
    loop {
        let message = incoming.recv().await;
        let heard = match incoming.understand(message) {
            websocket::Heard::Text(text) => Heard::Text(text),
            websocket::Heard::Packed(bytes) => Heard::Packed(bytes),
            websocket::Heard::Ping(payload) => Heard::Ping(payload),
            websocket::Heard::Pong => Heard::Pong,
            websocket::Heard::Fail(close) => {
                Heard::Fail(close, websocket::reject_of(close, message_bytes))
            }
            websocket::Heard::HungUp => Heard::HungUp,
        };
        let is_last = matches!(heard, Heard::Fail(..) | Heard::HungUp);
        if speaking.send(heard).await.is_err() || is_last {
            break;
        }
    }
    // What the client sends after that is nothing to anyone, but the connection stays until the
    // replay has said what it has to say.
    speaking.closed().await;
}

/// The response body: what the replay sends.
struct Body {
    /// The library's own body; dropping it would end the client's messages.
    _inner: BoxBody,
    chunks: mpsc::Receiver<Bytes>,
    _visits: (Visit, Visit),
}

impl MessageBody for Body {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        self.chunks.poll_recv(cx).map(|chunk| chunk.map(Ok))
    }
}
