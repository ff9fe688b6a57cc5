//! Any event and any board, for property tests.

use std::collections::VecDeque;

use proptest::option;
use proptest::prelude::*;
use tickwire_feeds::Nanos;
use tickwire_feeds::Price;
use tickwire_feeds::Size;
use tickwire_feeds::Symbol;
use tickwire_feeds::tick::Cause;
use tickwire_feeds::tick::Covers;
use tickwire_feeds::tick::GapState;
use tickwire_feeds::tick::Level;
use tickwire_feeds::tick::Side;
use tickwire_feeds::tick::State;
use tickwire_feeds::tick::TradeExtra;
use tickwire_feeds::tick::TradeId;
use tickwire_feeds::tick::Trading;
use tickwire_feeds::time::Day;

use crate::board::Bar;
use crate::board::Board;
use crate::board::Close;
use crate::board::DayFigures;
use crate::board::FeedBoard;
use crate::board::LastTrade;
use crate::board::Range;
use crate::board::Series;
use crate::board::Stage;
use crate::board::SymbolBars;
use crate::board::SymbolBoard;
use crate::board::Symbols;
use crate::board::Ticker;
use crate::event::Body;
use crate::event::Channel;
use crate::event::DayStart;
use crate::event::Event;
use crate::event::FeedId;
use crate::event::FeedLink;
use crate::event::Fields;
use crate::event::Gap;
use crate::event::Health;
use crate::event::Late;
use crate::event::Link;
use crate::event::Quote;
use crate::event::Registry;
use crate::event::Scope;
use crate::event::Seq;
use crate::event::Status;
use crate::event::SymbolId;
use crate::event::TickerChange;
use crate::event::Trade;

pub(crate) fn an_event() -> impl Strategy<Value = Event> {
    (seq(), time(), option::of(time()), body()).prop_map(|(seq, recv, ts, body)| Event {
        seq,
        recv,
        ts,
        body,
    })
}

pub(crate) fn a_board() -> impl Strategy<Value = Board> {
    let symbols = prop::collection::btree_map("[A-Z]{3,9}", symbol_board(), 0..6);
    let symbols = symbols.prop_map(|map| {
        let named = map.into_iter().map(|(name, board)| SymbolBoard {
            symbol: Symbol::escaped("sim", &name).unwrap(),
            ..board
        });
        Symbols::all(named.collect())
    });
    (seq(), time(), symbols, prop::collection::vec(feed_board(), 0..4))
        .prop_map(|(seq, clock, symbols, feeds)| Board::from_parts(seq, clock, symbols, feeds))
}

fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        trade().prop_map(Body::Trade),
        (symbol_id(), option::of(level()), option::of(level()), option::of(change()))
            .prop_map(|(symbol, bid, ask, ticker)| Body::Quote(Quote { symbol, bid, ask, ticker })),
        status().prop_map(Body::Status),
        gap().prop_map(Body::Gap),
        Just(Body::Clock),
        registry().prop_map(Body::Registry),
    ]
}

fn trade() -> impl Strategy<Value = Trade> {
    let id = prop_oneof![any::<u64>().prop_map(TradeId::Number), text().prop_map(TradeId::Text)];
    let late = prop_oneof![Just(Late::No), Just(Late::Yes)];
    (
        (symbol_id(), link(), price(), size(), option::of(word(Side::ALL))),
        (option::of(id), late, option::of(extra()), option::of(change())),
    )
        .prop_map(|((symbol, link, price, size, side), (trade_id, late, extra, ticker))| {
            Trade {
                symbol,
                link,
                price,
                size,
                side,
                trade_id,
                late,
                extra: extra.map(Box::new),
                ticker,
            }
        })
}

fn extra() -> impl Strategy<Value = TradeExtra> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let conditions = prop::collection::vec(text(), 0..4);
    (option::of(text()), conditions, option::of(text()), flags).prop_map(
        |(exchange, conditions, tape, (no_last, no_range, no_volume))| TradeExtra {
            exchange,
            conditions,
            tape,
            no_last,
            no_range,
            no_volume,
        },
    )
}

