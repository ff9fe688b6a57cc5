//! `GET /v1/sessions`: what was recorded.

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::web;
use serde::Serialize;
use tickwire_feeds::Nanos;
use tickwire_feeds::error::quoted;

use super::at_desk;
use super::page::Finished;
use super::page::List;
use super::page::Page;
use super::query::Ask;
use super::query::Bound;
use super::query::Named;
use super::query::Query;
use super::refusal;
use crate::history::History;
use crate::history::Roster;
use crate::http::caller::Caller;
use crate::http::failure::Failure;
use crate::http::shop::Shop;
use crate::store::Session;

const SESSIONS: List = List {
    name: "sessions",
    columns: &[
        "epoch",
        "venue",
        "feed",
        "day",
        "first",
        "last",
        "recv_first",
        "recv_last",
        "events",
        "trades",
        "quotes",
        "gaps",
    ],
};

#[derive(Serialize)]
struct Row<'a> {
    epoch: &'a str,
    venue: &'a str,
    feed: &'a str,
    day: String,
    first: u64,
    last: u64,
    recv_first: String,
    recv_last: String,
    events: u64,
    trades: u64,
    quotes: u64,
    gaps: u64,
}

/// `GET /v1/sessions[?epoch=&venue=&feed=&from=&to=]`
pub(in crate::http) async fn sessions(
    request: HttpRequest,
    query: web::Query<Query>,
) -> Result<HttpResponse, Failure> {
    let shop = Shop::of(&request)?;
    let caller = shop.caller(&request).await?;
    caller.check_history()?;
    let mut query = query.into_inner();
    let after = query.take_cursor().map(|cursor| key_of(&cursor)).transpose()?;
    let ask = query.ask()?;
    let history = shop.house().history.clone();
    let roster = Roster::of(shop.shard().borrow().board());
    let work = async move { page(&history, (&roster, &caller), &ask, after.as_ref()).await };
    let (finished, seat) = at_desk(shop, work).await?;
    Ok(finished.respond(seat))
}

/// Day, tape and feed: the order of the list.
type Key = (String, String, String);

async fn page(
    history: &History,
    (live, caller): (&Roster, &Caller),
    ask: &Ask,
    after: Option<&Key>,
) -> Result<Finished, Failure> {
    let epoch = ask.tape.as_ref().map(Named::epoch);
    let sessions = history.sessions(epoch, live).await;
    let sessions = sessions.map_err(|error| refusal(error, epoch.unwrap_or_default()))?;
    if !sessions.is_complete {
        return Err(Failure::unavailable("what is on the tape is being counted: come back", 1));
    }
    let mut page = Page::new(SESSIONS, ask.format, ask.limit);
    let mut last = None;
    let rights = caller.rights();
    let wanted = sessions.list.iter().filter(|session| is_wanted(session, ask));
    for session in wanted.filter(|session| rights.touch(&session.venue)) {
        let key = (session.day.to_string(), session.epoch.clone(), session.feed.clone());
        if after.is_some_and(|after| key <= *after) {
            continue;
        }
        if page.is_full() {
            return Ok(page.end(last));
        }
        page.push(|out| write(out, session));
        last = Some(format!("{}:{}:{}", key.0, key.1, key.2));
    }
    Ok(page.end(None))
}

fn is_wanted(session: &Session, ask: &Ask) -> bool {
    let figures = &session.figures;
    let after = |bound: Option<Bound>| match bound {
        Some(Bound::Time(time)) => figures.recv_last >= time,
        Some(Bound::Place(seq)) => figures.last > seq,
        None => true,
    };
    let before = |bound: Option<Bound>| match bound {
        Some(Bound::Time(time)) => figures.recv_first < time,
        Some(Bound::Place(seq)) => figures.first <= seq,
        None => true,
    };
    ask.venue.as_ref().is_none_or(|venue| **venue == *session.venue)
        && ask.feed.as_ref().is_none_or(|feed| **feed == *session.feed)
        && ask.symbol.as_ref().is_none_or(|symbol| symbol.venue() == session.venue)
        && after(ask.from)
        && before(ask.to)
}

fn write(out: &mut Vec<u8>, session: &Session) {
    let figures = &session.figures;
    let time = |time: Nanos| time.to_string();
    let row = Row {
        epoch: &session.epoch,
        venue: &session.venue,
        feed: &session.feed,
        day: session.day.to_string(),
        first: figures.first.0,
        last: figures.last.0,
        recv_first: time(figures.recv_first),
        recv_last: time(figures.recv_last),
        events: figures.events,
        trades: figures.trades,
        quotes: figures.quotes,
        gaps: figures.gaps,
    };
    // Writing a map to memory cannot fail.
    out.extend_from_slice(&serde_json::to_vec(&row).unwrap_or_default());
}

fn key_of(cursor: &str) -> Result<Key, Failure> {
    let mut parts = cursor.split(':').map(str::to_owned);
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(day), Some(epoch), Some(feed), None) if day.len() == 10 => Ok((day, epoch, feed)),
        _ => {
            let message = format!("cursor is none of sessions: {:?}", quoted(cursor));
            Err(Failure::bad(message))
        }
    }
}
