//! Where a server is, and how it is reached.

use std::sync::Arc;
use std::time::Duration;

use crate::error::Error;
use crate::token::TokenSource;

/// Where a server is, and how it is reached.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    /// Host, port and what a proxy puts before the paths.
    place: String,
    is_secure: bool,
    pub(crate) tokens: TokenSource,
    /// Longest time to connect.
    pub(crate) connect: Duration,
    /// Longest message of the server.
    pub(crate) message_bytes_max: usize,
    pub(crate) format: Format,
    #[cfg(feature = "rustls")]
    pub(crate) trust: Arc<rustls::ClientConfig>,
    /// The same for requests; `None`: the roots of webpki.
    #[cfg(feature = "rustls")]
    pub(crate) roots: Option<ureq::tls::RootCerts>,
}

/// What is spoken on the wire.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Format {
    #[default]
    Json,
    #[cfg(feature = "msgpack")]
    MessagePack,
}

impl Endpoint {
    /// Reads a URL, with or without the path of a stream.
    ///
    /// # Errors
    /// [`Error::Usage`] if it is none, or if it needs TLS and that is not compiled in.
    pub(crate) fn parse(url: &str) -> Result<Self, Error> {
        let bad = || Error::Usage(format!("no URL such as ws://HOST:PORT: {url:?}"));
        let (scheme, rest) = url.split_once("://").ok_or_else(bad)?;
        let is_secure = match scheme {
            "ws" | "http" => false,
            "wss" | "https" => true,
            _ => return Err(bad()),
        };
        if is_secure && !cfg!(feature = "rustls") {
            return Err(Error::Usage(format!("{url} needs the feature `rustls`")));
        }
        let rest = rest.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
        let ends = ["/v1/stream", "/v1/replay", "/v1"];
        let place = ends.iter().find_map(|end| rest.strip_suffix(end)).unwrap_or(rest);
        let is_odd = |c: char| c.is_whitespace() || c.is_control() || c == '@';
        if place.is_empty() || place.starts_with('/') || place.contains(is_odd) {
            return Err(bad());
        }
        Ok(Self {
            place: place.trim_end_matches('/').to_owned(),
            is_secure,
            tokens: TokenSource::None,
            connect: Duration::from_secs(10),
            message_bytes_max: 16 << 20,
            format: Format::Json,
            #[cfg(feature = "rustls")]
            trust: crate::socket::trust(None)?,
            #[cfg(feature = "rustls")]
            roots: None,
        })
    }

    /// The URL of a WebSocket.
    pub(crate) fn ws(&self, path: &str) -> String {
        format!("{}://{}{path}", if self.is_secure { "wss" } else { "ws" }, self.place)
    }

    /// The URL of a request.
    pub(crate) fn http(&self, path: &str) -> String {
        format!("{}://{}{path}", if self.is_secure { "https" } else { "http" }, self.place)
    }

    /// Shared with connections.
    pub(crate) fn shared(self) -> Arc<Self> {
        Arc::new(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_server_with_or_without_a_path() {
        for url in [
            "ws://127.0.0.1:8080",
            "http://127.0.0.1:8080/",
            "ws://127.0.0.1:8080/v1/stream",
            "http://127.0.0.1:8080/v1/replay?x=1",
        ] {
            let endpoint = Endpoint::parse(url).unwrap();
            assert_eq!(endpoint.ws("/v1/stream"), "ws://127.0.0.1:8080/v1/stream", "{url}");
            assert_eq!(endpoint.http("/v1/trades"), "http://127.0.0.1:8080/v1/trades", "{url}");
        }
        let behind = Endpoint::parse("ws://[::1]:9/ticks/v1/stream").unwrap();
        assert_eq!(behind.ws("/v1/replay"), "ws://[::1]:9/ticks/v1/replay");
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for url in
            ["", "127.0.0.1:8080", "ftp://x", "ws://", "ws:///v1/stream", "ws://a b", "ws://u@h"]
        {
            assert!(Endpoint::parse(url).is_err(), "{url}");
        }
        assert_eq!(Endpoint::parse("wss://host").is_ok(), cfg!(feature = "rustls"));
    }
}
