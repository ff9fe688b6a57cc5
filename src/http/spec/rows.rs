//! What the pages of history and reference hold, as schemas.
#![allow(dead_code, reason = "schemas for the macro")]

use utoipa::ToSchema;

use super::words::Cursor;
use super::words::Decimal;
use super::words::Next;
use super::words::Seq;
use super::words::Side;
use super::words::State;
use super::words::Symbol;
use super::words::Time;

/// Why a request was refused.
#[derive(ToSchema)]
pub(super) struct Refusal {
    error: Reason,
}

/// A code of PROTOCOL.md, and a sentence for people.
#[derive(ToSchema)]
pub(super) struct Reason {
    #[schema(example = "bad_request")]
    code: String,
    message: String,
}

/// One print.
#[derive(ToSchema)]
#[schema(as = Trade)]
pub(super) struct TradeRow {
    symbol: Symbol,
    seq: Seq,
    /// The venue's time; absent when it gives none.
    ts: Option<Time>,
    recv: Time,
    price: Decimal,
    size: Decimal,
    /// Absent if unknown.
    side: Option<Side>,
    trade_id: Option<String>,
    exchange: Option<String>,
    conditions: Option<Vec<String>>,
    tape: Option<String>,
    /// It came after a trade of a later time, and moved no last price.
    late: Option<bool>,
    no_last: Option<bool>,
    no_range: Option<bool>,
    no_volume: Option<bool>,
}

/// The best bid and ask from here on; an absent side is empty.
#[derive(ToSchema)]
#[schema(as = Quote)]
pub(super) struct QuoteRow {
    symbol: Symbol,
    seq: Seq,
    ts: Option<Time>,
    recv: Time,
    bid: Option<Decimal>,
    bid_size: Option<Decimal>,
    ask: Option<Decimal>,
    ask_size: Option<Decimal>,
}

/// Open, high, low, close and volume of an interval; `null` where no trade told them.
#[derive(ToSchema)]
#[schema(as = Bar)]
pub(super) struct BarRow {
    symbol: Symbol,
    /// Of its last message.
    seq: Seq,
    start: Time,
    #[schema(required = true)]
    open: Option<Decimal>,
    #[schema(required = true)]
    high: Option<Decimal>,
    #[schema(required = true)]
    low: Option<Decimal>,
    #[schema(required = true)]
    close: Option<Decimal>,
    #[schema(required = true)]
    volume: Option<Decimal>,
    trades: u64,
    #[schema(rename = "final")]
    is_final: bool,
    /// How often it changed after it was final.
    revision: u64,
}

/// Data that is missing.
#[derive(ToSchema)]
#[schema(as = Gap)]
pub(super) struct GapRow {
    /// Absent if it is all of the feed.
    symbol: Option<Symbol>,
    seq: Seq,
    recv: Time,
    feed: String,
    venue: String,
    #[schema(example = "trades")]
    covers: String,
    #[schema(example = "venue_sequence")]
    cause: String,
    /// How many messages, if that can be told.
    missing: Option<u64>,
    /// `open`, `filled` or `lost`.
    state: String,
    /// The gap that it tells of.
    of: Seq,
}

/// What one feed recorded on one day of a tape.
#[derive(ToSchema)]
#[schema(as = Session)]
pub(super) struct SessionRow {
    epoch: String,
    venue: String,
    feed: String,
    /// UTC.
    #[schema(format = Date, example = "2026-11-21")]
    day: String,
    first: Seq,
    last: Seq,
    recv_first: Time,
    recv_last: Time,
    events: u64,
    trades: u64,
    quotes: u64,
    gaps: u64,
}

/// An instrument that is listed now.
#[derive(ToSchema)]
#[schema(as = Instrument)]
pub(super) struct SymbolRow {
    symbol: Symbol,
    venue: String,
    /// The venue's own name of it.
    name: String,
    feed: Option<String>,
    state: State,
    base: Option<String>,
    quote: Option<String>,
    /// The step of its prices; absent where the venue has not named it.
    tick_size: Option<Decimal>,
}

