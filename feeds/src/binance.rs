//! Binance spot: the public `trade` and `bookTicker` streams.
//!
//! - Both envelopes are read: combined (`{"stream":…,"data":…}`) and bare.
//! - A symbol follows the first kind of print that comes for it, `trade` or `aggTrade`; the other
//!   kind tells of the same prints again, and is refused as an unknown message.
//! - Times may be milliseconds or microseconds (`timeUnit`); their magnitude tells which.
//! - An update of the best quote that is not newer than the last (`u`) is dropped, so two
//!   connections may overlap during a rotation.
//!
//! See <https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams>.

mod frame;

use crate::binance::frame::Best;
use crate::binance::frame::Kind;
use crate::binance::frame::Print;
use crate::error::Error;
use crate::error::quoted;
use crate::feed::Feed;
use crate::feed::Output;
use crate::feed::Profile;
use crate::instruments::Instruments;
use crate::instruments::Naming;
use crate::json::Fault;
use crate::json::Item;
use crate::json::Parser;
use crate::symbol::Symbol;
use crate::tick::Tick;
use crate::tick::TradeId;
use crate::time::Nanos;

const VENUE: &str = "binance";
/// The venue takes 1,024 streams a connection; each symbol needs two.
const SYMBOLS_MAX: usize = 512;
/// Symbols in one request; keeps it below 4 KiB.
const REQUEST_SYMBOLS_MAX: usize = 50;
/// How long the venue may take to acknowledge.
const ACK_MS_MAX: i64 = 10_000;
/// Largest believable step of `u`; see [`crate::continuity`].
const UPDATE_STEP_MAX: u64 = 1 << 40;

const NAMING: Naming = Naming { venue: VENUE, count_max: SYMBOLS_MAX, raw: raw_name };

/// The state machine of a Binance spot feed.
#[derive(Debug)]
pub struct Binance {
    instruments: Instruments<Memory>,
    parser: Parser,
    /// Requests not yet acknowledged.
    requests: Vec<u64>,
    request_id: u64,
    ack_by: Option<Nanos>,
    /// Data came on this connection, which proves the subscription as well as an acknowledgement.
    heard: bool,
}

/// What is remembered of a symbol.
#[derive(Debug, Default)]
struct Memory {
    kind: Option<Kind>,
    update: Option<u64>,
}

impl Binance {
    /// A feed of `symbols`, such as `binance:BTC-USDT`.
    ///
    /// # Errors
    /// [`Error::BadSetting`] for none or more than 512, or what is no upper-case pair of binance.
    pub fn new(symbols: &[Symbol]) -> Result<Self, Error> {
        Ok(Self {
            instruments: Instruments::new(NAMING, symbols)?,
            parser: Parser::new(),
            requests: Vec::new(),
            request_id: 0,
            ack_by: None,
            heard: false,
        })
    }

    fn read(&mut self, root: Item<'_, '_>, now: Nanos, out: &mut Output) -> Result<(), Fault> {
        if !root.is_object() {
            return Err(Fault::Shape("not an object"));
        }
        let stream = root.get("stream").and_then(Item::text);
        let data = match stream {
            Some(_) => root.get("data").ok_or(Fault::Shape("no data"))?,
            None => root,
        };
        match data.get("e").and_then(Item::text) {
            Some("trade") => self.print(Kind::Single, data, now, out),
            Some("aggTrade") => self.print(Kind::Aggregate, data, now, out),
            Some("bookTicker") => self.quote(data, now, out),
            Some("serverShutdown") => {
                out.reconnect = Some("the venue's server is shutting down".into());
                Ok(())
            }
            Some(kind) => Err(unknown(kind)),
            None if data.get("u").is_some() && data.get("B").is_some() => {
                self.quote(data, now, out)
            }
            None if stream.is_some() => Err(unknown(stream.unwrap_or_default())),
            None => self.answer(root, out),
        }
    }

