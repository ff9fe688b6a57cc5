//! The client's side of a conversation: texts in; what to show, say and send out. It does no I/O.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;

use crate::cli::chain::Chain;
use crate::cli::chain::Place;
use crate::cli::chain::Verdict;
use crate::cli::failure::Failure;
use crate::cli::request::Cursor;
use crate::cli::request::Request;
use crate::cli::request::Start;

/// The client's side of a conversation, over as many connections as it takes.
#[derive(Debug)]
pub(super) struct Follower {
    request: Request,
    chain: Chain,
    epoch: Option<String>,
    /// The last heartbeat's.
    cursor: Option<u64>,
    /// The cursor that this connection was asked to go on from.
    asked_from: Option<u64>,
    heartbeat: Duration,
    next_id: u64,
    /// Operations whose answer decides whether there is anything to wait for.
    unanswered: BTreeSet<u64>,
    accepted: usize,
    /// Snapshots that the accepted streams begin with; more than there are where patterns overlap.
    expected: usize,
    settled: bool,
    rejected: Vec<String>,
    missed: BTreeSet<String>,
    lost_streams: BTreeSet<String>,
}

/// What a message of the server means for those who look on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing.
    Nothing,
    /// Show the message.
    Show,
    /// Show it, and say something.
    ShowAndSay(String),
    /// Say something.
    Say(String),
    /// Say something to those who want to know everything.
    Note(String),
    /// The connection is about to end; come back after this time.
    Leave {
        /// Why.
        reason: String,
        /// From now.
        wait: Duration,
    },
}

/// What all messages have in common.
#[derive(Debug, Deserialize)]
struct Head<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    symbol: Cow<'a, str>,
    seq: Option<u64>,
    prev: Option<u64>,
    /// Of a slow consumer's gap: what the client holds after it.
    to: Option<u64>,
}

/// What a message that is no data may have besides.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Rest {
    epoch: String,
    heartbeat_ms: u64,
    id: serde_json::Value,
    symbols: Vec<String>,
    patterns: Vec<Pattern>,
    pending: Vec<String>,
    rejected: Vec<Rejected>,
    resumed: bool,
    reason: Option<String>,
    code: String,
    message: String,
    retry: bool,
    state: String,
    reconnect_ms: u64,
}

#[derive(Debug, Deserialize)]
struct Pattern {
    pattern: String,
    count: usize,
}

#[derive(Debug, Deserialize)]
struct Rejected {
    symbol: String,
}

impl Follower {
    /// Nothing has been said yet.
    pub(super) fn new(request: Request) -> Self {
        Self {
            request,
            chain: Chain::default(),
            epoch: None,
            cursor: None,
            asked_from: None,
            heartbeat: Duration::from_secs(5),
            next_id: 1,
            unanswered: BTreeSet::new(),
            accepted: 0,
            expected: 0,
            settled: false,
            rejected: Vec::new(),
            missed: BTreeSet::new(),
            lost_streams: BTreeSet::new(),
        }
    }

    /// What to send at the beginning of a connection.
    pub(super) fn open(&mut self) -> Vec<String> {
        let start = self.start();
        self.asked_from = match &start {
            Start::After(cursor) => Some(cursor.seq),
            _ => None,
        };
        (self.accepted, self.expected, self.rejected) = (0, 0, Vec::new());
        self.missed = self.chain.missed();
        let operations = self.request.operations(&self.request.symbols, &start, self.next_id);
        let ids = self.next_id..self.next_id + operations.len() as u64;
        self.next_id = ids.end;
        self.unanswered = ids.collect();
        operations
    }

    /// What to send now: streams with something missing are asked for anew.
    pub(super) fn take_operations(&mut self) -> Vec<String> {
        if self.missed.is_empty() {
            return Vec::new();
        }
        let symbols: Vec<String> = std::mem::take(&mut self.missed).into_iter().collect();
        let operations = self.request.operations(&symbols, &Start::Now, self.next_id);
        self.next_id += operations.len() as u64;
        operations
    }

