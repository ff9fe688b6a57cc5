//! Client operations: one JSON object each, parsed once and checked here.

mod replay;

use serde_json::Map;
use serde_json::Value;
use tickwire_feeds::error::quoted;

use crate::event::Channel;
use crate::event::Seq;
use crate::wire::Code;
use crate::wire::Reject;
use crate::wire::answer::Id;
use crate::wire::msgpack;
use crate::wire::pattern::Name;
use crate::wire::secret::Secret;

pub use replay::Open;
pub use replay::Pause;
pub use replay::Point;
pub use replay::ReplayOp;
pub use replay::Speed;
pub use replay::Then;
pub use replay::parse as parse_replay;
pub use replay::parse_packed as parse_replay_packed;

/// Longest `id`, in bytes.
const ID_BYTES_MAX: usize = 36;
/// Longest `conflate_ms`.
const CONFLATE_MS_MAX: u64 = 60_000;
/// Patterns of one operation: each is held against every symbol there is.
const PATTERNS_MAX: usize = 256;
/// Largest `last`.
const LAST_MAX: u64 = 1_000;

/// What a client asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// Send streams from now on.
    Subscribe(Subscribe),
    /// Tell what such a subscription would cost.
    Plan(Subscribe),
    /// Stop sending streams.
    Unsubscribe(Unsubscribe),
    /// Name what is sent.
    Subscriptions,
    /// Answer at once.
    Ping,
    /// Take a credential, or another one.
    Auth(Secret),
}

/// Streams to send, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Subscribe {
    /// Of which channel.
    pub channel: Channel,
    /// Of which symbols, without repeats.
    pub names: Vec<Result<Name, String>>,
    /// Least time between two snapshots of a stream, in ms; 0 sends every change.
    pub conflate_ms: u64,
    /// Where to begin.
    pub start: Start,
    /// What to do when the client is slow.
    pub slow: Slow,
}

/// Where a subscription begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// With what is true now.
    Now,
    /// So many messages back.
    Last(usize),
    /// After what the client has.
    From(Cursor),
}

/// A place on a named tape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Name of the tape.
    pub epoch: Box<str>,
    /// Everything up to here is known.
    pub seq: Seq,
}

/// What happens to a stream when its client's buffer is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Slow {
    /// Fresh snapshots, as the socket drains.
    Conflate,
    /// Fed from the tape until it has caught up.
    Spill,
    /// Dropped, and said once there is room.
    Gap,
    /// The connection is closed.
    Close,
}

impl Slow {
    /// The word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Conflate => "conflate",
            Self::Spill => "spill",
            Self::Gap => "gap",
            Self::Close => "close",
        }
    }
}

/// Streams to stop.
#[derive(Debug, Clone, PartialEq)]
pub struct Unsubscribe {
    /// Of which channel.
    pub channel: Channel,
    /// The strings of `subscribe`.
    pub names: Vec<Result<Name, String>>,
}

/// Reads one message.
///
/// # Errors
/// The refusal, with the `id` to echo if it could be read.
pub fn parse(text: &[u8]) -> (Option<Id>, Result<Op, Reject>) {
    parse_with(text, op)
}

/// Reads one message of MessagePack.
///
/// # Errors
/// The refusal, with the `id` to echo if it could be read.
pub fn parse_packed(bytes: &[u8]) -> (Option<Id>, Result<Op, Reject>) {
    unpacked(bytes, parse)
}

/// Reads a message of MessagePack as what it is in JSON.
fn unpacked<T>(
    bytes: &[u8],
    parse: impl FnOnce(&[u8]) -> (Option<Id>, Result<T, Reject>),
) -> (Option<Id>, Result<T, Reject>) {
    match msgpack::unpack(bytes) {
        Ok(json) => parse(&json),
        Err(error) => (None, Err(Reject::bad(format!("not MessagePack: {error}")))),
    }
}

