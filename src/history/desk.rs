//! The desk: threads of their own for those who read history.
//!
//! The workers serve what is live, and a page of history or a replay may cost more than they may
//! stand still. The system is asked to run these threads after all others.

use std::future::Future;
use std::io;

use rustix::process::setpriority_process;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tracing::warn;

/// How much the others are to be preferred, as `nice` has it.
const NICE: i32 = 10;

/// Threads that read history.
#[derive(Debug)]
pub struct Desk {
    /// `None` once it is closed.
    runtime: Option<Runtime>,
}

impl Desk {
    /// Starts so many threads.
    ///
    /// # Errors
    /// Those of starting a thread.
    pub fn new(threads: usize) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads.max(1))
            .thread_name("history")
            .on_thread_start(|| {
                // On Linux this is the calling thread's own.
                if let Err(error) = setpriority_process(None, NICE) {
                    warn!(%error, "history is read with the priority of what is live");
                }
            })
            .enable_all()
            .build()?;
        Ok(Self { runtime: Some(runtime) })
    }

    /// Has something done there; `None` once it is closed. Dropping what is returned does not end
    /// it.
    pub fn spawn<F>(&self, work: F) -> Option<JoinHandle<F::Output>>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.runtime.as_ref().map(|runtime| runtime.spawn(work))
    }
}

/// What is under way ends where it waits next.
impl Drop for Desk {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
