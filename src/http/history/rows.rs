//! Trades, quotes and gaps of a range, as rows of a page.

use std::sync::Arc;
use std::time::Duration;

use tickwire_feeds::Nanos;

use super::page::Finished;
use super::page::List;
use super::page::Page;
use super::query::Ask;
use super::query::Bound;
use super::query::By;
use super::query::Place;
use super::range_of;
use super::refusal;
use super::volume_of;
use crate::clock;
use crate::event::Body;
use crate::event::Event;
use crate::event::FeedId;
use crate::event::Gap;
use crate::event::Scope;
use crate::event::Seq;
use crate::event::SymbolId;
use crate::history;
use crate::history::Filter;
use crate::history::History;
use crate::history::Roster;
use crate::history::Volume;
use crate::http::failure::Failure;
use crate::store::StoredGap;
use crate::tape::Kind;
use crate::wire::Code;
use crate::wire::json;
use crate::wire::json::GapRow;

/// So much may a venue's clock be ahead of ours, in milliseconds: a range of `ts` is looked for
/// from there on.
pub(super) const SKEW_MS: i64 = 3_600_000;
/// Events that are looked at for one page.
const LOOKS_MAX: u64 = 2_000_000;
/// No further batch is begun for a page after this time.
const TIME_MAX: Duration = Duration::from_secs(2);

/// Gaps that are asked for at once.
const GAPS_AT_ONCE: u32 = 1_000;

const TRADES: List = List {
    name: "trades",
    columns: &[
        "symbol",
        "seq",
        "ts",
        "recv",
        "price",
        "size",
        "side",
        "trade_id",
        "exchange",
        "conditions",
        "tape",
        "late",
        "no_last",
        "no_range",
        "no_volume",
    ],
};
const QUOTES: List = List {
    name: "quotes",
    columns: &["symbol", "seq", "ts", "recv", "bid", "bid_size", "ask", "ask_size"],
};
const GAPS: List = List {
    name: "gaps",
    columns: &[
        "symbol", "seq", "recv", "feed", "venue", "covers", "cause", "missing", "state", "of",
    ],
};

/// Which events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Trades,
    Quotes,
    Gaps,
}

impl What {
    pub(super) const fn list(self) -> List {
        match self {
            Self::Trades => TRADES,
            Self::Quotes => QUOTES,
            Self::Gaps => GAPS,
        }
    }

    const fn kind(self) -> Kind {
        match self {
            Self::Trades => Kind::Trade,
            Self::Quotes => Kind::Quote,
            Self::Gaps => Kind::Gap,
        }
    }
}

/// Makes the page that is asked for. The names are given if they are known already.
pub(super) async fn page(
    history: &History,
    known: Option<Roster>,
    ask: &Ask,
    what: What,
) -> Result<Finished, Failure> {
    let volume = volume_of(history, ask.tape.as_ref()).await?;
    let roster = names(history, known, &volume).await?;
    let roster = &*roster;
    let rows = Rows::new(ask, what, roster)?;
    let range = range_of(&volume, ask).await?;
    let mut page = Page::new(what.list(), ask.format, ask.limit);
    let next = rows.fill(&volume, range, &mut page).await;
    let next = next.map_err(|error| refusal(beyond(error, &volume, range.0), volume.epoch()))?;
    Ok(page.end(next.map(|seq| Place { seq, bars: None }.on(volume.epoch()))))
}

/// The names on a tape, unless they are known.
pub(super) async fn names(
    history: &History,
    known: Option<Roster>,
    volume: &Volume,
) -> Result<Arc<Roster>, Failure> {
    match known {
        Some(known) => Ok(Arc::new(known)),
        None => history.roster(volume).await.map_err(|error| refusal(error, volume.epoch())),
    }
}

/// Damage is told as what it is: a part that is lost.
pub(super) fn beyond(error: history::Error, volume: &Volume, after: Seq) -> history::Error {
    let next = || volume.journal().and_then(|journal| journal.beyond(after));
    match (&error, next()) {
        (history::Error::Tape(crate::tape::Error::Corrupt { .. }), Some(upto)) => {
            history::Error::Lost { after, upto }
        }
        _ => error,
    }
}

/// When a page ends though it has room and there is more.
#[derive(Debug)]
pub(super) struct Effort {
    deadline: std::time::Instant,
}

