//! The reader's side of `/v1/replay`: what was, over as many connections as it takes.

use std::collections::HashMap;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::cursor::Cursor;
use crate::error::Error;
use crate::event::Event;
use crate::event::Position;
use crate::event::Rejected;
use crate::event::State;
use crate::event::Subscribed;
use crate::intake::Intake;
use crate::machine;
use crate::machine::Ending;
use crate::machine::Machine;
use crate::machine::Turn;
use crate::machine::Welcome;
use crate::request::Request;
use crate::request::Start;
use crate::request::portions;
use crate::streams::Leaps;
use crate::streams::Loss;
use crate::streams::Streams;

/// What to play, and how.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tape {
    pub(crate) request: Request,
    pub(crate) from: Value,
    pub(crate) to: Option<Value>,
    pub(crate) epoch: Option<String>,
    pub(crate) speed: f64,
    pub(crate) paused: bool,
    pub(crate) then_live: bool,
    pub(crate) stays: bool,
    pub(crate) max_idle_ms: Option<u64>,
}

/// The reader's side of `/v1/replay`.
#[derive(Debug)]
pub(crate) struct Player {
    tape: Tape,
    intake: Intake,
    /// The range, once the server has said it.
    range: Option<[Cursor; 2]>,
    /// Everything up to here was seen.
    seq: u64,
    next_id: u64,
    asked: HashMap<String, What>,
    /// Where the reader wants to be, until the server says that it is there.
    seeking: Option<(u64, Value)>,
    /// Whether the replay has come to what is live, where heartbeats are places too.
    is_live: bool,
    /// The server asks to open again.
    again: bool,
    message_bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Open,
    /// Further channels and names.
    Subscribe,
    Heal,
    /// What restores the place and the pace after a loss.
    Restore,
}

/// What a reader may ask for meanwhile; the number comes back in the answer.
#[derive(Debug, Clone)]
pub(crate) enum Control {
    Play(u64),
    Pause(u64),
    Speed(u64, f64),
    Seek(u64, Value),
    Step(u64, u32),
}

/// The operation that begins.
#[derive(Debug, Serialize)]
struct Open<'a> {
    op: &'a str,
    id: &'a str,
    channel: &'a str,
    symbols: &'a [String],
    from: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<&'a str>,
    speed: f64,
    paused: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    then: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_idle_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conflate_ms: Option<u32>,
}

#[derive(Debug, Deserialize)]
struct Opened {
    from: Cursor,
    to: Cursor,
    rejected: Vec<Rejected>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    id: Value,
}

impl Player {
    /// Nothing has been said yet.
    pub(crate) fn new(tape: Tape) -> Self {
        let leaps = if tape.request.conflate_ms > 0 { Leaps::Asked } else { Leaps::Never };
        Self {
            tape,
            intake: Intake::new(Streams::new(leaps)),
            range: None,
            seq: 0,
            next_id: 0,
            asked: HashMap::new(),
            seeking: None,
            is_live: false,
            again: false,
            message_bytes: 0,
        }
    }

    fn id(&mut self, what: What) -> String {
        self.next_id += 1;
        let id = format!("t{}", self.next_id);
        self.asked.insert(id.clone(), what);
        id
    }

    /// The operations that open the replay, or open it again where it was.
    fn begin(&mut self) -> Vec<String> {
        let names: Vec<String> = self.tape.request.names.iter().cloned().collect();
        let portions = portions(names, self.message_bytes);
        let channels = self.tape.request.channels.clone();
        let mut parts =
            channels.iter().flat_map(|channel| portions.iter().map(move |it| (channel, it)));
        let Some((channel, symbols)) = parts.next() else { return Vec::new() };
        let rest: Vec<_> = parts.collect();
        let is_more = !rest.is_empty() || self.range.is_some() || self.seeking.is_some();
        let mut operations = vec![self.open_operation(channel, symbols, is_more)];
        for (channel, symbols) in rest {
            let id = self.id(What::Subscribe);
            let part = (channel.as_str(), symbols.as_slice());
            operations.push(self.tape.request.subscribe(&id, part, &Start::Now));
        }
        let place = match (&self.seeking, &self.range) {
            // The reader's own seek, whose answer the reader waits for.
            (Some((id, place)), _) => Some((json!(id), place.clone())),
            (None, Some([from, _])) => {
                let place = json!(Cursor { epoch: from.epoch.clone(), seq: self.seq });
                Some((json!(self.id(What::Restore)), place))
            }
            (None, None) => None,
        };
        if let Some((id, place)) = place {
            operations.push(json!({ "op": "seek", "id": id, "to": place }).to_string());
        }
        if is_more && !self.tape.paused {
            let id = self.id(What::Restore);
            operations.push(json!({ "op": "play", "id": id }).to_string());
        }
        operations
    }

