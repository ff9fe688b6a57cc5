//! What pages of other origins may do here (WHATWG Fetch §3.2): read, if their origin is allowed.

use actix_web::Error;
use actix_web::ResponseError as _;
use actix_web::body::EitherBody;
use actix_web::body::MessageBody;
use actix_web::dev::ServiceRequest;
use actix_web::dev::ServiceResponse;
use actix_web::http::Method;
use actix_web::http::header;
use actix_web::http::header::HeaderMap;
use actix_web::http::header::HeaderValue;
use actix_web::middleware::Next;

use crate::http::shop::Shop;

/// Headers of requests that such a page may set.
const REQUEST_HEADERS: HeaderValue =
    HeaderValue::from_static("Authorization, Last-Event-ID, If-None-Match, Cache-Control");
/// Headers of answers that it may read.
const RESPONSE_HEADERS: HeaderValue = HeaderValue::from_static("ETag, Retry-After, X-Next-Cursor");
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD");
/// How long a browser may remember what it may do, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// Refuses pages that may not connect, and tells browsers of the others that they may.
pub(super) async fn admit<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    if !request.match_info().as_str().starts_with("/v1/") {
        return Ok(next.call(request).await?.map_into_left_body());
    }
    let origin = request.headers().get(header::ORIGIN).cloned();
    let is_preflight = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let checked = Shop::of(request.request()).and_then(|shop| shop.check_origin(request.request()));
    let mut response = match checked {
        Err(failure) => request.into_response(failure.error_response()).map_into_right_body(),
        Ok(()) => {
            let mut response = next.call(request).await?.map_into_left_body();
            if let Some(origin) = origin {
                allow(response.headers_mut(), origin);
                if is_preflight {
                    tell(response.headers_mut());
                }
            }
            response
        }
    };
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Origin"));
    Ok(response)
}

fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS);
}

/// What a browser asks before it sends what it would not send of itself.
fn tell(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
}