    fn print(
        &mut self,
        kind: Kind,
        data: Item<'_, '_>,
        recv: Nanos,
        out: &mut Output,
    ) -> Result<(), Fault> {
        let print = Print::read(data);
        let raw = print.symbol.ok_or(Fault::Shape("no s"))?;
        let instrument = self.instruments.find(raw)?;
        let trade = print.trade(kind, instrument.symbol.clone(), recv)?;
        if *instrument.state.kind.get_or_insert(kind) != kind {
            return Err(unknown("trade and aggTrade of one symbol"));
        }
        instrument.publish(trade, &mut out.ticks)?;
        out.alive = true;
        self.heard = true;
        Ok(())
    }

    fn quote(&mut self, data: Item<'_, '_>, recv: Nanos, out: &mut Output) -> Result<(), Fault> {
        let best = Best::read(data);
        let raw = best.symbol.ok_or(Fault::Shape("no s"))?;
        let update = best.update.ok_or(Fault::Shape("no u"))?;
        let instrument = self.instruments.find(raw)?;
        let quote = best.quote(instrument.symbol.clone(), recv)?;
        let last = instrument.state.update;
        if last.is_some_and(|last| update.saturating_sub(last) > UPDATE_STEP_MAX) {
            return Err(Error::out_of_range("update id", &update.to_string()).into());
        }
        out.alive = true;
        self.heard = true;
        if last.is_none_or(|last| update > last) {
            instrument.state.update = Some(update);
            out.ticks.push(Tick::Quote(quote));
        }
        Ok(())
    }

    /// The venue's answer to a request.
    fn answer(&mut self, root: Item<'_, '_>, out: &mut Output) -> Result<(), Fault> {
        let error = root.get("error").unwrap_or(root);
        if error.get("code").is_some() || error.get("msg").is_some() {
            let message = error.get("msg").and_then(Item::text).unwrap_or("no reason given");
            out.reconnect = Some("the venue refused a request".into());
            return Err(Error::Venue { venue: VENUE, message: quoted(message) }.into());
        }
        if root.get("result").is_none() {
            return Err(unknown(root.fields().next().map_or("", |(name, _)| name)));
        }
        let id = root.get("id").and_then(Item::number);
        self.requests.retain(|request| Some(*request) != id);
        if self.requests.is_empty() {
            self.ack_by = None;
        }
        Ok(())
    }
}

impl Feed for Binance {
    fn profile(&self) -> Profile {
        Profile {
            venue: VENUE,
            url: "wss://data-stream.binance.vision/stream?timeUnit=MICROSECOND",
            silence_ms: 30_000,
            rotate_after_ms: Some(23 * 3_600_000),
            send_gap_ms: 250,
            connect_gap_ms: 1_000,
            frame_bytes_max: 1 << 20,
            trade_continuity: "exact",
        }
    }

    fn resume_after(&mut self, symbol: &Symbol, last_trade: &TradeId) {
        self.instruments.resume_after(symbol, last_trade);
    }

    fn on_open(&mut self, now: Nanos, out: &mut Output) {
        self.instruments.connected(now, &mut out.ticks);
        self.requests.clear();
        for part in self.instruments.raw_chunks(REQUEST_SYMBOLS_MAX) {
            self.request_id += 1;
            self.requests.push(self.request_id);
            out.send.push(subscribe(&part, self.request_id));
        }
        self.ack_by = Some(now.plus_millis(ACK_MS_MAX));
        self.heard = false;
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
        self.instruments.disconnected(now, &mut out.ticks);
    }

    fn poll_timeout(&self) -> Option<Nanos> {
        self.ack_by
    }

    fn on_timeout(&mut self, now: Nanos, out: &mut Output) {
        if self.ack_by.is_some_and(|by| now >= by) {
            self.ack_by = None;
            if !self.heard {
                out.reconnect = Some("no acknowledgement of the subscription in 10 s".into());
            }
        }
    }
}

fn subscribe(raws: &[&str], id: u64) -> String {
    let streams = raws.iter().map(|raw| raw.to_lowercase());
    let params: Vec<_> =
        streams.flat_map(|name| [format!("{name}@trade"), format!("{name}@bookTicker")]).collect();
    serde_json::json!({ "method": "SUBSCRIBE", "params": params, "id": id }).to_string()
}

