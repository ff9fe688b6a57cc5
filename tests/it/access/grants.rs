//! What is granted and what is not: streams, pages, replays.

use serde_json::Value;
use serde_json::json;

use super::Issuer;
use super::PAGES;
use super::grant;
use crate::client::Client;
use crate::client::get_as;
use crate::harness::Server;

#[track_caller]
fn enter(server: &Server, token: &str) -> Client {
    Client::connect_as(server.address, "/v1/stream", token).unwrap()
}

fn subscribe(channel: &str, symbols: &[&str]) -> String {
    json!({ "op": "subscribe", "id": 1, "channel": channel, "symbols": symbols }).to_string()
}

/// The symbols of whatever data comes within a second.
fn symbols_of(client: &mut Client) -> std::collections::BTreeSet<String> {
    let texts = client.during(std::time::Duration::from_secs(1));
    let messages = texts.iter().map(|text| serde_json::from_str::<Value>(text).unwrap());
    messages.filter_map(|message| Some(message["symbol"].as_str()?.to_owned())).collect()
}

#[test]
fn a_pattern_covers_what_is_granted_and_nothing_else() {
    let issuer = Issuer::new();
    let server = issuer.server(&[]);
    let token = issuer.granting(&["sim:*-USD", "sim:AAPL", "kraken:*"], &["ticker"]);
    let mut client = enter(&server, &token);
    let answer = client.ask_json(&subscribe("ticker", &["*:*"]));
    let count = answer["patterns"][0]["count"].as_u64().unwrap();
    assert!(count > 3 && count < 20, "{answer}");
    let seen = symbols_of(&mut client);
    let granted = |symbol: &String| symbol.ends_with("-USD") || symbol == "sim:AAPL";
    assert!(seen.len() as u64 == count && seen.iter().all(granted), "{seen:?}");

    let answer = client.ask_json(&subscribe("ticker", &["sim:MSFT", "sim:NO-USD", "x", "a:*"]));
    assert_eq!(
        answer["rejected"],
        json!([
            { "symbol": "sim:MSFT", "code": "forbidden" },
            { "symbol": "sim:NO-USD", "code": "unknown_symbol" },
            { "symbol": "x", "code": "unknown_symbol" },
            { "symbol": "a:*", "code": "forbidden" },
        ])
    );
    assert_eq!(answer["patterns"], json!([]));
    // What is unknown and not granted is not told apart.
    let answer = client.ask_json(&subscribe("ticker", &["sim:NOBODY"]));
    assert_eq!(answer["rejected"][0]["code"], "forbidden");
}

#[test]
fn a_channel_that_is_not_granted_is_forbidden() {
    let issuer = Issuer::new();
    let server = issuer.server(&[]);
    let mut client = enter(&server, &issuer.granting(&["sim:*"], &["trades", "bars.*"]));
    for op in ["subscribe", "plan"] {
        let asked = subscribe("ticker", &["sim:BTC-USD"]).replace("subscribe", op);
        let error = client.ask_json(&asked);
        assert_eq!((&error["code"], &error["id"]), (&json!("forbidden"), &json!(1)), "{error}");
    }
    assert_eq!(client.ask_json(&subscribe("trades", &["*:*"]))["type"], "subscribed");
    assert_eq!(client.ask_json(&subscribe("bars.1m", &["*:*"]))["type"], "subscribed");
    let last = r#"{"op":"subscribe","channel":"trades","symbols":["sim:BTC-USD"],"last":5}"#;
    assert_eq!(client.ask_json(last)["type"], "subscribed");
}

#[test]
fn a_token_without_a_grant_is_let_in_and_gets_nothing() {
    let issuer = Issuer::new();
    let server = issuer.server(&[]);
    for grant in [
        None,
        Some(json!({})),
        Some(json!({ "symbols": ["*:*"] })),
        Some(json!({ "channels": ["*"] })),
    ] {
        let claims = grant.map_or(json!({}), |grant| json!({ "tickwire": grant }));
        let token = issuer.token(&claims);
        let mut client = enter(&server, &token);
        let answer = client.ask_json(&subscribe("ticker", &["*:*", "sim:BTC-USD"]));
        let refused = answer["code"] == "forbidden"
            || answer["patterns"] == json!([]) && answer["symbols"] == json!([]);
        assert!(refused, "{claims}: {answer}");
        for page in PAGES.iter().filter(|page| page.contains('?')) {
            assert_eq!(get_as(server.address, page, &token).status, 403, "{claims} {page}");
        }
    }
}

#[test]
fn a_plan_names_what_is_denied() {
    let issuer = Issuer::new();
    let server = issuer.server(&[
        ("feeds.sim.enabled", "true"),
        ("feeds.binance.url", "ws://127.0.0.1:9"),
        ("feeds.binance.symbols", "BTC-USDT"),
    ]);
    let mut client = enter(&server, &issuer.granting(&["sim:*-USD"], &["ticker"]));
    let mut plan = |symbols: &[&str]| {
        client.ask_json(&subscribe("ticker", symbols).replace("subscribe", "plan"))
    };
    let answer = plan(&["*:*"]);
    assert_eq!(answer["denied"], json!(["binance:*"]), "{answer}");
    assert!(answer["streams"].as_u64().unwrap() < 20);
    let answer = plan(&["sim:AAPL", "kraken:*", "sim:BTC-USD"]);
    assert_eq!(answer["denied"], json!(["sim:AAPL", "kraken:*"]), "{answer}");
    assert_eq!(answer["streams"], 1);
    let venues = get_as(server.address, "/v1/venues", &issuer.granting(&["sim:*-USD"], &[])).json();
    assert_eq!(venues["venues"].as_array().unwrap().len(), 1, "{venues}");
    assert_eq!(venues["venues"][0]["venue"], "sim");
}

