//! Kraken spot, WebSocket v2: the public `trade` and `ticker` channels.
//!
//! - Numbers are bare JSON; their digits are taken from the text, never through a double.
//! - A frame may hold several trades. One whose numbers are bad is refused alone: the others of
//!   the frame are published, and the frame is reported by its first error.
//! - A trade snapshot (not asked for) is of the past: where no trade of the pair is known it only
//!   tells where counting begins; where one is known it fills what was missed, oldest first.
//! - The venue acknowledges each symbol of each channel by itself. One that it refuses is down
//!   until a later subscription is accepted; the others go on.
//! - The `instrument` channel names the step of each pair's prices; that it is refused or late
//!   hinders nothing.
//! - WebSocket v1 is another API: its frames are unknown messages.
//!
//! See <https://docs.kraken.com/exchange/api-reference/spot-websocket-v2/ticker> and `…/trade`.

mod frame;

use serde_json::value::RawValue;

use crate::decimal::Price;
use crate::error::Error;
use crate::error::quoted;
use crate::feed::Feed;
use crate::feed::Output;
use crate::feed::Profile;
use crate::instruments::Instrument;
use crate::instruments::Instruments;
use crate::instruments::Naming;
use crate::kraken::frame::Best;
use crate::kraken::frame::Frame;
use crate::kraken::frame::Listed;
use crate::kraken::frame::Print;
use crate::kraken::frame::Rows;
use crate::kraken::frame::System;
use crate::kraken::frame::parse;
use crate::symbol::Symbol;
use crate::tick::Scope;
use crate::tick::State;
use crate::tick::Status;
use crate::tick::Tick;
use crate::tick::TradeId;
use crate::time::Nanos;

const VENUE: &str = "kraken";
/// More than the venue lists for a currency; it names no limit of its own.
const SYMBOLS_MAX: usize = 500;
/// Symbols in one request.
const REQUEST_SYMBOLS_MAX: usize = 100;
/// How long the venue may take to acknowledge.
const ACK_MS_MAX: i64 = 10_000;
/// The channel that names the step of prices.
const INSTRUMENT: &str = "instrument";
/// Time between two pings; the venue cuts a connection after a minute without traffic.
const PING_GAP_MS: i64 = 20_000;

const NAMING: Naming = Naming { venue: VENUE, count_max: SYMBOLS_MAX, raw: raw_name };

/// The state machine of a Kraken spot feed.
#[derive(Debug)]
pub struct Kraken {
    instruments: Instruments<Memory>,
    request_id: u64,
    ack_by: Option<Nanos>,
    ping_at: Option<Nanos>,
}

/// What is remembered of a pair.
#[derive(Debug, Default)]
struct Memory {
    trades: Ack,
    quotes: Ack,
    /// The venue's reason, while a status on the tape says that the pair is down.
    refused: Option<Box<str>>,
}

/// The venue's answer for one pair of one channel.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Ack {
    #[default]
    Awaited,
    Accepted,
    Refused,
}

impl Kraken {
    /// A feed of `symbols`, such as `kraken:BTC-USD`; letters keep their case (`AAPLx-USD`).
    ///
    /// # Errors
    /// [`Error::BadSetting`] for none or more than 500, or what is no pair of kraken.
    pub fn new(symbols: &[Symbol]) -> Result<Self, Error> {
        let instruments = Instruments::new(NAMING, symbols)?;
        Ok(Self { instruments, request_id: 0, ack_by: None, ping_at: None })
    }

