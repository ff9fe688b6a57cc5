//! Coinbase Exchange: the public `matches`, `ticker` and `heartbeat` channels.
//!
//! - A trade is told by `match`; its `side` is the maker's, so the aggressor is the other one.
//!   The `ticker` of the same trade (same `sequence` and `trade_id`) gives a quote, never a trade.
//! - `last_match`, sent on subscribing, is a trade of the past. Where no trade of the product is
//!   known yet it only tells where counting begins. Where one is known it is a real trade like
//!   any other: a repeat if we had it, else the last of those missed, published after the gap.
//! - `heartbeat` names the last trade. Holding that one proves that nothing was missed. One that
//!   has not come 2 s after it was named, when the venue speaks again, is lost.
//! - A `ticker` whose `sequence` is below the last one is dropped.
//! - Coinbase Advanced Trade is another API: its frames are unknown messages.
//!
//! See <https://docs.cdp.coinbase.com/exchange/websocket-feed/channels>.

mod frame;

use std::collections::HashSet;

use crate::coinbase::frame::Best;
use crate::coinbase::frame::Print;
use crate::error::Error;
use crate::error::quoted;
use crate::feed::Feed;
use crate::feed::Output;
use crate::feed::Profile;
use crate::instruments::Instrument;
use crate::instruments::Instruments;
use crate::instruments::Naming;
use crate::json::Fault;
use crate::json::Item;
use crate::json::Parser;
use crate::symbol::Symbol;
use crate::tick::Scope;
use crate::tick::State;
use crate::tick::Status;
use crate::tick::Tick;
use crate::tick::TradeId;
use crate::time::Nanos;

const VENUE: &str = "coinbase";
/// More than the venue lists for a currency; it names no limit of its own.
const SYMBOLS_MAX: usize = 500;
/// Products in one request.
const REQUEST_SYMBOLS_MAX: usize = 100;
/// The channels whose data we need; an acknowledgement must name every product in each.
const CHANNELS: [&str; 2] = ["ticker", "matches"];
/// How long the venue may take to acknowledge.
const ACK_MS_MAX: i64 = 10_000;
/// How long a trade may be named by heartbeats before it comes; they are sent once a second.
const TAIL_MS_MAX: i64 = 2_000;
/// Largest believable step of `sequence`; see [`crate::continuity`].
const SEQUENCE_STEP_MAX: u64 = 1 << 40;
const NAMING: Naming = Naming { venue: VENUE, count_max: SYMBOLS_MAX, raw: raw_name };

/// The state machine of a Coinbase Exchange feed.
#[derive(Debug)]
pub struct Coinbase {
    instruments: Instruments<Memory>,
    parser: Parser,
    ack_by: Option<Nanos>,
    /// The venue answered or sent data on this connection.
    heard: bool,
}

/// What is remembered of a product.
#[derive(Debug, Default)]
struct Memory {
    sequence: Option<u64>,
    named: Option<Named>,
    /// The venue's last list of subscriptions left it out.
    left_out: bool,
    /// Clients were told that it is not served.
    refused: bool,
}

/// A trade that a heartbeat named before it came.
#[derive(Debug, Clone, Copy)]
struct Named {
    id: u64,
    at: Nanos,
}

/// Whether a trade is of now or of before the subscription.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Age {
    New,
    Old,
}

impl Coinbase {
    /// A feed of `symbols`, such as `coinbase:BTC-USD`.
    ///
    /// # Errors
    /// [`Error::BadSetting`] for none or more than 500, or what is no upper-case pair of coinbase.
    pub fn new(symbols: &[Symbol]) -> Result<Self, Error> {
        Ok(Self {
            instruments: Instruments::new(NAMING, symbols)?,
            parser: Parser::new(),
            ack_by: None,
            heard: false,
        })
    }

