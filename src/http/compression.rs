//! Long answers, compressed for those who say that they can read them so (RFC 9110 §12.5.3).
//!
//! Streams are not: each of their messages would have to be flushed, which costs more than it
//! saves.

use std::cell::RefCell;
use std::collections::HashMap;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::io::Write as _;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;

use actix_web::Error;
use actix_web::body::BodySize;
use actix_web::body::EitherBody;
use actix_web::body::MessageBody;
use actix_web::dev::ServiceRequest;
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::http::header::AcceptEncoding;
use actix_web::http::header::ContentEncoding;
use actix_web::http::header::Encoding;
use actix_web::http::header::Header as _;
use actix_web::http::header::HeaderValue;
use actix_web::middleware::Next;
use actix_web::web;
use bytes::Bytes;
use bytes::BytesMut;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::http::failure::Failure;
use crate::http::screen;

/// A shorter answer gains nothing.
const BYTES_MIN: u64 = 1_024;
/// A longer one is compressed elsewhere: some 0.3 ms of this worker's time.
const BYTES_HERE_MAX: usize = 32 * 1_024;
/// Of either format: more costs many times as much and saves little.
const LEVEL: u32 = 1;

/// What the library is handed at once.
const CHUNK_BYTES: usize = 32 * 1_024;

thread_local! {
    /// The files of the pages, by their tags: they stay as they are, and are asked for often.
    static FILES: RefCell<HashMap<(HeaderValue, Format), Bytes>> = RefCell::default();
}

/// How an answer is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Format {
    Gzip,
    Zstd,
}

/// A compressed answer. It holds what it was made from, and so the place that this takes, until it
/// has left.
pub(super) struct Packed<B> {
    bytes: Bytes,
    _of: Pin<Box<B>>,
}

/// Compresses an answer if it is long and its client can read it.
pub(super) async fn compress<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, Packed<B>>>, Error> {
    let is_file = screen::is_file(request.match_info().as_str());
    let accepted = AcceptEncoding::parse(&request).ok();
    let mut response = next.call(request).await?;
    if !is_compressible(&response) {
        return Ok(response.map_into_left_body());
    }
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    let Some(format) = accepted.and_then(|accepted| choose(&accepted)) else {
        return Ok(response.map_into_left_body());
    };
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(format.word()));
    let (request, response) = response.into_parts();
    let (response, body) = response.into_parts();
    let mut body = Box::pin(body);
    let tag = response.headers().get(header::ETAG).filter(|_| is_file);
    let key = tag.map(|tag| (tag.clone(), format));
    let kept = key.as_ref().and_then(|key| FILES.with_borrow(|files| files.get(key).cloned()));
    let bytes = match kept {
        Some(bytes) => bytes,
        None => {
            let bytes = format.pack_all(body.as_mut()).await?;
            key.map(|key| FILES.with_borrow_mut(|files| files.insert(key, bytes.clone())));
            bytes
        }
    };
    let response = response.set_body(Packed { bytes, _of: body });
    Ok(ServiceResponse::new(request, response).map_into_right_body())
}

impl<B> MessageBody for Packed<B> {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        self.bytes.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let length = self.bytes.len().min(CHUNK_BYTES);
        Poll::Ready((length > 0).then(|| Ok(self.bytes.split_to(length))))
    }
}

fn is_compressible<B: MessageBody>(response: &ServiceResponse<B>) -> bool {
    let is_long = matches!(response.response().body().size(), BodySize::Sized(BYTES_MIN..));
    let kind = response.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_text = kind.starts_with("text/") || kind.starts_with("application/");
    let is_encoded = response.headers().contains_key(header::CONTENT_ENCODING);
    is_long && is_text && !is_encoded && response.status() == StatusCode::OK
}

fn choose(accepted: &AcceptEncoding) -> Option<Format> {
    let served = [Encoding::identity(), Encoding::gzip(), Encoding::zstd()];
    match accepted.negotiate(served.iter())? {
        Encoding::Known(ContentEncoding::Gzip) => Some(Format::Gzip),
        Encoding::Known(ContentEncoding::Zstd) => Some(Format::Zstd),
        _ => None,
    }
}

impl Format {
    const fn word(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    async fn pack_all<B: MessageBody>(self, mut body: Pin<&mut B>) -> Result<Bytes, Error> {
        let mut bytes = BytesMut::new();
        while let Some(part) = poll_fn(|cx| body.as_mut().poll_next(cx)).await {
            let lost = |error: B::Error| Failure::internal(error.into().to_string());
            bytes.extend_from_slice(&part.map_err(lost)?);
        }
        let packed = if bytes.len() > BYTES_HERE_MAX {
            web::block(move || self.pack(&bytes)).await??
        } else {
            self.pack(&bytes)?
        };
        Ok(packed.into())
    }

    fn pack(self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip => {
                let mut packer = GzEncoder::new(Vec::new(), Compression::new(LEVEL));
                packer.write_all(bytes)?;
                packer.finish()
            }
            Self::Zstd => zstd::bulk::compress(bytes, LEVEL.cast_signed()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_client_gets_what_it_can_read() {
        for (accepts, expected) in [
            ("gzip", Some(Format::Gzip)),
            ("gzip, deflate, br", Some(Format::Gzip)),
            ("gzip, deflate, br, zstd", Some(Format::Zstd)),
            ("zstd;q=0.1, gzip;q=0.2", Some(Format::Gzip)),
            ("gzip;q=0", None),
            ("identity", None),
            ("br", None),
            ("", None),
        ] {
            let request = TestRequest::default()
                .insert_header((header::ACCEPT_ENCODING, accepts))
                .to_request();
            let chosen = AcceptEncoding::parse(&request).ok().and_then(|of| choose(&of));
            assert_eq!(chosen, expected, "{accepts}");
        }
    }

    #[test]
    fn what_is_packed_is_what_it_was() {
        let bytes = br#"{"type":"delta","channel":"ticker"}"#.repeat(1_000);
        let packed = Format::Gzip.pack(&bytes).unwrap();
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).unwrap();
        assert!(unpacked == bytes && packed.len() < bytes.len() / 10);
        let packed = Format::Zstd.pack(&bytes).unwrap();
        assert!(zstd::bulk::decompress(&packed, bytes.len()).unwrap() == bytes);
        assert!(packed.len() < bytes.len() / 10);
    }
}
