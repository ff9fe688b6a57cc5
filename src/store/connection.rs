//! Connections to the database, and how long it may take for anything.

use std::str::FromStr as _;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::Executor as _;
use sqlx::PgConnection;
use sqlx::postgres::PgConnectOptions;
use tickwire_feeds::Nanos;

use super::Settings;
use super::error::Error;

/// What each connection begins with. Plans here are simple: compiling them, and starting workers
/// for them, costs more than it brings. Lock waits are short, as whoever waits is tried again.
const BEGIN: &str = "SET jit = off; SET max_parallel_workers_per_gather = 0; \
                     SET enable_seqscan = off; SET lock_timeout = '2s'; \
                     SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; \
                     SET tcp_keepalives_count = 3; \
                     SET idle_in_transaction_session_timeout = '60s'";

/// How long the database may take for one step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub(super) timeout_ms: u32,
}

impl Patience {
    /// Waits for the database, but no longer.
    pub(super) async fn wait<T>(
        self,
        doing: &'static str,
        step: impl Future<Output = Result<T, sqlx::Error>> + Send,
    ) -> Result<T, Error> {
        let Self { timeout_ms } = self;
        match tokio::time::timeout(Duration::from_millis(timeout_ms.into()), step).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(source)) => Err(Error::Database { doing, source }),
            Err(_) => Err(Error::Timeout { doing, timeout_ms }),
        }
    }
}

/// Where and as whom to connect.
pub(super) fn options(settings: &Settings) -> Result<PgConnectOptions, Error> {
    let options = PgConnectOptions::from_str(settings.url.secret()).map_err(|_| Error::Url)?;
    Ok(options.application_name("tickwire").disable_statement_logging())
}

/// Opens a connection.
pub(super) async fn connect(settings: &Settings) -> Result<PgConnection, Error> {
    let options = options(settings)?;
    let patience = settings.patience();
    let mut connection = patience.wait("connect", options.connect()).await?;
    patience.wait("connect", begin(&mut connection)).await?;
    Ok(connection)
}

/// What time it is there.
///
/// # Errors
/// [`Error::Database`] and [`Error::Timeout`] if the database can not say.
pub async fn time(settings: &Settings) -> Result<Nanos, Error> {
    let mut connection = connect(settings).await?;
    let asked = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000000)::bigint";
    let asked = sqlx::query_scalar::<_, i64>(asked).fetch_one(&mut connection);
    settings.patience().wait("ask for the time", asked).await.map(Nanos)
}

/// Prepares a new connection.
pub(super) async fn begin(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    connection.execute(BEGIN).await.map(drop)
}
