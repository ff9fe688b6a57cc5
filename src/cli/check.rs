//! `tickwire check`: how a server is, in a line and an exit code that monitoring programs know.

use std::fmt::Write as _;
use std::io;
use std::io::Write as _;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use crate::cli::credential::Credential;
use crate::cli::endpoint::Endpoint;
use crate::cli::failure::Failure;
use crate::cli::instant;
use crate::cli::request;
use crate::cli::rest::Rest;

/// Tell how a server is, as monitoring programs want it.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "\
Exit codes, as Nagios and its kin have them: 0 ok, 1 warning, 2 critical, 3 unknown.

Examples:
  tickwire check
  tickwire check sim:BTC-USD --stale 30s --url http://127.0.0.1:8080")]
pub struct Check {
    /// Symbols that have to be live, as venue:NAME
    #[arg(value_name = "SYMBOL")]
    symbols: Vec<String>,
    /// The oldest that the tape's last event may be
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = instant::span)]
    stale: Duration,
    /// Longest time for all answers
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = instant::span)]
    timeout: Duration,
    /// The server, as ws://HOST:PORT or http://HOST:PORT; else TICKWIRE_URL, else this machine
    #[arg(long, value_name = "URL", value_parser = Endpoint::parse)]
    url: Option<Endpoint>,
    /// What is shown there.
    #[command(flatten)]
    credential: Credential,
}

/// How something is; what is worse is greater. Whatever cannot be told is worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Grade {
    Ok,
    Warning,
    Critical,
    Unknown,
}

/// What was found.
#[derive(Debug)]
struct Report {
    grade: Grade,
    /// What is wrong, the worst first.
    troubles: Vec<(Grade, String)>,
    /// What the figures are of.
    summary: String,
    /// `name=value` of each figure.
    figures: Vec<String>,
}

impl Check {
    /// Asks, tells, ends with the code.
    ///
    /// # Errors
    /// [`Failure::Told`] with any code but 0; those of the output.
    pub fn run(&self) -> Result<(), Failure> {
        let mut report = Report::new();
        if let Err(failure) = self.look(&mut report) {
            let grade = match failure {
                Failure::Connection(_) => Grade::Critical,
                _ => Grade::Unknown,
            };
            report.find(grade, failure.to_string());
        }
        let mut out = io::stdout().lock();
        out.write_all(report.text().as_bytes())?;
        out.flush()?;
        if report.grade == Grade::Ok { Ok(()) } else { Err(Failure::Told(report.grade.code())) }
    }

    fn look(&self, report: &mut Report) -> Result<(), Failure> {
        let rest = Rest::new(&self.credential.endpoint(self.url.as_ref())?, self.timeout)?;
        let ready = rest.get("/readyz")?;
        let Some(age_ms) = ready.body.get("age_ms").and_then(Value::as_u64) else {
            let grade = if ready.status == 503 { Grade::Critical } else { Grade::Unknown };
            report.find(grade, format!("not ready: {}", ready.said()));
            return Ok(());
        };
        report.judge_age(age_ms, self.stale);
        if let Some(store) = ready.body.get("store") {
            report.judge_store(&ready.body, store);
        }
        let venues = rest.get("/v1/venues")?;
        match venues.body.get("venues").and_then(Value::as_array) {
            Some(feeds) => report.judge_feeds(feeds),
            None if venues.status == 401 => {
                let refused = Failure::Access(format!("/v1/venues: {}", venues.said()));
                return Err(self.credential.explain(refused));
            }
            None => report.find(Grade::Unknown, format!("/v1/venues: {}", venues.said())),
        }
        let symbols = request::split(&self.symbols);
        if symbols.is_empty() {
            return Ok(());
        }
        let snapshots =
            rest.get(&format!("/v1/snapshot?channel=ticker&symbols={}", symbols.join(",")))?;
        match snapshots.body.get("snapshots").and_then(Value::as_array) {
            Some(rows) => report.judge_symbols(&symbols, rows),
            None if snapshots.status == 404 => report.find(Grade::Critical, snapshots.said()),
            None => report.find(Grade::Unknown, format!("/v1/snapshot: {}", snapshots.said())),
        }
        Ok(())
    }
}

impl Report {
    const fn new() -> Self {
        Self { grade: Grade::Ok, troubles: Vec::new(), summary: String::new(), figures: Vec::new() }
    }

    fn find(&mut self, grade: Grade, what: String) {
        self.grade = self.grade.max(grade);
        self.troubles.push((grade, what));
    }

    fn judge_age(&mut self, age_ms: u64, stale: Duration) {
        let most = stale.as_millis();
        self.figures.push(format!("age={age_ms}ms;;{most}"));
        if u128::from(age_ms) > most {
            self.find(Grade::Critical, format!("the tape's last event is {age_ms} ms old"));
        }
    }

