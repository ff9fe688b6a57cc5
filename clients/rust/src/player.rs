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
use crate::presses::Control;
use crate::presses::Presses;
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
    /// What the reader wants besides.
    presses: Presses,
    /// Whether the server said on this connection where the replay is.
    is_placed: bool,
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
            presses: Presses::default(),
            is_placed: false,
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
        let is_more = !rest.is_empty() || self.range.is_some();
        let mut operations = vec![self.open_operation(channel, symbols, is_more)];
        for (channel, symbols) in rest {
            let id = self.id(What::Subscribe);
            let part = (channel.as_str(), symbols.as_slice());
            operations.push(self.tape.request.subscribe(&id, part, &Start::Now));
        }
        operations.extend(self.restore_place());
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
        let Self { intake, tape, asked, presses, is_placed, .. } = &mut *self;
        let is_seeking = presses.is_seeking();
        if is_seeking && !(*is_placed && asked.values().all(|what| *what == What::Heal)) {
            // The reader does not want to be where it is brought back to.
            return Ok(Turn::default());
        }
        let is_open = !is_seeking && asked.values().all(|what| *what == What::Restore);
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
        self.is_placed = true;
        if self.restoring() && position.id.is_none() {
            // Where it stands until it is again where it was is nobody's business.
            return Ok(Turn { operations: self.press(), ..Turn::default() });
        }
        (self.seq, self.tape.speed) = (position.seq, position.speed);
        self.is_live = position.state == "live";
        match position.state.as_str() {
            "paused" => self.tape.paused = true,
            "playing" | "live" => self.tape.paused = false,
            _ => {}
        }
        if let Some(id) = position.id {
            self.presses.answered(id);
        }
        let is_over = position.state == "ended" && !self.tape.stays && !self.tape.then_live;
        let (end, operations) = (is_over.then_some(Ending::Done), self.press());
        Ok(Turn { end, operations, ..Turn::event(Event::Position(position)) })
    }

    /// The operation that goes to where the replay was.
    fn restore_place(&mut self) -> Option<String> {
        let epoch = self.range.as_ref().map(|[from, _]| from.epoch.clone())?;
        let (id, to) = (self.id(What::Restore), Cursor { epoch, seq: self.seq });
        Some(json!({ "op": "seek", "id": id, "to": to }).to_string())
    }

    /// Presses what waits, if the replay is where it should be.
    fn press(&mut self) -> Vec<String> {
        if !self.is_ready() {
            return Vec::new();
        }
        let controls = self.presses.send();
        if controls.iter().any(|control| matches!(control, Control::Seek(..))) {
            for channel in &self.tape.request.channels {
                self.intake.streams.lose_all(channel, Loss::Wanted, |_| true);
            }
        }
        controls.iter().map(Control::operation).collect()
    }

    /// Whether the replay is open, and where it should be.
    fn is_ready(&self) -> bool {
        self.is_placed && self.asked.values().all(|what| *what == What::Heal)
    }

    fn restoring(&self) -> bool {
        self.asked.values().any(|what| *what == What::Restore)
    }

    fn hear_error(&mut self, text: &str) -> Result<Turn, Error> {
        let machine::Refusal { id, error } = machine::refusal(text)?;
        let what = id.and_then(|id| self.asked.remove(&id));
        let renew = error.code() == "token_expired";
        let mut operations = Vec::new();
        match what {
            Some(What::Open) if error.is_retryable() || renew => self.again = true,
            Some(What::Open | What::Subscribe | What::Restore) if !renew => {
                return Ok(Turn::end(Ending::Failed(error)));
            }
            // Another connection begins all of it again.
            Some(_) => return Err(error),
            None => {
                if let Error::Refused { id: Some(id), .. } = &error
                    && let Some(Control::Seek(..)) = self.presses.answered(*id)
                {
                    // The replay stands where it stood, and what came since was not taken.
                    operations.extend(self.restore_place());
                }
            }
        }
        Ok(Turn { operations, renew, later: self.again, ..Turn::event(Event::Error(error)) })
    }
}

impl Machine for Player {
    type Command = Control;

    fn open(&mut self, welcome: &Welcome) -> Turn {
        self.message_bytes = welcome.limits.message_bytes;
        self.lost();
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
        match self.presses.press(control) {
            Ok(()) => Turn { operations: self.press(), ..Turn::default() },
            Err(error) => Turn::event(Event::Error(error)),
        }
    }

    fn again(&mut self) -> Turn {
        let again = std::mem::take(&mut self.again);
        let operations = if again { self.begin() } else { Vec::new() };
        Turn { operations, ..Turn::default() }
    }

    fn lost(&mut self) {
        self.asked.clear();
        self.presses.lost();
        self.is_placed = false;
        self.intake.streams.find();
    }
}

#[cfg(test)]
mod tests;
