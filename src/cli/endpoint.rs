//! Where a server is: the URL as given, and what it stands for.

use tokio_tungstenite::tungstenite::http::Uri;

use crate::wire::Secret;

/// Where `serve` serves if nobody says otherwise.
pub(super) const DEFAULT: &str = "ws://127.0.0.1:8080/v1/stream";
/// The path of the protocol.
const STREAM: &str = "/v1/stream";

/// A server's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// `ws://` or `wss://`, with the path.
    pub(super) url: String,
    /// `host:port`, if it is reached without TLS.
    pub(super) plain: Option<String>,
    /// What is shown there.
    pub(super) token: Option<Secret>,
}

impl Endpoint {
    /// Reads `ws://host:port/path`, `http://host:port` or `host:port`; without a path the
    /// protocol's own is meant.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let bad = || format!("bad URL {text:?}: expected ws://HOST:PORT or http://HOST:PORT");
        let (scheme, rest) = text.split_once("://").unwrap_or(("ws", text));
        let scheme = match scheme {
            "ws" | "http" => "ws",
            "wss" | "https" => "wss",
            _ => return Err(bad()),
        };
        let uri: Uri = format!("{scheme}://{rest}").parse().map_err(|_| bad())?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(bad)?;
        let authority = uri.authority().ok_or_else(bad)?.as_str();
        if authority.contains('@') {
            return Err(format!("{}: no user or password in the URL", bad()));
        }
        let path = match uri.path_and_query().map_or("/", |path| path.as_str()) {
            "/" => STREAM,
            path => path,
        };
        let plain = (scheme == "ws").then(|| format!("{host}:{}", uri.port_u16().unwrap_or(80)));
        Ok(Self { url: format!("{scheme}://{authority}{path}"), plain, token: None })
    }

    /// Another path of the same server, unless the URL names one.
    pub(super) fn at(mut self, path: &str) -> Self {
        if let Some(server) = self.url.strip_suffix(STREAM) {
            self.url = format!("{server}{path}");
        }
        self
    }

    /// The line of a request's head that shows the credential; empty if there is none.
    pub(super) fn shown(&self) -> String {
        self.token.as_ref().map(Secret::line).unwrap_or_default()
    }

    /// What the flag says, else `TICKWIRE_URL`, else this machine.
    pub(super) fn choose(flag: Option<&Self>) -> Result<Self, String> {
        match (flag, std::env::var("TICKWIRE_URL")) {
            (Some(endpoint), _) => Ok(endpoint.clone()),
            (None, Ok(text)) if !text.is_empty() => {
                Self::parse(&text).map_err(|error| format!("TICKWIRE_URL: {error}"))
            }
            _ => Self::parse(DEFAULT),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_server_is_understood() {
        for (text, url, plain) in [
            (DEFAULT, DEFAULT, Some("127.0.0.1:8080")),
            ("http://127.0.0.1:9", "ws://127.0.0.1:9/v1/stream", Some("127.0.0.1:9")),
            ("localhost:8080", "ws://localhost:8080/v1/stream", Some("localhost:8080")),
            ("ws://[::1]:9/", "ws://[::1]:9/v1/stream", Some("[::1]:9")),
            ("https://example.org", "wss://example.org/v1/stream", None),
            ("wss://example.org/a?b=c", "wss://example.org/a?b=c", None),
            ("http://example.org", "ws://example.org/v1/stream", Some("example.org:80")),
        ] {
            let plain = plain.map(str::to_owned);
            let endpoint = Endpoint { url: url.to_owned(), plain, token: None };
            assert_eq!(Endpoint::parse(text).unwrap(), endpoint);
        }
    }

    #[test]
    fn what_is_no_server_is_refused_by_name() {
        for text in ["", "ftp://x", "ws://", "ws:// x", "ws://me:secret@x", "://"] {
            let error = Endpoint::parse(text).unwrap_err();
            assert!(error.contains("expected ws://HOST:PORT"), "{error}");
        }
    }
}
