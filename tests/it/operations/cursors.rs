//! Cursors to go on from.

use serde_json::json;

use super::Asking;
use crate::client::Client;
use crate::harness::Server;

#[test]
fn a_cursor_that_is_none_is_refused() {
    let mut client = Asking::new();
    for (from, message) in [
        ("7", "from must be {\"epoch\":…,\"seq\":…}, got 7"),
        ("\"e:7\"", "from must be {\"epoch\":…,\"seq\":…}, got \"e:7\""),
        ("{}", "from.epoch is missing"),
        ("{\"epoch\":5,\"seq\":1}", "from.epoch must be a string, got 5"),
        ("{\"epoch\":\"e\"}", "from.seq is missing"),
        ("{\"epoch\":\"e\",\"seq\":-1}", "from.seq must be 0..9007199254740991, got -1"),
        ("{\"epoch\":\"e\",\"seq\":\"5\"}", "from.seq must be 0..9007199254740991, got \"5\""),
        (
            "{\"epoch\":\"e\",\"seq\":9007199254740992}",
            "from.seq must be 0..9007199254740991, got 9007199254740992",
        ),
    ] {
        client.check_bad("trades", &format!("\"from\":{from}"), message);
    }
    let both = "last and from exclude each other";
    client.check_bad("trades", "\"last\":5,\"from\":{\"epoch\":\"e\",\"seq\":5}", both);
}

#[test]
fn a_cursor_that_cannot_be_resumed_says_why() {
    let server = Server::shared();
    let mut client = Client::connect(server.address);
    let epoch = client.welcome["epoch"].as_str().unwrap().to_owned();
    let seq = client.welcome["seq"].as_u64().unwrap();
    for (epoch, seq, reason) in [
        ("other", seq, "epoch_mismatch"),
        ("", seq, "epoch_mismatch"),
        (&*epoch, 9_007_199_254_740_991, "ahead"),
        (&*epoch, seq + 1_000_000, "ahead"),
    ] {
        let op = json!({
            "op": "subscribe", "channel": "ticker", "symbols": ["sim:BTC-USD"],
            "from": { "epoch": epoch, "seq": seq },
        });
        let answer = client.ask(&op.to_string());
        let expected = format!(
            r#"{{"type":"subscribed","channel":"ticker","symbols":["sim:BTC-USD"],"patterns":[],"pending":[],"rejected":[],"resumed":false,"reason":"{reason}"}}"#
        );
        assert_eq!(answer, expected);
        assert_eq!(client.next_of("snapshot")["symbol"], "sim:BTC-USD");
    }
    let op = json!({
        "op": "subscribe", "channel": "ticker", "symbols": ["sim:BTC-USD"],
        "from": { "epoch": epoch, "seq": seq },
    });
    let answer = client.ask(&op.to_string());
    assert!(answer.ends_with(r#""rejected":[],"resumed":true}"#), "{answer}");
}