    /// Longest time for which a server that is well says nothing.
    pub(super) fn silence_max(&self) -> Duration {
        self.heartbeat * 2 + Duration::from_secs(5)
    }

    /// Symbols that nobody knows.
    pub(super) fn rejected(&self) -> &[String] {
        &self.rejected
    }

    /// Whether all streams have begun, as far as they can be told apart: all their snapshots were
    /// seen, or a heartbeat after the answers says that everything was sent.
    pub(super) fn has_begun(&self, seen: usize) -> bool {
        self.settled || self.unanswered.is_empty() && seen >= self.expected
    }

    /// Streams of which something was missed that cannot be had again.
    pub(super) fn lost_streams(&self) -> &BTreeSet<String> {
        &self.lost_streams
    }

    /// Takes a message of the server.
    ///
    /// # Errors
    /// What ends the conversation for good.
    pub(super) fn read(&mut self, text: &str) -> Result<Turn, Failure> {
        let not_ours = |error| Failure::General(format!("not a tickwire server: {error}"));
        let head: Head<'_> = serde_json::from_str(text).map_err(not_ours)?;
        if !head.symbol.is_empty() {
            return Ok(self.read_data(&head, text));
        }
        if head.kind == "heartbeat" {
            self.cursor = head.seq.or(self.cursor);
            self.settled = self.unanswered.is_empty();
            return Ok(Turn::Nothing);
        }
        let rest: Rest = serde_json::from_str(text).map_err(not_ours)?;
        match &*head.kind {
            "welcome" => Ok(self.read_welcome(&rest)),
            "subscribed" => self.read_subscribed(&rest),
            "error" => self.read_error(&rest),
            "service" => {
                let reason = rest.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
                Ok(Turn::Say(format!("the server is {}{reason}", rest.state)))
            }
            "closing" => Ok(Turn::Leave {
                reason: format!("the server closes ({})", rest.code),
                wait: Duration::from_millis(rest.reconnect_ms),
            }),
            _ => Ok(Turn::Nothing),
        }
    }

    fn start(&self) -> Start {
        let Some(epoch) = &self.epoch else { return self.request.start.clone() };
        let seq = self.cursor.max(self.chain.least(&self.request.symbols));
        match seq {
            Some(seq) => Start::After(Cursor { epoch: epoch.clone(), seq }),
            None => Start::Now,
        }
    }

    fn read_data(&mut self, head: &Head<'_>, text: &str) -> Turn {
        let symbol = &*head.symbol;
        let place = match (&*head.kind, head.seq, head.prev, head.to) {
            ("snapshot", Some(seq), ..) => Place::Snapshot { seq },
            (_, Some(seq), Some(prev), _) => Place::Next { seq, prev },
            ("gap", None, _, Some(to)) => {
                self.chain.judge(symbol, Place::Snapshot { seq: to });
                self.lost_streams.insert(symbol.to_owned());
                return Turn::ShowAndSay(format!("{symbol}: this client was too slow and missed"));
            }
            // Something newer than this program: it has no place in the chain.
            _ => return Turn::Show,
        };
        match self.chain.judge(symbol, place) {
            Verdict::Drop => Turn::Nothing,
            Verdict::Take => said_by(head, text).map_or(Turn::Show, Turn::ShowAndSay),
            Verdict::Missed { held } => {
                self.missed.insert(symbol.to_owned());
                let what = format!("{symbol}: something after {held} was missed");
                Turn::Say(format!("{what}; asking for a snapshot"))
            }
            Verdict::Leap { .. } if self.is_state() => Turn::Show,
            Verdict::Leap { held } => {
                self.lost_streams.insert(symbol.to_owned());
                let seq = head.seq.unwrap_or_default();
                Turn::ShowAndSay(format!("{symbol}: what came between {held} and {seq} is missing"))
            }
        }
    }