    fn read(&mut self, root: Item<'_, '_>, now: Nanos, out: &mut Output) -> Result<(), Fault> {
        if !root.is_object() {
            return Err(Fault::Shape("not an object"));
        }
        match root.get("type").and_then(Item::text) {
            Some("match") => self.print(Age::New, root, now, out),
            Some("last_match") => self.print(Age::Old, root, now, out),
            Some("ticker") => self.quote(root, now, out),
            Some("heartbeat") => self.heartbeat(root, now, out),
            Some("subscriptions") => {
                self.acknowledge(root, now, out);
                Ok(())
            }
            Some("error") => Err(refusal(root)),
            Some(kind) => Err(unknown(kind)),
            None => Err(match root.get("channel").and_then(Item::text) {
                Some(channel) => unknown(&format!("{channel} of another API")),
                None => unknown(""),
            }),
        }
    }

    fn print(
        &mut self,
        age: Age,
        root: Item<'_, '_>,
        recv: Nanos,
        out: &mut Output,
    ) -> Result<(), Fault> {
        let print = Print::read(root);
        let id = print.id.ok_or(Fault::Shape("no trade_id"))?;
        let product = print.product.ok_or(Fault::Shape("no product_id"))?;
        let instrument = self.instruments.find(product)?;
        let trade = print.trade(id, instrument.symbol.clone(), recv)?;
        if age == Age::Old && instrument.prints.last().is_none() {
            instrument.prints.begin_after(id);
        } else {
            instrument.publish(trade, &mut out.ticks)?;
        }
        out.alive = true;
        self.heard = true;
        Ok(())
    }

    fn quote(&mut self, root: Item<'_, '_>, recv: Nanos, out: &mut Output) -> Result<(), Fault> {
        let best = Best::read(root);
        let sequence = best.sequence.ok_or(Fault::Shape("no sequence"))?;
        let product = best.product.ok_or(Fault::Shape("no product_id"))?;
        let instrument = self.instruments.find(product)?;
        let quote = best.quote(instrument.symbol.clone(), recv)?;
        let last = instrument.state.sequence;
        if last.is_some_and(|last| sequence.saturating_sub(last) > SEQUENCE_STEP_MAX) {
            return Err(Error::out_of_range("sequence", &sequence.to_string()).into());
        }
        out.alive = true;
        self.heard = true;
        if last.is_none_or(|last| sequence >= last) {
            instrument.state.sequence = Some(sequence);
            out.ticks.push(Tick::Quote(quote));
        }
        Ok(())
    }

    /// The venue names its last trade of a product.
    fn heartbeat(&mut self, root: Item<'_, '_>, now: Nanos, out: &mut Output) -> Result<(), Fault> {
        let product = root.get("product_id").and_then(Item::text);
        let instrument = self.instruments.find(product.ok_or(Fault::Shape("no product_id"))?)?;
        out.alive = true;
        self.heard = true;
        let Some(newest) = root.get("last_trade_id") else { return Ok(()) };
        let newest = newest.number().ok_or(Fault::Shape("no last_trade_id"))?;
        let held = instrument.prints.confirm(newest);
        instrument.report(held, now, &mut out.ticks);
        let last = instrument.prints.last();
        match instrument.state.named {
            Some(named) if last < Some(named.id) => {
                if now.millis_since(named.at) >= TAIL_MS_MAX {
                    instrument.state.named = None;
                    let lost = instrument.prints.give_up(named.id);
                    instrument.report(lost, now, &mut out.ticks);
                }
            }
            _ => {
                let ahead = last.is_some_and(|last| newest > last);
                instrument.state.named = ahead.then_some(Named { id: newest, at: now });
            }
        }
        Ok(())
    }

    /// The venue lists all that is subscribed now.
    fn acknowledge(&mut self, root: Item<'_, '_>, now: Nanos, out: &mut Output) {
        self.heard = true;
        let channels = || root.get("channels").into_iter().flat_map(Item::items);
        let listed = CHANNELS.map(|wanted| {
            let channel = channels().find(|it| it.get("name").and_then(Item::text) == Some(wanted));
            let products = channel.and_then(|it| it.get("product_ids"));
            let products = products.into_iter().flat_map(Item::items).filter_map(Item::text);
            products.collect::<HashSet<&str>>()
        });
        let mut left_out = false;
        for instrument in self.instruments.iter_mut() {
            let raw = &*instrument.raw;
            instrument.state.left_out = !listed.iter().all(|products| products.contains(raw));
            left_out |= instrument.state.left_out;
            if instrument.state.refused && !instrument.state.left_out {
                instrument.tell(State::Live, now, &mut out.ticks);
            }
        }
        if !left_out {
            self.ack_by = None;
        }
    }
}