    fn open_operation(&mut self, channel: &str, symbols: &[String], is_more: bool) -> String {
        let id = self.id(What::Open);
        let Tape { request, from, to, epoch, speed, paused, then_live, max_idle_ms, .. } =
            &self.tape;
        let (begin, end) = match &self.range {
            Some([begin, end]) => (json!(begin), Some(json!(end))),
            None => (from.clone(), to.clone()),
        };
        let open = Open {
            op: "open",
            id: &id,
            channel,
            symbols,
            from: begin,
            to: end,
            epoch: epoch.as_deref().filter(|_| self.range.is_none()),
            speed: *speed,
            paused: *paused || is_more,
            then: then_live.then_some("live"),
            max_idle_ms: *max_idle_ms,
            conflate_ms: (request.conflate_ms > 0).then_some(request.conflate_ms),
        };
        // Strings and numbers: there is nothing in it that could fail.
        serde_json::to_string(&open).unwrap_or_default()
    }

    fn hear_data(&mut self, head: &machine::Head<'_>, text: &str) -> Result<Turn, Error> {
        let Self { intake, tape, asked, .. } = &mut *self;
        let is_open = asked.values().all(|what| *what == What::Restore);
        let due = |channel: &str, symbol: &str| is_open && tape.request.wants(channel, symbol);
        let events = intake.take(head, text, due)?;
        Ok(Turn { events, operations: self.heal()?, ..Turn::default() })
    }

    fn heal(&mut self) -> Result<Vec<String>, Error> {
        if self.asked.values().any(|what| *what == What::Heal) {
            return Ok(Vec::new());
        }
        let Some((channel, symbols)) = self.intake.heal()? else { return Ok(Vec::new()) };
        let operations = portions(symbols, self.message_bytes).into_iter().map(|symbols| {
            let id = self.id(What::Heal);
            let part = (channel.as_str(), symbols.as_slice());
            self.tape.request.subscribe(&id, part, &Start::Now)
        });
        Ok(operations.collect())
    }

    fn hear_opened(&mut self, text: &str) -> Result<Turn, Error> {
        let opened: Opened = machine::parse(text)?;
        if self.range.is_none() {
            self.seq = opened.from.seq;
            self.range = Some([opened.from, opened.to]);
        }
        self.hear_subscribed(What::Open, text, &opened.rejected)
    }

    fn hear_subscribed(
        &self,
        what: What,
        text: &str,
        rejected: &[Rejected],
    ) -> Result<Turn, Error> {
        let mut turn = Turn::default();
        if what != What::Heal {
            let subscribed: Subscribed = machine::parse(text)?;
            turn.events.push(Event::Subscribed(Box::new(subscribed)));
        }
        turn.events.extend(rejected.iter().map(|it| {
            let (code, message) = (it.code.clone(), format!("{} is not sent", it.symbol));
            Event::Error(Error::Refused { code, message, retry: false, id: None })
        }));
        Ok(turn)
    }

    fn hear_position(&mut self, id: &Value, text: &str) -> Result<Turn, Error> {
        self.intake.beat();
        let mut position: Position = machine::parse(text)?;
        position.id = id.as_u64();
        let restoring = self.restoring();
        if restoring && position.id.is_none() {
            // Where it stands until it is again where it was is nobody's business.
            return Ok(Turn::default());
        }
        self.seq = position.seq;
        if self.seeking.as_ref().is_some_and(|(asked, _)| position.id == Some(*asked)) {
            self.seeking = None;
        }
        self.is_live = position.state == "live";
        match position.state.as_str() {
            _ if restoring => {}
            "paused" => self.tape.paused = true,
            "playing" | "live" => self.tape.paused = false,
            _ => {}
        }
        let is_over = position.state == "ended" && !self.tape.stays && !self.tape.then_live;
        let end = is_over.then_some(Ending::Done);
        Ok(Turn { end, ..Turn::event(Event::Position(position)) })
    }