/// `BTC` and `USDT` are `BTCUSDT`; the venue writes letters in upper case.
fn raw_name(base: &str, quote: &str) -> Option<String> {
    let raw = format!("{base}{quote}");
    let proper = raw.chars().all(|char| !char.is_ascii() || char.is_ascii_alphanumeric());
    (proper && raw == raw.to_uppercase()).then_some(raw)
}

fn unknown(kind: &str) -> Fault {
    Fault::Error(Error::UnknownMessage { venue: VENUE, kind: quoted(kind) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tick::Covers;
    use crate::tick::Gap;
    use crate::tick::GapState;
    use crate::tick::Scope;

    const SECOND: Nanos = Nanos(1_000_000_000);

    fn feed() -> Binance {
        let mut feed = Binance::new(&[Symbol::parse("binance:BTC-USDT").unwrap()]).unwrap();
        feed.on_open(Nanos(0), &mut Output::default());
        feed
    }

    fn send(feed: &mut Binance, frame: &str) -> (Output, Result<(), Error>) {
        let mut out = Output::default();
        let result = feed.on_frame(&mut frame.as_bytes().to_vec(), SECOND, &mut out);
        (out, result)
    }

    fn trade(id: u64) -> String {
        format!(r#"{{"e":"trade","s":"BTCUSDT","t":{id},"p":"5","q":"1","T":1000,"m":true}}"#)
    }

    fn aggregate(id: u64) -> String {
        format!(r#"{{"e":"aggTrade","s":"BTCUSDT","a":{id},"p":"5","q":"1","T":1000,"m":true}}"#)
    }

    fn best(update: u64, bid: &str) -> String {
        format!(r#"{{"u":{update},"s":"BTCUSDT","b":"{bid}","B":"1","a":"9","A":"1"}}"#)
    }

    /// The ids of the trades that come out, gaps as text between them.
    fn prints(feed: &mut Binance, ids: &[u64]) -> Vec<String> {
        ids.iter().flat_map(|id| send(feed, &trade(*id)).0.ticks).map(|tick| show(&tick)).collect()
    }

    fn show(tick: &Tick) -> String {
        match tick {
            Tick::Trade(trade) => trade.trade_id.as_ref().unwrap().to_string(),
            Tick::Gap(Gap { missing, state, settles_disconnect, covers, .. }) => {
                let settles = if *settles_disconnect { " settles" } else { "" };
                format!("{} {} {missing:?}{settles}", covers.word(), state.word())
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn it_subscribes_both_streams_in_requests_of_a_bounded_size() {
        let names = (0..120).map(|number| format!("binance:S{number}-USDT"));
        let symbols: Vec<_> = names.map(|name| Symbol::parse(&name).unwrap()).collect();
        let mut feed = Binance::new(&symbols).unwrap();
        let mut out = Output::default();
        feed.on_open(Nanos(0), &mut out);
        assert_eq!((out.send.len(), out.ticks.len()), (3, 121));
        assert!(out.send.iter().all(|request| request.len() < 4_096));
        let first: serde_json::Value = serde_json::from_str(&out.send[0]).unwrap();
        assert_eq!((&first["method"], &first["id"]), (&"SUBSCRIBE".into(), &1.into()));
        assert_eq!(first["params"][0], "s0usdt@trade");
        assert_eq!(first["params"][1], "s0usdt@bookTicker");
    }

    #[test]
    fn symbols_it_cannot_list_are_refused() {
        for name in ["binance:btc-usdt", "binance:BTC", "coinbase:BTC-USDT", "binance:B/C-USDT"] {
            let symbols = [Symbol::parse(name).unwrap()];
            assert!(matches!(Binance::new(&symbols), Err(Error::BadSetting(_))), "{name}");
        }
        let many = (0..513).map(|n| Symbol::parse(&format!("binance:A{n}-B")).unwrap());
        let many: Vec<_> = many.collect();
        assert!(Binance::new(&many).is_err());
    }

    #[test]
    fn a_request_without_acknowledgement_ends_the_connection() {
        let mut feed = feed();
        assert_eq!(feed.poll_timeout(), Some(Nanos::from_millis(10_000)));
        let mut out = Output::default();
        feed.on_timeout(Nanos::from_millis(9_999), &mut out);
        assert_eq!(out.reconnect, None);
        feed.on_timeout(Nanos::from_millis(10_000), &mut out);
        assert!(out.reconnect.is_some());
        assert_eq!(feed.poll_timeout(), None);
    }

    #[test]
    fn only_the_acknowledgement_of_the_last_connection_counts() {
        let mut feed = feed();
        feed.on_open(SECOND, &mut Output::default());
        send(&mut feed, r#"{"result":null,"id":1}"#).1.unwrap();
        assert!(feed.poll_timeout().is_some());
        send(&mut feed, r#"{"result":null,"id":2}"#).1.unwrap();
        assert_eq!(feed.poll_timeout(), None);
    }

    #[test]
    fn trades_come_once_and_jumps_are_told() {
        let lines = prints(&mut feed(), &[7, 8, 8, 7, 11, 10, 12]);
        assert_eq!(lines, ["7", "8", "trades lost Some(2)", "11", "12"]);
    }

    #[test]
    fn the_first_trade_after_a_cut_settles_it() {
        let mut feed = feed();
        prints(&mut feed, &[7]);
        for (ids, settled) in [
            (&[7, 8][..], &["all filled None settles", "8"][..]),
            (&[11], &["all lost Some(2) settles", "11"]),
        ] {
            let mut out = Output::default();
            feed.on_close(SECOND, &mut out);
            assert!(matches!(&out.ticks[..], [Tick::Gap(gap)] if gap.scope == Scope::Feed
                && gap.covers == Covers::All && gap.state == GapState::Open));
            out.ticks.clear();
            feed.on_open(SECOND, &mut out);
            assert_eq!(out.ticks, []);
            assert_eq!(prints(&mut feed, ids), settled);
        }
    }

    #[test]
    fn a_rotation_is_no_gap_and_counts_nothing_twice() {
        let mut feed = feed();
        prints(&mut feed, &[7, 8]);
        feed.on_open(SECOND, &mut Output::default());
        assert_eq!(prints(&mut feed, &[8, 9, 8, 9, 10]), ["9", "10"]);
        assert_eq!(send(&mut feed, &best(5, "4")).0.ticks.len(), 1);
        assert_eq!(send(&mut feed, &best(5, "4")).0.ticks, []);
        assert_eq!(send(&mut feed, &best(4, "3")).0.ticks, []);
        // The same quote as a new update is passed on: what is a change is for the board to say.
        assert_eq!(send(&mut feed, &best(6, "4")).0.ticks.len(), 1);
    }

    #[test]
    fn a_restart_continues_where_the_tape_ends() {
        let symbol = Symbol::parse("binance:BTC-USDT").unwrap();
        let mut feed = Binance::new(std::slice::from_ref(&symbol)).unwrap();
        feed.resume_after(&symbol, &TradeId::Number(7));
        feed.on_open(Nanos(0), &mut Output::default());
        assert_eq!(prints(&mut feed, &[6, 7, 8]), ["all filled None settles", "8"]);
    }

    #[test]
    fn a_symbol_follows_the_first_kind_of_print() {
        let mut feed = feed();
        assert_eq!(send(&mut feed, &aggregate(3)).0.ticks.len(), 1);
        let (out, result) = send(&mut feed, &trade(900));
        assert_eq!((out.ticks.len(), result.unwrap_err().reason()), (0, "unknown_message"));
        assert_eq!(send(&mut feed, &aggregate(4)).0.ticks.len(), 1);
    }

    #[test]
    fn a_garbled_update_id_does_not_silence_the_quotes() {
        let mut feed = feed();
        send(&mut feed, &best(5, "4")).1.unwrap();
        assert!(send(&mut feed, &best(u64::MAX, "4")).1.is_err());
        assert_eq!(send(&mut feed, &best(6, "4")).0.ticks.len(), 1);
    }
}