impl Effort {
    pub(super) fn begin() -> Self {
        Self { deadline: clock::monotonic() + TIME_MAX }
    }

    /// Whether it was enough, after so many looks.
    pub(super) fn is_spent(&self, looks: u64) -> bool {
        looks >= LOOKS_MAX || clock::monotonic() >= self.deadline
    }
}

/// How far a list of gaps got a page.
enum Reached {
    /// To the end of the range.
    End,
    /// To here, and there may be more.
    Full(Seq),
    /// To here; the events tell the rest.
    Journal(Seq),
}

/// Which events are rows, and how they are written.
struct Rows<'a> {
    what: What,
    roster: &'a Roster,
    symbol: Option<SymbolId>,
    /// Of a gap: whose it must be.
    feeds: Option<Vec<FeedId>>,
    /// Which `ts` it must have.
    times: Option<(Nanos, Nanos)>,
}

impl<'a> Rows<'a> {
    fn new(ask: &Ask, what: What, roster: &'a Roster) -> Result<Self, Failure> {
        let symbol = match &ask.symbol {
            Some(symbol) => Some(roster.id(symbol.as_str()).ok_or_else(|| unknown(symbol))?),
            None => None,
        };
        let of_symbol = symbol.and_then(|id| roster.symbol(id)).map(|member| member.feed);
        let is_named = |id: FeedId, of: &history::FeedName| {
            of_symbol.is_none_or(|feed| feed == id)
                && ask.feed.as_ref().is_none_or(|name| *name == of.name)
                && ask.venue.as_ref().is_none_or(|venue| *venue == of.venue)
        };
        let names_some = of_symbol.is_some() || ask.feed.is_some() || ask.venue.is_some();
        let feeds = (0..).map(FeedId).zip(roster.feeds());
        let feeds = feeds.filter(|(id, of)| is_named(*id, of)).map(|(id, _)| id);
        let feeds: Vec<FeedId> = feeds.collect();
        if names_some && feeds.is_empty() {
            return Err(Failure::not_found("no such feed on this tape"));
        }
        let time = |bound| match bound {
            Some(Bound::Time(time)) => Some(time),
            _ => None,
        };
        let from = time(ask.from).unwrap_or(Nanos(i64::MIN));
        let to = time(ask.to).unwrap_or(Nanos(i64::MAX));
        let times = (ask.by == By::Ts).then_some((from, to));
        Ok(Self { what, roster, symbol, feeds: names_some.then_some(feeds), times })
    }

    fn filter(&self) -> Filter {
        let filter = Filter::default().kind(self.what.kind());
        match self.symbol {
            Some(symbol) => filter.symbols(vec![symbol]),
            None => filter,
        }
    }

    /// Fills a page; returns where it ended, if there may be more.
    async fn fill(
        &self,
        volume: &Volume,
        (begin, upto): (Seq, Seq),
        page: &mut Page,
    ) -> Result<Option<Seq>, history::Error> {
        let effort = Effort::begin();
        let mut after = match self.what {
            What::Gaps => match self.fill_stored_gaps(volume, (begin, upto), page).await? {
                Reached::End => return Ok(None),
                Reached::Full(after) => return Ok(Some(after)),
                Reached::Journal(after) => after,
            },
            What::Trades | What::Quotes => begin,
        };
        let mut events = volume.read(after, upto, self.filter());
        let mut batch = Vec::new();
        loop {
            let read = events.next_batch(&mut batch).await;
            for event in batch.drain(..) {
                if self.wants(&event) {
                    if page.is_full() {
                        return Ok(Some(after));
                    }
                    self.write(&event, page);
                }
                after = event.seq;
            }
            after = after.max(events.seq());
            match read {
                Ok(false) => return Ok(None),
                Err(error) if after == begin => return Err(error),
                // Who asks for the next page is told why.
                Err(_) => return Ok(Some(after)),
                Ok(true) if after >= upto => return Ok(None),
                Ok(true) if page.is_full() || effort.is_spent(events.looks()) => {
                    return Ok(Some(after));
                }
                Ok(true) => tokio::task::yield_now().await,
            }
        }
    }

