//! A server, and what this program shows there.

use std::sync::Arc;
use std::time::Duration;

use crate::backoff::Backoff;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::history::History;
use crate::history::row;
use crate::replay::Play;
use crate::subscription::Subscribe;
use crate::token::TokenSource;

/// A server, and what this program shows there. Cheap to clone; it holds no connection: each
/// subscription and each replay has one of its own, so that none has to wait for the reader of
/// another.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) backoff: Backoff,
}

/// How to reach a server.
#[derive(Debug, Clone)]
pub struct Builder {
    endpoint: Result<Endpoint, Error>,
    backoff: Backoff,
}

impl Client {
    /// A server without access control, at a URL such as `ws://127.0.0.1:8080` or
    /// `https://ticks.example.org`.
    ///
    /// # Errors
    /// [`Error::Usage`] if that is no URL.
    pub fn new(url: &str) -> Result<Self, Error> {
        Self::builder(url).build()
    }

    /// The same with more to say.
    #[must_use]
    pub fn builder(url: &str) -> Builder {
        Builder { endpoint: Endpoint::parse(url), backoff: Backoff::default() }
    }

    /// Follows symbols and patterns (`sim:BTC-USD`, `sim:*`), live.
    pub fn subscribe<S: Into<String>>(&self, names: impl IntoIterator<Item = S>) -> Subscribe {
        Subscribe::new(self.clone(), names.into_iter().map(Into::into).collect())
    }

    /// Plays what was.
    pub fn replay<S: Into<String>>(&self, names: impl IntoIterator<Item = S>) -> Play {
        Play::new(self.clone(), names.into_iter().map(Into::into).collect())
    }

    /// Trades of a symbol, from tape and database as one.
    #[must_use]
    pub fn trades(&self, symbol: &str) -> History<row::Trade> {
        History::of(&self.endpoint, "symbol", symbol)
    }

    /// Each best bid and ask that the venue sent.
    #[must_use]
    pub fn quotes(&self, symbol: &str) -> History<row::Quote> {
        History::of(&self.endpoint, "symbol", symbol)
    }

    /// Bars of `1s`, `1m`, `5m`, `1h` or `1d`.
    #[must_use]
    pub fn bars(&self, symbol: &str, interval: &str) -> History<row::Bar> {
        History::of(&self.endpoint, "symbol", symbol).with("interval", interval)
    }

    /// What a venue's feeds missed of a symbol.
    #[must_use]
    pub fn gaps(&self, symbol: &str) -> History<row::Gap> {
        History::of(&self.endpoint, "symbol", symbol)
    }

    /// What was recorded of a venue, by feed and day.
    #[must_use]
    pub fn sessions(&self, venue: &str) -> History<row::Session> {
        History::of(&self.endpoint, "venue", venue)
    }
}

impl Builder {
    /// A token or an API key, or where tokens come from: see [`TokenSource`].
    #[must_use]
    pub fn token(self, tokens: TokenSource) -> Self {
        self.set(|endpoint| endpoint.tokens = tokens)
    }

    /// How long to wait before coming back.
    #[must_use]
    pub const fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Longest time to connect, 10 s by default.
    #[must_use]
    pub fn connect_within(self, longest: Duration) -> Self {
        self.set(|endpoint| endpoint.connect = longest)
    }

    /// Longest message that is taken from the server, 16 MiB by default. A longer one ends the
    /// connection.
    #[must_use]
    pub fn message_bytes_max(self, bytes: usize) -> Self {
        self.set(|endpoint| endpoint.message_bytes_max = bytes)
    }

    /// MessagePack on the wire: fewer bytes, the same messages.
    #[cfg(feature = "msgpack")]
    #[must_use]
    pub fn msgpack(self) -> Self {
        self.set(|endpoint| endpoint.format = crate::endpoint::Format::MessagePack)
    }

    /// Trusts the certificates of a PEM file, and no others.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn ca(mut self, pem: &[u8]) -> Self {
        let trust = crate::socket::trust(Some(pem));
        self.endpoint = self.endpoint.and_then(|mut endpoint| {
            endpoint.trust = trust?;
            endpoint.roots = Some(crate::history::roots(pem));
            Ok(endpoint)
        });
        self
    }

    /// The client.
    ///
    /// # Errors
    /// [`Error::Usage`] for what makes no sense.
    pub fn build(self) -> Result<Client, Error> {
        Ok(Client { endpoint: self.endpoint?.shared(), backoff: self.backoff })
    }

    fn set(mut self, change: impl FnOnce(&mut Endpoint)) -> Self {
        if let Ok(endpoint) = &mut self.endpoint {
            change(endpoint);
        }
        self
    }
}
