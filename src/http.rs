//! The ways in over HTTP: thin drivers without decisions of their own.

mod failure;
mod guard;
mod ops;
mod reference;
pub mod shop;
mod websocket;

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::web;

use crate::http::failure::Failure;

/// Adds all routes to an application whose data holds a [`shop::Shop`].
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/v1/stream", web::get().to(websocket::stream))
        .route("/v1/snapshot", web::get().to(reference::snapshot))
        .route("/v1/symbols", web::get().to(reference::symbols))
        .route("/v1/venues", web::get().to(reference::venues))
        .route("/healthz", web::get().to(ops::healthz))
        .route("/readyz", web::get().to(ops::readyz))
        .route("/metrics", web::get().to(ops::metrics))
        .default_service(web::to(nowhere))
        .app_data(
            web::QueryConfig::default()
                .error_handler(|error, _| Failure::bad(error.to_string()).into()),
        );
}

async fn nowhere(request: HttpRequest) -> Result<HttpResponse, Failure> {
    Err(Failure::not_found(format!("nothing at {}", request.path())))
}
