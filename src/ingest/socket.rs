//! Drives a feed with a WebSocket: connects, for ever, and serves each connection.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use crate::clock;
use crate::ingest::End;
use crate::ingest::Settings;
use crate::ingest::Stop;
use crate::ingest::backoff::Backoff;
use crate::ingest::driver::Delivered;
use crate::ingest::driver::Driver;
use crate::ingest::link::Link;
use crate::ingest::pause;
use crate::ingest::serving::Serving;

/// How often the log hears that a venue cannot be reached.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// A connection that is being made.
pub(super) type Attempt = Pin<Box<dyn Future<Output = Result<Link, String>> + Send>>;

/// When the venue may be called.
#[derive(Debug)]
pub(super) struct Dialer {
    pub(super) settings: Arc<Settings>,
    backoff: Backoff,
    /// Not before this.
    earliest: Instant,
}

/// Drives the feed until told to stop.
pub(super) async fn run(mut driver: Driver, settings: Settings, mut stop: Stop) {
    let mut dialer = Dialer::new(settings);
    let mut wait = Duration::ZERO;
    loop {
        let Some(link) = connect(&mut driver, &mut dialer, wait, &mut stop).await else { return };
        let End::Broken(reason) = Serving::new(&mut driver, &mut dialer, link).run(&mut stop).await
        else {
            return;
        };
        driver.close(&reason);
        wait = dialer.backoff();
    }
}

/// Tries until it succeeds; `None` if the feed shall end.
async fn connect(
    driver: &mut Driver,
    dialer: &mut Dialer,
    wait: Duration,
    stop: &mut Stop,
) -> Option<Link> {
    let mut attempt = dialer.attempt(wait);
    let (mut failures, mut told_at): (u32, Option<Instant>) = (0, None);
    loop {
        if deliver(driver, stop).await == Delivered::Closed {
            return None;
        }
        let made = tokio::select! {
            biased;
            () = stop.asked() => return None,
            made = &mut attempt => Some(made),
            () = pause::until(driver.down_at()) => None,
        };
        match made {
            Some(Ok(link)) => {
                tracing::info!(venue = driver.venue(), failures, "feed connected");
                return Some(link);
            }
            Some(Err(reason)) => {
                failures += 1;
                let now = clock::monotonic();
                if told_at.is_none_or(|at| now >= at + TOLD_EVERY) {
                    told_at = Some(now);
                    tracing::warn!(venue = driver.venue(), reason, failures, "feed cannot connect");
                }
                driver.fail(&reason);
                let wait = dialer.backoff();
                attempt = dialer.attempt(wait);
            }
            None => driver.give_up(),
        }
    }
}

/// Hands over all ticks; [`Delivered::Closed`] also if the feed shall end.
async fn deliver(driver: &mut Driver, stop: &mut Stop) -> Delivered {
    tokio::select! {
        biased;
        () = stop.asked() => Delivered::Closed,
        delivered = driver.deliver() => delivered,
    }
}

impl Dialer {
    fn new(settings: Settings) -> Self {
        let backoff = settings.backoff();
        Self { settings: Arc::new(settings), backoff, earliest: clock::monotonic() }
    }

    /// Begins to connect, after a wait at least.
    pub(super) fn attempt(&mut self, wait: Duration) -> Attempt {
        let begin = self.earliest.max(clock::monotonic() + wait);
        self.earliest = begin + Duration::from_millis(self.settings.connect_gap_ms);
        let settings = Arc::clone(&self.settings);
        Box::pin(async move {
            pause::until(Some(begin)).await;
            Link::connect(&settings).await
        })
    }

    /// How long to wait after a failure.
    pub(super) fn backoff(&mut self) -> Duration {
        self.backoff.next(rand::random())
    }

    /// The venue delivers.
    pub(super) fn reset(&mut self) {
        self.backoff.reset();
    }
}