    fn read(&mut self, frame: &str, now: Nanos, out: &mut Output) -> Result<(), Error> {
        // Nearly all frames begin so; the others are taken apart twice, first for what they are.
        if frame.starts_with(r#"{"channel":"ticker","#) {
            let rows: Rows<'_, Best<'_>> = parse(frame, frame)?;
            return each(rows.data, |best| self.quote(&best, now, out));
        }
        if frame.starts_with(r#"{"channel":"trade","#) {
            return self.prints(parse(frame, frame)?, now, out);
        }
        match frame.trim_ascii_start().as_bytes().first() {
            Some(b'{') => {}
            Some(b'[') => return Err(unknown("array of WebSocket v1")),
            _ => return Err(Error::bad_frame(VENUE, &"not an object", frame.as_bytes())),
        }
        let head: Frame<'_> = parse(frame, frame)?;
        if head.method.is_some() {
            return self.answer(&head, now, out);
        }
        let data = || {
            let missing = || Error::bad_frame(VENUE, &"no data", frame.as_bytes());
            head.data.map(RawValue::get).ok_or_else(missing)
        };
        match &*head.channel {
            "ticker" => each(parse(data()?, frame)?, |best| self.quote(&best, now, out)),
            "trade" => {
                let data = parse(data()?, frame)?;
                self.prints(Rows { kind: head.kind, data }, now, out)
            }
            INSTRUMENT => {
                self.steps(&parse(data()?, frame)?, out);
                Ok(())
            }
            "heartbeat" => {
                out.alive = true;
                Ok(())
            }
            "status" => each(parse(data()?, frame)?, |status: System<'_>| match &*status.system {
                "online" => Ok(()),
                other => Err(said(&format!("system is {other}"))),
            }),
            "" => Err(unknown(head.event.as_deref().unwrap_or_default())),
            channel => Err(unknown(channel)),
        }
    }

    fn prints(
        &mut self,
        mut rows: Rows<'_, Print<'_>>,
        now: Nanos,
        out: &mut Output,
    ) -> Result<(), Error> {
        if rows.kind == "snapshot" {
            rows.data.sort_by_key(|print| print.trade_id);
            return self.past(rows.data, now, out);
        }
        each(rows.data, |print| self.print(&print, now, out))
    }

    fn print(&mut self, print: &Print<'_>, now: Nanos, out: &mut Output) -> Result<(), Error> {
        let instrument = self.instruments.find(&print.symbol)?;
        let trade = print.trade(instrument.symbol.clone(), now)?;
        instrument.publish(trade, &mut out.ticks)?;
        instrument.heard(|state| &mut state.trades, now, &mut out.ticks);
        out.alive = true;
        Ok(())
    }

    /// Trades of before the subscription, oldest first.
    fn past(&mut self, prints: Vec<Print<'_>>, now: Nanos, out: &mut Output) -> Result<(), Error> {
        let mut known = Vec::new();
        let mut newest = Vec::new();
        let first = each(prints, |print| {
            let instrument = self.instruments.find(&print.symbol)?;
            print.trade(instrument.symbol.clone(), now)?;
            match instrument.prints.last() {
                Some(_) => known.push(print),
                None => newest.push(print),
            }
            Ok(())
        });
        for print in newest.into_iter().rev() {
            self.instruments.find(&print.symbol)?.prints.begin_after(print.trade_id);
        }
        first.and(each(known, |print| self.print(&print, now, out)))
    }

    fn quote(&mut self, best: &Best<'_>, recv: Nanos, out: &mut Output) -> Result<(), Error> {
        let instrument = self.instruments.find(&best.symbol)?;
        let quote = best.quote(instrument.symbol.clone(), recv)?;
        instrument.heard(|state| &mut state.quotes, recv, &mut out.ticks);
        out.alive = true;
        out.ticks.push(Tick::Quote(quote));
        Ok(())
    }

    /// The venue lists all that it has; most of it is not asked for.
    fn steps(&mut self, listed: &Listed<'_>, out: &mut Output) {
        for pair in &listed.pairs {
            let Ok(instrument) = self.instruments.find(&pair.symbol) else { continue };
            let step = pair.price_increment.and_then(|raw| Price::parse(raw.get()).ok());
            out.tick_sizes.extend(step.map(|step| (instrument.symbol.clone(), step)));
        }
    }

    /// The venue's answer to a request.
    fn answer(&mut self, frame: &Frame<'_>, now: Nanos, out: &mut Output) -> Result<(), Error> {
        match frame.method.as_deref() {
            Some("pong") => return Ok(()),
            Some("subscribe") => {}
            other => return Err(unknown(other.unwrap_or_default())),
        }
        let granted = frame.result.as_ref();
        if granted.and_then(|it| it.channel.as_deref()) == Some(INSTRUMENT) {
            return Ok(());
        }
        let raw = granted.and_then(|it| it.symbol.as_deref()).or(frame.symbol.as_deref());
        let reason = frame.error.as_deref().unwrap_or("no reason given");
        let (Some(raw), Some(success)) = (raw, frame.success) else {
            return Err(said(reason));
        };
        let channel = granted.and_then(|it| it.channel.as_deref());
        let instrument = self.instruments.find(raw)?;
        let ack = if success { Ack::Accepted } else { Ack::Refused };
        let state = &mut instrument.state;
        match channel {
            Some("trade") => state.trades = ack,
            Some("ticker") => state.quotes = ack,
            Some(other) => return Err(unknown(other)),
            None if success => return Err(unknown("subscribe without a channel")),
            // A refusal does not say which channel it is about, and both are refused alike.
            None => (state.trades, state.quotes) = (ack, ack),
        }
        instrument.tell(reason, now, &mut out.ticks);
        if self.instruments.iter().all(|one| one.state.is_answered()) {
            self.ack_by = None;
        }
        Ok(())
    }

    /// No answer for some pairs: they are not served; or none for any, and nothing is.
    fn give_up_waiting(&mut self, now: Nanos, out: &mut Output) {
        if self.instruments.iter().all(|one| one.state.is_unheard()) {
            out.reconnect = Some("no acknowledgement of the subscription in 10 s".into());
            return;
        }
        for instrument in self.instruments.iter_mut() {
            for answer in [&mut instrument.state.trades, &mut instrument.state.quotes] {
                if *answer == Ack::Awaited {
                    *answer = Ack::Refused;
                }
            }
            instrument.tell("no acknowledgement in 10 s", now, &mut out.ticks);
        }
    }

    fn subscribe(&mut self, channel: &'static str, out: &mut Output) {
        let mut requests = Vec::new();
        for part in self.instruments.raw_chunks(REQUEST_SYMBOLS_MAX) {
            let params = match channel {
                "trade" => serde_json::json!({
                    "channel": channel, "symbol": part, "snapshot": false,
                }),
                _ => serde_json::json!({
                    "channel": channel, "symbol": part, "snapshot": true, "event_trigger": "bbo",
                }),
            };
            requests.push(params);
        }
        for params in requests {
            self.request(&params, out);
        }
    }

    fn request(&mut self, params: &serde_json::Value, out: &mut Output) {
        self.request_id += 1;
        let id = self.request_id;
        let request = serde_json::json!({ "method": "subscribe", "params": params, "req_id": id });
        out.send.push(request.to_string());
    }
}

