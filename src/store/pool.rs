//! The readers' connections: few, lent to one at a time.
//!
//! The driver's own pool gives a connection back by asking the database, without end, whether it
//! is still good: a database that hangs would keep them all. Here one whose work was not ended well
//! is closed instead.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::PgConnection;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;

use super::Settings;
use super::connection::Patience;
use super::connection::connect;
use super::error::Error;

/// Connections of readers.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    settings: Arc<Settings>,
    free: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<PgConnection>>>,
}

/// A connection that is lent. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Lease {
    connection: PgConnection,
    idle: Arc<Mutex<Vec<PgConnection>>>,
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    pub(super) fn new(settings: Settings) -> Self {
        let most = usize::try_from(settings.readers).unwrap_or(usize::MAX);
        let free = Arc::new(Semaphore::new(most.clamp(1, Semaphore::MAX_PERMITS)));
        Self { settings: Arc::new(settings), free, idle: Arc::default() }
    }

    pub(super) fn patience(&self) -> Patience {
        self.settings.patience()
    }

    /// Lends a connection, when one is free.
    pub(super) async fn lease(&self) -> Result<Lease, Error> {
        const DOING: &str = "get a connection";
        let patience = self.patience();
        let wait = Duration::from_millis(patience.timeout_ms.into());
        let permit = tokio::time::timeout(wait, Arc::clone(&self.free).acquire_owned()).await;
        let busy = || Error::Timeout { doing: DOING, timeout_ms: patience.timeout_ms };
        let permit = permit.ok().and_then(Result::ok).ok_or_else(busy)?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            // It may have died since.
            Some(mut idle) => match patience.wait(DOING, idle.ping()).await {
                Ok(()) => idle,
                Err(error @ Error::Timeout { .. }) => return Err(error),
                Err(_) => connect(&self.settings).await?,
            },
            None => connect(&self.settings).await?,
        };
        Ok(Lease { connection, idle: Arc::clone(&self.idle), _permit: permit })
    }
}

impl Lease {
    pub(super) const fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Gives it back: its work was ended well.
    pub(super) fn give_back(self) {
        let Self { connection, idle, .. } = self;
        idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}
