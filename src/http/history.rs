//! History over HTTP: what is on a tape, page by page.
//!
//! A page is read at the desk, whole, before anything of it is sent: so an error has its status,
//! and the cursor of the next page a header. Its rows, its bytes, what is looked at for it and how
//! many are made at once are bounded, so memory follows no range.

mod bars;
mod page;
mod query;
mod rows;
mod sessions;

use std::future::Future;

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::web;
use tickwire_feeds::Nanos;
use tracing::warn;

use crate::board::Board;
use crate::event::Channel;
use crate::event::Seq;
use crate::history;
use crate::history::History;
use crate::history::Roster;
use crate::history::Seat;
use crate::history::Volume;
use crate::http::caller::Caller;
use crate::http::caller::granted;
use crate::http::failure::Failure;
use crate::http::shop::Shop;
use crate::store;
use crate::tape;
use crate::wire::Code;
use crate::wire::pattern::Pattern;
use page::NEXT;
use query::Ask;
use query::BarsPlace;
use query::Bound;
use query::By;
use query::Named;
use query::Place;
use query::Query;
use rows::What;

pub(super) use bars::bars;
pub(super) use page::Sending;
pub(super) use sessions::sessions;

/// `GET /v1/trades?symbol=`
pub(super) async fn trades(
    request: HttpRequest,
    query: web::Query<Query>,
) -> Result<HttpResponse, Failure> {
    events(&request, query.into_inner(), What::Trades).await
}

/// `GET /v1/quotes?symbol=`
pub(super) async fn quotes(
    request: HttpRequest,
    query: web::Query<Query>,
) -> Result<HttpResponse, Failure> {
    events(&request, query.into_inner(), What::Quotes).await
}

/// `GET /v1/gaps[?symbol=&feed=&venue=]`
pub(super) async fn gaps(
    request: HttpRequest,
    query: web::Query<Query>,
) -> Result<HttpResponse, Failure> {
    events(&request, query.into_inner(), What::Gaps).await
}

async fn events(request: &HttpRequest, query: Query, what: What) -> Result<HttpResponse, Failure> {
    let shop = Shop::of(request)?;
    let caller = shop.caller(request).await?;
    caller.check_history()?;
    let ask = query.ask()?;
    if ask.symbol.is_none() && what != What::Gaps {
        return Err(Failure::bad("symbol is missing"));
    }
    if ask.cursor.as_ref().is_some_and(|cursor| cursor.bars.is_some()) {
        return Err(Failure::bad("the cursor is one of bars"));
    }
    check_rights(&caller, &ask, what)?;
    let history = shop.house().history.clone();
    let known = live_roster(shop, &ask);
    let (finished, seat) =
        at_desk(shop, async move { rows::page(&history, known, &ask, what).await }).await?;
    Ok(finished.respond(seat))
}

/// Refuses events that are not for the caller. Gaps are of no channel; of more than one symbol they
/// are for who may have all of them.
fn check_rights(caller: &Caller, ask: &Ask, what: What) -> Result<(), Failure> {
    match what {
        What::Trades => caller.check_channel(Channel::Trades)?,
        What::Quotes => caller.check_channel(Channel::Ticker)?,
        What::Gaps => {}
    }
    if let Some(symbol) = &ask.symbol {
        return caller.check_symbol(symbol);
    }
    let venue = ask.venue.as_deref().unwrap_or("*");
    let all = Pattern::parse(&format!("{venue}:*")).ok();
    granted(all.is_some_and(|all| caller.rights().include(&all)), "all of these")
}

/// Does something with the board as it stood before the first event whose `recv` is above a time,
/// on a tape that may be named.
pub(super) async fn snapshot<T: Send + 'static>(
    shop: &Shop,
    (at, epoch): (&str, Option<&str>),
    act: impl FnOnce(&Board, &str) -> Result<T, Failure> + Send + 'static,
) -> Result<(T, Seat), Failure> {
    let at = query::time("at", at)?;
    let tape = epoch.map(|epoch| Named::ByEpoch(epoch.into()));
    let history = shop.house().history.clone();
    at_desk(shop, async move {
        let (board, volume) = board_before(&history, (at, tape.as_ref())).await?;
        act(&board, volume.epoch())
    })
    .await
}

/// The board as it stood before the first event whose `recv` is above a time.
async fn board_before(
    history: &History,
    (at, tape): (Nanos, Option<&Named>),
) -> Result<(Board, Volume), Failure> {
    let volume = volume_of(history, tape).await?;
    let refused = |error| refusal(error, volume.epoch());
    let seq = volume.before(Nanos(at.0.saturating_add(1))).await.map_err(refused)?;
    let oldest = volume.oldest().await.map_err(refused)?;
    // There was nothing before it, or what there was is gone.
    if seq <= oldest {
        let message = format!("this tape does not reach back to {at}");
        return Err(Failure::conflict(Code::CursorExpired.word(), message));
    }
    let board = volume.board_at(seq).await.map_err(refused)?;
    Ok((board, volume))
}

