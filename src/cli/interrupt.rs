//! A signal that ends a command which has something to undo first.

use std::sync::Arc;
use std::sync::OnceLock;

use crate::cli::failure::Failure;
use crate::cli::signals;
use crate::cli::signals::Signal;

/// Whether a signal has come. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Interrupt {
    signal: Arc<OnceLock<Signal>>,
}

impl Interrupt {
    /// Looks out for signals from now on: the first is only noted, the second ends the program.
    ///
    /// # Errors
    /// [`Failure::General`] if the system cannot watch.
    pub(super) fn watch() -> Result<Self, Failure> {
        let signal = Arc::new(OnceLock::new());
        let seen = Arc::clone(&signal);
        signals::watch(move |signal| {
            if seen.set(signal).is_err() {
                signal.end();
            }
        })
        .map_err(|error| Failure::General(format!("cannot watch for signals: {error}")))?;
        Ok(Self { signal })
    }

    /// Whether to go on.
    pub(super) fn is_quiet(&self) -> bool {
        self.signal.get().is_none()
    }

    /// As an error, to end with.
    ///
    /// # Errors
    /// [`Failure::Interrupted`] once a signal has come.
    pub(super) fn check(&self) -> Result<(), Failure> {
        self.signal.get().map_or(Ok(()), |signal| Err(Failure::Interrupted(*signal)))
    }
}