impl Feed for Kraken {
    fn profile(&self) -> Profile {
        Profile {
            venue: VENUE,
            url: "wss://ws.kraken.com/v2",
            silence_ms: 5_000,
            rotate_after_ms: None,
            send_gap_ms: 100,
            connect_gap_ms: 5_000,
            // The list of all pairs comes as one message of half a megabyte.
            frame_bytes_max: 8 << 20,
            trade_continuity: "exact",
        }
    }

    fn resume_after(&mut self, symbol: &Symbol, last_trade: &TradeId) {
        self.instruments.resume_after(symbol, last_trade);
    }

    fn on_open(&mut self, now: Nanos, out: &mut Output) {
        self.instruments.connected(now, &mut out.ticks);
        for instrument in self.instruments.iter_mut() {
            instrument.state.trades = Ack::Awaited;
            instrument.state.quotes = Ack::Awaited;
        }
        self.subscribe("trade", out);
        self.subscribe("ticker", out);
        self.request(&serde_json::json!({ "channel": INSTRUMENT, "snapshot": true }), out);
        self.ack_by = Some(now.plus_millis(ACK_MS_MAX));
        self.ping_at = Some(now.plus_millis(PING_GAP_MS));
    }

    fn on_frame(&mut self, frame: &mut [u8], now: Nanos, out: &mut Output) -> Result<(), Error> {
        match str::from_utf8(frame) {
            Ok(text) => self.read(text, now, out),
            Err(error) => Err(Error::bad_frame(VENUE, &error, frame)),
        }
    }