    /// Fills a page with gaps as far as the store has a list of them.
    async fn fill_stored_gaps(
        &self,
        volume: &Volume,
        (begin, upto): (Seq, Seq),
        page: &mut Page,
    ) -> Result<Reached, history::Error> {
        let (effort, mut after, mut looks) = (Effort::begin(), begin, 0);
        while after < upto {
            let (gaps, end) = match volume.stored_gaps((after, upto), GAPS_AT_ONCE).await {
                Ok(Some(found)) => found,
                Ok(None) => return Ok(Reached::Journal(after)),
                Err(error) if after == begin => return Err(error),
                // Who asks for the next page is told why.
                Err(_) => return Ok(Reached::Full(after)),
            };
            looks += gaps.len() as u64;
            for gap in &gaps {
                if let Some(row) = self.stored_row(gap) {
                    if page.is_full() {
                        return Ok(Reached::Full(after));
                    }
                    page.push(|out| json::write_gap_row(out, row));
                }
                after = gap.seq;
            }
            after = end;
            if after < upto && (page.is_full() || effort.is_spent(looks)) {
                return Ok(Reached::Full(after));
            }
        }
        Ok(Reached::End)
    }

    /// The row of a gap of the store's list, if it is wanted.
    fn stored_row<'b>(&'b self, gap: &'b StoredGap) -> Option<GapRow<'b>> {
        let mut feeds = (0..).map(FeedId).zip(self.roster.feeds());
        let (feed, name) = feeds.find(|(_, of)| *of.name == *gap.feed)?;
        let symbol = self.symbol.and_then(|id| self.roster.symbol(id));
        let is_of = match (symbol, &gap.symbol) {
            (Some(wanted), Some(symbol)) => wanted.symbol.as_str() == symbol,
            _ => self.feeds.as_ref().is_none_or(|feeds| feeds.contains(&feed)),
        };
        (is_of && self.is_within(gap.recv)).then_some(GapRow {
            symbol: gap.symbol.as_deref(),
            seq: gap.seq,
            recv: gap.recv,
            feed: &name.name,
            venue: &name.venue,
            covers: &gap.covers,
            cause: &gap.cause,
            missing: gap.missing,
            state: &gap.state,
            of: gap.of,
        })
    }

    fn wants(&self, event: &Event) -> bool {
        self.is_within(event.ts.unwrap_or(event.recv))
            && match (&event.body, &self.feeds) {
                (Body::Gap(gap), Some(feeds)) => {
                    self.feed_of(gap).is_some_and(|feed| feeds.contains(&feed))
                }
                _ => true,
            }
    }

    fn is_within(&self, at: Nanos) -> bool {
        self.times.is_none_or(|(from, to)| at >= from && at < to)
    }

    fn write(&self, event: &Event, page: &mut Page) {
        let name = |id| self.roster.symbol(id).map_or("", |member| member.symbol.as_str());
        match &event.body {
            Body::Trade(trade) => {
                page.push(|out| json::write_row(out, name(trade.symbol), event));
            }
            Body::Quote(quote) => {
                page.push(|out| json::write_row(out, name(quote.symbol), event));
            }
            Body::Gap(gap) => {
                let feed = self.feed_of(gap).and_then(|feed| self.roster.feed(feed));
                let row = GapRow {
                    symbol: match gap.scope {
                        Scope::Symbol(id, _) => Some(name(id)),
                        Scope::Feed(..) => None,
                    },
                    seq: event.seq,
                    recv: event.recv,
                    feed: feed.map_or("", |feed| &feed.name),
                    venue: feed.map_or("", |feed| &feed.venue),
                    covers: gap.covers.word(),
                    cause: gap.cause.word(),
                    missing: gap.missing,
                    state: gap.state.word(),
                    of: gap.of,
                };
                page.push(|out| json::write_gap_row(out, row));
            }
            _ => {}
        }
    }

    fn feed_of(&self, gap: &Gap) -> Option<FeedId> {
        match gap.scope {
            Scope::Feed(feed, _) => Some(feed),
            Scope::Symbol(symbol, _) => self.roster.symbol(symbol).map(|member| member.feed),
        }
    }
}

pub(super) fn unknown(symbol: &tickwire_feeds::Symbol) -> Failure {
    let message = format!("unknown symbol {symbol}");
    Failure::coded(actix_web::http::StatusCode::NOT_FOUND, Code::UnknownSymbol, message)
}
