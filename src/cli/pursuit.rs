//! Following symbols over as many connections as it takes.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::cli::connection::Connection;
use crate::cli::connection::Heard;
use crate::cli::endpoint::Endpoint;
use crate::cli::failure::Failure;
use crate::cli::follower::Follower;
use crate::cli::follower::Turn;
use crate::cli::request::Request;

/// The first wait before connecting again; it doubles with each failure up to the greatest.
const WAIT_MIN: Duration = Duration::from_millis(250);
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Symbols that are followed.
#[derive(Debug)]
pub(super) struct Pursuit {
    endpoint: Endpoint,
    follower: Follower,
    line: Line,
    /// Before the next attempt but one.
    wait: Duration,
    last_heard: Instant,
}

/// How it stands with the connection.
#[derive(Debug)]
enum Line {
    Open { connection: Box<Connection>, since: Instant },
    Down { until: Instant },
    Opening(JoinHandle<Result<Connection, Failure>>),
}

/// What comes of it.
#[derive(Debug)]
pub(super) enum Got {
    /// A message, and what it means for those who look on.
    Message(Utf8Bytes, Turn),
    /// The connection is lost, for this reason; another one is made after this time.
    Lost(String, Duration),
    /// Nothing, until the time given.
    Nothing,
}

impl Pursuit {
    /// Connects, and asks for what is wanted.
    ///
    /// # Errors
    /// As [`Connection::open`]: what cannot be reached at first is not waited for.
    pub(super) async fn begin(endpoint: &Endpoint, request: Request) -> Result<Self, Failure> {
        let connection = Connection::open(endpoint).await?;
        let mut pursuit = Self {
            endpoint: endpoint.clone(),
            follower: Follower::new(request),
            line: Line::Down { until: Instant::now() },
            wait: WAIT_MIN,
            last_heard: Instant::now(),
        };
        pursuit.take_up(connection).await;
        Ok(pursuit)
    }

    /// What was said so far.
    pub(super) const fn follower(&self) -> &Follower {
        &self.follower
    }

    /// What is here already.
    ///
    /// # Errors
    /// What ends it for good.
    pub(super) fn next_now(&mut self) -> Result<Option<Got>, Failure> {
        let Line::Open { connection, .. } = &mut self.line else { return Ok(None) };
        match connection.hear_now()? {
            Some(heard) => self.understand(heard).map(Some),
            None => Ok(None),
        }
    }

    /// The next, but no later than at a time.
    ///
    /// # Cancel safety
    /// Nothing is lost if the future is dropped.
    ///
    /// # Errors
    /// What ends it for good.
    pub(super) async fn next(&mut self, until: Instant) -> Result<Got, Failure> {
        match &mut self.line {
            Line::Open { connection, .. } => {
                connection.send(self.follower.take_operations()).await;
                let silent = self.last_heard + self.follower.silence_max();
                let heard = connection.hear(until.min(silent)).await?;
                self.understand(heard)
            }
            Line::Down { until: earliest } => {
                let earliest = *earliest;
                tokio::time::sleep_until(until.min(earliest)).await;
                if Instant::now() >= earliest {
                    let endpoint = self.endpoint.clone();
                    let opening = async move { Connection::open(&endpoint).await };
                    self.line = Line::Opening(tokio::spawn(opening));
                }
                Ok(Got::Nothing)
            }
            Line::Opening(opening) => {
                let Ok(opened) = tokio::time::timeout_at(until, opening).await else {
                    return Ok(Got::Nothing);
                };
                match opened {
                    Ok(Ok(connection)) => {
                        self.take_up(connection).await;
                        Ok(Got::Nothing)
                    }
                    Ok(Err(Failure::Connection(error))) => Ok(self.lose(error, Duration::ZERO)),
                    Ok(Err(failure)) => Err(failure),
                    Err(error) => Err(Failure::General(error.to_string())),
                }
            }
        }
    }

    /// Says goodbye.
    pub(super) async fn close(self) {
        if let Line::Open { connection, .. } = self.line {
            connection.close().await;
        }
    }

    async fn take_up(&mut self, mut connection: Connection) {
        connection.send(self.follower.open()).await;
        let since = Instant::now();
        self.last_heard = since;
        self.line = Line::Open { connection: Box::new(connection), since };
    }

    fn understand(&mut self, heard: Heard) -> Result<Got, Failure> {
        match heard {
            Heard::Text(text) => {
                self.last_heard = Instant::now();
                match self.follower.read(&text)? {
                    Turn::Leave { reason, wait } => Ok(self.lose(reason, wait)),
                    turn => Ok(Got::Message(text, turn)),
                }
            }
            Heard::Silence if self.last_heard.elapsed() >= self.follower.silence_max() => {
                Ok(self.lose("the server says nothing any more".to_owned(), Duration::ZERO))
            }
            Heard::Silence => Ok(Got::Nothing),
            Heard::Ended { reason, wait } => Ok(self.lose(reason, wait)),
        }
    }

    /// The connection is no more; `asked` is the time that the server asks to be left alone for.
    fn lose(&mut self, reason: String, asked: Duration) -> Got {
        if let Line::Open { since, .. } = &self.line
            && since.elapsed() > WAIT_MAX
        {
            self.wait = WAIT_MIN;
        }
        // Shortened by chance, so that not all clients come back in one instant.
        let delay = asked.max(self.wait.mul_f32(rand::random_range(0.5..=1.0)));
        self.wait = (self.wait * 2).min(WAIT_MAX);
        self.line = Line::Down { until: Instant::now() + delay };
        Got::Lost(reason, delay)
    }
}
