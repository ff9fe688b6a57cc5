//! What a request of plain HTTP asks for: the words of a `subscribe` as parameters of its URL.

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;
use actix_web::web;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use tickwire_feeds::error::quoted;

use crate::http::failure::Failure;
use crate::http::place::Place;
use crate::wire::op;
use crate::wire::op::Start;
use crate::wire::op::Subscribe;

/// The place of the last event that a browser had (WHATWG HTML §9.2.4).
pub(super) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Parameters that every way knows.
const COMMON: [&str; 7] = ["channel", "symbols", "conflate_ms", "from", "cursor", "last", "slow"];

/// The parameters of a request, each once.
#[derive(Debug)]
pub(super) struct Parameters(Map<String, Value>);

impl Parameters {
    /// Reads those that every way knows, and some more.
    pub(super) fn read(request: &HttpRequest, more: &[&str]) -> Result<Self, Failure> {
        type Pairs = Vec<(String, String)>;
        let pairs = web::Query::<Pairs>::from_query(request.query_string());
        let pairs = pairs.map_err(|error| Failure::bad(error.to_string()))?.into_inner();
        let mut read = Map::new();
        for (name, text) in pairs {
            let mut known = COMMON.iter().chain(more);
            if !known.any(|known| *known == name) {
                let known: Vec<_> = COMMON.iter().chain(more).copied().collect();
                let (name, known) = (quoted(&name), known.join(", "));
                let message = format!("unknown parameter {name:?}: {known} are known");
                return Err(Failure::bad(message));
            }
            let name = if name == "cursor" { "from".to_owned() } else { name };
            let value = text.parse::<u64>().map_or_else(|_| Value::from(text), Value::from);
            if read.contains_key(&name) {
                let also = if name == "from" { " (which cursor is another name of)" } else { "" };
                return Err(Failure::bad(format!("{name}{also} is given twice")));
            }
            read.insert(name, value);
        }
        Ok(Self(read))
    }

    /// Takes a number within bounds.
    pub(super) fn take_number(
        &mut self,
        name: &str,
        bounds: std::ops::RangeInclusive<u64>,
    ) -> Result<Option<u64>, Failure> {
        let Some(value) = self.0.remove(name) else { return Ok(None) };
        let number = value.as_u64().filter(|number| bounds.contains(number));
        let (least, most) = (bounds.start(), bounds.end());
        let got = quoted(&value.to_string());
        let message = || format!("{name} must be {least}..{most}, got {got}");
        number.map(Some).ok_or_else(|| Failure::bad(message()))
    }

    /// Where a browser that comes back wants to go on, whatever the URL says.
    pub(super) fn go_on_after(&mut self, request: &HttpRequest) -> Result<(), Failure> {
        let Some(id) = request.headers().get(LAST_EVENT_ID) else { return Ok(()) };
        let id = String::from_utf8_lossy(id.as_bytes());
        if !id.is_empty() {
            Place::parse("Last-Event-ID", &id)?;
            self.0.remove("last");
            self.0.insert("from".to_owned(), Value::from(id.into_owned()));
        }
        Ok(())
    }

    /// What is asked for, and the place after which it goes on, if there is one.
    pub(super) fn subscribe(mut self) -> Result<(Subscribe, Option<Place>), Failure> {
        if let Some(symbols) = self.0.get_mut("symbols") {
            let text = text_of(symbols);
            *symbols = text.split(',').filter(|name| !name.is_empty()).collect();
        }
        for name in ["channel", "slow"] {
            if let Some(value) = self.0.get_mut(name) {
                *value = Value::from(text_of(value));
            }
        }
        if let Some(from) = self.0.get_mut("from") {
            let place = Place::parse("cursor", &text_of(from))?;
            *from = json!({ "epoch": place.epoch, "seq": place.seq.0 });
        }
        let op = op::subscribe(&self.0).map_err(Failure::rejected)?;
        let place = match &op.start {
            Start::From(cursor) => Some(Place { epoch: cursor.epoch.to_string(), seq: cursor.seq }),
            Start::Now | Start::Last(_) => None,
        };
        Ok((op, place))
    }
}

/// A parameter that is no number, though it may look like one.
fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;
    use crate::event::Channel;
    use crate::event::Seq;
    use crate::wire::op::Slow;

    fn read(query: &str, last_id: Option<&str>) -> Result<(Subscribe, Option<Place>), String> {
        let mut request = TestRequest::with_uri(&format!("/v1/sse?{query}"));
        if let Some(id) = last_id {
            request = request.insert_header((LAST_EVENT_ID, id));
        }
        let request = request.to_http_request();
        let mut parameters =
            Parameters::read(&request, &[]).map_err(|failure| failure.to_string())?;
        let read = parameters.go_on_after(&request).and_then(|()| parameters.subscribe());
        read.map_err(|failure| failure.to_string())
    }

    #[test]
    fn parameters_are_the_words_of_a_subscribe() {
        let query = "channel=trades&symbols=sim%3AA-USD,*:*,,12&slow=gap&from=k3:7";
        let (op, place) = read(query, None).unwrap();
        assert_eq!((op.channel, op.slow, op.conflate_ms), (Channel::Trades, Slow::Gap, 0));
        assert_eq!(op.names.len(), 3);
        assert_eq!(op.names[2], Err("12".to_owned()));
        assert_eq!(place, Some(Place { epoch: "k3".into(), seq: Seq(7) }));
        let (op, _) = read("channel=ticker&symbols=a:*&conflate_ms=250", None).unwrap();
        assert_eq!(op.conflate_ms, 250);
    }

    #[test]
    fn what_a_browser_had_wins_over_where_its_url_begins() {
        for query in ["from=k3:7", "cursor=k3:7", "last=5", ""] {
            let query = format!("channel=trades&symbols=a:*&{query}");
            let (_, place) = read(&query, Some("k3:9")).unwrap();
            assert_eq!(place, Some(Place { epoch: "k3".into(), seq: Seq(9) }));
        }
        let (op, _) = read("channel=trades&symbols=a:*&last=5", Some("")).unwrap();
        assert_eq!(op.start, Start::Last(5));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_its_name() {
        let base = "channel=ticker&symbols=a:*";
        for (more, says) in [
            ("symbol=a:B", "unknown parameter \"symbol\": channel, symbols,"),
            ("channel=trades", "channel is given twice"),
            ("from=k:1&cursor=k:2", "from (which cursor is another name of) is given twice"),
            ("conflate_ms=soon", "conflate_ms must be 0..60000, got"),
            ("conflate_ms=60001", "conflate_ms must be 0..60000, got 60001"),
            ("slow=gap", "slow gap is for trades"),
            ("slow=1", "slow must be conflate, spill, gap or close, got \"1\""),
            ("last=1", "last is for trades and bars"),
            ("from=7", "cursor must be epoch:seq, got \"7\""),
            ("%zz=1", "unknown parameter"),
        ] {
            let error = read(&format!("{base}&{more}"), None).unwrap_err();
            assert!(error.starts_with(says), "{more}: {error}");
        }
        assert!(read(base, Some("nothing")).unwrap_err().starts_with("Last-Event-ID must be"));
        assert_eq!(read("symbols=a:*", None).unwrap_err(), "channel is missing");
        assert_eq!(read("channel=ticker", None).unwrap_err(), "symbols is missing");
        assert_eq!(read("channel=ticker&symbols=,", None).unwrap_err(), "symbols is empty");
        assert!(read("channel=7&symbols=a:*", None).unwrap_err().starts_with("unknown channel"));
    }
}
