//! TLS to a server whose certificate the reader trusts, and to one whose it does not.

use serde_json::json;

use crate::readers::Make;
use crate::tls::Papers;

/// A reader that trusts the certificate is served; another one says why not, and tries again.
#[track_caller]
pub(crate) fn is_spoken(make: Make) {
    let papers = Papers::new();
    let server = papers.start(&[]);
    let url = format!("https://localhost:{}", server.address.port());
    let trusting = json!({ "url": url, "names": ["sim:*"], "ca": papers.cert() });
    let Some(mut reader) = make(&trusting) else { return };
    reader.until("data", |it| it["message"]["type"] == "delta");
    reader.close();
    let mut reader = make(&json!({ "url": url, "names": ["sim:*"] })).unwrap();
    let waiting = reader.event("state", "state", "waiting");
    assert_eq!(waiting["code"], "connection", "{waiting}");
    reader.close();
    assert!(reader.of("data").is_empty());
}