impl Instrument<Memory> {
    /// Tells whether the venue serves the product.
    fn tell(&mut self, state: State, recv: Nanos, out: &mut Vec<Tick>) {
        let refused = state != State::Live;
        self.state.refused = refused;
        out.push(Tick::Status(Status {
            scope: Scope::Symbol(self.symbol.clone()),
            recv,
            state,
            trading: None,
            reason: refused.then(|| "venue refused: it did not subscribe the product".into()),
        }));
    }
}

impl Feed for Coinbase {
    fn profile(&self) -> Profile {
        Profile {
            venue: VENUE,
            url: "wss://ws-feed.exchange.coinbase.com",
            silence_ms: 5_000,
            rotate_after_ms: None,
            send_gap_ms: 100,
            connect_gap_ms: 1_000,
            frame_bytes_max: 8 << 20,
            trade_continuity: "exact",
        }
    }

    fn resume_after(&mut self, symbol: &Symbol, last_trade: &TradeId) {
        self.instruments.resume_after(symbol, last_trade);
    }

    fn on_open(&mut self, now: Nanos, out: &mut Output) {
        self.instruments.connected(now, &mut out.ticks);
        out.send.extend(self.instruments.raw_chunks(REQUEST_SYMBOLS_MAX).map(|part| {
            serde_json::json!({
                "type": "subscribe",
                "product_ids": part,
                "channels": ["ticker", "matches", "heartbeat"],
            })
            .to_string()
        }));
        self.heard = false;
        self.ack_by = Some(now.plus_millis(ACK_MS_MAX));
    }

    fn on_frame(&mut self, frame: &mut [u8], now: Nanos, out: &mut Output) -> Result<(), Error> {
        let read = match self.parser.parse(frame) {
            Err(error) => return Err(Error::bad_frame(VENUE, &error, frame)),
            Ok(tape) => {
                let read = self.read(Item::root(&tape), now, out);
                self.parser.keep(tape);
                read
            }
        };
        read.map_err(|fault| fault.into_error(VENUE, frame))
    }

    fn on_close(&mut self, now: Nanos, out: &mut Output) {
        self.ack_by = None;
        for instrument in self.instruments.iter_mut() {
            // What was named on the old connection will not come on it any more.
            instrument.state.named = None;
        }
        self.instruments.disconnected(now, &mut out.ticks);
    }

    fn poll_timeout(&self) -> Option<Nanos> {
        self.ack_by
    }

    fn on_timeout(&mut self, now: Nanos, out: &mut Output) {
        if self.ack_by.is_none_or(|by| now < by) {
            return;
        }
        self.ack_by = None;
        if !self.heard {
            out.reconnect = Some("no acknowledgement of the subscription in 10 s".into());
        }
        for instrument in self.instruments.iter_mut() {
            if instrument.state.left_out && !instrument.state.refused {
                instrument.tell(State::Down, now, &mut out.ticks);
            }
        }
    }
}

/// `BTC` and `USD` are `BTC-USD`.
fn raw_name(base: &str, quote: &str) -> Option<String> {
    let proper =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    (proper(base) && proper(quote)).then(|| format!("{base}-{quote}"))
}

fn refusal(root: Item<'_, '_>) -> Fault {
    let text = |name| root.get(name).and_then(Item::text);
    let message = text("message").unwrap_or("no message");
    let message = match text("reason") {
        Some(reason) => quoted(&format!("{message}: {reason}")),
        None => quoted(message),
    };
    Fault::Error(Error::Venue { venue: VENUE, message })
}

