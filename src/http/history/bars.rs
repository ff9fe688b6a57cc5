//! `GET /v1/bars`: bars of the past, as they were live.

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::web;
use tickwire_feeds::Nanos;
use tracing::debug;

use super::at_desk;
use super::live_roster;
use super::page::Finished;
use super::page::List;
use super::page::Page;
use super::query::Ask;
use super::query::BarsPlace;
use super::query::Bound;
use super::query::Place;
use super::query::Query;
use super::range_of_bars;
use super::refusal;
use super::rows;
use super::rows::Effort;
use super::volume_of;
use crate::board::Bar;
use crate::event::Interval;
use crate::event::Seq;
use crate::event::SymbolId;
use crate::history;
use crate::history::History;
use crate::history::PastBars;
use crate::history::Roster;
use crate::history::Volume;
use crate::http::failure::Failure;
use crate::http::shop::Shop;
use crate::store;
use crate::tape;
use crate::wire::json;

const BARS: List = List {
    name: "bars",
    columns: &[
        "symbol", "seq", "start", "open", "high", "low", "close", "volume", "trades", "final",
        "revision",
    ],
};

/// `GET /v1/bars?symbol=&interval=`
pub(in crate::http) async fn bars(
    request: HttpRequest,
    query: web::Query<Query>,
) -> Result<HttpResponse, Failure> {
    let shop = Shop::of(&request)?;
    let caller = shop.caller(&request).await?;
    caller.check_history()?;
    let ask = query.into_inner().ask()?;
    ask.interval.map_or(Ok(()), |interval| caller.check_channel(interval.channel()))?;
    ask.symbol.as_ref().map_or(Ok(()), |symbol| caller.check_symbol(symbol))?;
    let history = shop.house().history.clone();
    let known = live_roster(shop, &ask);
    let work = async move { page(&history, known, &ask).await };
    let (finished, seat) = at_desk(shop, work).await?;
    Ok(finished.respond(seat))
}

/// Makes the page that is asked for. The names are given if they are known already.
pub(super) async fn page(
    history: &History,
    known: Option<Roster>,
    ask: &Ask,
) -> Result<Finished, Failure> {
    let missing = |what| Failure::bad(format!("{what} is missing"));
    let symbol = ask.symbol.as_ref().ok_or_else(|| missing("symbol"))?;
    let interval = ask.interval.ok_or_else(|| missing("interval"))?;
    let volume = volume_of(history, ask.tape.as_ref()).await?;
    let roster = rows::names(history, known, &volume).await?;
    let id = roster.id(symbol.as_str()).ok_or_else(|| rows::unknown(symbol))?;
    let place = ask.cursor.as_ref().and_then(|cursor| cursor.bars.as_ref());
    let mut sheet = Sheet {
        symbol: symbol.as_str(),
        page: Page::new(BARS, ask.format, ask.limit),
        within: within(ask),
        given: place.and_then(|place| place.given),
    };
    let (mut begin, upto) = range_of_bars(&volume, ask).await?;
    if is_of_times(ask) {
        match sheet.fill_from_table(&volume, begin, (id, interval)).await? {
            Reached::End => return Ok(sheet.page.end(None)),
            Reached::Full(place) => return Ok(sheet.page.end(Some(place.on(volume.epoch())))),
            Reached::Table(place) => begin = place,
        }
    }
    let refused = |error| refusal(rows::beyond(error, &volume, begin), volume.epoch());
    let board = volume.board_at(begin).await.map_err(refused)?;
    let mut walk = PastBars::new(&board, (id, symbol), interval);
    drop(board);
    if let Some(place) = place {
        walk = walk.resume(place.pending.iter().copied());
    }
    let next = sheet.fill(&volume, (begin, upto), &mut walk).await.map_err(refused)?;
    Ok(sheet.page.end(next.map(|place| place.on(volume.epoch()))))
}

/// Whether bars are asked for by where they begin, and no walk along the tape is to be gone on
/// with.
fn is_of_times(ask: &Ask) -> bool {
    let is_time = |bound: Option<Bound>| !matches!(bound, Some(Bound::Place(_)));
    is_time(ask.from) && is_time(ask.to) && ask.cursor.as_ref().is_none_or(is_in_table)
}

/// Whether a page ended within the table, so that only where its last bar begins matters.
pub(super) fn is_in_table(place: &Place) -> bool {
    place.seq == Seq::START && place.bars.as_ref().is_some_and(|bars| bars.given.is_some())
}

/// Where bars begin that are asked for.
fn within(ask: &Ask) -> (Nanos, Nanos) {
    let time = |bound| match bound {
        Some(Bound::Time(time)) => Some(time),
        _ => None,
    };
    (time(ask.from).unwrap_or(Nanos(i64::MIN)), time(ask.to).unwrap_or(Nanos(i64::MAX)))
}

/// Whether what comes next is gone for good: what it would have changed stays as it is.
const fn is_loss(error: &history::Error) -> bool {
    matches!(
        error,
        history::Error::Expired { .. }
            | history::Error::Lost { .. }
            | history::Error::Store(store::Error::Incomplete { .. })
            | history::Error::Tape(tape::Error::Corrupt { .. })
    )
}