fn change() -> impl Strategy<Value = TickerChange> {
    let start = (day(), option::of(time()), option::of(price()))
        .prop_map(|(day, day_from, prev_close)| DayStart { day, day_from, prev_close });
    let trades = prop_oneof![Just(0), any::<u64>()];
    (link(), any::<u16>(), option::of(size()), trades, option::of(start)).prop_map(
        |(link, fields, volume, trades, day)| TickerChange {
            link,
            fields: Fields(fields),
            volume,
            trades,
            day: day.map(Box::new),
        },
    )
}

fn status() -> impl Strategy<Value = Status> {
    (scope(), health(), option::of(health()), seq()).prop_map(
        |(scope, health, shown, status_prev)| Status {
            scope,
            shown: shown.unwrap_or_else(|| health.clone()),
            health,
            status_prev,
        },
    )
}

fn gap() -> impl Strategy<Value = Gap> {
    let words = (word(Covers::ALL), word(Cause::ALL), word(GapState::ALL));
    (scope(), words, option::of(any::<u64>()), seq()).prop_map(
        |(scope, (covers, cause, state), missing, of)| Gap {
            scope,
            covers,
            cause,
            missing,
            state,
            of,
        },
    )
}

fn registry() -> impl Strategy<Value = Registry> {
    let symbol = "[a-z0-9_]{1,16}:[A-Za-z0-9._/-]{1,40}";
    let symbol = symbol.prop_map(|text| Symbol::parse(&text).unwrap());
    prop_oneof![
        (feed_id(), text(), text()).prop_map(|(id, name, venue)| Registry::Feed {
            id,
            name,
            venue
        }),
        (symbol_id(), symbol, feed_id(), option::of(text()))
            .prop_map(|(id, symbol, feed, raw)| Registry::Listed { id, symbol, feed, raw }),
        symbol_id().prop_map(|id| Registry::Unlisted { id }),
        feed_id().prop_map(|id| Registry::AllListed { id }),
    ]
}

fn scope() -> impl Strategy<Value = Scope> {
    let links = prop::collection::vec((word(&Channel::ALL), link()), 0..3);
    let except = prop::collection::vec((symbol_id(), health()), 0..3);
    let feed_link = (seq(), except).prop_map(|(prev, except)| FeedLink { prev, except });
    prop_oneof![
        (feed_id(), feed_link).prop_map(|(feed, link)| Scope::Feed(feed, link)),
        (symbol_id(), links).prop_map(|(symbol, links)| Scope::Symbol(symbol, links)),
    ]
}

fn health() -> impl Strategy<Value = Health> {
    (word(State::ALL), option::of(word(Trading::ALL)), time(), option::of(text()))
        .prop_map(|(state, trading, since, reason)| Health { state, trading, since, reason })
}

fn feed_board() -> impl Strategy<Value = FeedBoard> {
    (text(), text(), health(), seq(), seq(), seq(), any::<bool>()).prop_map(
        |(name, venue, health, status_seq, touched, disconnect, listed_all)| FeedBoard {
            name,
            venue,
            health,
            status_seq,
            touched,
            disconnect,
            listed_all,
        },
    )
}

fn symbol_board() -> impl Strategy<Value = SymbolBoard> {
    let last = (option::of(time()), time(), trade()).prop_map(|(ts, recv, trade)| LastTrade {
        ts,
        recv,
        trade,
    });
    let seqs = (seq(), seq(), seq(), seq());
    let heads = (option::of(text()), feed_id(), any::<bool>(), option::of(health()));
    let ends = (option::of(last), option::of(time()), option::of(symbol_bars()));
    (heads, seqs, ticker(), ends).prop_map(
        |(
            (raw, feed, listed, health),
            (listed_at, status_seq, touched, trades_own),
            ticker,
            (last_trade, trade_ts_max, bars),
        )| SymbolBoard {
            symbol: Symbol::parse("sim:A").unwrap(),
            raw,
            feed,
            listed,
            listed_at,
            health,
            status_seq,
            touched,
            ticker,
            trades_own,
            last_trade,
            trade_ts_max,
            bars: bars.map(Box::new),
        },
    )
}

