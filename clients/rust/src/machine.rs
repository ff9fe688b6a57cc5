//! One side of a conversation without its socket: texts in; events, operations and intents out.

use std::time::Duration;

use serde::Deserialize;

use crate::error::Error;
use crate::event::Event;
use crate::event::Service;
use crate::event::State;

/// A reader's side of a conversation, over as many connections as it takes.
pub(crate) trait Machine: Send + 'static {
    /// What the reader may ask for meanwhile.
    type Command: Send + 'static;

    /// A connection was made.
    fn open(&mut self, welcome: &Welcome) -> Turn;

    /// The server said something.
    ///
    /// # Errors
    /// What makes this connection useless.
    fn hear(&mut self, text: &str) -> Result<Turn, Error>;

    /// The reader wants something else from here on, also while there is no connection.
    fn command(&mut self, command: Self::Command) -> Turn;

    /// Some time after [`Turn::later`].
    fn again(&mut self) -> Turn;

    /// The connection is gone.
    fn lost(&mut self);
}

/// What follows from something.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// For the reader.
    pub(crate) events: Vec<Event>,
    /// For the server.
    pub(crate) operations: Vec<String>,
    /// Ask [`Machine::again`] in a while.
    pub(crate) later: bool,
    /// The token expired: show another one.
    pub(crate) renew: bool,
    /// The server is about to close, and asks to come back after this time.
    pub(crate) closing: Option<Duration>,
    /// Everything is over.
    pub(crate) end: Option<Ending>,
}

/// How everything ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// As it should.
    Done,
    /// The server refuses for good.
    Failed(Error),
}

impl Turn {
    /// Nothing but an event.
    pub(crate) fn event(event: Event) -> Self {
        Self { events: vec![event], ..Self::default() }
    }

    /// Nothing but the end.
    pub(crate) fn end(ending: Ending) -> Self {
        Self { end: Some(ending), ..Self::default() }
    }
}

/// The first message of a server.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Welcome {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) protocol: String,
    pub(crate) epoch: String,
    pub(crate) seq: u64,
    pub(crate) heartbeat_ms: u64,
    pub(crate) limits: Limits,
}

/// What the server allows.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub(crate) struct Limits {
    pub(crate) message_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { message_bytes: 65_536 }
    }
}

impl Welcome {
    /// Reads it.
    ///
    /// # Errors
    /// [`Error::Protocol`] if it is none.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let it: Self = serde_json::from_str(text).map_err(|error| Error::broken(&error, text))?;
        if it.kind != "welcome" || it.protocol != "tickwire.v1" || it.epoch.is_empty() {
            return Err(Error::Protocol(format!("no welcome but {:?} {}", it.kind, it.protocol)));
        }
        Ok(it)
    }

    /// Longest time for which a server that is well says nothing.
    pub(crate) fn silence_max(&self) -> Duration {
        Duration::from_millis(self.heartbeat_ms.clamp(100, 60_000)) * 2 + Duration::from_secs(2)
    }
}

/// What any message may begin with.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Head<'a> {
    #[serde(rename = "type", borrow)]
    pub(crate) kind: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) channel: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) symbol: std::borrow::Cow<'a, str>,
    pub(crate) seq: Option<u64>,
    pub(crate) prev: Option<u64>,
    #[serde(borrow)]
    pub(crate) cause: std::borrow::Cow<'a, str>,
}

/// A message about the connection.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Talk {
    id: serde_json::Value,
    code: String,
    message: String,
    retry: bool,
    reconnect_ms: u64,
}

/// An `error` of the server.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// Of the operation, as it was sent.
    pub(crate) id: Option<String>,
    pub(crate) error: Error,
}

/// Reads the beginning of a message.
///
/// # Errors
/// [`Error::Protocol`] if it is no object of JSON with a `type`.
pub(crate) fn head(text: &str) -> Result<Head<'_>, Error> {
    let head: Head<'_> = parse(text)?;
    if head.kind.is_empty() {
        return Err(Error::Protocol("a message without a type".to_owned()));
    }
    Ok(head)
}

/// Reads a message.
///
/// # Errors
/// [`Error::Protocol`] if it is not as it must be.
pub(crate) fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| Error::broken(&error, text))
}

/// What a message means for every kind of reader: `service`, `closing`, `auth`. `None` if it is
/// none of these.
///
/// # Errors
/// As [`parse`].
pub(crate) fn talk(kind: &str, text: &str) -> Result<Option<Turn>, Error> {
    Ok(Some(match kind {
        "service" => Turn::event(Event::Service(parse(text)?)),
        "auth" => Turn::event(Event::State(State::Renewed)),
        "closing" => {
            let talk: Talk = parse(text)?;
            let (state, reason) = ("closing".to_owned(), Some(talk.code));
            let event = Event::Service(Service { state, reason, since: None });
            let closing = Some(Duration::from_millis(talk.reconnect_ms.min(3_600_000)));
            Turn { closing, ..Turn::event(event) }
        }
        _ => return Ok(None),
    }))
}

/// Reads an `error`.
///
/// # Errors
/// As [`parse`].
pub(crate) fn refusal(text: &str) -> Result<Refusal, Error> {
    let Talk { id, code, message, retry, .. } = parse(text)?;
    let error = Error::Refused { code, message, retry, id: id.as_u64() };
    Ok(Refusal { id: id.as_str().map(str::to_owned), error })
}
