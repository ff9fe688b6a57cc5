//! The desk: threads of their own for those who read history.
//!
//! The workers serve what is live, and a page of history or a replay may cost more than they may
//! stand still. The system is asked to run these threads after all others.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use rustix::process::setpriority_process;
use tokio::runtime::Runtime;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::task::JoinError;
use tokio::task::JoinHandle;
use tracing::warn;

/// How much the others are to be preferred, as `nice` has it.
const NICE: i32 = 10;
/// How long a request waits for one before it to end.
const SEAT_WAIT: Duration = Duration::from_secs(2);

/// Threads that read history.
#[derive(Debug)]
pub struct Desk {
    /// `None` once it is closed.
    runtime: Option<Runtime>,
    /// Of requests that are answered at once. Each may hold a batch of events and a page, 12 MB.
    seats: Arc<Semaphore>,
    places: usize,
}

/// The right to have a request answered, until it is dropped.
#[derive(Debug)]
pub struct Seat {
    _permit: OwnedSemaphorePermit,
}

/// Something that is done there. Dropping it ends it where it waits next.
#[derive(Debug)]
pub struct Errand<T>(JoinHandle<T>);

impl<T> Future for Errand<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> Drop for Errand<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Desk {
    /// Starts so many threads, to answer so many requests at once.
    ///
    /// # Errors
    /// Those of starting a thread.
    pub fn new(threads: usize, places: usize) -> io::Result<Self> {
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
        Ok(Self { runtime: Some(runtime), seats: Arc::new(Semaphore::new(places)), places })
    }

    /// Has something done there; `None` once it is closed. Dropping what is returned does not end
    /// it.
    pub fn spawn<F>(&self, work: F) -> Option<JoinHandle<F::Output>>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.runtime.as_ref().map(|runtime| runtime.spawn(work))
    }

    /// Requests that are being answered.
    #[must_use]
    pub fn busy(&self) -> usize {
        self.places.saturating_sub(self.seats.available_permits())
    }

    /// Waits a little for one of the few seats; `None` if none gets free.
    pub async fn seat(&self) -> Option<Seat> {
        let seat = Arc::clone(&self.seats).acquire_owned();
        tokio::time::timeout(SEAT_WAIT, seat)
            .await
            .ok()?
            .ok()
            .map(|permit| Seat { _permit: permit })
    }

    /// As [`Desk::spawn`], but dropping what is returned ends it where it waits next.
    pub fn errand<F>(&self, work: F) -> Option<Errand<F::Output>>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.spawn(work).map(Errand)
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