fn symbol_bars() -> impl Strategy<Value = SymbolBars> {
    let series = || {
        (seq(), seq(), time(), prop::collection::vec(bar(), 0..3)).prop_map(
            |(own, before, changed, bars)| {
                let mut older = VecDeque::from(bars);
                let latest = older.pop_back();
                Series { own, before, changed, latest, older }
            },
        )
    };
    let all = (series(), series(), series(), series(), series());
    (any::<i64>(), all)
        .prop_map(|(lag, (a, b, c, d, e))| SymbolBars::from_parts(lag, [a, b, c, d, e]))
}

fn bar() -> impl Strategy<Value = Bar> {
    let range = (price(), time(), price(), price())
        .prop_map(|(open, opened_at, high, low)| Range { open, opened_at, high, low });
    let close = (price(), time()).prop_map(|(price, closed_at)| Close { price, closed_at });
    let stage = prop_oneof![
        Just(Stage::Open),
        any::<u32>().prop_map(|revision| Stage::Final { revision }),
    ];
    let sums = (option::of(size()), any::<u64>(), stage);
    (time(), option::of(range), option::of(close), sums).prop_map(
        |(start, range, close, (volume, trades, stage))| Bar {
            start,
            range,
            close,
            volume,
            trades,
            stage,
        },
    )
}

fn ticker() -> impl Strategy<Value = Ticker> {
    let times = (option::of(time()), option::of(time()));
    let levels = (option::of(level()), option::of(level()));
    let last = (option::of(price()), option::of(size()));
    (seq(), times, levels, last, option::of(day_figures())).prop_map(
        |(own, (ts, recv), (bid, ask), (last, last_size), day)| Ticker {
            own,
            ts,
            recv,
            bid,
            ask,
            last,
            last_size,
            day,
        },
    )
}

fn day_figures() -> impl Strategy<Value = DayFigures> {
    let prices = [(); 4].map(|()| option::of(price()));
    (day(), option::of(time()), prices, option::of(size()), any::<u64>()).prop_map(
        |(day, day_from, [prev_close, open, high, low], volume, trades)| DayFigures {
            day,
            day_from,
            prev_close,
            open,
            high,
            low,
            volume,
            trades,
        },
    )
}

fn level() -> impl Strategy<Value = Level> {
    (price(), option::of(size())).prop_map(|(price, size)| Level { price, size })
}

fn price() -> impl Strategy<Value = Price> {
    (1_u128..1 << 96, 0_u32..96, 0_u32..=28)
        .prop_map(|(digits, shift, scale)| Price::from_parts((digits >> shift).max(1), scale))
        .prop_map(Option::unwrap)
}

fn size() -> impl Strategy<Value = Size> {
    (0_u128..1 << 96, 0_u32..96, 0_u32..=28)
        .prop_map(|(digits, shift, scale)| Size::from_parts(digits >> shift, scale).unwrap())
}

fn link() -> impl Strategy<Value = Link> {
    (seq(), seq()).prop_map(|(prev, own)| Link { prev, own })
}

fn seq() -> impl Strategy<Value = Seq> {
    (any::<u64>(), 0_u32..64).prop_map(|(seq, shift)| Seq(seq >> shift))
}

fn time() -> impl Strategy<Value = Nanos> {
    (any::<i64>(), 0_u32..64).prop_map(|(time, shift)| Nanos(time >> shift))
}

fn day() -> impl Strategy<Value = Day> {
    time().prop_map(Nanos::day)
}

fn symbol_id() -> impl Strategy<Value = SymbolId> {
    any::<u32>().prop_map(SymbolId)
}

fn feed_id() -> impl Strategy<Value = FeedId> {
    any::<u32>().prop_map(FeedId)
}

fn text() -> impl Strategy<Value = Box<str>> {
    ".{0,40}".prop_map(String::into)
}

fn word<T: Copy + std::fmt::Debug + 'static>(all: &[T]) -> impl Strategy<Value = T> + use<T> {
    prop::sample::select(all.to_vec())
}
