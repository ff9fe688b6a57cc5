//! The operations of a replay: those of a stream, and its own.

use std::str::FromStr as _;
use std::time::Duration;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde_json::Map;
use serde_json::Number;
use serde_json::Value;
use tickwire_feeds::Nanos;
use tickwire_feeds::error::quoted;

use super::CONFLATE_MS_MAX;
use super::Cursor;
use super::Op;
use super::Start;
use super::Subscribe;
use super::bounded;
use super::cursor;
use super::op;
use super::parse_with;
use super::ranged;
use super::shown;
use super::slow;
use super::streams;
use super::word_of;
use crate::event::Seq;
use crate::wire::Code;
use crate::wire::Reject;
use crate::wire::answer::Id;

/// Longest `max_idle_ms`: a day.
const MAX_IDLE_MS_MAX: u64 = 86_400_000;
/// The slowest and the fastest speed that is not 0, in thousandths.
const THOUSANDTHS: std::ops::RangeInclusive<u64> = 1..=1_000_000_000;
/// Longest name of a tape that is looked for, in bytes.
const EPOCH_BYTES_MAX: usize = 64;

/// What the client of a replay asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum ReplayOp {
    /// Begin.
    Open(Box<Open>),
    /// Stand still.
    Pause,
    /// Go on.
    Play,
    /// Go at another speed.
    Speed(Speed),
    /// Go on from another place.
    Seek(Point),
    /// Go on by so many events that are a message of the client's streams, then stand still.
    Step(u64),
    /// What can be asked of a stream too.
    Stream(Op),
}

/// Which part of which tape to play, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Open {
    /// What to send of it.
    pub streams: Subscribe,
    /// The tape, if that is not the one of its points or the live one.
    pub epoch: Option<Box<str>>,
    /// Where it begins.
    pub from: Point,
    /// Where it ends; `None` for now.
    pub to: Option<Point>,
    /// How fast.
    pub speed: Speed,
    /// Whether it stands still at first.
    pub pause: Pause,
    /// What comes at its end.
    pub then: Then,
    /// Longest silence.
    pub max_idle: Option<Duration>,
}

/// A place, by its name or by its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Point {
    /// After this event.
    Cursor(Cursor),
    /// Before the first event that was received at this time or later.
    Time(Nanos),
}

/// Whether a replay stands still at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// It plays at once.
    No,
    /// It waits for `play`.
    Yes,
}

/// What comes at the end of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Nothing.
    End,
    /// What is live.
    Live,
}

/// How fast a replay plays.
#[derive(Debug, Clone, PartialEq)]
pub struct Speed {
    number: Number,
    /// In thousandths; 0 for as fast as the client reads.
    thousandths: u64,
}

impl Speed {
    /// As it happened.
    #[must_use]
    pub fn as_it_happened() -> Self {
        Self { number: 1_u8.into(), thousandths: 1_000 }
    }

    /// As the client gave it.
    #[must_use]
    pub const fn number(&self) -> &Number {
        &self.number
    }

    /// Whether it is as fast as the client reads.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.thousandths == 0
    }

    /// How long it takes to play what took so long.
    #[must_use]
    pub fn shorten(&self, time: Duration) -> Duration {
        let thousandths = time.as_nanos().saturating_mul(1_000);
        duration(thousandths.checked_div(self.thousandths.into()).unwrap_or(0))
    }

    /// How much is played in a time.
    #[must_use]
    pub fn lengthen(&self, time: Duration) -> Duration {
        duration(time.as_nanos().saturating_mul(self.thousandths.into()) / 1_000)
    }

    fn parse(value: Option<&Value>) -> Result<Option<Self>, Reject> {
        let number = match value {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Number(number)) => number,
            Some(other) => return Err(Self::refused(other)),
        };
        let refused = || Self::refused(&Value::Number(number.clone()));
        let text = number.to_string();
        let times = Decimal::from_str(&text).or_else(|_| Decimal::from_scientific(&text));
        let times = times.map_err(|_| refused())?;
        let thousandths = times.checked_mul(1_000.into()).and_then(|of| of.round().to_u64());
        match thousandths {
            Some(0) if times.is_zero() => Ok(Some(Self { number: number.clone(), thousandths: 0 })),
            Some(thousandths) if THOUSANDTHS.contains(&thousandths) => {
                Ok(Some(Self { number: number.clone(), thousandths }))
            }
            _ => Err(refused()),
        }
    }

    fn refused(value: &Value) -> Reject {
        Reject::bad(format!(
            "speed must be 0 (as fast as you read) or 0.001..1000000, got {}",
            shown(value)
        ))
    }
}

fn duration(nanos: u128) -> Duration {
    u64::try_from(nanos).map_or(Duration::MAX, Duration::from_nanos)
}

/// Reads one message.
///
/// # Errors
/// The refusal, with the `id` to echo if it could be read.
pub fn parse(text: &[u8]) -> (Option<Id>, Result<ReplayOp, Reject>) {
    parse_with(text, replay_op)
}

