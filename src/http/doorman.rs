//! The doorman: what holds for every request before it is looked at, and for every answer.

use actix_web::Error;
use actix_web::HttpRequest;
use actix_web::ResponseError as _;
use actix_web::body::EitherBody;
use actix_web::body::MessageBody;
use actix_web::dev::ServiceRequest;
use actix_web::dev::ServiceResponse;
use actix_web::http::ConnectionType;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::http::header::HeaderName;
use actix_web::http::header::HeaderValue;
use actix_web::middleware::Next;

use crate::http::conn::Presence;
use crate::http::entrance::Heeded;
use crate::http::failure::Failure;
use crate::http::screen;
use crate::http::shop::Shop;
use crate::hub::shard;

/// What every answer says. They are data: no page may be made of one, or hold one in a frame.
const ALWAYS: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::CACHE_CONTROL, "no-store"),
];
/// With TLS: a year of nothing else.
const SECURE_ONLY: &str = "max-age=31536000";

/// Lets a request in, if it may be.
pub(super) async fn look_at<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let _asking = request.request().conn_data::<Presence>().map(Presence::ask);
    match check(request.request()) {
        Ok(()) => Ok(next.call(request).await?.map_into_left_body()),
        Err(failure) => Ok(request.into_response(failure.error_response()).map_into_right_body()),
    }
}

/// Adds to an answer what all of them say.
pub(super) async fn dress<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let mut response = next.call(request).await?;
    let shop = Shop::of(response.request()).ok();
    let is_secure = shop.is_some_and(|shop| shop.house().tls.is_some());
    let is_draining = shop.is_some_and(Shop::is_draining);
    let is_deaf = response.status() == StatusCode::TOO_MANY_REQUESTS
        && shop.is_some_and(|shop| shop.count_refusal(response.request()) == Heeded::No);
    let head = response.response_mut().head_mut();
    for (name, value) in ALWAYS {
        // What an answer says of itself stands.
        if !head.headers().contains_key(&name) {
            head.headers_mut().insert(name, HeaderValue::from_static(value));
        }
    }
    if is_secure {
        let value = HeaderValue::from_static(SECURE_ONLY);
        head.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
    if is_deaf || is_draining && head.status != StatusCode::SWITCHING_PROTOCOLS {
        head.set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}

fn check(request: &HttpRequest) -> Result<(), Failure> {
    let Ok(shop) = Shop::of(request) else { return Ok(()) };
    shard::keep_up(shop.shard());
    let most = shop.house().manners().head_bytes;
    if head_bytes(request) > most {
        let message = format!("the head of a request may have limits.head_bytes = {most} bytes");
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return Err(Failure::new(status, "bad_request", message));
    }
    // Who watches over the service is never sent away, and an EventSource is told in its own way.
    // As the router reads it.
    let path = request.match_info().as_str();
    if matches!(path, "/healthz" | "/readyz" | "/metrics" | "/v1/sse") {
        return Ok(());
    }
    shop.check_open()?;
    // A page is some sixty files, which cost next to nothing: who opens it twice would have none.
    if screen::is_file(path) {
        return Ok(());
    }
    shop.check_pace(request)
}

/// About what the head had on the wire.
fn head_bytes(request: &HttpRequest) -> usize {
    let line = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    request
        .headers()
        .iter()
        .fold(line, |sum, (name, value)| sum + name.as_str().len() + value.len() + ": \r\n".len())
}
