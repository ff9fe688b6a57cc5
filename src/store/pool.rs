//! The readers' connections: few, lent to one at a time.
//!
//! The driver's own pool gives a connection back by asking the database, without end, whether it
//! is still good: a database that hangs would keep them all. Here one whose work was not ended well
//! is closed instead.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::PgConnection;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;

use super::Settings;
use super::connection::Patience;
use super::connection::connect;
use super::error::Error;
use super::recorder::Watch;
use super::status::State;

/// How long a database that did not answer last is waited for, in milliseconds, until it does.
const DOUBTED_MS: u32 = 700;

/// Connections of readers.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    settings: Arc<Settings>,
    free: Arc<Semaphore>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    idle: Mutex<Vec<PgConnection>>,
    /// The database did not answer in time, and has not since.
    is_doubted: AtomicBool,
    /// Who else knows how it is.
    recorder: OnceLock<Watch>,
}

/// A connection that is lent. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Lease {
    connection: PgConnection,
    shared: Arc<Shared>,
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    pub(super) fn new(settings: Settings) -> Self {
        let most = usize::try_from(settings.readers).unwrap_or(usize::MAX);
        let free = Arc::new(Semaphore::new(most.clamp(1, Semaphore::MAX_PERMITS)));
        Self { settings: Arc::new(settings), free, shared: Arc::default() }
    }

    /// Lets it know of a database that does not answer from its recorder as well.
    pub(super) fn heed(&self, recorder: Watch) {
        // One is enough.
        drop(self.shared.recorder.set(recorder));
    }

    /// Lends a connection, when one is free.
    pub(super) async fn lease(&self) -> Result<Lease, Error> {
        let timeout_ms = self.settings.timeout_ms;
        let timeout_ms = if self.is_doubted() { timeout_ms.min(DOUBTED_MS) } else { timeout_ms };
        let wait = Duration::from_millis(timeout_ms.into());
        let late = || Error::Timeout { doing: "get a connection", timeout_ms };
        let lease = tokio::time::timeout(wait, self.connection()).await;
        self.note(lease.unwrap_or_else(|_| Err(late())))
    }

    /// Waits for the database to do something.
    pub(super) async fn wait<T>(
        &self,
        doing: &'static str,
        step: impl Future<Output = Result<T, sqlx::Error>> + Send,
    ) -> Result<T, Error> {
        self.note(self.patience().wait(doing, step).await)
    }

    async fn connection(&self) -> Result<Lease, Error> {
        const DOING: &str = "get a connection";
        let permit = Arc::clone(&self.free).acquire_owned().await;
        let permit = permit.map_err(|_| Error::Timeout { doing: DOING, timeout_ms: 0 })?;
        let shared = Arc::clone(&self.shared);
        let idle = shared.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(mut idle) = idle {
            // It may have died since.
            match self.patience().wait(DOING, idle.ping()).await {
                Ok(()) => return Ok(Lease { connection: idle, shared, _permit: permit }),
                Err(error @ Error::Timeout { .. }) => return Err(error),
                Err(_) => {}
            }
        }
        let settings = Arc::clone(&self.settings);
        // Who waits for it may give up before: that it came is known then all the same.
        let connecting = tokio::spawn(async move {
            let connection = connect(&settings).await?;
            shared.is_doubted.store(false, Ordering::Relaxed);
            Ok(Lease { connection, shared, _permit: permit })
        });
        let cut_off = |_| Error::Timeout { doing: DOING, timeout_ms: 0 };
        connecting.await.map_err(cut_off)?
    }

    fn patience(&self) -> Patience {
        self.settings.patience()
    }

    fn is_doubted(&self) -> bool {
        let recorder = self.shared.recorder.get();
        self.shared.is_doubted.load(Ordering::Relaxed)
            || recorder.is_some_and(|of| of.status().state == State::Unavailable)
    }

    fn note<T>(&self, done: Result<T, Error>) -> Result<T, Error> {
        match &done {
            Ok(_) => self.shared.is_doubted.store(false, Ordering::Relaxed),
            Err(Error::Timeout { .. }) => self.shared.is_doubted.store(true, Ordering::Relaxed),
            Err(_) => {}
        }
        done
    }
}

impl Lease {
    pub(super) const fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Gives it back: its work was ended well.
    pub(super) fn give_back(self) {
        let Self { connection, shared, .. } = self;
        shared.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}
