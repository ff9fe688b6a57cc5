//! Pages of history, made of journals and stores that stand in every way to each other.

use actix_web::ResponseError as _;
use actix_web::body::MessageBody as _;
use serde_json::Value;

use super::page::Finished;
use super::*;
use crate::event::Body;
use crate::event::Channel;
use crate::event::Event;
use crate::event::SymbolId;
use crate::store::tests::Life;
use crate::store::tests::World;
use crate::wire::json;
use crate::wire::json::StreamName;

mod bars;
mod pages;
mod refusals;
mod sessions;
mod snapshots;

/// A tape in a journal that has its end, and in a store that has nearly all.
struct Library {
    world: World,
    life: Life,
    all: Vec<Event>,
}

/// Body and the next cursor.
type Got = (String, Option<String>);

impl Library {
    /// The journal reaches back to about 1,000; the store lacks the last events.
    fn with_a_seam() -> Option<Self> {
        let world = World::begin()?;
        let settings = tape::Settings {
            segment_bytes: 16 * 1024,
            retention_bytes: 64 * 1024,
            ..tape::Settings::new(world.dir.path())
        };
        let life = Life::begin_with(&settings);
        let all = life.events();
        let mut library = Self { world, life, all };
        while library.life.tape.oldest() < Seq(1_000) {
            library.go_on(200);
            library.world.record_all(&library.life.tape);
        }
        library.go_on(150);
        Some(library)
    }

    /// All of it in a journal of many segments, and no store.
    fn of_journal(world: World, segments: usize) -> Self {
        let settings =
            tape::Settings { segment_bytes: 16 * 1024, ..tape::Settings::new(world.dir.path()) };
        let mut life = Life::begin_with(&settings);
        while life.tape.segments_count() < segments {
            life.ticks(300);
        }
        let all = life.events();
        Self { world, life, all }
    }

    fn go_on(&mut self, ticks: usize) {
        self.life.ticks(ticks);
        let known = self.all.last().unwrap().seq;
        self.all.extend(self.life.events().into_iter().filter(|event| event.seq > known));
    }

    fn history(&self) -> History {
        let tape = Some(self.life.tape.clone());
        History::new(tape, self.world.dir.path(), Some(self.world.reader()))
    }

    fn history_without_store(&self) -> History {
        History::new(Some(self.life.tape.clone()), self.world.dir.path(), None)
    }

    fn ask_of(&self, history: &History, what: What, query: &str) -> Result<Got, Told> {
        let query = web::Query::<Query>::from_query(query).unwrap().into_inner();
        let ask = query.ask().map_err(told)?;
        let page = self.world.runtime.block_on(rows::page(history, None, &ask, what));
        Ok(bytes_of(page.map_err(told)?))
    }

    #[track_caller]
    fn ask(&self, what: What, query: &str) -> Got {
        self.ask_of(&self.history(), what, query).unwrap()
    }

    /// All pages of a query, as one list of lines.
    #[track_caller]
    fn pages(&self, history: &History, what: What, query: &str) -> Vec<String> {
        let (mut lines, mut next) = (Vec::new(), None);
        loop {
            let cursor: String = next.map_or_else(String::new, |next| format!("&cursor={next}"));
            let query = format!("{query}&format=ndjson{cursor}");
            let (body, after) = self.ask_of(history, what, &query).unwrap();
            lines.extend(body.lines().map(str::to_owned));
            match after {
                Some(after) => next = Some(after),
                None => return lines,
            }
        }
    }

    fn cursor(&self, seq: Seq) -> String {
        format!("{}:{seq}", self.life.tape.epoch())
    }

    /// The rows that are expected, made of the messages by their text.
    fn expected(&self, what: What, symbol: u32, within: impl Fn(&Event) -> bool) -> Vec<String> {
        let name = format!("sim:S{symbol}-USD");
        let stream = |channel| StreamName { channel, id: SymbolId(symbol), symbol: name.as_str() };
        let rows = self.all.iter().filter(|event| within(event)).filter_map(|event| {
            let mut text = Vec::new();
            match &event.body {
                Body::Trade(trade) if trade.symbol.0 == symbol && what == What::Trades => {
                    json::write_event(&mut text, stream(Channel::Trades), event, Seq(0));
                }
                Body::Quote(quote) if quote.symbol.0 == symbol && what == What::Quotes => {
                    return Some(quote_row(&name, event, quote));
                }
                Body::Gap(gap) if what == What::Gaps => {
                    let of = match gap.scope {
                        crate::event::Scope::Symbol(id, _) => id.0,
                        crate::event::Scope::Feed(..) => symbol,
                    };
                    if of != symbol {
                        return None;
                    }
                    json::write_event(&mut text, stream(Channel::Trades), event, Seq(0));
                }
                _ => return None,
            }
            Some(row_of(&String::from_utf8(text).unwrap(), event))
        });
        rows.collect()
    }
}

#[derive(Debug, PartialEq)]
struct Told {
    status: u16,
    code: String,
    next: Option<String>,
}

fn told(failure: impl Into<Failure>) -> Told {
    let failure: Failure = failure.into();
    let response = failure.error_response();
    let next = response.headers().get(NEXT).map(|next| next.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let body = response.into_body().try_into_bytes().unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert!(!body["error"]["message"].as_str().unwrap().is_empty());
    Told { status, code: body["error"]["code"].as_str().unwrap().to_owned(), next }
}

fn refused(status: u16, code: &str) -> Result<Got, Told> {
    Err(Told { status, code: code.to_owned(), next: None })
}

fn bytes_of(page: Finished) -> Got {
    let (body, next) = page.parts();
    (String::from_utf8(body).unwrap(), next)
}

/// A message without `type`, `channel` and `prev`; of a gap with what its row says besides.
fn row_of(message: &str, event: &Event) -> String {
    let (_, rest) = message.split_once(r#""channel":"#).unwrap();
    let (_, rest) = rest.split_once(',').unwrap();
    let (head, rest) = rest.split_once(r#","prev":"#).unwrap();
    let (_, rest) = rest.split_once(',').unwrap();
    match &event.body {
        Body::Gap(gap) => {
            let more = format!(
                r#""recv":"{}","feed":"sim","venue":"sim","covers":"{}""#,
                event.recv,
                gap.covers.word()
            );
            format!("{{{head},{more},{rest}")
        }
        _ => format!("{{{head},{rest}"),
    }
}

fn quote_row(name: &str, event: &Event, quote: &crate::event::Quote) -> String {
    let mut row = format!(
        r#"{{"symbol":"{name}","seq":{},"ts":"{}","recv":"{}""#,
        event.seq,
        event.ts.unwrap(),
        event.recv
    );
    for (side, level) in [("bid", quote.bid), ("ask", quote.ask)] {
        let level = level.unwrap();
        row += &format!(r#","{side}":"{}""#, level.price);
        if let Some(size) = level.size {
            row += &format!(r#","{side}_size":"{size}""#);
        }
    }
    row + "}"
}