#[test]
fn pages_show_what_is_granted() {
    let issuer = Issuer::new();
    let server = issuer.server(&[]);
    let mut some = grant(&["sim:BTC-USD", "sim:ETH-*"], &["ticker"]);
    let page = |some: &Value, page: &str| {
        let token = issuer.token(&json!({ "tickwire": some }));
        get_as(server.address, page, &token)
    };
    let symbols = page(&some, "/v1/symbols").json();
    let names: Vec<_> =
        symbols["symbols"].as_array().unwrap().iter().map(|row| row["symbol"].clone()).collect();
    assert_eq!(names, ["sim:BTC-USD", "sim:ETH-USD"]);

    let snapshots = page(&some, "/v1/snapshot?channel=ticker&symbols=*:*").json();
    assert_eq!(snapshots["snapshots"].as_array().unwrap().len(), 2, "{snapshots}");
    for (path, status) in [
        ("/v1/snapshot?channel=ticker&symbols=sim:AAPL", 403),
        ("/v1/snapshot?channel=ticker&symbols=kraken:*", 403),
        ("/v1/snapshot?channel=trades&symbols=sim:BTC-USD", 403),
        ("/v1/snapshot?channel=ticker&symbols=sim:BTC-USD&at=2020-01-01T00:00:00Z", 403),
        ("/v1/quotes?symbol=sim:BTC-USD", 403),
        ("/v1/sessions", 403),
    ] {
        let response = page(&some, path);
        assert_eq!(response.status, status, "{path}: {response:?}");
        assert_eq!(response.json()["error"]["code"], "forbidden", "{path}");
    }

    some["history"] = true.into();
    for (path, status) in [
        ("/v1/quotes?symbol=sim:BTC-USD", 200),
        ("/v1/quotes?symbol=sim:AAPL", 403),
        ("/v1/trades?symbol=sim:BTC-USD", 403),
        ("/v1/bars?symbol=sim:BTC-USD&interval=1m", 403),
        ("/v1/gaps?symbol=sim:BTC-USD", 200),
        ("/v1/gaps?symbol=sim:AAPL", 403),
        ("/v1/gaps", 403),
        ("/v1/gaps?venue=sim", 403),
        ("/v1/sessions", 200),
    ] {
        assert_eq!(page(&some, path).status, status, "{path}");
    }
    let sessions = page(&some, "/v1/sessions").json();
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 1, "{sessions}");
    let other = json!({ "symbols": ["kraken:*"], "channels": ["*"], "history": true });
    assert_eq!(page(&other, "/v1/sessions").json()["sessions"], json!([]));
    let venue = json!({ "symbols": ["sim:*"], "channels": ["*"], "history": true });
    assert_eq!(page(&venue, "/v1/gaps?venue=sim").status, 200);
    assert_eq!(page(&venue, "/v1/gaps").status, 403);
}

#[test]
fn a_replay_needs_history() {
    let issuer = Issuer::new();
    let server = issuer.server(&[]);
    let without = issuer.granting(&["sim:*"], &["ticker"]);
    assert_eq!(Client::connect_as(server.address, "/v1/replay", &without).err(), Some(403));
    let open = |symbols: &[&str]| {
        json!({ "op": "open", "id": 2, "channel": "ticker", "symbols": symbols, "speed": 0,
                "from": "2020-01-01T00:00:00Z" })
        .to_string()
    };
    let mut late = Client::connect_to(server.address, "/v1/replay");
    let auth = json!({ "op": "auth", "token": without }).to_string();
    assert_eq!(late.ask_json(&auth)["type"], "auth");
    assert_eq!(late.ask_json(&open(&["sim:BTC-USD"]))["code"], "forbidden");

    let some = json!({ "symbols": ["sim:BTC-USD"], "channels": ["ticker"], "history": true });
    let token = issuer.token(&json!({ "tickwire": some }));
    let mut client = Client::connect_as(server.address, "/v1/replay", &token).unwrap();
    assert_eq!(client.ask_json(&open(&["sim:AAPL"]))["code"], "forbidden");
    assert_eq!(client.ask_json(&open(&["kraken:*"]))["code"], "forbidden");
    let trades = open(&["sim:BTC-USD"]).replace("ticker", "trades");
    assert_eq!(client.ask_json(&trades)["code"], "forbidden");
    let opened = client.ask_json(&open(&["*:*", "sim:AAPL"]));
    assert_eq!(opened["type"], "opened", "{opened}");
    assert_eq!(opened["rejected"], json!([{ "symbol": "sim:AAPL", "code": "forbidden" }]));
    let trades = r#"{"op":"subscribe","id":3,"channel":"trades","symbols":["sim:BTC-USD"]}"#;
    assert_eq!(client.ask_json(trades)["code"], "forbidden");
    client.send(r#"{"op":"seek","id":4,"to":"2020-01-01T00:00:00Z"}"#);
    let seen = symbols_of(&mut client);
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["sim:BTC-USD"]);
}
