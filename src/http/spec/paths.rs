//! What is served at which path, as OpenAPI has it. The handlers are elsewhere: a function here
//! has the name of its operation and nothing else.
#![allow(
    dead_code,
    unused_qualifications,
    reason = "all of it is for the macro, which writes the qualifications"
)]

use utoipa::IntoParams;
use utoipa::IntoResponses;

use super::rows::Alive;
use super::rows::Bars;
use super::rows::Gaps;
use super::rows::Instruments;
use super::rows::News;
use super::rows::Quotes;
use super::rows::Ready;
use super::rows::Refusal;
use super::rows::Sessions;
use super::rows::Snapshots;
use super::rows::Trades;
use super::rows::Venues;
use super::words::By;
use super::words::Channel;
use super::words::Cursor;
use super::words::Format;
use super::words::Interval;
use super::words::Next;
use super::words::Slow;
use super::words::Symbol;
use super::words::Time;

/// A part of a tape, page by page.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Range {
    /// A time, or a cursor: what comes after it.
    #[param(example = "2026-11-21T03:30:00Z")]
    from: Option<String>,
    /// A time that is not part of it, or a cursor that is.
    #[param(example = "2999-01-01T00:00:00Z")]
    to: Option<String>,
    /// Rows of a page.
    #[param(minimum = 1, maximum = 10_000, default = 1_000)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<Next>,
    /// Another tape than the live one: an import, or one of the past.
    epoch: Option<String>,
    /// Which time `from` and `to` mean.
    by: Option<By>,
    /// How rows are written.
    format: Option<Format>,
}

/// What is subscribed to, as the operation `subscribe` has it.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Streams {
    channel: Channel,
    /// Names and patterns, with commas between them.
    #[param(example = "*:*")]
    symbols: String,
    /// Least time between two snapshots of a stream; 0 sends each change.
    #[param(minimum = 0, maximum = 60_000, default = 0)]
    conflate_ms: Option<u32>,
    /// Where to go on; `cursor` is another name of it.
    from: Option<Cursor>,
    /// How many messages back to begin, of `trades` and `bars.*`.
    #[param(minimum = 1, maximum = 1_000)]
    last: Option<u32>,
    /// What happens when the client takes too little.
    slow: Option<Slow>,
}

/// How a request is refused.
#[derive(IntoResponses)]
pub(super) enum Refused {
    /// It makes no sense as it stands, or may not be.
    #[response(status = "4XX")]
    Request(Refusal),
    /// Not now: `Retry-After` says when.
    #[response(status = 503)]
    Now(Refusal),
}

#[utoipa::path(
    get, path = "/v1/sse", tag = "streams",
    params(Streams, ("Last-Event-ID" = Option<Cursor>, Header,
                     description = "Where to go on; it wins over `from`")),
    responses(
        (status = 200, body = String, content_type = "text/event-stream", description =
            "Messages as `/asyncapi.yaml` has them, each the `data` of an event without a name; \
             `id` is a cursor. A refusal that an `EventSource` would not survive is a `closing`"),
        Refused,
    )
)]
/// Server-Sent Events.
pub(super) fn sse() {}

#[utoipa::path(
    get, path = "/v1/ndjson", tag = "streams", params(Streams),
    responses(
        (status = 200, body = String, content_type = "application/x-ndjson",
         description = "Messages as `/asyncapi.yaml` has them, one a line"),
        Refused,
    )
)]
/// HTTP streaming.
pub(super) fn ndjson() {}

#[utoipa::path(
    get, path = "/v1/poll", tag = "streams",
    params(
        Streams,
        ("wait_ms" = Option<u32>, Query, minimum = 0, maximum = 30_000,
         description = "Longest time to wait for something; 25,000 if it is not given",
         example = 100),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 10_000,
         description = "About how many messages; 1,000 if it is not given", example = 10),
    ),
    responses((status = 200, body = News, description = "What there is"), Refused)
)]
/// Long polling: without a cursor the snapshots, with one what came after it.
pub(super) fn poll() {}

