//! A refused HTTP request: `{"error":{"code":…,"message":…}}` and its status.

use std::fmt;

use actix_web::HttpResponse;
use actix_web::HttpResponseBuilder;
use actix_web::ResponseError;
use actix_web::http::Method;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::http::header::HeaderName;
use actix_web::http::header::HeaderValue;
use serde_json::json;

use crate::wire::Code;
use crate::wire::Reject;

/// Why a request was refused.
#[derive(Debug)]
pub(super) struct Failure {
    status: StatusCode,
    code: &'static str,
    message: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Failure {
    /// A request that makes no sense as it stands.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    /// A place that does not fit the tape.
    pub(super) fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message)
    }

    /// Something that is not there.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// Not from that page.
    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// Not now; come back after so many seconds.
    pub(super) fn unavailable(message: impl Into<String>, retry_after_s: u32) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
            .with(header::RETRY_AFTER, retry_after_s.into())
    }

    /// Too many at once; come back after so many seconds.
    pub(super) fn too_many(message: impl Into<String>, retry_after_s: u32) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, Code::RateLimited.word(), message)
            .with(header::RETRY_AFTER, retry_after_s.into())
    }

    /// Nobody that is known; `how` asks for a credential, as in RFC 6750 §3.
    pub(super) fn unauthorized(message: impl Into<String>, how: &'static str) -> Self {
        Self::coded(StatusCode::UNAUTHORIZED, Code::Unauthorized, message)
            .with(header::WWW_AUTHENTICATE, HeaderValue::from_static(how))
    }

    /// A refusal that the protocol has a word for.
    pub(super) fn coded(status: StatusCode, code: Code, message: impl Into<String>) -> Self {
        Self::new(status, code.word(), message)
    }

    /// A refusal of the protocol, with the status that says the same.
    pub(super) fn rejected(reject: Reject) -> Self {
        let Reject { code, message } = reject;
        match code {
            Code::UnknownSymbol => Self::coded(StatusCode::NOT_FOUND, code, message),
            Code::Forbidden => Self::forbidden(message),
            Code::Unauthorized => {
                Self::unauthorized(message, "Bearer realm=\"tickwire\", error=\"invalid_token\"")
            }
            Code::Unavailable => Self::unavailable(message, 1),
            Code::RateLimited => Self::too_many(message, 1),
            Code::Internal => Self::internal(message),
            code => Self::coded(StatusCode::BAD_REQUEST, code, message),
        }
    }

    /// A method that is not served there.
    pub(super) fn method(method: &Method, served: &'static str) -> Self {
        let message = format!("{method} is not served here, but {served}");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
            .with(header::ALLOW, HeaderValue::from_static(served))
    }

    /// Our fault.
    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }

    /// What the library refused.
    pub(super) fn of(error: impl Into<actix_web::Error>) -> Self {
        let error = error.into();
        let response = error.as_response_error().error_response();
        let status = response.status();
        let code = if status.is_client_error() { "bad_request" } else { "internal" };
        let mut failure = Self::new(status, code, error.to_string());
        for name in [header::ALLOW, header::UPGRADE, header::SEC_WEBSOCKET_VERSION] {
            if let Some(value) = response.headers().get(&name) {
                failure = failure.with(name, value.clone());
            }
        }
        failure
    }

    /// Any other refusal.
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), headers: Vec::new() }
    }

    /// The word for it.
    pub(super) const fn code(&self) -> &'static str {
        self.code
    }

    /// Whether the same request is to be sent again.
    pub(super) fn is_passing(&self) -> bool {
        [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&self.status)
    }

    /// After how many seconds; 0 if that makes no difference.
    pub(super) fn retry_after_s(&self) -> u64 {
        let after = self.headers.iter().find(|(name, _)| *name == header::RETRY_AFTER);
        let seconds = after.and_then(|(_, value)| value.to_str().ok()?.parse().ok());
        seconds.unwrap_or(0)
    }

    /// With a header more.
    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponseBuilder::new(self.status);
        for (name, value) in &self.headers {
            response.insert_header((name, value));
        }
        response.json(json!({ "error": { "code": self.code, "message": self.message } }))
    }
}
