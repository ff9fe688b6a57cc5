//! Error codes and close codes.

use serde::Serialize;

/// An error code, as PROTOCOL.md lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Code {
    /// Malformed, of a wrong type, out of range, or a combination that makes no sense.
    BadRequest,
    /// No such operation.
    UnknownOp,
    /// No such channel, or one that is not served yet.
    UnknownChannel,
    /// No feed has that symbol.
    UnknownSymbol,
    /// Nobody we know, or not known yet.
    Unauthorized,
    /// The token was good until just now; another one is needed.
    TokenExpired,
    /// Not for this client.
    Forbidden,
    /// More streams than `limits.symbols`.
    TooManySymbols,
    /// Larger than `limits.message_bytes`; the connection is closed with 1009.
    MessageTooLarge,
    /// More operations than `limits.ops_per_s`.
    RateLimited,
    /// The tape no longer reaches back so far, or a crash lost that part.
    CursorExpired,
    /// The cursor is of another tape.
    EpochMismatch,
    /// There is nothing in that range.
    RangeEmpty,
    /// Not now; try again.
    Unavailable,
    /// Our fault.
    Internal,
}

impl Code {
    /// The word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::UnknownOp => "unknown_op",
            Self::UnknownChannel => "unknown_channel",
            Self::UnknownSymbol => "unknown_symbol",
            Self::Unauthorized => "unauthorized",
            Self::TokenExpired => "token_expired",
            Self::Forbidden => "forbidden",
            Self::TooManySymbols => "too_many_symbols",
            Self::MessageTooLarge => "message_too_large",
            Self::RateLimited => "rate_limited",
            Self::CursorExpired => "cursor_expired",
            Self::EpochMismatch => "epoch_mismatch",
            Self::RangeEmpty => "range_empty",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub const fn retry(self) -> bool {
        matches!(self, Self::RateLimited | Self::Unavailable | Self::Internal)
    }
}

/// A refused request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Which kind.
    pub code: Code,
    /// What was wrong, with the input named.
    pub message: String,
}

impl Reject {
    /// A request that makes no sense as it stands.
    #[must_use]
    pub fn bad(message: impl Into<String>) -> Self {
        Self { code: Code::BadRequest, message: message.into() }
    }

    /// Any other refusal.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// Why a WebSocket is closed (RFC 6455 §7.4 and PROTOCOL.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Close {
    /// The client closed, with this code if any.
    Answer(Option<u16>),
    /// A frame breaks RFC 6455.
    Protocol,
    /// A binary message where only text is understood.
    Unsupported,
    /// A text message that is no UTF-8.
    NotUtf8,
    /// A message over `limits.message_bytes`.
    TooLarge,
    /// The server stops; come back after `reconnect_ms`.
    Shutdown,
    /// The token expired, and no other one came.
    TokenExpired,
    /// The client did not take its messages.
    TooSlow,
    /// No token came in time.
    NoAuth,
    /// The client did not answer pings, or took nothing for too long.
    Silent,
    /// The client went on far beyond `limits.ops_per_s`.
    TooManyOps,
    /// The token is not good.
    Unauthorized,
    /// What the client does here is not for it.
    Forbidden,
    /// Too many connections.
    TooManyConnections,
}

impl Close {
    /// The number in the close frame; none answers a close that had none.
    #[must_use]
    pub const fn number(self) -> Option<u16> {
        Some(match self {
            Self::Answer(code) => return code,
            Self::Silent => 1001,
            Self::Protocol => 1002,
            Self::Unsupported => 1003,
            Self::NotUtf8 => 1007,
            Self::TooLarge => 1009,
            Self::Shutdown => 4000,
            Self::TokenExpired => 4001,
            Self::TooSlow => 4008,
            Self::NoAuth => 4010,
            Self::TooManyOps => 4029,
            Self::Unauthorized => 4401,
            Self::Forbidden => 4403,
            Self::TooManyConnections => 4429,
        })
    }

    /// The code of `closing`, for those who are sent no close frame.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Answer(_) => "closed",
            Self::Shutdown => "shutdown",
            Self::TooSlow | Self::Silent => "too_slow",
            Self::TooManyConnections => "too_many_connections",
            Self::TokenExpired => "token_expired",
            Self::NoAuth | Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::TooManyOps => "rate_limited",
            Self::Protocol | Self::Unsupported | Self::NotUtf8 | Self::TooLarge => "bad_request",
        }
    }

    /// The reason in the close frame.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Answer(_) => "",
            Self::Silent => "no sign of life",
            Self::Protocol => "protocol error",
            Self::Unsupported => "text messages only",
            Self::NotUtf8 => "text is not UTF-8",
            Self::TooLarge => "message too large",
            Self::Shutdown => "shutdown",
            Self::TokenExpired => "token expired",
            Self::TooSlow => "too slow",
            Self::NoAuth => "no token in time",
            Self::TooManyOps => "too many operations",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::TooManyConnections => "too many connections",
        }
    }
}
