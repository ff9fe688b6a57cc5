//! The reader's side of `/v1/stream`: what is live, over as many connections as it takes.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;

use serde::Deserialize;

use crate::cursor::Cursor;
use crate::error::Error;
use crate::event::Event;
use crate::event::Rejected;
use crate::event::State;
use crate::event::Subscribed;
use crate::intake::Intake;
use crate::intake::word;
use crate::machine;
use crate::machine::Ending;
use crate::machine::Machine;
use crate::machine::Turn;
use crate::machine::Welcome;
use crate::pattern;
use crate::request::Request;
use crate::request::Start;
use crate::request::plain;
use crate::request::portions;
use crate::streams::Begun;
use crate::streams::Loss;
use crate::streams::Streams;

/// The reader's side of `/v1/stream`.
#[derive(Debug)]
pub(crate) struct Follower {
    request: Request,
    intake: Intake,
    epoch: Option<String>,
    /// Everything up to here was seen of each stream that is held.
    cursor: u64,
    message_bytes: usize,
    next_id: u64,
    /// Operations without an answer, by their `id`.
    asked: HashMap<String, Asked>,
    /// Operations that the server asks to send again.
    again: Vec<Asked>,
    /// Symbols that patterns cover and that were asked for by their names, to begin anew.
    alone: BTreeSet<String>,
    /// How many streams the patterns of a channel cover, once that is known.
    expected: BTreeMap<String, usize>,
}

/// An operation without an answer.
#[derive(Debug, Clone)]
struct Asked {
    what: What,
    channel: String,
    names: Vec<String>,
    start: Start,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// What the reader began with: refused, there is nothing to do here.
    Begin,
    /// What was added since.
    Add,
    /// Streams of which something is missing.
    Heal,
    /// How many streams the patterns cover.
    Plan,
    /// What is not wanted any more.
    Leave,
}

/// What a reader may ask for meanwhile.
#[derive(Debug)]
pub(crate) enum Wish {
    /// More symbols and patterns.
    Add(Vec<String>),
    /// Less.
    Remove(Vec<String>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    id: serde_json::Value,
    /// Of a `plan`.
    streams: usize,
}

impl Follower {
    /// Nothing has been said yet.
    pub(crate) fn new(request: Request) -> Self {
        let intake = Intake::new(Streams::new(request.leaps()));
        Self {
            request,
            intake,
            epoch: None,
            cursor: 0,
            message_bytes: 0,
            next_id: 0,
            asked: HashMap::new(),
            again: Vec::new(),
            alone: BTreeSet::new(),
            expected: BTreeMap::new(),
        }
    }

    /// The operations that begin a channel. Streams that are held go on after the cursor; of those
    /// whose snapshot has not come yet the cursor says nothing.
    fn begin(&mut self, channel: &str, first: &Start) -> Vec<Asked> {
        let streams = &self.intake.streams;
        let after = match &self.epoch {
            Some(epoch) => Start::After(Cursor { epoch: epoch.clone(), seq: self.cursor }),
            None => first.clone(),
        };
        let fresh = match first {
            Start::After(_) if streams.is_adopting() => after.clone(),
            Start::After(_) if self.epoch.is_some() => Start::Now,
            first => first.clone(),
        };
        let patterns = self.request.patterns();
        let has_all = streams.is_adopting() || self.has_all(channel, &patterns);
        let lost = streams.lost(channel);
        let exact = self.request.exact().filter(|symbol| !lost.contains(*symbol)).cloned();
        let (held, new) = exact.partition(|symbol| streams.is_whole(channel, symbol));
        let has_none = streams.count(channel, &patterns) == 0;
        let whole = match (has_all, has_none) {
            (true, _) => after.clone(),
            (false, true) => fresh.clone(),
            (false, false) => Start::Now,
        };
        let is_named = |symbol: &String| self.request.names.contains(symbol);
        let lost: Vec<String> = lost.into_iter().filter(|it| has_all || is_named(it)).collect();
        if !has_all {
            let covered = |it: &str| {
                !self.request.names.contains(it)
                    && patterns.iter().any(|of| pattern::covers(of, it))
            };
            self.intake.streams.lose_all(channel, Loss::Missed("interrupted"), covered);
            self.expected.remove(channel);
        }
        self.alone.extend(lost.iter().cloned());
        // What comes later wins: patterns first, then symbols by their names.
        let parts = [(patterns, whole), (held, after), (new, fresh), (lost, Start::Now)];
        let parts = parts.into_iter().map(|(names, start)| (What::Begin, names, start));
        let excluded = self.request.excluded.iter().cloned().collect();
        self.split(channel, parts.chain([(What::Leave, excluded, Start::Now)]))
    }

