//! The ways in over HTTP: thin drivers without decisions of their own.

mod acceptor;
mod asking;
mod caller;
mod compression;
pub mod conn;
mod cors;
mod doorman;
mod doorstep;
pub mod entrance;
mod failure;
mod guard;
mod h2;
mod head;
mod history;
pub mod listening;
mod ops;
mod origin;
mod place;
mod poll;
pub mod proxies;
mod reference;
mod replay;
mod roster;
mod screen;
mod secure;
pub mod server;
pub mod shop;
mod spec;
mod streaming;
pub mod turnstile;
pub mod visitors;
mod websocket;
mod worker;

use actix_web::Handler;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::Resource;
use actix_web::Responder;
use actix_web::http::Method;
use actix_web::http::header;
use actix_web::web;
use tickwire_feeds::error::quoted;

use crate::http::failure::Failure;

/// Methods that are served where something is read.
const PAGE_METHODS: &str = "GET, HEAD, OPTIONS";

/// Adds all routes to an application whose data holds a [`shop::Shop`].
pub fn routes(config: &mut web::ServiceConfig) {
    let stream = web::resource("/v1/stream").get(websocket::stream);
    let replay = web::resource("/v1/replay").get(replay::replay);
    let client = web::resource(screen::CLIENT).delete(ops::dismiss);
    config
        .service(stream.default_service(web::to(|request| refuse(request, "GET"))))
        .service(replay.default_service(web::to(|request| refuse(request, "GET"))))
        .service(page("/v1/sse", streaming::sse))
        .service(page("/v1/ndjson", streaming::ndjson))
        .service(page("/v1/poll", poll::poll))
        .service(page("/v1/snapshot", reference::snapshot))
        .service(page("/v1/symbols", reference::symbols))
        .service(page("/v1/venues", reference::venues))
        .service(page("/v1/trades", history::trades))
        .service(page("/v1/quotes", history::quotes))
        .service(page("/v1/gaps", history::gaps))
        .service(page("/v1/bars", history::bars))
        .service(page("/v1/sessions", history::sessions))
        .service(page("/healthz", ops::healthz))
        .service(page("/readyz", ops::readyz))
        .service(page("/metrics", ops::metrics))
        .service(page("/openapi.json", spec::openapi))
        .service(page("/asyncapi.yaml", spec::asyncapi))
        .service(page("/docs", spec::docs))
        .service(page("/docs/{file:.*}", spec::page))
        .service(page("/", screen::front))
        .service(page(screen::CLIENTS, ops::clients))
        .service(client.default_service(web::to(|request| refuse(request, "DELETE"))))
        .service(page("/ui/{file:.*}", screen::file))
        .service(page("/client/{file:.*}", screen::library))
        .default_service(web::to(nowhere))
        .app_data(
            web::QueryConfig::default()
                .error_handler(|error, _| Failure::bad(error.to_string()).into()),
        );
}

/// What is read; the library leaves the body out of an answer to `HEAD`.
fn page<F, Args>(path: &str, read: F) -> Resource
where
    F: Handler<Args, Output: Responder + 'static>,
    Args: actix_web::FromRequest + 'static,
{
    web::resource(path)
        .get(read.clone())
        .route(web::head().to(read))
        .route(web::method(Method::OPTIONS).to(options))
        .default_service(web::to(|request| refuse(request, PAGE_METHODS)))
}

async fn options() -> HttpResponse {
    HttpResponse::NoContent().insert_header((header::ALLOW, PAGE_METHODS)).finish()
}

async fn refuse(request: HttpRequest, served: &'static str) -> Result<HttpResponse, Failure> {
    Err(Failure::method(request.method(), served))
}

async fn nowhere(request: HttpRequest) -> Result<HttpResponse, Failure> {
    Err(Failure::not_found(format!("nothing at {}", quoted(request.path()))))
}
