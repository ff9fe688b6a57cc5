//! The credential to show to a server: a token or an API key.

use std::convert::Infallible;
use std::path::PathBuf;

use clap::Args;

use crate::cli::endpoint::Endpoint;
use crate::cli::failure::Failure;
use crate::wire::Secret;

/// Where it stands if no flag says so.
const VARIABLE: &str = "TICKWIRE_TOKEN";

/// The credential to show to a server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Credential {
    /// Token or API key to show; else TICKWIRE_TOKEN. Others on this machine can see flags
    #[arg(long, value_name = "TOKEN", value_parser = secret, conflicts_with = "token_file")]
    token: Option<Secret>,
    /// File with the token or API key to show
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl Credential {
    /// The server of the flag, of the environment, or of this machine, and what to show there.
    ///
    /// # Errors
    /// [`Failure::Usage`].
    pub(super) fn endpoint(&self, url: Option<&Endpoint>) -> Result<Endpoint, Failure> {
        let endpoint = Endpoint::choose(url).map_err(Failure::Usage)?;
        Ok(Endpoint { token: self.choose()?, ..endpoint })
    }

    /// What the flags say, else the environment.
    ///
    /// # Errors
    /// [`Failure::Usage`] if the file cannot be read.
    pub(super) fn choose(&self) -> Result<Option<Secret>, Failure> {
        if let Some(token) = &self.token {
            return Ok(Some(token.clone()));
        }
        let text = match &self.token_file {
            Some(path) => std::fs::read_to_string(path).map_err(|error| {
                Failure::Usage(format!("cannot read {}: {error}", path.display()))
            })?,
            None => std::env::var(VARIABLE).unwrap_or_default(),
        };
        let text = text.trim();
        Ok((!text.is_empty()).then(|| Secret::new(text)))
    }
}

#[expect(clippy::unnecessary_wraps, reason = "clap asks for a Result")]
fn secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text.trim()))
}
