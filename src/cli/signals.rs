//! SIGINT and SIGTERM, watched by a thread of their own: a program that is stuck can be ended too.

use std::io;

use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;

/// A wish that the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT, the user's ^C.
    Interrupt,
    /// SIGTERM, a service manager's.
    Terminate,
}

impl Signal {
    /// The exit code of a program that it ended.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }

    /// Ends the program as the signal by itself would have.
    pub fn end(self) -> ! {
        std::process::exit(self.code().into())
    }
}

/// SIGHUP, a wish that the settings are read again; from the first call on it ends no program.
///
/// # Errors
/// What the system says, if it cannot watch.
pub fn hangups() -> io::Result<tokio::signal::unix::Signal> {
    signal(SignalKind::hangup())
}

/// Calls `seen` with every signal, from now on.
///
/// # Errors
/// What the system says, if it cannot watch.
pub fn watch(mut seen: impl FnMut(Signal) + Send + 'static) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupts, mut terminations) = {
        let _in_runtime = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    let run = move || {
        runtime.block_on(async {
            loop {
                tokio::select! {
                    Some(()) = interrupts.recv() => seen(Signal::Interrupt),
                    Some(()) = terminations.recv() => seen(Signal::Terminate),
                    else => return,
                }
            }
        });
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(run)?;
    Ok(())
}