    /// A seek was refused: the replay goes on where it was, and what came since was not taken.
    fn stay(&mut self, error: Error) -> Turn {
        self.seeking = None;
        let mut operations = Vec::new();
        if let Some([from, _]) = &self.range {
            let place = json!(Cursor { epoch: from.epoch.clone(), seq: self.seq });
            let id = self.id(What::Restore);
            operations.push(json!({ "op": "seek", "id": id, "to": place }).to_string());
        }
        Turn { operations, ..Turn::event(Event::Error(error)) }
    }

    fn restoring(&self) -> bool {
        self.asked.values().any(|what| *what == What::Restore)
    }

    fn hear_error(&mut self, text: &str) -> Result<Turn, Error> {
        let machine::Refusal { id, error } = machine::refusal(text)?;
        let what = id.and_then(|id| self.asked.remove(&id));
        let renew = error.code() == "token_expired";
        match what {
            Some(What::Open) if error.is_retryable() || renew => self.again = true,
            Some(What::Open | What::Subscribe | What::Restore) if !renew => {
                return Ok(Turn::end(Ending::Failed(error)));
            }
            // Another connection begins all of it again.
            Some(_) => return Err(error),
            None => {
                let own = self.seeking.as_ref().map(|(asked, _)| *asked);
                if matches!(&error, Error::Refused { id, .. } if own.is_some() && *id == own) {
                    return Ok(self.stay(error));
                }
            }
        }
        Ok(Turn { renew, later: self.again, ..Turn::event(Event::Error(error)) })
    }
}

impl Machine for Player {
    type Command = Control;

    fn open(&mut self, welcome: &Welcome) -> Turn {
        self.message_bytes = welcome.limits.message_bytes;
        self.asked.clear();
        self.again = false;
        self.intake.reopen();
        self.intake.streams.carry();
        let live = State::Live { epoch: welcome.epoch.clone(), seq: welcome.seq };
        Turn { operations: self.begin(), ..Turn::event(Event::State(live)) }
    }

    fn hear(&mut self, text: &str) -> Result<Turn, Error> {
        let head = machine::head(text)?;
        if !head.symbol.is_empty() {
            return self.hear_data(&head, text);
        }
        match &*head.kind {
            "heartbeat" => {
                self.intake.beat();
                if let (true, false, Some(seq)) = (self.is_live, self.restoring(), head.seq) {
                    self.seq = self.seq.max(seq);
                }
                Ok(Turn::default())
            }
            "opened" | "subscribed" | "position" => {
                let answer: Answer = machine::parse(text)?;
                let what = answer.id.as_str().and_then(|id| self.asked.remove(id));
                match (&*head.kind, what) {
                    ("opened", _) => self.hear_opened(text),
                    ("position", _) => self.hear_position(&answer.id, text),
                    (_, Some(what)) => {
                        let subscribed: Subscribed = machine::parse(text)?;
                        self.hear_subscribed(what, text, &subscribed.rejected)
                    }
                    _ => Ok(Turn::default()),
                }
            }
            "error" => self.hear_error(text),
            kind => Ok(machine::talk(kind, text)?.unwrap_or_default()),
        }
    }

    fn command(&mut self, control: Control) -> Turn {
        let operation = match control {
            Control::Play(id) => {
                self.tape.paused = false;
                json!({ "op": "play", "id": id })
            }
            Control::Pause(id) => {
                self.tape.paused = true;
                json!({ "op": "pause", "id": id })
            }
            Control::Speed(id, speed) => {
                self.tape.speed = speed;
                json!({ "op": "speed", "id": id, "speed": speed })
            }
            Control::Seek(id, to) => {
                for channel in &self.tape.request.channels {
                    self.intake.streams.lose_all(channel, Loss::Wanted, |_| true);
                }
                let operation = json!({ "op": "seek", "id": id, "to": to });
                self.seeking = Some((id, to));
                operation
            }
            Control::Step(id, n) => json!({ "op": "step", "id": id, "n": n }),
        };
        Turn { operations: vec![operation.to_string()], ..Turn::default() }
    }

    fn again(&mut self) -> Turn {
        let again = std::mem::take(&mut self.again);
        let operations = if again { self.begin() } else { Vec::new() };
        Turn { operations, ..Turn::default() }
    }

    fn lost(&mut self) {
        self.asked.clear();
    }
}

#[cfg(test)]
mod tests;