fn unknown(kind: &str) -> Fault {
    Fault::Error(Error::UnknownMessage { venue: VENUE, kind: quoted(kind) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tick::Gap;

    fn feed() -> Coinbase {
        let mut feed = Coinbase::new(&[Symbol::parse("coinbase:BTC-USD").unwrap()]).unwrap();
        feed.on_open(Nanos(0), &mut Output::default());
        feed
    }

    /// What comes of a frame received at a time in ms.
    fn send(feed: &mut Coinbase, at_ms: i64, frame: &str) -> Vec<String> {
        let mut out = Output::default();
        let at = Nanos::from_millis(at_ms);
        feed.on_frame(&mut frame.as_bytes().to_vec(), at, &mut out).unwrap();
        out.ticks.iter().map(show).collect()
    }

    fn print(kind: &str, id: u64) -> String {
        format!(
            r#"{{"type":"{kind}","trade_id":{id},"side":"buy","size":"1","price":"5",
                "product_id":"BTC-USD","sequence":1}}"#
        )
    }

    fn ticker(sequence: u64) -> String {
        format!(
            r#"{{"type":"ticker","sequence":{sequence},"product_id":"BTC-USD","price":"5",
                "best_bid":"4","best_ask":"5","trade_id":99,"last_size":"1"}}"#
        )
    }

    fn heartbeat(id: u64) -> String {
        format!(
            r#"{{"type":"heartbeat","sequence":1,"last_trade_id":{id},"product_id":"BTC-USD"}}"#
        )
    }

    fn subscriptions(channels: &[&str], product: &str) -> String {
        let channels: Vec<_> = channels
            .iter()
            .map(|name| format!(r#"{{"name":"{name}","product_ids":["{product}"]}}"#))
            .collect();
        format!(r#"{{"type":"subscriptions","channels":[{}]}}"#, channels.join(","))
    }

    fn show(tick: &Tick) -> String {
        match tick {
            Tick::Trade(trade) => trade.trade_id.as_ref().unwrap().to_string(),
            Tick::Quote(_) => "quote".to_owned(),
            Tick::Gap(Gap { missing, state, settles_disconnect, covers, .. }) => {
                let settles = if *settles_disconnect { " settles" } else { "" };
                format!("{} {} {missing:?}{settles}", covers.word(), state.word())
            }
            other => format!("{other:?}"),
        }
    }

    fn reconnect(feed: &mut Coinbase) {
        feed.on_close(Nanos(0), &mut Output::default());
        feed.on_open(Nanos(0), &mut Output::default());
    }

    #[test]
    fn it_subscribes_trades_quotes_and_heartbeats() {
        let mut feed = Coinbase::new(&[Symbol::parse("coinbase:BTC-USD").unwrap()]).unwrap();
        let mut out = Output::default();
        feed.on_open(Nanos(0), &mut out);
        let request: serde_json::Value = serde_json::from_str(&out.send[0]).unwrap();
        assert_eq!(request["type"], "subscribe");
        assert_eq!(request["product_ids"], serde_json::json!(["BTC-USD"]));
        assert_eq!(request["channels"], serde_json::json!(["ticker", "matches", "heartbeat"]));
    }

    #[test]
    fn an_acknowledgement_must_name_every_product_in_both_channels() {
        let mut feed = feed();
        let mut out = Output::default();
        for (channels, product) in
            [(&["ticker"][..], "BTC-USD"), (&["ticker", "matches"], "ETH-USD"), (&[], "")]
        {
            send(&mut feed, 0, &subscriptions(channels, product));
            assert!(feed.poll_timeout().is_some(), "{channels:?} {product}");
        }
        out.ticks.clear();
        feed.on_timeout(Nanos::from_millis(10_000), &mut out);
        assert_eq!(out.reconnect, None, "what it does serve goes on");
        let [Tick::Status(status)] = &out.ticks[..] else { panic!("{:?}", out.ticks) };
        assert_eq!(status.state, State::Down);
        reconnect(&mut feed);
        let listed = subscriptions(&["heartbeat", "ticker", "matches"], "BTC-USD");
        out.ticks.clear();
        feed.on_frame(&mut listed.into_bytes(), Nanos(0), &mut out).unwrap();
        assert!(matches!(&out.ticks[..], [Tick::Status(status)] if status.state == State::Live));
        assert_eq!(feed.poll_timeout(), None);
        feed.on_timeout(Nanos::from_millis(99_000), &mut out);
        assert_eq!(out.reconnect, None);
    }

    #[test]
    fn a_trade_is_counted_once_though_two_frames_tell_of_it() {
        let mut feed = feed();
        assert_eq!(send(&mut feed, 0, &print("last_match", 6)), [""; 0]);
        assert_eq!(send(&mut feed, 0, &ticker(10)), ["quote"]);
        assert_eq!(send(&mut feed, 0, &print("match", 7)), ["7"]);
        assert_eq!(send(&mut feed, 0, &print("match", 7)), [""; 0]);
        assert_eq!(send(&mut feed, 0, &print("match", 9)), ["trades lost Some(1)", "9"]);
    }

    #[test]
    fn a_last_match_that_was_missed_is_a_trade_and_settles_the_cut() {
        let mut feed = feed();
        send(&mut feed, 0, &print("match", 7));
        reconnect(&mut feed);
        assert_eq!(send(&mut feed, 0, &print("last_match", 7)), [""; 0]);
        assert_eq!(
            send(&mut feed, 0, &print("last_match", 10)),
            ["all lost Some(2) settles", "10"]
        );
        assert_eq!(send(&mut feed, 0, &print("match", 11)), ["11"]);
    }

    #[test]
    fn a_heartbeat_that_names_our_last_trade_settles_the_cut() {
        let mut feed = feed();
        send(&mut feed, 0, &print("match", 7));
        assert_eq!(send(&mut feed, 0, &heartbeat(7)), [""; 0]);
        reconnect(&mut feed);
        assert_eq!(send(&mut feed, 0, &heartbeat(7)), ["all filled None settles"]);
        assert_eq!(send(&mut feed, 0, &print("match", 8)), ["8"]);
    }

    #[test]
    fn a_trade_that_heartbeats_name_and_that_never_comes_is_lost() {
        let mut feed = feed();
        send(&mut feed, 0, &print("match", 7));
        assert_eq!(send(&mut feed, 1_000, &heartbeat(9)), [""; 0]);
        assert_eq!(send(&mut feed, 2_000, &heartbeat(9)), [""; 0]);
        assert_eq!(send(&mut feed, 3_000, &heartbeat(9)), ["trades lost Some(2)"]);
        assert_eq!(send(&mut feed, 3_500, &print("match", 10)), ["10"]);
    }

    #[test]
    fn a_heartbeat_that_overtakes_its_trade_proves_no_loss() {
        let mut feed = feed();
        send(&mut feed, 0, &print("match", 7));
        assert_eq!(send(&mut feed, 1_000, &heartbeat(8)), [""; 0]);
        assert_eq!(send(&mut feed, 1_001, &print("match", 8)), ["8"]);
        assert_eq!(send(&mut feed, 9_000, &heartbeat(9)), [""; 0]);
        assert_eq!(send(&mut feed, 9_001, &print("match", 9)), ["9"]);
        assert_eq!(send(&mut feed, 20_000, &heartbeat(0)), [""; 0]);
    }

    #[test]
    fn a_ticker_that_is_older_than_the_last_is_dropped() {
        let mut feed = feed();
        assert_eq!(send(&mut feed, 0, &ticker(10)), ["quote"]);
        assert_eq!(send(&mut feed, 0, &ticker(9)), [""; 0]);
        assert_eq!(send(&mut feed, 0, &ticker(10)), ["quote"]);
        let mut out = Output::default();
        let mut garbled = ticker(u64::MAX).into_bytes();
        assert!(feed.on_frame(&mut garbled, Nanos(0), &mut out).is_err());
        assert_eq!(send(&mut feed, 0, &ticker(11)), ["quote"]);
    }
}
