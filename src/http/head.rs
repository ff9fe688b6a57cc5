//! The clock of a connection's heads: how long each may take to arrive.
//!
//! From its first byte, or, of the first one, from when the connection began. The library looks at
//! the first head alone, and at all that are due within half a second together: to end some hundred
//! at once keeps those who are served waiting.

use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Sleep;

/// What is said to who took too long.
const OVERDUE: &str = concat!(
    "HTTP/1.1 408 Request Timeout\r\n",
    "Content-Type: application/json\r\nX-Content-Type-Options: nosniff\r\n",
    "Content-Length: 88\r\nConnection: close\r\n\r\n",
    r#"{"error":{"code":"bad_request","message":"no request came within http.head_timeout_ms"}}"#
);
/// Not all that began together are to end together: each has this part of the time, or more.
const LEAST: f64 = 0.75;

/// The clock of a connection's heads.
#[derive(Debug)]
pub(super) struct HeadClock {
    most: Duration,
    words: &'static str,
    until: Option<Pin<Box<Sleep>>>,
}

impl HeadClock {
    /// Waits for the first head on a bare socket.
    pub(super) fn plain(most: Duration) -> Self {
        Self::new(most, OVERDUE)
    }

    /// The same under TLS, where nothing can be said past it.
    pub(super) fn secure(most: Duration) -> Self {
        Self::new(most, "")
    }

    fn new(most: Duration, words: &'static str) -> Self {
        let mut clock = Self { most, words, until: None };
        clock.start();
        clock
    }

    /// Something of a head has come.
    pub(super) fn start(&mut self) {
        let most = self.most;
        self.until.get_or_insert_with(|| {
            Box::pin(tokio::time::sleep(most.mul_f64(rand::random_range(LEAST..1.0))))
        });
    }

    /// No head is waited for.
    pub(super) fn stop(&mut self) {
        self.until = None;
    }

    /// Ready once a head is overdue, with what is to be said then.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<&'static str> {
        match &mut self.until {
            Some(until) => until.as_mut().poll(cx).map(|()| self.words),
            None => Poll::Pending,
        }
    }
}