fn replay_op(object: &Map<String, Value>) -> Result<ReplayOp, Reject> {
    match word_of(object)? {
        "open" => open(object).map(|open| ReplayOp::Open(Box::new(open))),
        "pause" => Ok(ReplayOp::Pause),
        "play" => Ok(ReplayOp::Play),
        "speed" => match Speed::parse(object.get("speed"))? {
            Some(speed) => Ok(ReplayOp::Speed(speed)),
            None => Err(Reject::bad("speed is missing")),
        },
        "seek" => match point(object, "to")? {
            Some(point) => Ok(ReplayOp::Seek(point)),
            None => Err(Reject::bad("to is missing: a time or {\"epoch\":…,\"seq\":…}")),
        },
        "step" => Ok(ReplayOp::Step(bounded(object, "n", 1..=Seq::MAX.0)?.unwrap_or(1))),
        _ => stream_op(object).map(ReplayOp::Stream),
    }
}

/// An operation of a stream, as far as it makes sense in a replay.
fn stream_op(object: &Map<String, Value>) -> Result<Op, Reject> {
    match op(object) {
        Ok(Op::Subscribe(Subscribe { start: Start::Last(_) | Start::From(_), .. })) => {
            Err(Reject::bad("in a replay a stream begins where the replay is: see seek"))
        }
        Err(reject) if reject.code == Code::UnknownOp => {
            let own = "open, pause, play, speed, seek, step";
            Err(Reject { message: format!("{}; of a replay: {own}", reject.message), ..reject })
        }
        parsed => parsed,
    }
}

fn open(object: &Map<String, Value>) -> Result<Open, Reject> {
    let (channel, names) = streams(object)?;
    let conflate_ms = bounded(object, "conflate_ms", 0..=CONFLATE_MS_MAX)?.unwrap_or(0);
    if conflate_ms > 0 && channel.is_events() {
        return Err(Reject::bad("conflate_ms is for states: trades are events, each is sent"));
    }
    let slow = slow(object, channel, conflate_ms)?;
    let streams = Subscribe { channel, names, conflate_ms, start: Start::Now, slow };
    let from = point(object, "from")?
        .ok_or_else(|| Reject::bad("from is missing: a time or {\"epoch\":…,\"seq\":…}"))?;
    Ok(Open {
        streams,
        epoch: epoch(object)?,
        from,
        to: point(object, "to")?,
        speed: Speed::parse(object.get("speed"))?.unwrap_or_else(Speed::as_it_happened),
        pause: match object.get("paused") {
            None | Some(Value::Null | Value::Bool(false)) => Pause::No,
            Some(Value::Bool(true)) => Pause::Yes,
            Some(other) => {
                let message = format!("paused must be true or false, got {}", shown(other));
                return Err(Reject::bad(message));
            }
        },
        then: match object.get("then") {
            None | Some(Value::Null) => Then::End,
            Some(Value::String(word)) if word == "live" => Then::Live,
            Some(Value::String(word)) if word == "end" => Then::End,
            Some(other) => {
                return Err(Reject::bad(format!("then must be live or end, got {}", shown(other))));
            }
        },
        max_idle: bounded(object, "max_idle_ms", 0..=MAX_IDLE_MS_MAX)?.map(Duration::from_millis),
    })
}

fn epoch(object: &Map<String, Value>) -> Result<Option<Box<str>>, Reject> {
    match object.get("epoch") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(epoch)) => known_length(epoch, "epoch").map(Some),
        Some(other) => {
            Err(Reject::bad(format!("epoch must be the name of a tape, got {}", shown(other))))
        }
    }
}

fn known_length(epoch: &str, name: &str) -> Result<Box<str>, Reject> {
    if epoch.is_empty() || epoch.len() > EPOCH_BYTES_MAX {
        let message = format!("{name} must have 1..{EPOCH_BYTES_MAX} bytes, got {}", quoted(epoch));
        return Err(Reject::bad(message));
    }
    Ok(epoch.into())
}

/// A cursor as an object or as `EPOCH:SEQ`, or a time.
fn point(object: &Map<String, Value>, key: &str) -> Result<Option<Point>, Reject> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(of)) => {
            let cursor = cursor(of, key)?;
            known_length(&cursor.epoch, &format!("{key}.epoch"))?;
            Ok(Some(Point::Cursor(cursor)))
        }
        Some(Value::String(text)) => {
            let time = Nanos::parse_bound(text).ok().map(Point::Time);
            let point = time.or_else(|| cursor_text(text).map(Point::Cursor));
            point.map(Some).ok_or_else(|| refused_point(key, &quoted(text)))
        }
        Some(other) => Err(refused_point(key, &shown(other))),
    }
}