#[utoipa::path(
    get, path = "/v1/trades", tag = "history", params(("symbol" = Symbol, Query), Range),
    responses(
        (status = 200, body = Trades, content_type = "application/json", description = "A page",
         headers(("X-Next-Cursor" = String, description = "`next`, unless this is the last page"))),
        Refused,
    )
)]
/// Each print of a symbol.
pub(super) fn trades() {}

#[utoipa::path(
    get, path = "/v1/quotes", tag = "history", params(("symbol" = Symbol, Query), Range),
    responses(
        (status = 200, body = Quotes, content_type = "application/json", description = "A page"),
        Refused,
    )
)]
/// Each change of a symbol's best bid and ask.
pub(super) fn quotes() {}

#[utoipa::path(
    get, path = "/v1/bars", tag = "history",
    params(("symbol" = Symbol, Query), ("interval" = Interval, Query), Range),
    responses(
        (status = 200, body = Bars, content_type = "application/json", description = "A page"),
        Refused,
    )
)]
/// Bars of a symbol as they were live.
pub(super) fn bars() {}

#[utoipa::path(
    get, path = "/v1/gaps", tag = "history",
    params(("symbol" = Option<Symbol>, Query), ("feed" = Option<String>, Query),
           ("venue" = Option<String>, Query), Range),
    responses(
        (status = 200, body = Gaps, content_type = "application/json", description = "A page"),
        Refused,
    )
)]
/// What is known to be missing.
pub(super) fn gaps() {}

#[utoipa::path(
    get, path = "/v1/sessions", tag = "history",
    params(("feed" = Option<String>, Query), ("venue" = Option<String>, Query), Range),
    responses(
        (status = 200, body = Sessions, content_type = "application/json", description = "A page"),
        Refused,
    )
)]
/// What was recorded.
pub(super) fn sessions() {}

#[utoipa::path(
    get, path = "/v1/symbols", tag = "reference",
    params(("pattern" = Option<String>, Query, description = "Such as `coinbase:*`",
            example = "*:*")),
    responses(
        (status = 200, body = Instruments, description = "All that are listed"),
        Refused,
    )
)]
/// The instruments.
pub(super) fn symbols() {}

#[utoipa::path(
    get, path = "/v1/venues", tag = "reference",
    responses((status = 200, body = Venues, description = "All of them"))
)]
/// The feeds, and how they stand.
pub(super) fn venues() {}

#[utoipa::path(
    get, path = "/v1/snapshot", tag = "streams",
    params(
        ("channel" = Channel, Query),
        ("symbols" = String, Query, description = "Names and patterns, with commas between them",
         example = "*:*"),
        ("cursor" = Option<Cursor>, Query, description = "At least this new; excludes `at`"),
        ("at" = Option<Time>, Query,
         description = "The state before the first event that was received after this time"),
        ("epoch" = Option<String>, Query, description = "For `at`: another tape"),
        ("If-None-Match" = Option<String>, Header, description = "An `ETag` that is known already"),
    ),
    responses(
        (status = 200, body = Snapshots, description = "The state",
         headers(("ETag" = String, description = "Of these snapshots"))),
        (status = 304, description = "As known already"),
        Refused,
    )
)]
/// The streams of a channel as they stand, or stood.
pub(super) fn snapshot() {}

#[utoipa::path(
    get, path = "/healthz", tag = "operation", security(()),
    responses((status = 200, body = Alive, description = "The process answers"))
)]
/// Whether the process lives.
pub(super) fn healthz() {}

#[utoipa::path(
    get, path = "/readyz", tag = "operation", security(()),
    responses(
        (status = 200, body = Ready, description = "Clients may be sent here"),
        (status = 503, body = Refusal, description = "They may not, and why"),
    )
)]
/// Whether clients should be sent here.
pub(super) fn readyz() {}

#[utoipa::path(
    get, path = "/metrics", tag = "operation",
    responses((status = 200, body = String, content_type = "application/openmetrics-text",
               description = "For Prometheus"))
)]
/// Counters and gauges.
pub(super) fn metrics() {}
