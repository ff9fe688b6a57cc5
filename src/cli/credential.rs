//! The credential to show to a server, a token or an API key, and whom to believe that it is one.

use std::convert::Infallible;
use std::path::PathBuf;

use clap::Args;

use crate::cli::endpoint::Endpoint;
use crate::cli::failure::Failure;
use crate::wire::Secret;

/// Where it stands if no flag says so.
const VARIABLE: &str = "TICKWIRE_TOKEN";

/// The credential to show to a server, and whom to believe that it is one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Credential {
    /// Token or API key to show; else TICKWIRE_TOKEN. Others on this machine can see flags
    #[arg(long, value_name = "TOKEN", value_parser = secret, conflicts_with = "token_file")]
    token: Option<Secret>,
    /// File with the token or API key to show
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// PEM file of the authority to trust with wss, in place of the web's; else TICKWIRE_CA
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl Credential {
    /// The server of the flag, of the environment, or of this machine, and what to show there.
    ///
    /// # Errors
    /// [`Failure::Usage`].
    pub(super) fn endpoint(&self, url: Option<&Endpoint>) -> Result<Endpoint, Failure> {
        let endpoint = Endpoint::choose(url).map_err(Failure::Usage)?;
        let variable = || std::env::var_os("TICKWIRE_CA").filter(|path| !path.is_empty());
        let ca = self.ca.clone().or_else(|| variable().map(PathBuf::from));
        Ok(Endpoint { token: self.choose()?, ca, ..endpoint })
    }

    /// A failure with what to do about it, where it is that nothing was shown.
    pub(super) fn explain(&self, failure: Failure) -> Failure {
        match (failure, self.choose()) {
            (Failure::Access(text), Ok(None)) => {
                Failure::Access(format!("{text}; set TICKWIRE_TOKEN or --token-file"))
            }
            (failure, _) => failure,
        }
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