fn cursor_text(text: &str) -> Option<Cursor> {
    let (epoch, seq) = text.split_once(':')?;
    let is_number = !seq.is_empty() && seq.bytes().all(|byte| byte.is_ascii_digit());
    let seq = Value::from(seq.parse::<u64>().ok().filter(|_| is_number)?);
    let seq = ranged(Some(&seq), "seq", 0..=Seq::MAX.0).ok()??;
    let epoch = known_length(epoch, "epoch").ok()?;
    Some(Cursor { epoch, seq: Seq(seq) })
}

fn refused_point(key: &str, got: &str) -> Reject {
    Reject::bad(format!(
        "{key} must be a time like 2026-11-20T14:30:00Z or {{\"epoch\":…,\"seq\":…}}, got {got}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<ReplayOp, Reject> {
        parse(text.as_bytes()).1
    }

    fn opened(more: &str) -> Result<Open, Reject> {
        let text = format!(r#"{{"op":"open","channel":"ticker","symbols":["a:B"]{more}}}"#);
        match parsed(&text)? {
            ReplayOp::Open(open) => Ok(*open),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_open_needs_only_a_beginning() {
        let open = opened(r#","from":"2026-11-20T14:30:00Z""#).unwrap();
        let at = Nanos::parse_rfc3339("2026-11-20T14:30:00Z").unwrap();
        assert_eq!(open.from, Point::Time(at));
        assert_eq!((open.to, open.then, open.pause), (None, Then::End, Pause::No));
        assert_eq!((open.speed, open.max_idle), (Speed::as_it_happened(), None));
        assert!(opened("").unwrap_err().message.starts_with("from is missing"));
    }

    #[test]
    fn a_cursor_is_an_object_or_a_text() {
        let object = opened(r#","from":{"epoch":"k3v9","seq":91}"#).unwrap();
        let text = opened(r#","from":"k3v9:91""#).unwrap();
        let cursor = Point::Cursor(Cursor { epoch: "k3v9".into(), seq: Seq(91) });
        assert_eq!((object.from, text.from), (cursor.clone(), cursor));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_the_input_named() {
        for more in [
            r#","from":"yesterday""#,
            r#","from":"k3v9:""#,
            r#","from":"k3v9:+1""#,
            r#","from":"k3v9:99999999999999999999""#,
            r#","from":{"epoch":"k3v9","seq":-1}"#,
            r#","from":{"epoch":"k3v9","seq":9007199254740992}"#,
            r#","from":{"epoch":"k3v9"}"#,
            r#","from":{"epoch":"","seq":1}"#,
            r#","from":7"#,
            r#","from":"k:1","speed":-1"#,
            r#","from":"k:1","speed":1e308"#,
            r#","from":"k:1","speed":1e-9"#,
            r#","from":"k:1","speed":"fast""#,
            r#","from":"k:1","speed":[]"#,
            r#","from":"k:1","paused":1"#,
            r#","from":"k:1","then":"dead""#,
            r#","from":"k:1","max_idle_ms":-5"#,
            r#","from":"k:1","max_idle_ms":1e30"#,
            r#","from":"k:1","epoch":5"#,
            r#","from":"k:1","conflate_ms":70000"#,
        ] {
            let reject = opened(more).unwrap_err();
            assert_eq!(reject.code, Code::BadRequest, "{more}");
        }
        for text in [
            r#"{"op":"speed"}"#,
            r#"{"op":"speed","speed":NaN}"#,
            r#"{"op":"speed","speed":1e999}"#,
            r#"{"op":"seek"}"#,
            r#"{"op":"step","n":0}"#,
            r#"{"op":"step","n":-1}"#,
            r#"{"op":"step","n":1.5}"#,
            r#"{"op":"step","n":1e12}"#,
            r#"{"op":"subscribe","channel":"trades","symbols":["a:B"],"last":5}"#,
        ] {
            assert_eq!(parsed(text).unwrap_err().code, Code::BadRequest, "{text}");
        }
        let unknown = parsed(r#"{"op":"rewind"}"#).unwrap_err();
        assert_eq!(unknown.code, Code::UnknownOp);
        assert!(unknown.message.contains("seek"), "{}", unknown.message);
    }

    #[test]
    fn a_speed_is_echoed_as_it_came() {
        for (text, thousandths) in
            [("10", 10_000), ("0.5", 500), ("0", 0), ("-0.0", 0), ("1000000.0", 1_000_000_000)]
        {
            let op = parsed(&format!(r#"{{"op":"speed","speed":{text}}}"#)).unwrap();
            let ReplayOp::Speed(speed) = op else { panic!("{op:?}") };
            assert_eq!(speed.number().to_string(), text);
            assert_eq!(speed.thousandths, thousandths);
        }
        let ten = Speed { number: 10.into(), thousandths: 10_000 };
        assert_eq!(ten.shorten(Duration::from_secs(5)), Duration::from_millis(500));
        assert_eq!(ten.lengthen(Duration::from_millis(500)), Duration::from_secs(5));
        let slowest = Speed { number: 0.into(), thousandths: 1 };
        assert!(slowest.shorten(Duration::MAX) == Duration::MAX);
    }
}
