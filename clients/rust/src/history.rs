//! What was, page by page.

pub mod row;

use std::io::BufRead as _;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::cursor::Cursor;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::replay::Place;
use crate::socket;

/// Longest time to wait for one page.
const PAGE_MAX: Duration = Duration::from_secs(60);
/// Attempts at one page, where the server asks for another.
const ATTEMPTS: u32 = 5;
/// Longest line of an answer.
const LINE_MAX: usize = 1 << 20;

/// A kind of row.
pub trait Row: DeserializeOwned + Send + 'static {
    /// The path that has them, as `/v1/trades`.
    const PATH: &'static str;
}

/// Rows of history, page by page. What it asks for stays as it is, wherever the rows lie.
#[derive(Debug)]
pub struct History<R> {
    endpoint: Arc<Endpoint>,
    parameters: Vec<(&'static str, String)>,
    /// Where the next page begins; `None` before the first.
    next: Option<String>,
    is_over: bool,
    rows: PhantomData<fn() -> R>,
}

/// One answer.
struct Page {
    lines: Vec<String>,
    next: Option<String>,
}

impl<R: Row> History<R> {
    pub(crate) fn of(endpoint: &Arc<Endpoint>, key: &'static str, value: &str) -> Self {
        Self {
            endpoint: Arc::clone(endpoint),
            parameters: vec![(key, value.to_owned())],
            next: None,
            is_over: false,
            rows: PhantomData,
        }
    }

    /// From where on; from the beginning of the tape, if nothing is said.
    #[must_use]
    pub fn from(self, place: impl Into<Place>) -> Self {
        self.with("from", &text(place.into()))
    }

    /// Up to where; to the end of the tape as it is then, if nothing is said.
    #[must_use]
    pub fn to(self, place: impl Into<Place>) -> Self {
        self.with("to", &text(place.into()))
    }

    /// Rows of one page, 1 to 10,000; 1,000 if nothing is said.
    #[must_use]
    pub fn page_rows(self, rows: u32) -> Self {
        self.with("limit", &rows.to_string())
    }

    /// Another tape than the live one.
    #[must_use]
    pub fn epoch(self, epoch: &str) -> Self {
        self.with("epoch", epoch)
    }

    /// Times are the venue's, not those of receipt (trades and quotes).
    #[must_use]
    pub fn by_venue_time(self) -> Self {
        self.with("by", "ts")
    }

    pub(crate) fn with(mut self, key: &'static str, value: &str) -> Self {
        self.parameters.push((key, value.to_owned()));
        self
    }

    /// The next page; it may have no rows, and still not be the last. `None` after the last.
    ///
    /// # Errors
    /// [`Error::Http`] if the server refuses: `cursor_expired` where a part is lost, with where it
    /// goes on. What it cannot do just now is asked for again, five times.
    pub async fn next_page(&mut self) -> Result<Option<Vec<R>>, Error> {
        if self.is_over {
            return Ok(None);
        }
        let page = self.fetch().await?;
        self.is_over = page.next.is_none();
        self.next = page.next;
        let read = |line: String| {
            serde_json::from_str(&line).map_err(|error| Error::broken(&error, &line))
        };
        page.lines.into_iter().map(read).collect::<Result<Vec<R>, Error>>().map(Some)
    }

    /// All rows. They have to fit into memory.
    ///
    /// # Errors
    /// As [`Self::next_page`].
    pub async fn all(mut self) -> Result<Vec<R>, Error> {
        let mut rows = Vec::new();
        while let Some(page) = self.next_page().await? {
            rows.extend(page);
        }
        Ok(rows)
    }

    async fn fetch(&self) -> Result<Page, Error> {
        let mut failures = 0;
        loop {
            let token = self.endpoint.tokens.token().await?;
            let (endpoint, query) = (Arc::clone(&self.endpoint), self.query());
            let asking = move || get(&endpoint, R::PATH, (&query, token.as_deref()));
            let stopped = |_| Error::Connection("the request was stopped".to_owned());
            let error = match tokio::task::spawn_blocking(asking).await.map_err(stopped)? {
                Ok(page) => return Ok(page),
                Err(error) => error,
            };
            failures += 1;
            if !error.is_retryable() || failures >= ATTEMPTS {
                return Err(error);
            }
            let least = Duration::from_millis(250 * u64::from(failures));
            tokio::time::sleep(error.asked_wait().unwrap_or(least).max(least)).await;
        }
    }