    /// Whether all streams that the patterns cover are held.
    fn has_all(&self, channel: &str, patterns: &[String]) -> bool {
        let expected = self.expected.get(channel);
        expected.is_some_and(|count| self.intake.streams.count(channel, patterns) >= *count)
    }

    fn split(
        &self,
        channel: &str,
        parts: impl IntoIterator<Item = (What, Vec<String>, Start)>,
    ) -> Vec<Asked> {
        let bytes = self.message_bytes;
        let split = parts.into_iter().flat_map(|(what, names, start)| {
            let portions = portions(names, bytes).into_iter();
            portions.map(move |names| (what, names, start.clone()))
        });
        let channel = channel.to_owned();
        split
            .map(|(what, names, start)| Asked { what, channel: channel.clone(), names, start })
            .collect()
    }

    /// Notes operations as asked, and writes them.
    fn ask(&mut self, asked: impl IntoIterator<Item = Asked>) -> Vec<String> {
        let mut operations = Vec::new();
        for one in asked {
            self.next_id += 1;
            let id = format!("t{}", self.next_id);
            let part = (one.channel.as_str(), one.names.as_slice());
            operations.push(match one.what {
                What::Begin | What::Add | What::Heal => {
                    self.request.subscribe(&id, part, &one.start)
                }
                What::Plan => plain("plan", &id, part),
                What::Leave => plain("unsubscribe", &id, part),
            });
            self.asked.insert(id, one);
        }
        operations
    }

    fn hear_data(&mut self, head: &machine::Head<'_>, text: &str) -> Result<Turn, Error> {
        let Self { intake, request, asked, again, .. } = self;
        let events = intake.take(head, text, |channel, symbol| {
            let on_their_way = asked.values().chain(&*again);
            request.wants(channel, symbol)
                && !on_their_way.into_iter().any(|one| one.brings(channel, symbol))
        })?;
        Ok(Turn { events, operations: self.heal()?, ..Turn::default() })
    }

    /// Asks for broken streams, if no such question is open.
    fn heal(&mut self) -> Result<Vec<String>, Error> {
        if self.asked.values().any(|one| one.what == What::Heal) {
            return Ok(Vec::new());
        }
        let Some((channel, names)) = self.intake.heal()? else { return Ok(Vec::new()) };
        self.alone.extend(names.iter().cloned());
        let asked = self.split(&channel, [(What::Heal, names, Start::Now)]);
        Ok(self.ask(asked))
    }

    fn hear_subscribed(&mut self, id: &str, text: &str) -> Result<Turn, Error> {
        let answer: Subscribed = machine::parse(text)?;
        let Some(asked) = self.asked.remove(id) else { return Ok(Turn::default()) };
        if let Start::After(cursor) = &asked.start {
            self.resume(&asked, cursor, &answer);
        }
        let mut turn = Turn { operations: self.expect(&asked, &answer), ..Turn::default() };
        let refused = answer.rejected.iter().map(refused).collect::<Vec<_>>();
        if asked.what != What::Heal {
            turn.events.push(Event::Subscribed(Box::new(answer)));
        }
        turn.events.extend(refused);
        turn.operations.extend(self.heal()?);
        Ok(turn)
    }

