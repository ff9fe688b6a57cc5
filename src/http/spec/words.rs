//! The words of which answers are made, as schemas. Nothing here is ever constructed: the answers
//! themselves are written by `wire`, and the tests hold both together.
#![allow(dead_code, reason = "schemas for the macro")]

use utoipa::ToSchema;

/// A venue and its name of an instrument.
#[derive(ToSchema)]
#[schema(pattern = "^[a-z0-9_]{1,16}:[A-Za-z0-9._/%-]{1,120}$", example = "coinbase:BTC-USD")]
pub(super) struct Symbol(String);

/// A price or a size with the venue's own digits; never in scientific notation.
#[derive(ToSchema)]
#[schema(pattern = r"^-?[0-9]+(\.[0-9]+)?$", example = "105944.20")]
pub(super) struct Decimal(String);

/// RFC 3339 in UTC, up to nanoseconds, without trailing zeros.
#[derive(ToSchema)]
#[schema(format = DateTime, example = "2026-11-21T03:30:00.25Z")]
pub(super) struct Time(String);

/// A place on the tape, increasing over all symbols; it may jump. 0 if there is none.
#[derive(ToSchema)]
#[schema(minimum = 0, maximum = 9_007_199_254_740_991_u64, example = 184_470)]
pub(super) struct Seq(u64);

/// `epoch:seq`: everything up to that place was sent.
#[derive(ToSchema)]
#[schema(pattern = "^[A-Za-z0-9]+:[0-9]+$", example = "k3v9:184475")]
pub(super) struct Cursor(String);

/// Where the next page begins, as `cursor=` takes it.
#[derive(ToSchema)]
#[schema(example = "k3v9:184475")]
pub(super) struct Next(String);

/// The aggressor's side.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(super) enum Side {
    Buy,
    Sell,
}

/// The health of a feed or a symbol.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(super) enum State {
    Live,
    Stale,
    Resyncing,
    Down,
}

/// A stream's channel.
#[derive(ToSchema)]
pub(super) enum Channel {
    #[schema(rename = "ticker")]
    Ticker,
    #[schema(rename = "trades")]
    Trades,
    #[schema(rename = "bars.1s")]
    Second,
    #[schema(rename = "bars.1m")]
    Minute,
    #[schema(rename = "bars.5m")]
    FiveMinutes,
    #[schema(rename = "bars.1h")]
    Hour,
    #[schema(rename = "bars.1d")]
    Day,
}

/// The length of bars.
#[derive(ToSchema)]
pub(super) enum Interval {
    #[schema(rename = "1s")]
    Second,
    #[schema(rename = "1m")]
    Minute,
    #[schema(rename = "5m")]
    FiveMinutes,
    #[schema(rename = "1h")]
    Hour,
    #[schema(rename = "1d")]
    Day,
}

/// How rows are written.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(super) enum Format {
    Json,
    Ndjson,
    Csv,
}

/// Which time of an event a range is about: when it was received, or the venue's own.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(super) enum By {
    Recv,
    Ts,
}

/// What happens to a client that takes too little.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(super) enum Slow {
    Conflate,
    Spill,
    Gap,
    Close,
}