    fn judge_store(&mut self, ready: &Value, store: &Value) {
        if let Some(behind) = store.get("behind").and_then(Value::as_u64) {
            self.figures.push(format!("store_behind={behind}"));
        }
        if ready.get("status").and_then(Value::as_str) == Some("degraded") {
            let why = store.get("error").and_then(Value::as_str);
            let why = why.or_else(|| store.get("state").and_then(Value::as_str));
            self.find(Grade::Warning, format!("the store: {}", why.unwrap_or("degraded")));
        }
    }

    /// One feed of many is a warning, all of them are the service.
    fn judge_feeds(&mut self, feeds: &[Value]) {
        let word = |feed: &Value, key: &str| feed.get(key)?.as_str().map(str::to_owned);
        let is_live = |feed: &&Value| word(feed, "state").as_deref() == Some("live");
        let live = feeds.iter().filter(is_live).count();
        let grade = if live == 0 { Grade::Critical } else { Grade::Warning };
        for feed in feeds.iter().filter(|feed| !is_live(feed)) {
            let name = word(feed, "feed").unwrap_or_default();
            let state = word(feed, "state").unwrap_or_default();
            let reason = word(feed, "reason").map(|why| format!(" ({why})")).unwrap_or_default();
            self.find(grade, format!("feed {name} is {state}{reason}"));
        }
        self.figures.push(format!("feeds_live={live};;;0;{}", feeds.len()));
        self.summary = format!("{live} of {} feeds live", feeds.len());
    }

    fn judge_symbols(&mut self, symbols: &[String], rows: &[Value]) {
        for symbol in symbols {
            let row = rows.iter().find(|row| row.get("symbol").is_some_and(|it| it == symbol));
            let state = row.and_then(|row| row.get("state")?.as_str()).unwrap_or("unknown here");
            if state != "live" {
                self.find(Grade::Critical, format!("{symbol} is {state}"));
            }
        }
    }

    /// `SERVICE GRADE - what | figures`, and a line each for what does not fit there.
    fn text(&self) -> String {
        let mut troubles: Vec<&(Grade, String)> = self.troubles.iter().collect();
        troubles.sort_by_key(|(grade, _)| std::cmp::Reverse(*grade));
        let told = troubles.first().map_or(self.summary.as_str(), |(_, what)| what.as_str());
        let mut text = format!("TICKWIRE {} - {}", self.grade.word(), plain(told));
        if !self.figures.is_empty() {
            write!(text, " | {}", self.figures.join(" ")).ok();
        }
        text.push('\n');
        for (_, what) in troubles.iter().skip(1) {
            writeln!(text, "{}", plain(what)).ok();
        }
        text
    }
}

impl Grade {
    const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown => 3,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// A bar begins the figures, and a line is a line.
fn plain(text: &str) -> String {
    text.replace('|', "/").replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn feeds(states: &[&str]) -> Vec<Value> {
        let feed = |(at, state): (usize, &&str)| {
            let (name, reason) = (format!("f{at}"), "no|\nanswer");
            json!({ "feed": name, "state": state, "reason": reason })
        };
        states.iter().enumerate().map(feed).collect()
    }

    #[test]
    fn one_feed_of_two_is_a_warning_and_all_are_critical() {
        for (states, grade, text) in [
            (&["live", "live"][..], Grade::Ok, "TICKWIRE OK - 2 of 2 feeds live | "),
            (
                &["live", "down"],
                Grade::Warning,
                "TICKWIRE WARNING - feed f1 is down (no/ answer) |",
            ),
            (&["stale", "down"], Grade::Critical, "TICKWIRE CRITICAL - feed f0 is stale"),
            (&[], Grade::Ok, "TICKWIRE OK - 0 of 0"),
        ] {
            let mut report = Report::new();
            report.judge_feeds(&feeds(states));
            assert_eq!(report.grade, grade, "{states:?}");
            assert!(report.text().starts_with(text), "{}", report.text());
        }
    }

    #[test]
    fn the_worst_comes_first_and_the_rest_on_lines_of_their_own() {
        let mut report = Report::new();
        report.judge_feeds(&feeds(&["live", "stale"]));
        report.judge_age(31_000, Duration::from_secs(30));
        report.judge_symbols(&["a:B".to_owned()], &[json!({ "symbol": "a:B", "state": "halted" })]);
        let text = report.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(report.grade, Grade::Critical);
        assert!(lines[0].starts_with("TICKWIRE CRITICAL - the tape's last event is 31000 ms old"));
        assert!(lines[0].ends_with("| feeds_live=1;;;0;2 age=31000ms;;30000"), "{text}");
        assert_eq!(lines[1..], ["a:B is halted", "feed f1 is stale (no/ answer)"]);
    }

    #[test]
    fn a_symbol_that_nobody_knows_is_critical() {
        let mut report = Report::new();
        report.judge_symbols(&["a:B".to_owned()], &[]);
        assert_eq!(report.text(), "TICKWIRE CRITICAL - a:B is unknown here\n");
    }
}
