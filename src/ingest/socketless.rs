//! Drives a feed without a socket, such as the simulator: all it needs is to be called in time.

use std::time::Duration;

use crate::clock;
use crate::ingest::End;
use crate::ingest::Settings;
use crate::ingest::Stop;
use crate::ingest::backoff::Backoff;
use crate::ingest::driver::Delivered;
use crate::ingest::driver::Driver;

/// Drives the feed until told to stop.
pub(super) async fn run(mut driver: Driver, settings: Settings, mut stop: Stop) {
    let mut backoff = settings.backoff();
    loop {
        let End::Broken(reason) = serve(&mut driver, &settings, &mut stop, &mut backoff).await
        else {
            return;
        };
        driver.close(&reason);
        let wait = backoff.next(rand::random());
        tokio::select! {
            biased;
            () = stop.asked() => return,
            delivered = driver.deliver() => if delivered == Delivered::Closed { return },
        }
        tokio::select! {
            biased;
            () = stop.asked() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

async fn serve(
    driver: &mut Driver,
    settings: &Settings,
    stop: &mut Stop,
    backoff: &mut Backoff,
) -> End {
    let silence = Duration::from_millis(settings.silence_ms);
    let mut outcome = driver.open();
    let mut stale_at = clock::monotonic() + silence;
    loop {
        tokio::select! {
            biased;
            () = stop.asked() => return End::Stopped,
            delivered = driver.deliver() => if delivered == Delivered::Closed {
                return End::Stopped;
            },
        }
        if let Some(reason) = outcome.reconnect {
            return End::Broken(reason);
        }
        if outcome.alive {
            backoff.reset();
            stale_at = clock::monotonic() + silence;
        }
        let due = driver.feed_timeout().unwrap_or(stale_at);
        tokio::select! {
            biased;
            () = stop.asked() => return End::Stopped,
            // At most once a millisecond: each tick by itself would wake the sequencer.
            () = tokio::time::sleep_until(due.min(stale_at).into()) => {}
        }
        outcome = driver.timeout();
        if !outcome.alive && outcome.reconnect.is_none() && clock::monotonic() >= stale_at {
            return End::Broken(settings.silence_reason());
        }
    }
}
