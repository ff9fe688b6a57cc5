//! `GET /v1/sse` and `GET /v1/ndjson`: a subscription as an answer without an end.

use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::HttpResponseBuilder;
use actix_web::body::BodySize;
use actix_web::body::MessageBody;
use actix_web::http::Method;
use actix_web::http::StatusCode;
use actix_web::http::header;
use bytes::Bytes;
use bytes::BytesMut;
use futures_util::stream;

use crate::http::asking::Parameters;
use crate::http::caller::Show;
use crate::http::conn::Presence;
use crate::http::entrance::Heeded;
use crate::http::failure::Failure;
use crate::http::place;
use crate::http::shop::Shop;
use crate::http::visitors::Visit;
use crate::hub::shard::ConnectionId;
use crate::hub::shard::SharedShard;
use crate::wire::Form;
use crate::wire::answer::Answer;

/// `GET /v1/sse?channel=&symbols=`
pub(super) async fn sse(request: HttpRequest) -> Result<HttpResponse, Failure> {
    // The doorman leaves this one to be told here.
    let checked = Shop::of(&request).and_then(|shop| shop.check_pace(&request));
    let answered = match checked {
        Ok(()) => answer(&request, Form::Events).await,
        Err(failure) => Err(failure),
    };
    match answered {
        // An EventSource gives up at any other status.
        Err(failure) if failure.is_passing() => Ok(come_back(&request, &failure)),
        answered => answered,
    }
}

/// `GET /v1/ndjson?channel=&symbols=`
pub(super) async fn ndjson(request: HttpRequest) -> Result<HttpResponse, Failure> {
    answer(&request, Form::Lines).await
}

async fn answer(request: &HttpRequest, form: Form) -> Result<HttpResponse, Failure> {
    let shop = Shop::of(request)?;
    let (mut visit, pass) = shop.admit(request, Show::Now).await?.into_parts();
    let mut parameters = Parameters::read(request, &[])?;
    parameters.go_on_after(request)?;
    let (op, place) = parameters.subscribe()?;
    if let Some(place) = place {
        place::reach(shop, &place).await?;
    }
    let shard = Rc::clone(shop.shard());
    let id = shard.borrow_mut().ask(&op, form, pass).map_err(Failure::rejected)?;
    let gauge = shard.borrow_mut().gauge(id);
    shop.introduce(&mut visit, request, gauge);
    let client = request.conn_data::<Presence>().cloned();
    let body = Endless { shard, id, client, _visit: visit };
    if request.method() == Method::HEAD {
        return Ok(head(form).streaming(stream::empty::<Result<Bytes, Cut>>()));
    }
    Ok(head(form).body(body))
}

fn head(form: Form) -> HttpResponseBuilder {
    let mut head = HttpResponse::build(StatusCode::OK);
    let is_events = form == Form::Events;
    head.content_type(if is_events { "text/event-stream" } else { "application/x-ndjson" });
    head.insert_header((header::CACHE_CONTROL, "no-store"));
    head.insert_header(("x-accel-buffering", "no"));
    head
}

/// A refusal in the form of an answer that ends at once.
fn come_back(request: &HttpRequest, failure: &Failure) -> HttpResponse {
    let spread_ms = Shop::of(request).map_or(0, Shop::reconnect_spread_ms);
    let reconnect_ms = failure.retry_after_s().saturating_mul(1_000).max(1_000);
    let reconnect_ms = reconnect_ms.saturating_add(rand::random_range(0..=spread_ms));
    let is_draining = Shop::of(request).is_ok_and(Shop::is_draining);
    let code = if is_draining { "shutdown" } else { failure.code() };
    let mut body = BytesMut::new();
    Form::Events.write_retry(&mut body, reconnect_ms);
    body.extend_from_slice(format!(": {failure}\n").as_bytes());
    let closing = Answer::Closing { code, reconnect_ms }.to_json();
    Form::Events.write(&mut body, closing.as_slice().into());
    let mut head = head(Form::Events);
    if Shop::of(request).is_ok_and(|shop| shop.count_refusal(request) == Heeded::No) {
        head.force_close();
    }
    head.body(body.freeze())
}

/// The response body: what is in the client's outbox.
struct Endless {
    shard: SharedShard,
    id: ConnectionId,
    /// `None` where each answer has a stream of its own.
    client: Option<Presence>,
    _visit: Visit,
}

impl MessageBody for Endless {
    type Error = Cut;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let mut shard = self.shard.borrow_mut();
        let is_alone = self.client.as_ref().is_some_and(|client| client.line().is_ended());
        if is_alone || !shard.serves(self.id) {
            return Poll::Ready(Some(Err(Cut)));
        }
        shard.poll_bytes(self.id, cx.waker()).map(|bytes| bytes.map(Ok))
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.shard.borrow_mut().disconnect(self.id);
    }
}

/// The answer ends in the middle: nobody takes it.
#[derive(Debug, thiserror::Error)]
#[error("the client does not take its stream")]
struct Cut;
