//! `GET /v1/poll`: what there is after a cursor, as soon as there is something.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::header;
use serde::Serialize;

use crate::clock;
use crate::http::asking::Parameters;
use crate::http::caller::Show;
use crate::http::conn::Presence;
use crate::http::failure::Failure;
use crate::http::place;
use crate::http::shop::Shop;
use crate::hub::shard::Asked;
use crate::hub::shard::ConnectionId;
use crate::hub::shard::SharedShard;
use crate::subscriber::Patience;
use crate::wire::Code;
use crate::wire::Reject;
use crate::wire::answer::Rejected;
use crate::wire::answer::Subscribed;

/// Longest `wait_ms`, and the one of those who name none.
const WAIT_MS: (u64, u64) = (30_000, 25_000);
/// Largest `limit`, and the one of those who name none.
const LIMIT: (u64, u64) = (10_000, 1_000);
/// Between two looks at a page that stands too far back to end though its time is up.
const LOOK: Duration = Duration::from_millis(5);

/// `GET /v1/poll?channel=&symbols=[&cursor=][&wait_ms=][&limit=]`
pub(super) async fn poll(request: HttpRequest) -> Result<HttpResponse, Failure> {
    let shop = Shop::of(&request)?;
    let (mut visit, pass) = shop.admit(&request, Show::Now).await?.into_parts();
    let mut parameters = Parameters::read(&request, &["wait_ms", "limit"])?;
    let wait_ms = parameters.take_number("wait_ms", 0..=WAIT_MS.0)?.unwrap_or(WAIT_MS.1);
    let limit = parameters.take_number("limit", 1..=LIMIT.0)?.unwrap_or(LIMIT.1);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let (op, place) = parameters.subscribe()?;
    if let Some(place) = place {
        place::reach(shop, &place).await?;
    }
    let shard = Rc::clone(shop.shard());
    let mut parts = None;
    let answer = |subscribed: Subscribed<'_>| parts = Some(Parts::of(&subscribed));
    let id = shard.borrow_mut().ask_page(&op, (limit, pass), answer).map_err(Failure::rejected)?;
    let gauge = shard.borrow_mut().gauge(id);
    shop.introduce(&mut visit, &request, gauge);
    let client = request.conn_data::<Presence>().cloned();
    let asking = Asking { shard, id, client };
    let asked = asking.wait(Duration::from_millis(wait_ms)).await;
    let asked = asked.ok_or_else(|| Failure::unavailable("this server is stopping", 5))?;
    let asked = asked.map_err(Failure::rejected)?;
    let body = parts.unwrap_or_default().around(shop.house().tape.epoch(), &asked);
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    Ok(response.content_type("application/json").body(body))
}

/// A page that is being made, until this is dropped.
struct Asking {
    shard: SharedShard,
    id: ConnectionId,
    client: Option<Presence>,
}

impl Asking {
    /// The page, once there is something in it or its time is up, or why it may not be had any
    /// more; `None` if there will be none.
    async fn wait(&self, time: Duration) -> Option<Result<Asked, Reject>> {
        let mut patience = Patience::Some;
        let mut deadline = clock::monotonic() + time;
        loop {
            let page = poll_fn(|cx| {
                let page = self.shard.borrow_mut().poll_page(self.id, patience, cx.waker());
                let is_alone =
                    || self.client.as_ref().is_some_and(|client| client.line().is_ended());
                if page.is_pending() && is_alone() { Poll::Ready(None) } else { page }
            });
            match tokio::time::timeout_at(deadline.into(), page).await {
                Ok(page) => return page,
                Err(_) => {
                    patience = Patience::None;
                    deadline = clock::monotonic() + LOOK;
                }
            }
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.shard.borrow_mut().disconnect(self.id);
    }
}

/// What stands around the messages of an answer.
#[derive(Debug, Default)]
struct Parts {
    before: Before,
    after: After,
}

#[derive(Debug, Default, Serialize)]
struct Before {
    resumed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Debug, Default, Serialize)]
struct After {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pending: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rejected: Vec<Unknown>,
}

#[derive(Debug, Serialize)]
struct Unknown {
    symbol: String,
    code: Code,
}

impl Parts {
    fn of(subscribed: &Subscribed<'_>) -> Self {
        let unknown = |of: &Rejected<'_>| Unknown { symbol: of.symbol.to_owned(), code: of.code };
        Self {
            before: Before {
                resumed: subscribed.resumed,
                reason: subscribed.reason.map(str::to_owned),
            },
            after: After {
                pending: subscribed.pending.iter().map(|&symbol| symbol.to_owned()).collect(),
                rejected: subscribed.rejected.iter().map(unknown).collect(),
            },
        }
    }

    /// The whole answer: one object, with the messages as they stand on their lines.
    fn around(&self, epoch: &str, asked: &Asked) -> Vec<u8> {
        let inner = |part: Vec<u8>| part.get(1..part.len().saturating_sub(1)).map(<[u8]>::to_vec);
        let inner = |part: Vec<u8>| inner(part).unwrap_or_default();
        let before = inner(serde_json::to_vec(&self.before).unwrap_or_default());
        let after = inner(serde_json::to_vec(&self.after).unwrap_or_default());
        let lines = asked.lines.strip_suffix(b"\n").unwrap_or(&asked.lines);
        let mut body = Vec::with_capacity(lines.len() + before.len() + after.len() + 128);
        body.extend_from_slice(format!("{{\"cursor\":\"{epoch}:{}\",", asked.cursor).as_bytes());
        body.extend_from_slice(&before);
        body.extend_from_slice(b",\"messages\":[");
        let begin = body.len();
        body.extend_from_slice(lines);
        for byte in body.iter_mut().skip(begin).filter(|byte| **byte == b'\n') {
            *byte = b',';
        }
        body.push(b']');
        if !after.is_empty() {
            body.push(b',');
            body.extend_from_slice(&after);
        }
        body.push(b'}');
        body
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::event::Seq;

    #[test]
    fn an_answer_is_one_object_in_a_fixed_order() {
        let around = |parts: &Parts, lines: &'static [u8]| {
            let asked = Asked { lines: Bytes::from_static(lines), cursor: Seq(7) };
            String::from_utf8(parts.around("k3", &asked)).unwrap()
        };
        let mut parts = Parts::default();
        assert_eq!(around(&parts, b""), r#"{"cursor":"k3:7","resumed":false,"messages":[]}"#);
        parts.before.resumed = true;
        let expected = r#"{"cursor":"k3:7","resumed":true,"messages":[{"a":1},{"b":2}]}"#;
        assert_eq!(around(&parts, b"{\"a\":1}\n{\"b\":2}\n"), expected);
        parts.before = Before { resumed: false, reason: Some("ahead".into()) };
        let unknown = Unknown { symbol: "a:\"".into(), code: Code::UnknownSymbol };
        parts.after.rejected.push(unknown);
        let expected = concat!(
            r#"{"cursor":"k3:7","resumed":false,"reason":"ahead","messages":[{}],"#,
            r#""rejected":[{"symbol":"a:\"","code":"unknown_symbol"}]}"#
        );
        assert_eq!(around(&parts, b"{}\n"), expected);
    }
}