/// How far the table of final bars got a page.
enum Reached {
    /// To the end of the range.
    End,
    /// To here, and there is more.
    Full(Place),
    /// No further: the tape tells the rest, from here on.
    Table(Seq),
}

/// A page of bars that is being written.
struct Sheet<'a> {
    symbol: &'a str,
    page: Page,
    within: (Nanos, Nanos),
    /// Where the last bar began that was given.
    given: Option<Nanos>,
}

impl Sheet<'_> {
    /// Fills it from the store's table of final bars, if the journal does not reach back so far.
    async fn fill_from_table(
        &mut self,
        volume: &Volume,
        begin: Seq,
        of: (SymbolId, Interval),
    ) -> Result<Reached, Failure> {
        let (mut from, to) = self.within;
        if let Some(given) = self.given {
            from = from.max(Nanos(given.0.saturating_add(1)));
        }
        let limit = u32::try_from(self.page.limit() + 1).unwrap_or(u32::MAX);
        let (bars, settled) = match volume.stored_bars(begin, of, (from, to), limit).await {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(Reached::Table(begin)),
            Err(error) => {
                // The tape may do without, or is refused with the reason.
                debug!(%error, "bars could not be looked up");
                return Ok(Reached::Table(begin));
            }
        };
        for (seq, bar) in &bars {
            if self.page.is_full() {
                let bars = Some(BarsPlace { given: self.given, pending: Vec::new() });
                return Ok(Reached::Full(Place { seq: Seq::START, bars }));
            }
            self.give(*seq, bar);
        }
        if to <= settled {
            return Ok(Reached::End);
        }
        self.given = Some(Nanos(settled.0.saturating_sub(1)));
        let before = volume.before(settled.plus_millis(-rows::SKEW_MS)).await;
        let before = before.map_err(|error| refusal(error, volume.epoch()))?;
        Ok(Reached::Table(before.max(begin)))
    }

    /// Fills it; returns where it ended, if there may be more.
    async fn fill(
        &mut self,
        volume: &Volume,
        (begin, upto): (Seq, Seq),
        walk: &mut PastBars,
    ) -> Result<Option<Place>, history::Error> {
        let mut events = volume.read(begin, upto, walk.filter());
        let (mut batch, effort, mut after) = (Vec::new(), Effort::begin(), begin);
        while after < upto && !walk.is_past(self.within.1) {
            let read = events.next_batch(&mut batch).await;
            for event in batch.drain(..) {
                if self.page.is_full() {
                    return Ok(Some(self.place(after, walk)));
                }
                if let Some((seq, bar)) = walk.apply(&event) {
                    self.give(seq, &bar);
                    if walk.is_past(self.within.1) {
                        return Ok(None);
                    }
                }
                after = event.seq;
            }
            after = after.max(events.seq());
            match read {
                Ok(false) => break,
                Err(error) if is_loss(&error) => {
                    return self.end_at_loss((begin, after), walk, error);
                }
                Err(error) if after == begin => return Err(error),
                Err(_) => return Ok(Some(self.place(after, walk))),
                Ok(true) if effort.is_spent(events.looks()) && after < upto => {
                    return Ok(Some(self.place(after, walk)));
                }
                Ok(true) => tokio::task::yield_now().await,
            }
        }
        Ok(self.fill_with_rest(after, walk))
    }

    /// Fills it with what the walk has left; returns where it ended, if there is more.
    fn fill_with_rest(&mut self, after: Seq, walk: &PastBars) -> Option<Place> {
        for (seq, bar) in walk.rest() {
            if self.is_wanted(bar) && self.page.is_full() {
                return Some(self.place(after, walk));
            }
            self.give(seq, bar);
        }
        None
    }

    /// The tape cannot be read on: its bars are given as they stood there.
    fn end_at_loss(
        &mut self,
        (begin, after): (Seq, Seq),
        walk: &PastBars,
        error: history::Error,
    ) -> Result<Option<Place>, history::Error> {
        if let Some(place) = self.fill_with_rest(after, walk) {
            return Ok(Some(place));
        }
        if walk.is_final(self.within.1) {
            return Ok(None);
        }
        if after == begin && self.page.is_empty() {
            return Err(error);
        }
        // Who asks for the next page is told why.
        Ok(Some(self.place(after, walk)))
    }

    fn is_wanted(&self, bar: &Bar) -> bool {
        let (from, to) = self.within;
        bar.start >= from && bar.start < to && self.given.is_none_or(|given| bar.start > given)
    }

    fn give(&mut self, seq: Seq, bar: &Bar) {
        if self.is_wanted(bar) {
            self.given = Some(bar.start);
            self.page.push(|out| json::write_bar_row(out, self.symbol, seq, bar));
        }
    }

    fn place(&self, seq: Seq, walk: &PastBars) -> Place {
        let pending = walk.pending().collect();
        Place { seq, bars: Some(BarsPlace { given: self.given, pending }) }
    }
}