/// Reads what a subscription is to be, of the keys of a `subscribe`.
///
/// # Errors
/// The refusal.
pub fn subscribe(object: &Map<String, Value>) -> Result<Subscribe, Reject> {
    let (channel, names) = streams(object)?;
    let conflate_ms = bounded(object, "conflate_ms", 0..=CONFLATE_MS_MAX)?.unwrap_or(0);
    if conflate_ms > 0 && channel.is_events() {
        return Err(Reject::bad("conflate_ms is for states: trades are events, each is sent"));
    }
    let start = start(object, channel)?;
    if conflate_ms > 0 && matches!(start, Start::Last(_)) {
        return Err(Reject::bad("last and conflate_ms exclude each other"));
    }
    let slow = slow(object, channel, conflate_ms)?;
    Ok(Subscribe { channel, names, conflate_ms, start, slow })
}

fn parse_with<T>(
    text: &[u8],
    op: impl FnOnce(&Map<String, Value>) -> Result<T, Reject>,
) -> (Option<Id>, Result<T, Reject>) {
    let object = match serde_json::from_slice(text) {
        Ok(Value::Object(object)) => object,
        Ok(_) => return (None, Err(Reject::bad("a message must be a JSON object"))),
        Err(error) => return (None, Err(Reject::bad(format!("not JSON: {error}")))),
    };
    match id(&object) {
        Ok(id) => (id, op(&object)),
        Err(reject) => (None, Err(reject)),
    }
}

fn id(object: &Map<String, Value>) -> Result<Option<Id>, Reject> {
    match object.get("id") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) if number.is_i64() || number.is_u64() => {
            Ok(Some(Id::Number(number.clone())))
        }
        Some(Value::String(text)) if text.len() <= ID_BYTES_MAX => {
            Ok(Some(Id::Text(text.as_str().into())))
        }
        Some(other) => Err(Reject::bad(format!(
            "id must be an integer or a string of at most {ID_BYTES_MAX} bytes, got {}",
            shown(other)
        ))),
    }
}

fn word_of(object: &Map<String, Value>) -> Result<&str, Reject> {
    match object.get("op") {
        Some(Value::String(word)) => Ok(word.as_str()),
        Some(other) => Err(Reject::bad(format!("op must be a string, got {}", shown(other)))),
        None => Err(Reject::bad("op is missing")),
    }
}

fn op(object: &Map<String, Value>) -> Result<Op, Reject> {
    match word_of(object)? {
        "subscribe" => subscribe(object).map(Op::Subscribe),
        "plan" => subscribe(object).map(Op::Plan),
        "unsubscribe" => {
            let (channel, names) = streams(object)?;
            Ok(Op::Unsubscribe(Unsubscribe { channel, names }))
        }
        "subscriptions" => Ok(Op::Subscriptions),
        "ping" => Ok(Op::Ping),
        "auth" => match object.get("token") {
            Some(Value::String(token)) => Ok(Op::Auth(Secret::new(token))),
            // Nothing of it is said again: it may be one all the same.
            Some(_) => Err(Reject::bad("token must be a string")),
            None => Err(Reject::bad("token is missing")),
        },
        other => Err(Reject::new(
            Code::UnknownOp,
            format!(
                "unknown op {:?}: subscribe, unsubscribe, subscriptions, plan, ping or auth",
                quoted(other)
            ),
        )),
    }
}

fn streams(object: &Map<String, Value>) -> Result<(Channel, Vec<Result<Name, String>>), Reject> {
    let channel = match object.get("channel") {
        Some(Value::String(word)) => Channel::parse(word).ok_or_else(|| {
            let served = Channel::ALL.map(Channel::word).join(", ");
            let message = format!("unknown channel {:?}: {served} are served", quoted(word));
            Reject::new(Code::UnknownChannel, message)
        })?,
        Some(other) => {
            return Err(Reject::bad(format!("channel must be a string, got {}", shown(other))));
        }
        None => return Err(Reject::bad("channel is missing")),
    };
    let list = match object.get("symbols") {
        Some(Value::Array(list)) if !list.is_empty() => list,
        Some(Value::Array(_)) => return Err(Reject::bad("symbols is empty")),
        Some(other) => {
            return Err(Reject::bad(format!("symbols must be a list, got {}", shown(other))));
        }
        None => return Err(Reject::bad("symbols is missing")),
    };
    let mut seen = std::collections::HashSet::new();
    let mut names = Vec::with_capacity(list.len());
    for entry in list {
        let Value::String(text) = entry else {
            return Err(Reject::bad(format!("symbols must hold strings, got {}", shown(entry))));
        };
        if seen.insert(text.as_str()) {
            names.push(Name::parse(text).map_err(|_| quoted(text)));
        }
    }
    check_patterns(names.iter().flatten())?;
    Ok((channel, names))
}