/// Has something done at the desk, once there is a seat.
pub(super) async fn at_desk<T: Send + 'static>(
    shop: &Shop,
    work: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<(T, Seat), Failure> {
    let desk = &shop.house().desk;
    let busy = || Failure::unavailable("too much of history is being read: come back", 1);
    let seat = desk.seat().await.ok_or_else(busy)?;
    let stopping = || Failure::unavailable("this server is stopping", 5);
    let errand = desk.errand(work).ok_or_else(stopping)?;
    Ok((errand.await.map_err(|_| stopping())??, seat))
}

/// The names on the live tape, as far as they are needed; `None` if another one is asked for.
fn live_roster(shop: &Shop, ask: &Ask) -> Option<Roster> {
    let shard = shop.shard().borrow();
    if ask.tape.as_ref().is_some_and(|tape| tape.epoch() != shard.tape().epoch()) {
        return None;
    }
    Some(match &ask.symbol {
        Some(symbol) => Roster::of_symbol(shard.board(), symbol.as_str()),
        None => Roster::of(shard.board()),
    })
}

/// The tape that is asked for.
async fn volume_of(history: &History, tape: Option<&Named>) -> Result<Volume, Failure> {
    match (history.volume(tape.map(Named::epoch)).await, tape) {
        (Err(history::Error::NoTape(name)), Some(Named::ByCursor(_))) => {
            let message =
                format!("the cursor is of another tape, {name}, of which nothing is here");
            Err(Failure::conflict("epoch_mismatch", message))
        }
        (Err(error), _) => Err(refusal(error, "")),
        (Ok(volume), _) => Ok(volume),
    }
}

/// Which events are asked for: those after the first place, up to the second. Of what is told by
/// `ts` the range may hold more.
async fn range_of(volume: &Volume, ask: &Ask) -> Result<(Seq, Seq), Failure> {
    let (after, head) = beginning_of(volume, ask, ask.by).await?;
    let upto = match (ask.to, ask.by) {
        (Some(Bound::Place(seq)), _) => seq.min(head),
        (Some(Bound::Time(to)), By::Recv) => {
            let upto = volume.before(to).await;
            upto.map_err(|error| refusal(error, volume.epoch()))?.min(head)
        }
        (Some(Bound::Time(_)), By::Ts) | (None, _) => head,
    };
    Ok((after, upto))
}

/// The events that bars are made of: a bar's time is where it begins, which `ts` tells.
async fn range_of_bars(volume: &Volume, ask: &Ask) -> Result<(Seq, Seq), Failure> {
    let (after, head) = match ask.cursor.as_ref().filter(|place| bars::is_in_table(place)) {
        Some(Place { bars: Some(BarsPlace { given: Some(given), .. }), .. }) => {
            let refused = |error| refusal(error, volume.epoch());
            let begin = volume.before(given.plus_millis(-rows::SKEW_MS)).await.map_err(refused)?;
            (begin, volume.head().await.map_err(refused)?)
        }
        _ => beginning_of(volume, ask, By::Ts).await?,
    };
    let upto = match ask.to {
        Some(Bound::Place(seq)) => seq.min(head),
        _ => head,
    };
    Ok((after, upto))
}

/// After which place to begin, and where the tape ends.
async fn beginning_of(volume: &Volume, ask: &Ask, by: By) -> Result<(Seq, Seq), Failure> {
    let refused = |error| refusal(error, volume.epoch());
    let head = volume.head().await.map_err(refused)?;
    let after = match (&ask.cursor, ask.from, by) {
        (Some(place), _, _) => place.seq,
        (None, Some(Bound::Place(seq)), _) => seq,
        (None, Some(Bound::Time(from)), By::Recv) => volume.before(from).await.map_err(refused)?,
        (None, Some(Bound::Time(from)), By::Ts) => {
            let begin = volume.before(from.plus_millis(-rows::SKEW_MS)).await.map_err(refused)?;
            let from = volume.before(from).await.map_err(refused)?;
            // What is lost before the range is not what is asked for.
            volume.behind_losses(begin, from).await.map_err(refused)?
        }
        (None, None, _) => volume.oldest().await.map_err(refused)?,
    };
    if after > head {
        return Err(refused(history::Error::Ahead { cursor: after, head }));
    }
    Ok((after, head))
}

/// How a client is told that history cannot be read. Where a part is lost, where it goes on.
pub(super) fn refusal(error: history::Error, epoch: &str) -> Failure {
    let beyond = match &error {
        history::Error::Lost { upto, .. } => Some(*upto),
        history::Error::Store(store::Error::Incomplete { upto, .. }) => Some(*upto),
        _ => None,
    };
    let message = error.to_string();
    let failure = match error {
        history::Error::NoTape(name) if name.is_empty() => Failure::not_found("there is no tape"),
        history::Error::NoTape(_) => Failure::not_found(message),
        history::Error::Ahead { .. } => Failure::conflict("ahead", message),
        history::Error::Expired { .. }
        | history::Error::Lost { .. }
        | history::Error::Store(store::Error::Incomplete { .. })
        | history::Error::Tape(tape::Error::Corrupt { .. }) => {
            Failure::conflict("cursor_expired", message)
        }
        error => {
            warn!(%error, "history could not be read");
            Failure::unavailable("this part of history cannot be read now", 5)
        }
    };
    match beyond.and_then(|beyond| format!("{epoch}:{beyond}").try_into().ok()) {
        Some(next) => failure.with(NEXT, next),
        None => failure,
    }
}

#[cfg(test)]
mod tests;