    fn query(&self) -> Vec<(&'static str, String)> {
        let mut query = self.parameters.clone();
        query.push(("format", "ndjson".to_owned()));
        query.extend(self.next.clone().map(|next| ("cursor", next)));
        query
    }
}

fn text(place: Place) -> String {
    match place {
        Place::Time(time) => time,
        Place::Cursor(cursor) => cursor.to_string(),
    }
}

/// Asks for one page, in a thread that may wait.
fn get(
    endpoint: &Endpoint,
    path: &str,
    (query, token): (&[(&'static str, String)], Option<&str>),
) -> Result<Page, Error> {
    let agent = agent(endpoint);
    let mut request = agent.get(endpoint.http(path));
    for (key, value) in query {
        request = request.query(key, value);
    }
    if let Some(token) = token {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    let failed = |error: &dyn std::fmt::Display| {
        Error::Connection(format!("{}: {error}", endpoint.http(path)))
    };
    let mut response = request.call().map_err(|error| failed(&error))?;
    let header = |name: &str| {
        response.headers().get(name).and_then(|it| it.to_str().ok()).map(str::to_owned)
    };
    let (next, wait, status) =
        (header("x-next-cursor"), header("retry-after"), response.status().as_u16());
    if status != 200 {
        let body = response.body_mut().with_config().limit(1 << 16).read_to_vec();
        let mut error = socket::refused(status, wait.as_deref(), &body.unwrap_or_default());
        if let Error::Http { next: goes_on, .. } = &mut error {
            *goes_on = next.and_then(|next| next.parse::<Cursor>().ok());
        }
        return Err(error);
    }
    let lines = lines(response.body_mut().as_reader()).map_err(|error| failed(&error))?;
    Ok(Page { lines, next })
}

/// The lines of an answer. One that does not end is one that was cut.
fn lines(body: impl std::io::Read) -> std::io::Result<Vec<String>> {
    let mut reader = std::io::BufReader::new(body);
    let mut lines = Vec::new();
    loop {
        let mut line = Vec::new();
        let mut bounded = std::io::Read::take(&mut reader, LINE_MAX as u64);
        if bounded.read_until(b'\n', &mut line)? == 0 {
            return Ok(lines);
        }
        if line.pop() != Some(b'\n') {
            return Err(std::io::Error::other("a line without its end"));
        }
        lines.push(String::from_utf8(line).map_err(std::io::Error::other)?);
    }
}

fn agent(endpoint: &Endpoint) -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(endpoint.connect))
        .timeout_global(Some(PAGE_MAX));
    #[cfg(feature = "rustls")]
    let config = match &endpoint.roots {
        Some(roots) => {
            let tls = ureq::tls::TlsConfig::builder().root_certs(roots.clone());
            config.tls_config(tls.build())
        }
        None => config,
    };
    ureq::Agent::new_with_config(config.build())
}

/// The certificates of a PEM file; what is none is passed over, as another look has told it.
#[cfg(feature = "rustls")]
pub(crate) fn roots(pem: &[u8]) -> ureq::tls::RootCerts {
    let certificates = ureq::tls::parse_pem(pem).filter_map(|item| match item {
        Ok(ureq::tls::PemItem::Certificate(it)) => Some(it),
        _ => None,
    });
    ureq::tls::RootCerts::from(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_was_cut_is_no_answer() {
        assert_eq!(lines(&b"{}\n{}\n"[..]).unwrap(), ["{}", "{}"]);
        assert!(lines(&b""[..]).unwrap().is_empty());
        assert!(lines(&b"{}\n{"[..]).is_err());
        assert!(lines(&b"\xff\n"[..]).is_err());
        let long = vec![b'x'; LINE_MAX + 1];
        assert!(lines(&long[..]).is_err());
    }
}