    /// Whether the streams of an operation go on where they were.
    fn resume(&mut self, asked: &Asked, cursor: &Cursor, answer: &Subscribed) {
        let is_own = self.request.from.as_ref() == Some(cursor);
        let reason = word(answer.reason.as_deref());
        if is_own {
            self.intake.streams.begin(match answer.resumed {
                true => Begun::After(cursor.seq),
                // Places of another tape say nothing.
                false if reason == "epoch_mismatch" => Begun::Without(0, reason),
                false => Begun::Without(cursor.seq, reason),
            });
        }
        if !answer.resumed {
            let of = |symbol: &str| asked.names.iter().any(|name| pattern::covers(name, symbol));
            self.intake.streams.lose_all(&asked.channel, Loss::Missed(reason), of);
        }
    }

    /// Learns how many streams the patterns cover: from the answer, or, where several may cover the
    /// same, by asking.
    fn expect(&mut self, asked: &Asked, answer: &Subscribed) -> Vec<String> {
        if answer.patterns.is_empty() || asked.what == What::Heal {
            return Vec::new();
        }
        if let ([only], false) = (&*answer.patterns, self.request.patterns().len() > 1) {
            let count = usize::try_from(only.count).unwrap_or(usize::MAX);
            self.expected.insert(asked.channel.clone(), self.wanted_of(count));
            return Vec::new();
        }
        self.plan(&asked.channel)
    }

    fn plan(&mut self, channel: &str) -> Vec<String> {
        self.expected.remove(channel);
        let mut asked = self.asked.values();
        let planned = asked.any(|one| one.what == What::Plan && one.channel == channel);
        let names = self.request.patterns();
        let asked = self.split(channel, [(What::Plan, names, Start::Now)]);
        // More patterns than fit into one plan are never known to be there.
        if planned || asked.len() != 1 { Vec::new() } else { self.ask(asked) }
    }

    fn wanted_of(&self, count: usize) -> usize {
        let patterns = self.request.patterns();
        let covered = |symbol: &&String| patterns.iter().any(|name| pattern::covers(name, symbol));
        count.saturating_sub(self.request.excluded.iter().filter(covered).count())
    }

    fn hear_error(&mut self, text: &str) -> Result<Turn, Error> {
        let machine::Refusal { id, error } = machine::refusal(text)?;
        let asked = id.and_then(|id| self.asked.remove(&id));
        let mut turn = Turn { renew: error.code() == "token_expired", ..Turn::default() };
        match asked {
            Some(Asked { what: What::Plan | What::Leave, .. }) => return Ok(turn),
            Some(asked) if error.is_retryable() || turn.renew => {
                self.again.push(asked);
                turn.later = true;
            }
            Some(Asked { what: What::Begin, .. }) => {
                return Ok(Turn::end(Ending::Failed(error)));
            }
            Some(Asked { what: What::Add, names, .. }) => {
                self.request.names.retain(|name| !names.contains(name));
            }
            _ => {}
        }
        turn.events.push(Event::Error(error));
        Ok(turn)
    }

    fn hear_heartbeat(&mut self, seq: Option<u64>) {
        self.intake.beat();
        // Before its answer an operation's streams are not yet those of the connection.
        let is_whole = !self.asked.values().any(|one| one.what.subscribes());
        if let (true, true, Some(seq)) = (is_whole, self.again.is_empty(), seq) {
            self.cursor = self.cursor.max(seq);
        }
    }

    fn add(&mut self, names: &[String]) -> Vec<String> {
        for name in names {
            self.request.excluded.remove(name);
            self.request.names.insert(name.clone());
        }
        let mut operations = Vec::new();
        for channel in self.request.channels.clone() {
            let asked = self.split(&channel, [(What::Add, names.to_vec(), Start::Now)]);
            operations.extend(self.ask(asked));
        }
        operations
    }

    fn remove(&mut self, names: &[String]) -> Vec<String> {
        let before = self.request.patterns();
        for name in names {
            self.request.names.remove(name);
            let covers = |of: &String| pattern::covers(of, name);
            if !pattern::is_pattern(name) && self.request.patterns().iter().any(covers) {
                self.request.excluded.insert(name.clone());
            }
        }
        let (alone, gone): (BTreeSet<String>, BTreeSet<String>) =
            std::mem::take(&mut self.alone).into_iter().partition(|it| self.request.covers(it));
        self.alone = alone;
        let gone: BTreeSet<String> = gone.into_iter().chain(names.iter().cloned()).collect();
        let request = &self.request;
        self.intake.streams.retain(|symbol| request.covers(symbol));
        let mut operations = Vec::new();
        for channel in self.request.channels.clone() {
            let leave = (What::Leave, gone.iter().cloned().collect(), Start::Now);
            let asked = self.split(&channel, [leave]);
            operations.extend(self.ask(asked));
            if !before.is_empty() {
                operations.extend(self.plan(&channel));
            }
        }
        operations
    }
}

impl Machine for Follower {
    type Command = Wish;

