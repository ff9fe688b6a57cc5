//! What the service offers, told to programs: `/openapi.json` for requests and answers,
//! `/asyncapi.yaml` for messages, and a page at `/docs/` to try them.

mod paths;
mod rows;
mod words;

use std::sync::Arc;
use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web;
use tickwire_feeds::error::quoted;
use utoipa::Modify;
use utoipa::OpenApi;
use utoipa::openapi::security::ApiKey;
use utoipa::openapi::security::ApiKeyValue;
use utoipa::openapi::security::HttpAuthScheme;
use utoipa::openapi::security::HttpBuilder;
use utoipa::openapi::security::SecurityScheme;
use utoipa_swagger_ui::Config;

use crate::http::failure::Failure;

/// What the page may load: its own files, and pictures that are written in its style sheet. The
/// library that it is made with sets styles on elements.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; \
     style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";
/// The messages of the streams.
const MESSAGES: &str = include_str!("spec/asyncapi.yaml");

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tickwire",
        description = "Market data: many venues, one ordered tape, live and replayed alike. \
            The streams over WebSocket are in `/asyncapi.yaml`.",
    ),
    tags(
        (name = "streams", description = "What is live, without WebSocket"),
        (name = "history", description = "What was, page by page"),
        (name = "reference", description = "What there is"),
        (name = "operation", description = "For operators"),
    ),
    paths(
        paths::sse, paths::ndjson, paths::poll, paths::snapshot, paths::trades, paths::quotes,
        paths::bars, paths::gaps, paths::sessions, paths::symbols, paths::venues, paths::healthz,
        paths::readyz, paths::metrics,
    ),
    components(schemas(
        words::Symbol, words::Channel, words::Interval, words::Format, words::By, words::Time,
        words::Cursor, words::Next, words::Slow,
    )),
    modifiers(&Credentials),
    security(("token" = []), ("api_key" = []))
)]
struct Api;

/// What is shown where `auth.mode` asks for it.
struct Credentials;

impl Modify for Credentials {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let components = api.components.get_or_insert_default();
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        let key = ApiKey::Header(ApiKeyValue::new("X-API-Key"));
        components.add_security_scheme("token", SecurityScheme::Http(bearer));
        components.add_security_scheme("api_key", SecurityScheme::ApiKey(key));
    }
}

static REQUESTS: LazyLock<String> =
    LazyLock::new(|| Api::openapi().to_pretty_json().unwrap_or_default());
static PAGE: LazyLock<Arc<Config<'static>>> =
    LazyLock::new(|| Arc::new(Config::from("/openapi.json").validator_url("none")));

/// `GET /openapi.json`
pub(super) async fn openapi() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(REQUESTS.as_str())
}

/// `GET /asyncapi.yaml`
pub(super) async fn asyncapi() -> HttpResponse {
    HttpResponse::Ok().content_type("application/yaml").body(MESSAGES)
}

/// `GET /docs`: the page's files stand beside it.
pub(super) async fn docs() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((header::LOCATION, "/docs/")).finish()
}

/// `GET /docs/…`: the files of the page.
pub(super) async fn page(file: web::Path<String>) -> Result<HttpResponse, Failure> {
    let nothing = || Failure::not_found(format!("no page at /docs/{}", quoted(&file)));
    let found = utoipa_swagger_ui::serve(&file, Arc::clone(&PAGE));
    let found = found.map_err(|error| Failure::internal(error.to_string()))?.ok_or_else(nothing)?;
    Ok(HttpResponse::Ok()
        .content_type(found.content_type)
        .insert_header((header::CONTENT_SECURITY_POLICY, PAGE_POLICY))
        .body(found.bytes.into_owned()))
}