    fn on_close(&mut self, now: Nanos, out: &mut Output) {
        self.ack_by = None;
        self.ping_at = None;
        self.instruments.disconnected(now, &mut out.ticks);
    }

    fn poll_timeout(&self) -> Option<Nanos> {
        self.ack_by.into_iter().chain(self.ping_at).min()
    }

    fn on_timeout(&mut self, now: Nanos, out: &mut Output) {
        if self.ack_by.is_some_and(|by| now >= by) {
            self.ack_by = None;
            self.give_up_waiting(now, out);
        }
        if self.ping_at.is_some_and(|at| now >= at) {
            self.ping_at = Some(now.plus_millis(PING_GAP_MS));
            self.request_id += 1;
            let id = self.request_id;
            out.send.push(serde_json::json!({ "method": "ping", "req_id": id }).to_string());
        }
    }
}

impl Memory {
    /// Whether there was neither an answer nor data on this connection.
    fn is_unheard(&self) -> bool {
        self.trades == Ack::Awaited && self.quotes == Ack::Awaited
    }

    fn is_answered(&self) -> bool {
        self.trades != Ack::Awaited && self.quotes != Ack::Awaited
    }
}

impl Instrument<Memory> {
    /// Data came, which is as good as an acknowledgement of its channel.
    fn heard(&mut self, answer: fn(&mut Memory) -> &mut Ack, recv: Nanos, out: &mut Vec<Tick>) {
        let before = std::mem::replace(answer(&mut self.state), Ack::Accepted);
        if before != Ack::Accepted && self.state.trades == self.state.quotes {
            self.tell("", recv, out);
        }
    }

    /// Tells when the venue's answer has changed whether the pair is served.
    fn tell(&mut self, reason: &str, recv: Nanos, out: &mut Vec<Tick>) {
        let Memory { trades, quotes, refused } = &mut self.state;
        let reason = match (*trades, *quotes) {
            (Ack::Accepted, Ack::Accepted) if refused.is_some() => None,
            (Ack::Refused, _) | (_, Ack::Refused) if refused.as_deref() != Some(reason) => {
                Some(quoted(reason).into_boxed_str())
            }
            _ => return,
        };
        refused.clone_from(&reason);
        out.push(Tick::Status(Status {
            scope: Scope::Symbol(self.symbol.clone()),
            recv,
            state: if reason.is_some() { State::Down } else { State::Live },
            trading: None,
            reason: reason.map(|reason| format!("venue refused: {reason}").into()),
        }));
    }
}

/// Does all items, and then reports the first error.
fn each<T>(items: Vec<T>, mut read: impl FnMut(T) -> Result<(), Error>) -> Result<(), Error> {
    let mut first = Ok(());
    for item in items {
        // `and` takes a value, so the item is read in any case.
        first = first.and(read(item));
    }
    first
}

/// `AAPLx` and `USD` are `AAPLx/USD`.
fn raw_name(base: &str, quote: &str) -> Option<String> {
    let proper = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
    (proper(base) && proper(quote)).then(|| format!("{base}/{quote}"))
}

fn said(message: &str) -> Error {
    Error::Venue { venue: VENUE, message: quoted(message) }
}

