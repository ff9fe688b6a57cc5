//! A page of history, as it is written and as it is sent.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;
use std::time::Instant;

use actix_web::HttpResponse;
use actix_web::body::BodySize;
use actix_web::body::MessageBody;
use actix_web::http::header::HeaderName;
use bytes::Bytes;

use super::query::Format;
use crate::clock;
use crate::history::Seat;
use crate::wire::csv;

/// The header with the cursor of the next page.
pub(super) const NEXT: HeaderName = HeaderName::from_static("x-next-cursor");
/// A page is full with this many bytes, whatever its limit.
const BYTES_MAX: usize = 4 << 20;
/// Bytes that are handed on at once.
const CHUNK_BYTES: usize = 64 << 10;
/// Who has not taken a page after this time is cut off: others wait for the seat.
const SEND_MAX: Duration = Duration::from_secs(60);

/// What the rows of a page are.
#[derive(Debug, Clone, Copy)]
pub(super) struct List {
    /// The name of the list in JSON.
    pub(super) name: &'static str,
    /// The columns in CSV: all that a row may have.
    pub(super) columns: &'static [&'static str],
}

/// A page that is being written.
#[derive(Debug)]
pub(super) struct Page {
    list: List,
    format: Format,
    limit: usize,
    rows: usize,
    bytes: usize,
    chunks: VecDeque<Bytes>,
    buffer: Vec<u8>,
    row: Vec<u8>,
}

/// A page that is whole.
#[derive(Debug)]
pub(super) struct Finished {
    format: Format,
    next: Option<String>,
    chunks: VecDeque<Bytes>,
}

impl Page {
    pub(super) fn new(list: List, format: Format, limit: usize) -> Self {
        let mut buffer = Vec::with_capacity(CHUNK_BYTES);
        match format {
            Format::Json => buffer.extend_from_slice(format!("{{\"{}\":[", list.name).as_bytes()),
            Format::Ndjson => {}
            Format::Csv => csv::write_header(&mut buffer, list.columns),
        }
        let (rows, bytes, chunks, row) = (0, 0, VecDeque::new(), Vec::new());
        Self { list, format, limit, rows, bytes, chunks, buffer, row }
    }

    /// How many rows it takes at most.
    pub(super) const fn limit(&self) -> usize {
        self.limit
    }

    /// Whether it takes no more rows.
    pub(super) const fn is_full(&self) -> bool {
        self.rows >= self.limit || self.bytes >= BYTES_MAX
    }

    /// Whether it has no rows.
    pub(super) const fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Appends the row that is written.
    pub(super) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.buffer.len();
        match self.format {
            Format::Json => {
                if self.rows > 0 {
                    self.buffer.push(b',');
                }
                write(&mut self.buffer);
            }
            Format::Ndjson => {
                write(&mut self.buffer);
                self.buffer.push(b'\n');
            }
            Format::Csv => {
                self.row.clear();
                write(&mut self.row);
                csv::write_row(&mut self.buffer, self.list.columns, &self.row);
            }
        }
        self.rows += 1;
        self.bytes += self.buffer.len() - before;
        if self.buffer.len() >= CHUNK_BYTES {
            self.chunks.push_back(Bytes::copy_from_slice(&self.buffer));
            self.buffer.clear();
        }
    }

    /// Ends it, with the cursor of the next one if there may be more.
    pub(super) fn end(mut self, next: Option<String>) -> Finished {
        if self.format == Format::Json {
            let next = next.as_ref().map_or("null".to_owned(), |next| format!("\"{next}\""));
            self.buffer.extend_from_slice(format!("],\"next\":{next}}}").as_bytes());
        }
        self.chunks.push_back(self.buffer.into());
        Finished { format: self.format, next, chunks: self.chunks }
    }
}

impl Finished {
    /// All bytes, and the next cursor.
    #[cfg(test)]
    pub(super) fn parts(self) -> (Vec<u8>, Option<String>) {
        let bytes = self.chunks.iter().flat_map(|chunk| chunk.iter().copied()).collect();
        (bytes, self.next)
    }

    /// As a response, which keeps the seat until it is sent.
    pub(super) fn respond(self, seat: Seat) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        response.content_type(match self.format {
            Format::Json => "application/json",
            Format::Ndjson => "application/x-ndjson",
            Format::Csv => "text/csv; charset=utf-8; header=present",
        });
        if let Some(next) = self.next {
            response.insert_header((NEXT, next));
        }
        response.body(Sending::new(self.chunks, seat))
    }
}

/// Bytes on their way, which keep a seat; those that were handed on are freed.
pub(in crate::http) struct Sending {
    chunks: VecDeque<Bytes>,
    deadline: Instant,
    _seat: Seat,
}

impl Sending {
    pub(in crate::http) fn new(chunks: impl Into<VecDeque<Bytes>>, seat: Seat) -> Self {
        let deadline = clock::monotonic() + SEND_MAX;
        Self { chunks: chunks.into(), deadline, _seat: seat }
    }
}

impl MessageBody for Sending {
    type Error = TooSlow;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.chunks.iter().map(|chunk| chunk.len() as u64).sum())
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, TooSlow>>> {
        if clock::monotonic() > self.deadline {
            return Poll::Ready(Some(Err(TooSlow)));
        }
        Poll::Ready(self.chunks.pop_front().map(Ok))
    }
}

/// Who does not take what was asked for.
#[derive(Debug, thiserror::Error)]
#[error("the client did not take its page in time")]
pub(in crate::http) struct TooSlow;
