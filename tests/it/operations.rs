//! What clients may ask, and what they are answered, word for word.

mod cursors;
mod limits;
mod plans;
mod requests;
mod subscriptions;

use serde_json::Value;

use crate::client::Client;
use crate::harness::Server;

/// A client of a connection of its own that never hits the rate limit.
struct Asking {
    server: std::sync::Arc<Server>,
    client: Client,
    asked: usize,
}

impl Asking {
    fn new() -> Self {
        let server = Server::shared();
        let client = Client::connect(server.address);
        Self { server, client, asked: 0 }
    }

    #[track_caller]
    fn ask(&mut self, op: &str) -> String {
        self.asked += 1;
        if self.asked > 40 {
            (self.asked, self.client) = (0, Client::connect(self.server.address));
        }
        self.client.ask(op)
    }

    /// An operation and its exact answer.
    #[track_caller]
    fn check(&mut self, op: &str, answer: &str) {
        assert_eq!(self.ask(op), answer, "{op}");
    }

    /// An operation that is refused so, without an `id`.
    #[track_caller]
    fn check_refused(&mut self, op: &str, code: &str, message: &str) {
        let message = Value::from(message);
        let answer = format!(
            r#"{{"type":"error","code":"{code}","message":{message},"retry":{}}}"#,
            code == "rate_limited"
        );
        self.check(op, &answer);
    }

    /// A subscription to the ticker that is refused as a bad request.
    #[track_caller]
    fn check_bad(&mut self, channel: &str, rest: &str, message: &str) {
        let op =
            format!(r#"{{"op":"subscribe","channel":"{channel}","symbols":["sim:AAPL"],{rest}}}"#);
        self.check_refused(&op, "bad_request", message);
    }

    /// A subscription that is taken.
    #[track_caller]
    fn check_taken(&mut self, channel: &str, rest: &str) {
        let op =
            format!(r#"{{"op":"subscribe","channel":"{channel}","symbols":["sim:AAPL"],{rest}}}"#);
        let answer = self.ask(&op);
        assert!(answer.starts_with(r#"{"type":"subscribed","#), "{op}: {answer}");
    }
}

/// The figures of a plan, with its words checked.
#[track_caller]
fn planned(answer: &str) -> (u64, u64, u64) {
    let plan: Value = serde_json::from_str(answer).unwrap();
    let number = |key: &str| plan[key].as_u64().unwrap_or_else(|| panic!("no {key}: {answer}"));
    let figures = (number("streams"), number("messages_per_s"), number("bytes_per_s"));
    let (streams, messages, bytes) = figures;
    let id = plan.get("id").map(|id| format!("\"id\":{id},")).unwrap_or_default();
    assert_eq!(
        answer,
        format!(
            r#"{{"type":"plan",{id}"streams":{streams},"messages_per_s":{messages},"bytes_per_s":{bytes},"denied":[]}}"#
        )
    );
    figures
}
