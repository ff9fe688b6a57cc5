//! Waiting for a time that may have passed.

use std::time::Instant;

use crate::clock;

/// Waits until `at`, for ever without one.
///
/// Comes back at once if that has passed, where tokio's own sleep waits for its next millisecond;
/// but lets other tasks run now and then.
///
/// # Cancel safety
/// Nothing is lost if the future is dropped.
pub(crate) async fn until(at: Option<Instant>) {
    match at {
        None => std::future::pending().await,
        Some(at) if at <= clock::monotonic() => tokio::task::coop::consume_budget().await,
        Some(at) => tokio::time::sleep_until(at.into()).await,
    }
}
