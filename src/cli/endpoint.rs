//! Where a server is: the URL as given, and what it stands for.

use std::path::Path;
use std::path::PathBuf;

use tokio_tungstenite::tungstenite::http::Uri;

use crate::cli::failure::Failure;
use crate::tls::Trust;

/// Where `serve` serves if nobody says otherwise.
pub(super) const DEFAULT: &str = "ws://127.0.0.1:8080/v1/stream";
/// The path of the protocol.
const STREAM: &str = "/v1/stream";

/// A server's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// `ws://` or `wss://`, with the path.
    pub(super) url: String,
    /// `host:port`.
    pub(super) host: String,
    /// File of the authority that is trusted, in place of the web's.
    ca: Option<PathBuf>,
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
        let port = uri.port_u16().unwrap_or(if scheme == "ws" { 80 } else { 443 });
        let host = format!("{host}:{port}");
        Ok(Self { url: format!("{scheme}://{authority}{path}"), host, ca: None })
    }

    /// Another path of the same server, unless the URL names one.
    pub(super) fn at(mut self, path: &str) -> Self {
        if let Some(server) = self.url.strip_suffix(STREAM) {
            self.url = format!("{server}{path}");
        }
        self
    }

    /// What the flags say, else `TICKWIRE_URL` and `TICKWIRE_CA`, else this machine.
    pub(super) fn choose(flag: Option<&Self>, ca: Option<&Path>) -> Result<Self, String> {
        let endpoint = match (flag, std::env::var("TICKWIRE_URL")) {
            (Some(endpoint), _) => endpoint.clone(),
            (None, Ok(text)) if !text.is_empty() => {
                Self::parse(&text).map_err(|error| format!("TICKWIRE_URL: {error}"))?
            }
            _ => Self::parse(DEFAULT)?,
        };
        Ok(endpoint.trusting(ca))
    }

    /// The same, where the flag or `TICKWIRE_CA` names the authority that is trusted.
    pub(super) fn trusting(self, ca: Option<&Path>) -> Self {
        let variable = || std::env::var_os("TICKWIRE_CA").filter(|path| !path.is_empty());
        let ca = ca.map(Path::to_owned).or_else(|| variable().map(PathBuf::from));
        Self { ca, ..self }
    }

    /// Whether it is reached by TLS.
    pub(super) fn is_secure(&self) -> bool {
        self.url.starts_with("wss:")
    }

    /// Whom to trust, if somebody was named.
    ///
    /// # Errors
    /// [`Failure::Usage`] if the file cannot be used.
    pub(super) fn trust(&self) -> Result<Option<Trust>, Failure> {
        let named = self.ca.as_deref().filter(|_| self.is_secure());
        let trust = named.map(Trust::only).transpose();
        trust.map_err(|error| Failure::Usage(format!("--ca: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_server_is_understood() {
        for (text, url, host) in [
            (DEFAULT, DEFAULT, "127.0.0.1:8080"),
            ("http://127.0.0.1:9", "ws://127.0.0.1:9/v1/stream", "127.0.0.1:9"),
            ("localhost:8080", "ws://localhost:8080/v1/stream", "localhost:8080"),
            ("ws://[::1]:9/", "ws://[::1]:9/v1/stream", "[::1]:9"),
            ("https://example.org", "wss://example.org/v1/stream", "example.org:443"),
            ("wss://example.org/a?b=c", "wss://example.org/a?b=c", "example.org:443"),
            ("http://example.org", "ws://example.org/v1/stream", "example.org:80"),
        ] {
            let (url, host) = (url.to_owned(), host.to_owned());
            assert_eq!(Endpoint::parse(text).unwrap(), Endpoint { url, host, ca: None });
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
