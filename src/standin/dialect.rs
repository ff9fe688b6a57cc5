//! How each venue answers the requests of its clients.

use serde_json::Value;
use serde_json::json;
use tickwire_feeds::Venue;

/// What a request of a client leads to.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Answer {
    /// To send, in order.
    pub(super) messages: Vec<String>,
    /// Whether the client is subscribed to something by it.
    pub(super) subscribed: bool,
}

/// What the venue says to a new connection, if anything.
pub(super) fn greeting(venue: Venue) -> Option<String> {
    let hello = json!({
        "channel": "status",
        "type": "update",
        "data": [{"version": "2.0.10", "system": "online", "api_version": "v2",
            "connection_id": 9_300_000_000_000_000_001_u64}],
    });
    (venue == Venue::Kraken).then(|| hello.to_string())
}

/// Answers a request; `refused` are instruments that the venue does not serve.
pub(super) fn answer(venue: Venue, request: &str, refused: &[&str]) -> Answer {
    let request: Value = serde_json::from_str(request).unwrap_or_default();
    match venue {
        Venue::Binance => binance(&request, refused),
        Venue::Coinbase => coinbase(&request, refused),
        Venue::Kraken => kraken(&request, refused),
    }
}

fn binance(request: &Value, refused: &[&str]) -> Answer {
    let id = &request["id"];
    if request["method"] != "SUBSCRIBE" {
        return Answer::say([json!({"error": {"code": 2, "msg": "Invalid request"}, "id": id})]);
    }
    let streams = texts(&request["params"]);
    let bad = streams.iter().find(|stream| {
        let name = stream.split('@').next().unwrap_or_default();
        refused.iter().any(|refused| refused.eq_ignore_ascii_case(name))
    });
    match bad {
        Some(bad) => {
            let msg = format!("Invalid request: unknown stream {bad}");
            Answer::say([json!({"error": {"code": 2, "msg": msg}, "id": id})])
        }
        None => Answer::grant([json!({"result": null, "id": id})]),
    }
}

fn coinbase(request: &Value, refused: &[&str]) -> Answer {
    if request["type"] != "subscribe" {
        return Answer::say([json!({"type": "error", "message": "Malformed JSON"})]);
    }
    let products = texts(&request["product_ids"]);
    let (bad, good): (Vec<&str>, Vec<&str>) =
        products.into_iter().partition(|product| refused.contains(product));
    let errors = bad.iter().map(|product| {
        let reason = format!("{product} is not a valid product");
        json!({"type": "error", "message": "Failed to subscribe", "reason": reason})
    });
    let channels: Vec<Value> = texts(&request["channels"])
        .into_iter()
        .map(|name| json!({"name": name, "product_ids": good}))
        .collect();
    let granted = json!({"type": "subscriptions", "channels": channels});
    Answer::grant(errors.chain([granted]))
}

fn kraken(request: &Value, refused: &[&str]) -> Answer {
    let id = &request["req_id"];
    let time = "2026-09-21T14:13:19.000001Z";
    let timed = |message: Value| {
        with(message, [("time_in", time.into()), ("time_out", time.into()), ("req_id", id.clone())])
    };
    let params = &request["params"];
    match request["method"].as_str() {
        Some("ping") => Answer::say([timed(json!({"method": "pong"}))]),
        Some("subscribe") => Answer::grant(texts(&params["symbol"]).into_iter().map(|symbol| {
            timed(if refused.contains(&symbol) {
                let error = format!("Currency pair not supported {symbol}");
                json!({"error": error, "method": "subscribe", "success": false, "symbol": symbol})
            } else {
                let result = with(params.clone(), [("symbol", symbol.into())]);
                json!({"method": "subscribe", "result": result, "success": true})
            })
        })),
        _ => Answer::say([timed(json!({"error": "Malformed request", "success": false}))]),
    }
}

fn with<const N: usize>(mut message: Value, fields: [(&str, Value); N]) -> Value {
    if let Some(object) = message.as_object_mut() {
        object.extend(fields.map(|(name, value)| (name.to_owned(), value)));
    }
    message
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

impl Answer {
    fn say(messages: impl IntoIterator<Item = Value>) -> Self {
        let messages = messages.into_iter().map(|message| message.to_string());
        Self { messages: messages.collect(), subscribed: false }
    }

    fn grant(messages: impl IntoIterator<Item = Value>) -> Self {
        Self { subscribed: true, ..Self::say(messages) }
    }
}

#[cfg(test)]
mod tests {
    use tickwire_feeds::Nanos;
    use tickwire_feeds::Output;
    use tickwire_feeds::Symbol;
    use tickwire_feeds::Tick;
    use tickwire_feeds::tick::State;

    use super::*;

    /// What a venue's own feed makes of the answers to its own requests.
    fn talk(venue: Venue, symbols: &[&str], refused: &[&str]) -> (Output, Option<Nanos>) {
        let symbols: Vec<Symbol> =
            symbols.iter().map(|text| Symbol::parse(text).unwrap()).collect();
        let mut feed = venue.feed(&symbols).unwrap();
        let mut out = Output::default();
        feed.on_open(Nanos(0), &mut out);
        for request in std::mem::take(&mut out.send) {
            for message in answer(venue, &request, refused).messages {
                drop(feed.on_frame(&mut message.into_bytes(), Nanos(1), &mut out));
            }
        }
        (out, feed.poll_timeout())
    }

    #[test]
    fn each_feed_understands_that_it_is_acknowledged() {
        for venue in Venue::ALL {
            let (out, timeout) = talk(*venue, venue.main_pairs(), &[]);
            assert_eq!(out.reconnect, None, "{venue}");
            // Kraken's feed goes on to send pings; an acknowledgement would be due before.
            assert!(timeout.is_none_or(|at| at > Nanos::from_millis(10_000)), "{venue}");
        }
    }

    #[test]
    fn each_feed_notices_that_a_symbol_is_refused() {
        let (out, _) = talk(Venue::Binance, &["binance:BTC-USDT"], &["BTCUSDT"]);
        assert!(out.reconnect.is_some());
        let (_, timeout) = talk(Venue::Coinbase, &["coinbase:BTC-USD"], &["BTC-USD"]);
        assert!(timeout.is_some());
        let (out, _) = talk(Venue::Kraken, &["kraken:BTC-USD", "kraken:ETH-USD"], &["BTC/USD"]);
        let down = |tick: &Tick| matches!(tick, Tick::Status(it) if it.state == State::Down);
        assert_eq!(out.ticks.iter().filter(|tick| down(tick)).count(), 1);
    }

    #[test]
    fn what_is_no_request_is_answered_and_subscribes_nothing() {
        for venue in Venue::ALL {
            for text in ["", "[]", "nonsense", "{\"method\":7}", "{\"method\":\"UNSUBSCRIBE\"}"] {
                let answer = answer(*venue, text, &[]);
                assert_eq!((answer.messages.len(), answer.subscribed), (1, false), "{text}");
            }
        }
    }
}
