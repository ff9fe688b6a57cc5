//! What the server says besides data: few a connection, so plain serde.

use serde::Serialize;
use serde_json::Number;
use tickwire_feeds::Nanos;

use crate::wire::Code;
use crate::wire::Reject;

/// An operation's `id`, echoed in its answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Id {
    /// An integer.
    Number(Number),
    /// A string of at most 36 bytes.
    Text(Box<str>),
}

/// A message of the server that is no data.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Answer<'a> {
    /// The first message.
    Welcome {
        /// Name of the protocol.
        protocol: &'a str,
        /// Of this server.
        version: &'a str,
        /// Name of the tape.
        epoch: &'a str,
        /// Head of this server's tape.
        seq: u64,
        /// How far back `from` can reach.
        oldest: u64,
        /// Longest time between two heartbeats.
        heartbeat_ms: u64,
        /// `none`, or how to authenticate.
        auth: &'a str,
        /// What the client must keep to.
        limits: Limits,
    },
    /// A subscription was taken.
    Subscribed(Subscribed<'a>),
    /// Streams were stopped.
    Unsubscribed {
        /// Of the operation.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Id>,
        /// Of which channel.
        channel: &'a str,
        /// What the client named.
        symbols: Vec<&'a str>,
        /// How many streams ended.
        streams: usize,
    },
    /// What is being sent.
    Subscriptions {
        /// Of the operation.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Id>,
        /// One entry a subscription.
        streams: Vec<Entry<'a>>,
    },
    /// What a subscription would cost.
    Plan {
        /// Of the operation.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Id>,
        /// How many streams its names cover now.
        streams: usize,
        /// Messages of all of them, as of late.
        messages_per_s: u64,
        /// Bytes of those messages.
        bytes_per_s: u64,
        /// Names that this client has no right to.
        denied: Vec<&'a str>,
    },
    /// A credential was taken.
    Auth {
        /// Of the operation.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Id>,
        /// Until when it is good, unless it stays good.
        #[serde(skip_serializing_if = "Option::is_none")]
        expires: Option<Time>,
    },
    /// The answer to `ping`.
    Pong {
        /// Of the operation.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Id>,
        /// The server's time.
        now: Time,
    },
    /// A refusal.
    Error {
        /// Of the operation.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Id>,
        /// Which kind.
        code: Code,
        /// What was wrong.
        message: &'a str,
        /// Whether the same may succeed later.
        retry: bool,
    },
    /// Messages of one stream that this client was too slow for.
    Gap {
        /// Of which channel.
        channel: &'a str,
        /// Of which symbol.
        symbol: &'a str,
        /// `slow_consumer`.
        cause: &'a str,
        /// The first that was dropped.
        from: u64,
        /// The last: what the client holds from now on.
        to: u64,
        /// How many.
        missing: u64,
    },
    /// The cursor of the connection.
    Heartbeat {
        /// Everything up to here was sent.
        seq: u64,
        /// Since the sequencer's last sign of life.
        age_ms: u64,
        /// The server's time.
        now: Time,
    },
    /// A replay is open.
    Opened(Opened<'a>),
    /// Where a replay is.
    Position {
        /// Of the operation that led there.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Id>,
        /// Everything up to here was played.
        seq: u64,
        /// The time there.
        at: Time,
        /// How fast it plays: 1 as it happened, 0 as fast as the client reads.
        speed: &'a Number,
        /// `playing`, `paused`, `ended` or `live`.
        state: &'a str,
        /// Which part of the range is behind it, 0..=1.
        done: f64,
    },
    /// This server's own trouble.
    Service {
        /// `ok`, `degraded` or `lagging`.
        state: &'a str,
        /// Why, for people.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
        /// Since when.
        since: Time,
    },
    /// The server is about to close.
    Closing {
        /// Why.
        code: &'a str,
        /// When to come back.
        reconnect_ms: u64,
    },
}

/// A subscription was taken.
#[derive(Debug, Clone, Serialize)]
pub struct Subscribed<'a> {
    /// Of the operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// Of which channel.
    pub channel: &'a str,
    /// Exact symbols that are sent.
    pub symbols: Vec<&'a str>,
    /// Patterns, and how many symbols they cover now.
    pub patterns: Vec<PatternCount<'a>>,
    /// Exact symbols whose venue has not named all its instruments yet.
    pub pending: Vec<&'a str>,
    /// Exact symbols that nobody knows.
    pub rejected: Vec<Rejected<'a>>,
    /// Whether what was missed follows.
    pub resumed: bool,
    /// Why it does not, if the client asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a str>,
}

/// A replay is open.
#[derive(Debug, Clone, Serialize)]
pub struct Opened<'a> {
    /// Of the operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// What comes after this is played.
    pub from: Place<'a>,
    /// Up to here.
    pub to: Place<'a>,
    /// Places of the tape between the two.
    pub events: u64,
    /// Of which channel.
    pub channel: &'a str,
    /// Exact symbols that are sent.
    pub symbols: Vec<&'a str>,
    /// Patterns, and how many symbols they cover at its beginning.
    pub patterns: Vec<PatternCount<'a>>,
    /// Exact symbols that come later.
    pub pending: Vec<&'a str>,
    /// Exact symbols that this range does not have.
    pub rejected: Vec<Rejected<'a>>,
}

/// A place on a named tape.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Place<'a> {
    /// Name of the tape.
    pub epoch: &'a str,
    /// The place.
    pub seq: u64,
}

/// A pattern and how many symbols it covers.
#[derive(Debug, Clone, Serialize)]
pub struct PatternCount<'a> {
    /// As it was named.
    pub pattern: &'a str,
    /// Now.
    pub count: usize,
}

/// A symbol that was not taken.
#[derive(Debug, Clone, Serialize)]
pub struct Rejected<'a> {
    /// As it was named.
    pub symbol: &'a str,
    /// Why.
    pub code: Code,
}

/// One subscription.
#[derive(Debug, Clone, Serialize)]
pub struct Entry<'a> {
    /// Of which channel.
    pub channel: &'a str,
    /// Exact symbols and patterns.
    pub symbols: Vec<&'a str>,
    /// Its conflation.
    pub conflate_ms: u64,
    /// Its policy.
    pub slow: &'a str,
}

/// What a client must keep to, told in `welcome`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Streams of one connection.
    pub symbols: usize,
    /// Bytes of one message of a client.
    pub message_bytes: usize,
    /// Operations in one second.
    pub ops_per_s: u32,
    /// Bytes waiting for one client.
    pub buffer_bytes: usize,
}

/// A time in the form of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time(pub Nanos);

impl Serialize for Time {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl Answer<'_> {
    /// A refusal.
    #[must_use]
    pub fn error(id: Option<Id>, reject: &Reject) -> Answer<'_> {
        Answer::Error {
            id,
            code: reject.code,
            message: &reject.message,
            retry: reject.code.retry(),
        }
    }

    /// The message as JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Maps with string keys written to memory: nothing here can fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}