/// A feed, and how it stands.
#[derive(ToSchema)]
#[schema(as = Venue)]
pub(super) struct VenueRow {
    feed: String,
    venue: String,
    state: State,
    since: Time,
    #[schema(required = true)]
    reason: Option<String>,
    symbols: u64,
    #[schema(required = true)]
    last_message: Option<Time>,
    /// Between the venue's time and receipt.
    #[schema(required = true)]
    lag_ms: Option<i64>,
    reconnects: u64,
    frames: u64,
    /// Messages that were refused, by reason.
    rejected: std::collections::HashMap<String, u64>,
    continuity: Continuity,
}

/// What continuity a feed can prove: `exact` or `none`.
#[derive(ToSchema)]
pub(super) struct Continuity {
    trades: String,
}

macro_rules! pages {
    ($($(#[$doc:meta])* $page:ident, $rows:ident: $row:ident;)*) => {$(
        $(#[$doc])*
        #[derive(ToSchema)]
        pub(super) struct $page {
            $rows: Vec<$row>,
            /// `null` on the last page.
            #[schema(required = true)]
            next: Option<Next>,
        }
    )*};
}

pages! {
    /// Trades, in the order of the tape.
    Trades, trades: TradeRow;
    /// Quotes, in the order of the tape.
    Quotes, quotes: QuoteRow;
    /// Bars, oldest first.
    Bars, bars: BarRow;
    /// Gaps, in the order of the tape.
    Gaps, gaps: GapRow;
    /// Recorded sessions, by day, tape and feed.
    Sessions, sessions: SessionRow;
    /// Instruments, bytewise.
    Instruments, symbols: SymbolRow;
    /// The feeds of this server.
    Venues, venues: VenueRow;
}

/// The streams of a channel as they stand.
#[derive(ToSchema)]
pub(super) struct Snapshots {
    cursor: Cursor,
    /// Messages of type `snapshot`, as `/asyncapi.yaml` has them.
    snapshots: Vec<serde_json::Map<String, serde_json::Value>>,
}

/// An answer of long polling.
#[derive(ToSchema)]
pub(super) struct News {
    /// For the next request.
    cursor: Cursor,
    /// Whether the messages follow the cursor of the request.
    resumed: bool,
    /// Why they do not.
    reason: Option<String>,
    /// Messages as `/asyncapi.yaml` has them, up to the end of a `seq`.
    messages: Vec<serde_json::Map<String, serde_json::Value>>,
    /// Symbols whose venue has not named all its instruments yet.
    pending: Option<Vec<String>>,
    /// Symbols that nobody knows, or that are not granted.
    rejected: Option<Vec<Rejected>>,
}

/// A symbol that was not taken.
#[derive(ToSchema)]
pub(super) struct Rejected {
    symbol: String,
    #[schema(example = "unknown_symbol")]
    code: String,
}

/// The process answers.
#[derive(ToSchema)]
pub(super) struct Alive {
    #[schema(example = "ok")]
    status: String,
    version: String,
}

/// Clients may be sent here.
#[derive(ToSchema)]
pub(super) struct Ready {
    /// `ready`, or `degraded` when history has trouble.
    #[schema(example = "ready")]
    status: String,
    /// Since the sequencer's last sign of life.
    age_ms: u64,
    /// Of the database, if there is one.
    store: Option<Stored>,
}

/// How the database keeps up.
#[derive(ToSchema)]
pub(super) struct Stored {
    state: String,
    /// Events that are not stored yet.
    #[schema(required = true)]
    behind: Option<u64>,
    #[schema(required = true)]
    lost: Option<Loss>,
    #[schema(required = true)]
    error: Option<String>,
}

/// Events that neither the journal nor the database has.
#[derive(ToSchema)]
pub(super) struct Loss {
    after: Seq,
    upto: Seq,
}
