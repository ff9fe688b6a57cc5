//! The doorman: what holds for every request before it is looked at, and for every answer.

use std::sync::atomic::Ordering;

use actix_web::Error;
use actix_web::HttpRequest;
use actix_web::body::BoxBody;
use actix_web::body::MessageBody;
use actix_web::dev::ServiceRequest;
use actix_web::dev::ServiceResponse;
use actix_web::http::ConnectionType;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::http::header::HeaderName;
use actix_web::http::header::HeaderValue;
use actix_web::middleware::Next;

use crate::clock;
use crate::http::failure::Failure;
use crate::http::shop::Shop;

/// What every answer says. They are data: no page may be made of one, or hold one in a frame.
const ALWAYS: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::CACHE_CONTROL, "no-store"),
];
/// With TLS: a year of nothing else.
const SECURE_ONLY: &str = "max-age=31536000";

/// Lets a request in, if it may be, and dresses the answer.
pub(super) async fn attend<B>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error>
where
    B: MessageBody + 'static,
{
    let manner = Manner::of(request.request());
    let mut response = match look_at(request.request()) {
        Ok(()) => next.call(request).await?.map_into_boxed_body(),
        Err(failure) => request.error_response(failure).map_into_boxed_body(),
    };
    let head = response.response_mut().head_mut();
    for (name, value) in ALWAYS {
        // What an answer says of itself stands.
        if !head.headers().contains_key(&name) {
            head.headers_mut().insert(name, HeaderValue::from_static(value));
        }
    }
    if manner.secure {
        let value = HeaderValue::from_static(SECURE_ONLY);
        head.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
    if manner.draining && head.status != StatusCode::SWITCHING_PROTOCOLS {
        head.set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}

/// What an answer depends on, besides its request.
#[derive(Debug, Clone, Copy, Default)]
struct Manner {
    secure: bool,
    draining: bool,
}

impl Manner {
    fn of(request: &HttpRequest) -> Self {
        let Ok(shop) = Shop::of(request) else { return Self::default() };
        let draining = shop.house().draining.load(Ordering::Acquire);
        Self { secure: shop.house().tls.is_some(), draining }
    }
}

fn look_at(request: &HttpRequest) -> Result<(), Failure> {
    let Ok(shop) = Shop::of(request) else { return Ok(()) };
    let manners = shop.house().manners();
    let bytes = head_bytes(request);
    if bytes > manners.head_bytes {
        let most = manners.head_bytes;
        let message = format!("the head of a request may have limits.head_bytes = {most} bytes");
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return Err(Failure::new(status, "bad_request", message));
    }
    // Who watches over the service is never sent away.
    if matches!(request.path(), "/healthz" | "/readyz" | "/metrics") {
        return Ok(());
    }
    if shop.house().draining.load(Ordering::Acquire) {
        return Err(Failure::unavailable("this server is stopping", 5));
    }
    let Some(caller) = shop.caller(request) else { return Ok(()) };
    shop.house().turnstile.pass(caller, clock::monotonic()).map_err(|wait| {
        let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
        Failure::too_many("limits.requests_per_s: too many requests of your address", seconds)
    })
}

/// About what the head had on the wire.
fn head_bytes(request: &HttpRequest) -> usize {
    let line = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    request
        .headers()
        .iter()
        .fold(line, |sum, (name, value)| sum + name.as_str().len() + value.len() + ": \r\n".len())
}
