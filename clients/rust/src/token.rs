//! What a client shows to a server, and where it comes from.

use std::error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::error::Error;

type Answer = Pin<Box<dyn Future<Output = Result<String, Error>> + Send>>;

/// Where tokens come from. It never shows one in its `Debug`.
#[derive(Clone, Default)]
pub enum TokenSource {
    /// Nothing is shown.
    #[default]
    None,
    /// Always the same: an API key, or a token that outlives the program.
    Fixed(Arc<str>),
    /// Asked before each connection, and when the server says that the last one expired.
    Renewed(Arc<dyn Fn() -> Answer + Send + Sync>),
}

impl TokenSource {
    /// Always the same.
    #[must_use]
    pub fn fixed(token: &str) -> Self {
        Self::Fixed(token.into())
    }

    /// Asks for a token whenever one is needed.
    pub fn renewed<F, A, E>(ask: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = Result<String, E>> + Send + 'static,
        E: Into<Box<dyn error::Error + Send + Sync>>,
    {
        Self::Renewed(Arc::new(move || {
            let answer = ask();
            Box::pin(
                async move { answer.await.map_err(|error| Error::Token(error.into().to_string())) },
            )
        }))
    }

    /// Whether asking again may bring another one.
    pub(crate) const fn can_renew(&self) -> bool {
        matches!(self, Self::Renewed(_))
    }

    /// The token to show now.
    ///
    /// # Errors
    /// [`Error::Token`] if the source fails.
    pub(crate) async fn token(&self) -> Result<Option<String>, Error> {
        match self {
            Self::None => Ok(None),
            Self::Fixed(token) => Ok(Some(token.to_string())),
            Self::Renewed(ask) => ask().await.map(Some),
        }
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Fixed(_) => "Fixed",
            Self::Renewed(_) => "Renewed",
        })
    }
}