    /// Whether a snapshot makes good for what was missed.
    fn is_state(&self) -> bool {
        self.request.channel.is_state()
    }

    fn read_welcome(&mut self, welcome: &Rest) -> Turn {
        if welcome.heartbeat_ms > 0 {
            self.heartbeat = Duration::from_millis(welcome.heartbeat_ms.min(60_000));
        }
        let Some(before) = self.epoch.replace(welcome.epoch.clone()) else {
            return Turn::Note(format!("connected; the tape is {}", welcome.epoch));
        };
        if before == welcome.epoch {
            return Turn::Say("connected again".to_owned());
        }
        self.cursor = None;
        if self.chain.clear() > 0 && !self.is_state() {
            self.lost_streams.insert(format!("tape {before}"));
        }
        Turn::Say(format!("connected again, to another tape: {} after {before}", welcome.epoch))
    }

    fn read_subscribed(&mut self, answer: &Rest) -> Result<Turn, Failure> {
        let first = answer.id.as_u64().is_some_and(|id| self.unanswered.remove(&id));
        if !first {
            return Ok(Turn::Nothing);
        }
        if let (true, Some(cursor)) = (answer.resumed, self.asked_from) {
            self.chain.resume(cursor);
        }
        self.accepted += answer.symbols.len() + answer.patterns.len() + answer.pending.len();
        self.expected += answer.symbols.len();
        self.expected += answer.patterns.iter().map(|of| of.count).sum::<usize>();
        self.rejected.extend(answer.rejected.iter().map(|of| of.symbol.clone()));
        if self.unanswered.is_empty() && self.accepted == 0 {
            return Err(Failure::NotFound(format!("unknown symbol {}", self.rejected.join(", "))));
        }
        let mut said = Vec::new();
        if !answer.rejected.is_empty() {
            let names: Vec<&str> = answer.rejected.iter().map(|of| of.symbol.as_str()).collect();
            said.push(format!("unknown symbol {}", names.join(", ")));
        }
        if !answer.pending.is_empty() {
            said.push(format!("not known yet: {}", answer.pending.join(", ")));
        }
        for Pattern { pattern, .. } in answer.patterns.iter().filter(|of| of.count == 0) {
            said.push(format!("no symbol matches {pattern} yet"));
        }
        if let (false, Some(reason), Some(_)) = (answer.resumed, &answer.reason, self.asked_from) {
            said.push(format!("not resumed ({reason}), beginning with snapshots"));
            if self.chain.is_empty() && !self.is_state() {
                self.lost_streams.insert("what followed the cursor".to_owned());
            }
            self.cursor = None;
        }
        Ok(if said.is_empty() { Turn::Nothing } else { Turn::Say(said.join("; ")) })
    }

    fn read_error(&mut self, error: &Rest) -> Result<Turn, Failure> {
        let text = format!("{}: {}", error.code, error.message);
        match error.code.as_str() {
            _ if error.retry => Ok(Turn::Leave { reason: text, wait: Duration::from_secs(1) }),
            "unauthorized" | "forbidden" | "token_expired" => Err(Failure::Access(text)),
            "bad_request" | "unknown_channel" | "unknown_op" => Err(Failure::Usage(text)),
            "unknown_symbol" => Err(Failure::NotFound(text)),
            // A pattern that outgrew the limit; what there is goes on.
            "too_many_symbols" if error.id.is_null() => Ok(Turn::Say(text)),
            _ => Err(Failure::General(text)),
        }
    }
}

/// What a data message has to say to people.
fn said_by(head: &Head<'_>, text: &str) -> Option<String> {
    if !matches!(&*head.kind, "status" | "gap") {
        return None;
    }
    let rest: Rest = serde_json::from_str(text).ok()?;
    let reason = rest.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    match &*head.kind {
        "status" => Some(format!("{} is {}{reason}", head.symbol, rest.state)),
        _ => Some(format!("{}: the venue left a gap ({})", head.symbol, rest.state)),
    }
}

#[cfg(test)]
mod tests;