/// Refuses what would take too many looks at all symbols.
///
/// # Errors
/// [`Code::TooManySymbols`].
pub fn check_patterns<'a>(names: impl Iterator<Item = &'a Name>) -> Result<(), Reject> {
    let patterns = names.filter(|name| matches!(name, Name::Pattern(_))).count();
    if patterns > PATTERNS_MAX {
        let message = format!("{patterns} patterns are more than {PATTERNS_MAX} in one operation");
        return Err(Reject::new(Code::TooManySymbols, message));
    }
    Ok(())
}

fn start(object: &Map<String, Value>, channel: Channel) -> Result<Start, Reject> {
    let last = bounded(object, "last", 0..=LAST_MAX)?;
    if last.is_some() && channel == Channel::Ticker {
        return Err(Reject::bad("last is for trades and bars: ticker is a state"));
    }
    let from = match object.get("from") {
        None | Some(Value::Null) => None,
        Some(Value::Object(from)) => Some(cursor(from, "from")?),
        Some(other) => {
            return Err(Reject::bad(format!(
                "from must be {{\"epoch\":…,\"seq\":…}}, got {}",
                shown(other)
            )));
        }
    };
    match (last, from) {
        (Some(_), Some(_)) => Err(Reject::bad("last and from exclude each other")),
        (None | Some(0), None) => Ok(Start::Now),
        (Some(last), None) => Ok(Start::Last(usize::try_from(last).unwrap_or(0))),
        (None, Some(from)) => Ok(Start::From(from)),
    }
}

fn cursor(of: &Map<String, Value>, name: &str) -> Result<Cursor, Reject> {
    let epoch = match of.get("epoch") {
        Some(Value::String(epoch)) => epoch,
        Some(other) => {
            let message = format!("{name}.epoch must be a string, got {}", shown(other));
            return Err(Reject::bad(message));
        }
        None => return Err(Reject::bad(format!("{name}.epoch is missing"))),
    };
    let seq = ranged(of.get("seq"), &format!("{name}.seq"), 0..=Seq::MAX.0)?
        .ok_or_else(|| Reject::bad(format!("{name}.seq is missing")))?;
    Ok(Cursor { epoch: epoch.as_str().into(), seq: Seq(seq) })
}

fn slow(object: &Map<String, Value>, channel: Channel, conflate_ms: u64) -> Result<Slow, Reject> {
    let slow = match object.get("slow") {
        None | Some(Value::Null) if channel.is_events() => return Ok(Slow::Spill),
        None | Some(Value::Null) => return Ok(Slow::Conflate),
        Some(Value::String(word)) => word.as_str(),
        Some(other) => {
            return Err(Reject::bad(format!("slow must be a string, got {}", shown(other))));
        }
    };
    match (slow, channel) {
        ("conflate", Channel::Trades) => {
            Err(Reject::bad("slow conflate is for states: trades are events"))
        }
        ("conflate", _) => Ok(Slow::Conflate),
        ("spill", _) if conflate_ms > 0 => {
            Err(Reject::bad("slow spill and conflate_ms exclude each other"))
        }
        ("spill", _) => Ok(Slow::Spill),
        ("close", _) => Ok(Slow::Close),
        ("gap", Channel::Trades) => Ok(Slow::Gap),
        ("gap", _) => Err(Reject::bad("slow gap is for trades")),
        (other, _) => Err(Reject::bad(format!(
            "slow must be conflate, spill, gap or close, got {:?}",
            quoted(other)
        ))),
    }
}

fn bounded(
    object: &Map<String, Value>,
    key: &str,
    range: std::ops::RangeInclusive<u64>,
) -> Result<Option<u64>, Reject> {
    ranged(object.get(key), key, range)
}

fn ranged(
    value: Option<&Value>,
    name: &str,
    range: std::ops::RangeInclusive<u64>,
) -> Result<Option<u64>, Reject> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64().filter(|number| range.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => Err(Reject::bad(format!(
                "{name} must be {}..{}, got {}",
                range.start(),
                range.end(),
                shown(value)
            ))),
        },
    }
}

fn shown(value: &Value) -> String {
    quoted(&value.to_string())
}