fn unknown(kind: &str) -> Error {
    Error::UnknownMessage { venue: VENUE, kind: quoted(kind) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tick::Gap;

    fn feed() -> Kraken {
        let symbols = ["kraken:BTC-USD", "kraken:AAPLx-USD"];
        let mut feed = Kraken::new(&symbols.map(|text| Symbol::parse(text).unwrap())).unwrap();
        feed.on_open(Nanos(0), &mut Output::default());
        feed
    }

    fn send(feed: &mut Kraken, frame: &str) -> Vec<String> {
        let mut out = Output::default();
        feed.on_frame(&mut frame.as_bytes().to_vec(), Nanos(1), &mut out).unwrap();
        out.ticks.iter().map(show).collect()
    }

    fn show(tick: &Tick) -> String {
        match tick {
            Tick::Trade(trade) => trade.trade_id.as_ref().unwrap().to_string(),
            Tick::Status(it) => {
                format!("{} {}", it.state.word(), it.reason.as_deref().unwrap_or(""))
            }
            Tick::Gap(Gap { missing, state, settles_disconnect, covers, .. }) => {
                let settles = if *settles_disconnect { " settles" } else { "" };
                format!("{} {} {missing:?}{settles}", covers.word(), state.word())
            }
            other => format!("{other:?}"),
        }
    }

    fn trades(kind: &str, ids: &[u64]) -> String {
        let rows: Vec<_> = ids
            .iter()
            .map(|id| {
                format!(r#"{{"symbol":"BTC/USD","side":"buy","price":5,"qty":1,"trade_id":{id}}}"#)
            })
            .collect();
        format!(r#"{{"channel":"trade","type":"{kind}","data":[{}]}}"#, rows.join(","))
    }

    fn granted(channel: &str, symbol: &str) -> String {
        format!(
            r#"{{"method":"subscribe","success":true,
                "result":{{"channel":"{channel}","symbol":"{symbol}"}}}}"#
        )
    }

    fn refused(symbol: &str, error: &str) -> String {
        format!(r#"{{"method":"subscribe","success":false,"error":"{error}","symbol":"{symbol}"}}"#)
    }

    #[test]
    fn it_subscribes_trades_without_and_quotes_and_instruments_with_a_snapshot() {
        let mut feed = Kraken::new(&[Symbol::parse("kraken:AAPLx-USD").unwrap()]).unwrap();
        let mut out = Output::default();
        feed.on_open(Nanos(0), &mut out);
        let requests: Vec<serde_json::Value> =
            out.send.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        let expected = serde_json::json!([
            {"method": "subscribe", "req_id": 1,
             "params": {"channel": "trade", "symbol": ["AAPLx/USD"], "snapshot": false}},
            {"method": "subscribe", "req_id": 2,
             "params": {"channel": "ticker", "symbol": ["AAPLx/USD"], "snapshot": true,
                        "event_trigger": "bbo"}},
            {"method": "subscribe", "req_id": 3,
             "params": {"channel": "instrument", "snapshot": true}},
        ]);
        assert_eq!(serde_json::Value::Array(requests), expected);
    }

    #[test]
    fn the_venues_list_names_the_steps_of_the_pairs_that_are_served() {
        let mut feed = feed();
        let frame = r#"{"channel":"instrument","type":"snapshot","data":{"assets":[{"id":"USD"}],
            "pairs":[{"symbol":"ETH/USD","price_increment":0.01},
                {"symbol":"BTC/USD","price_precision":1,"price_increment":0.1},
                {"symbol":"AAPLx/USD","price_increment":0}]}}"#;
        let mut out = Output::default();
        feed.on_frame(&mut frame.as_bytes().to_vec(), Nanos(1), &mut out).unwrap();
        let steps: Vec<_> =
            out.tick_sizes.iter().map(|(of, step)| format!("{of} {step}")).collect();
        assert_eq!(steps, ["kraken:BTC-USD 0.1"], "a step of 0 is none");
        // It is no sign that prices come.
        assert!(!out.alive && out.ticks.is_empty());
        let granted = r#"{"method":"subscribe","success":true,
            "result":{"channel":"instrument","snapshot":true},"req_id":3}"#;
        assert_eq!(send(&mut feed, granted), [""; 0]);
        for bad in [r#"{"channel":"instrument","data":{"pairs":7}}"#, r#"{"channel":"instrument"}"#]
        {
            let read = feed.on_frame(&mut bad.as_bytes().to_vec(), Nanos(1), &mut out);
            assert!(matches!(read, Err(Error::BadFrame { .. })), "{bad}: {read:?}");
        }
    }

    #[test]
    fn each_symbol_of_each_channel_must_be_acknowledged() {
        let mut feed = feed();
        send(&mut feed, &granted("trade", "BTC/USD"));
        send(&mut feed, &granted("ticker", "BTC/USD"));
        send(&mut feed, &granted("trade", "AAPLx/USD"));
        let mut out = Output::default();
        feed.on_timeout(Nanos::from_millis(10_000), &mut out);
        assert_eq!(out.reconnect, None, "the other pair is served");
        let [Tick::Status(status)] = &out.ticks[..] else { panic!("{:?}", out.ticks) };
        assert_eq!(status.scope, Scope::Symbol(Symbol::parse("kraken:AAPLx-USD").unwrap()));
        assert_eq!(status.state, State::Down);
    }

    #[test]
    fn a_venue_that_says_nothing_is_left() {
        let mut feed = feed();
        let mut out = Output::default();
        feed.on_timeout(Nanos::from_millis(10_000), &mut out);
        assert_eq!(out.reconnect.unwrap(), "no acknowledgement of the subscription in 10 s");
    }

    #[test]
    fn a_refused_symbol_is_down_until_it_is_accepted() {
        let mut feed = feed();
        for channel in ["trade", "ticker"] {
            assert_eq!(send(&mut feed, &granted(channel, "BTC/USD")), [""; 0]);
        }
        let frame = refused("AAPLx/USD", "not supported");
        assert_eq!(send(&mut feed, &frame), ["down venue refused: not supported"]);
        assert_eq!(send(&mut feed, &frame), [""; 0]);
        // Only the ping is left to wait for.
        assert_eq!(feed.poll_timeout(), Some(Nanos::from_millis(20_000)));
        feed.on_close(Nanos(1), &mut Output::default());
        feed.on_open(Nanos(1), &mut Output::default());
        assert_eq!(send(&mut feed, &granted("trade", "AAPLx/USD")), [""; 0]);
        assert_eq!(send(&mut feed, &granted("ticker", "AAPLx/USD")), ["live "]);
        assert_eq!(send(&mut feed, &granted("ticker", "AAPLx/USD")), [""; 0]);
    }

    #[test]
    fn it_pings_every_20_s_while_a_connection_is_open() {
        let mut feed = feed();
        let mut out = Output::default();
        for round in 1..=3 {
            feed.on_timeout(Nanos::from_millis(round * 20_000), &mut out);
            assert_eq!(feed.poll_timeout(), Some(Nanos::from_millis((round + 1) * 20_000)));
        }
        assert_eq!(out.send.len(), 3);
        assert_eq!(out.send[0], r#"{"method":"ping","req_id":4}"#);
        feed.on_close(Nanos(1), &mut out);
        assert_eq!(feed.poll_timeout(), None);
    }

    #[test]
    fn names_keep_their_case() {
        let mut feed = feed();
        let mut frame = trades("update", &[7]).replace("BTC/USD", "AAPLX/USD").into_bytes();
        let error = feed.on_frame(&mut frame, Nanos(1), &mut Output::default());
        assert_eq!(error.unwrap_err().reason(), "unknown_instrument");
    }

    #[test]
    fn a_snapshot_of_trades_begins_the_count_or_fills_what_was_missed() {
        let mut feed = feed();
        assert_eq!(send(&mut feed, &trades("snapshot", &[6, 5])), [""; 0]);
        assert_eq!(send(&mut feed, &trades("update", &[6, 7])), ["7"]);
        feed.on_close(Nanos(1), &mut Output::default());
        feed.on_open(Nanos(1), &mut Output::default());
        assert_eq!(
            send(&mut feed, &trades("snapshot", &[9, 8, 7, 6])),
            ["all filled None settles", "8", "9"]
        );
        assert_eq!(send(&mut feed, &trades("update", &[12])), ["trades lost Some(2)", "12"]);
    }
}
