//! Where a server is: the URL as given, and what it stands for.

use std::path::PathBuf;

use tokio_tungstenite::tungstenite::http::Uri;

use crate::cli::failure::Failure;
use crate::tls::Trust;
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
    /// `host:port`.
    pub(super) host: String,
    /// What is shown there.
    pub(super) token: Option<Secret>,
    /// File of the authority that is trusted, in place of the web's.
    pub(super) ca: Option<PathBuf>,
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
        Ok(Self { url: format!("{scheme}://{authority}{path}"), host, token: None, ca: None })
    }

    /// Another path of the same server, unless the URL names one.
    pub(super) fn at(mut self, path: &str) -> Self {
        if let Some(server) = self.url.strip_suffix(STREAM) {
            self.url = format!("{server}{path}");
        }
        self
    }

    /// Scheme and authority of its HTTP interface.
    pub(super) fn base(&self) -> String {
        let scheme = if self.is_secure() { "https" } else { "http" };
        format!("{scheme}://{}", self.host)
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

/// What to do about an error of TLS, to be put behind its words; nothing about any other.
pub(super) fn tls_advice(said: &str) -> &'static str {
    match () {
        () if said.contains("UnknownIssuer") => "; name the authority of its certificate with --ca",
        () if said.contains("NotValidForName") => "; name the server as its certificate does",
        () if said.contains("InvalidContentType") => {
            "; that server speaks no TLS: use ws:// or http://"
        }
        () => "",
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
            let endpoint = Endpoint { url, host, token: None, ca: None };
            assert_eq!(Endpoint::parse(text).unwrap(), endpoint);
        }
    }

    #[test]
    fn errors_of_tls_say_what_to_do() {
        let issuer = "IO error: invalid peer certificate: UnknownIssuer";
        assert!(tls_advice(issuer).contains("--ca"));
        assert!(
            tls_advice("received corrupt message of type InvalidContentType").contains("ws://")
        );
        assert_eq!(tls_advice("Connection reset by peer"), "");
    }

    #[test]
    fn what_is_no_server_is_refused_by_name() {
        for text in ["", "ftp://x", "ws://", "ws:// x", "ws://me:secret@x", "://"] {
            let error = Endpoint::parse(text).unwrap_err();
            assert!(error.contains("expected ws://HOST:PORT"), "{error}");
        }
    }
}
