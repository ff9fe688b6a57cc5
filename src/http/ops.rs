//! For operators: is the process alive, is it ready, and how is it doing.

use std::sync::atomic::Ordering;

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::web;
use serde_json::json;
use tickwire_feeds::error::quoted;

use crate::clock;
use crate::http::caller::granted;
use crate::http::failure::Failure;
use crate::http::roster::Number;
use crate::http::shop::Shop;
use crate::store;
use crate::telemetry;

/// `GET /healthz`: the process answers.
pub(super) async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }))
}

/// `GET /readyz`: whether clients should be sent here.
pub(super) async fn readyz(request: HttpRequest) -> Result<HttpResponse, Failure> {
    let shop = Shop::of(&request)?;
    let house = shop.house();
    if house.draining.load(Ordering::Acquire) {
        return Err(Failure::unavailable("this server is stopping", 5));
    }
    if let Some(trouble) = house.hub.trouble() {
        return Err(Failure::unavailable(trouble.reason, 5));
    }
    if !shop.was_live() {
        return Err(Failure::unavailable("no feed was ever live", 1));
    }
    let age_ms = house.hub.age_ms(clock::monotonic());
    // Who streams needs no history: its trouble is told, and sends nobody away.
    let Some(store) = house.recorder.as_ref().map(store::Watch::status) else {
        return Ok(HttpResponse::Ok().json(json!({ "status": "ready", "age_ms": age_ms })));
    };
    let status = if store.is_degraded() { "degraded" } else { "ready" };
    let lost = store.lost.map(|(after, upto)| json!({ "after": after.0, "upto": upto.0 }));
    let store = json!({
        "state": store.state.word(),
        "behind": store.behind(),
        "lost": lost,
        "error": store.trouble(),
    });
    let answer = json!({ "status": status, "age_ms": age_ms, "store": store });
    Ok(HttpResponse::Ok().json(answer))
}

/// `GET /ui/clients.json`: who is connected; for the operators' page.
pub(super) async fn clients(request: HttpRequest) -> Result<HttpResponse, Failure> {
    let shop = Shop::of(&request)?;
    shop.check_operator(&request).await?;
    Ok(HttpResponse::Ok().json(shop.house().entrance.visitors.roster.to_json()))
}

/// `DELETE /ui/clients/{id}`: ends a client's connection, for operators that are known as such.
pub(super) async fn dismiss(
    request: HttpRequest,
    number: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let shop = Shop::of(&request)?;
    shop.check_origin(&request)?;
    let caller = shop.caller(&request).await?;
    granted(caller.rights().allow_operating(), "operator")?;
    let nobody = || Failure::not_found(format!("no client {:?} to end", quoted(&number)));
    let client: Number = number.parse().map_err(|_| nobody())?;
    let roster = &shop.house().entrance.visitors.roster;
    let (remote, way) = roster.dismiss(client).ok_or_else(nobody)?;
    // Names of subjects stand in no log: the operator is told by the address.
    let by = shop.address_of(&request);
    tracing::warn!(client, ?remote, way, ?by, "an operator ended a client's connection");
    Ok(HttpResponse::Accepted().json(json!({ "client": client })))
}

/// `GET /metrics`: Prometheus' text format.
pub(super) async fn metrics(request: HttpRequest) -> Result<HttpResponse, Failure> {
    let shop = Shop::of(&request)?;
    shop.check_operator(&request).await?;
    let house = shop.house();
    let shards = house.hub.stats();
    let report = telemetry::Report {
        hub: &house.hub,
        shards: &shards,
        tape: &house.tape,
        sequencer: &house.sequencer,
        store: house.recorder.as_ref().map(store::Watch::status),
        feeds: house.feeds.iter().map(|feed| (feed.name.as_str(), &*feed.stats)).collect(),
        replays: &house.replays,
        tls: house.tls.as_deref(),
        gate: house.gate.as_deref(),
        turned_away: house.entrance.turned_away(),
        age_ms: house.hub.age_ms(clock::monotonic()),
    };
    let text = report.encode().map_err(|error| Failure::internal(error.to_string()))?;
    Ok(HttpResponse::Ok().content_type(telemetry::CONTENT_TYPE).body(text))
}
