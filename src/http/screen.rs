//! The screen: the page at `/`, the operators' page at `/ui/ops`, their files below `/ui/`, and the
//! client library for browsers below `/client/`. All of it is in the program; none of it is data.

use std::borrow::Cow;

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::http::header::ETag;
use actix_web::http::header::EntityTag;
use actix_web::http::header::HeaderValue;
use actix_web::web;
use rust_embed::EmbeddedFile;
use rust_embed::RustEmbed;
use tickwire_feeds::error::quoted;

use crate::http::failure::Failure;
use crate::http::reference;

/// What the pages may do: load what is here and talk to this server. No script, style or handler
/// stands in the pages themselves.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'";
/// Looked up each time, so that no page runs with files of two versions; mostly answered by 304.
const CACHING: &str = "no-cache";
/// The chart library, which is only there if npm was when the program was built.
const CHART: &str = "vendor/lightweight-charts.js";
/// What stands in its place: a module that says so.
const NO_CHART: &str = "vendor/absent.js";

/// Who is connected, for the operators' page: all that is data below `/ui/`.
pub(super) const CLIENTS: &str = "/ui/clients.json";
/// One of them.
pub(super) const CLIENT: &str = "/ui/clients/{id}";

/// The files of the pages.
#[derive(RustEmbed)]
#[folder = "web/app/"]
struct Page;

/// The modules of the client library.
#[derive(RustEmbed)]
#[folder = "clients/js/src/"]
#[allow_missing = true]
struct Library;

/// `GET /`
pub(super) async fn front(request: HttpRequest) -> Result<HttpResponse, Failure> {
    page(&request, "index.html")
}

/// `GET /ui/…`
pub(super) async fn file(
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    match name.as_str() {
        "ops" => page(&request, "ops.html"),
        // Each page has one address.
        name if name.is_empty() || is_page(name) => Err(nothing(&request)),
        name => page(&request, name),
    }
}

/// `GET /client/…`
pub(super) async fn library(
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let found = Library::get(&name).ok_or_else(|| nothing(&request))?;
    let mut response = answer(&request, (&name, found));
    // Pages of other origins import it too; what they may read with it is another question.
    let anyone = HeaderValue::from_static("*");
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, anyone);
    Ok(response)
}

/// Whether a path is one of these files, and not what the pages ask for.
pub(super) fn is_file(path: &str) -> bool {
    let is_data = path.starts_with("/ui/clients");
    path == "/" || ["/ui/", "/client/"].iter().any(|of| path.starts_with(of)) && !is_data
}

fn page(request: &HttpRequest, name: &str) -> Result<HttpResponse, Failure> {
    let found = Page::get(name).or_else(|| (name == CHART).then(|| Page::get(NO_CHART))?);
    Ok(answer(request, (name, found.ok_or_else(|| nothing(request))?)))
}

fn answer(request: &HttpRequest, (name, found): (&str, EmbeddedFile)) -> HttpResponse {
    // Weak: the same file may be sent compressed.
    let tag = EntityTag::new_weak(hex(&found.metadata.sha256_hash()));
    let is_known = reference::is_known(request, &tag);
    let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header(ETag(tag))
        .insert_header((header::CACHE_CONTROL, CACHING))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY));
    if is_known {
        return response.finish();
    }
    let response = response.content_type(content_type(name));
    match found.data {
        Cow::Borrowed(bytes) => response.body(bytes),
        Cow::Owned(bytes) => response.body(bytes),
    }
}

fn is_page(name: &str) -> bool {
    content_type(name).starts_with("text/html")
}

fn nothing(request: &HttpRequest) -> Failure {
    Failure::not_found(format!("nothing at {}", quoted(request.path())))
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "png" => "image/png",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// Half of a hash names a file as well as all of it.
fn hex(hash: &[u8; 32]) -> String {
    hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_a_type_that_browsers_know() {
        for name in Page::iter().chain(Library::iter()) {
            assert_ne!(content_type(&name), "application/octet-stream", "{name}");
        }
    }

    #[test]
    fn only_what_holds_no_data_is_a_file() {
        for path in ["/", "/ui/ops", "/ui/js/main.js", "/client/index.js"] {
            assert!(is_file(path), "{path}");
        }
        for path in
            ["/ui/clients.json", "/ui/clients/7", "/v1/venues", "/metrics", "/docs/", "/uix"]
        {
            assert!(!is_file(path), "{path}");
        }
    }

    #[test]
    fn no_page_has_code_or_styles_of_its_own() {
        for name in Page::iter().filter(|name| is_page(name)) {
            let page = String::from_utf8(Page::get(&name).unwrap().data.into_owned()).unwrap();
            for banned in [" style=", "<style", " onclick=", "javascript:", "<script>"] {
                assert!(!page.contains(banned), "{name}: {banned}");
            }
        }
    }
}