    fn open(&mut self, welcome: &Welcome) -> Turn {
        self.message_bytes = welcome.limits.message_bytes;
        self.asked.clear();
        self.again.clear();
        self.intake.reopen();
        let first = match (&self.request.from, self.request.last) {
            (Some(cursor), _) => Start::After(cursor.clone()),
            (None, Some(count)) => Start::Last(count),
            (None, None) => Start::Now,
        };
        if self.epoch.as_ref().is_some_and(|epoch| *epoch != welcome.epoch) {
            for channel in &self.request.channels {
                self.intake.streams.lose_all(channel, Loss::OtherTape, |_| true);
            }
            self.intake.streams.begin(Begun::Afresh);
            self.expected.clear();
            self.cursor = welcome.seq;
        }
        self.intake.streams.carry();
        let mut asked = Vec::new();
        for channel in self.request.channels.clone() {
            asked.extend(self.begin(&channel, &first));
        }
        if self.epoch.is_none() {
            let own = self.request.from.as_ref().filter(|from| from.epoch == welcome.epoch);
            self.cursor = own.map_or(welcome.seq, |from| from.seq);
        }
        self.epoch = Some(welcome.epoch.clone());
        let live = State::Live { epoch: welcome.epoch.clone(), seq: welcome.seq };
        Turn { operations: self.ask(asked), ..Turn::event(Event::State(live)) }
    }

    fn hear(&mut self, text: &str) -> Result<Turn, Error> {
        let head = machine::head(text)?;
        if !head.symbol.is_empty() {
            return self.hear_data(&head, text);
        }
        match &*head.kind {
            "heartbeat" => {
                self.hear_heartbeat(head.seq);
                Ok(Turn::default())
            }
            "subscribed" | "unsubscribed" | "plan" => {
                let answer: Answer = machine::parse(text)?;
                let id = answer.id.as_str().unwrap_or_default();
                if head.kind == "subscribed" {
                    return self.hear_subscribed(id, text);
                }
                if let Some(Asked { what: What::Plan, channel, .. }) = self.asked.remove(id) {
                    let count = self.wanted_of(answer.streams);
                    self.expected.insert(channel, count);
                }
                Ok(Turn::default())
            }
            "error" => self.hear_error(text),
            kind => Ok(machine::talk(kind, text)?.unwrap_or_default()),
        }
    }

    fn command(&mut self, wish: Wish) -> Turn {
        let operations = match wish {
            Wish::Add(names) => self.add(&names),
            Wish::Remove(names) => self.remove(&names),
        };
        Turn { operations, ..Turn::default() }
    }

    fn again(&mut self) -> Turn {
        let again = std::mem::take(&mut self.again);
        Turn { operations: self.ask(again), ..Turn::default() }
    }

    fn lost(&mut self) {
        self.asked.clear();
        self.again.clear();
    }
}

impl Asked {
    /// Whether a stream is on its way with it.
    fn brings(&self, channel: &str, symbol: &str) -> bool {
        self.what.subscribes()
            && self.channel == channel
            && self.names.iter().any(|name| pattern::covers(name, symbol))
    }
}

impl What {
    /// Whether it brings streams.
    const fn subscribes(self) -> bool {
        matches!(self, Self::Begin | Self::Add | Self::Heal)
    }
}

/// What is not sent, as an error.
fn refused(it: &Rejected) -> Event {
    let (code, message) = (it.code.clone(), format!("{} is not sent", it.symbol));
    Event::Error(Error::Refused { code, message, retry: false, id: None })
}

#[cfg(test)]
mod tests;
