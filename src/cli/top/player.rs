//! A replay that is watched.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::cli::connection::Connection;
use crate::cli::connection::Heard;
use crate::cli::endpoint::Endpoint;
use crate::cli::failure::Failure;
use crate::cli::follower::Follower;
use crate::cli::follower::Turn;
use crate::cli::pursuit::Got;
use crate::cli::replay::PATH;
use crate::cli::replay::said::Said;
use crate::cli::request::Request;

/// Longest silence: the tape may begin long after the time that was asked for.
const IDLE_MS: u64 = 2_000;
/// From the slowest to as fast as can be.
const SPEEDS: [&str; 10] = ["0.1", "0.25", "0.5", "1", "2", "5", "10", "60", "600", "0"];

/// A replay.
#[derive(Debug)]
pub(super) struct Player {
    connection: Connection,
    follower: Follower,
    last_heard: Instant,
    /// Its place among [`SPEEDS`].
    speed: usize,
    said: Said,
}

impl Player {
    /// Plays symbols from a time on, and goes on with what is live.
    ///
    /// # Errors
    /// As [`Connection::open`].
    pub(super) async fn begin(
        endpoint: &Endpoint,
        request: Request,
        from: Value,
    ) -> Result<Self, Failure> {
        let mut connection = Connection::open(&endpoint.clone().at(PATH)).await?;
        let open = json!({
            "op": "open",
            "channel": request.channel.word(),
            "symbols": request.symbols,
            "from": from,
            "speed": 1,
            "then": "live",
            "max_idle_ms": IDLE_MS,
        });
        connection.send(vec![open.to_string()]).await;
        let speed = SPEEDS.iter().position(|speed| *speed == "1").unwrap_or(0);
        let (follower, said) = (Follower::new(request), Said::default());
        Ok(Self { connection, follower, last_heard: Instant::now(), speed, said })
    }

    /// How fast it plays.
    pub(super) fn speed(&self) -> &'static str {
        SPEEDS.get(self.speed).copied().unwrap_or("1")
    }

    /// Where it is.
    pub(super) const fn said(&self) -> &Said {
        &self.said
    }

    /// What is here already.
    ///
    /// # Errors
    /// What ends it for good.
    pub(super) fn next_now(&mut self) -> Result<Option<Got>, Failure> {
        match self.connection.hear_now()? {
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
        let silent = self.last_heard + self.follower.silence_max();
        let heard = self.connection.hear(until.min(silent)).await?;
        self.understand(heard)
    }

    /// Pauses, or goes on.
    pub(super) async fn toggle(&mut self) {
        let op = if self.said.state == "paused" { "play" } else { "pause" };
        self.send(json!({ "op": op })).await;
    }

    /// Plays so many steps faster, or slower.
    pub(super) async fn accelerate(&mut self, steps: isize) {
        let last = SPEEDS.len() - 1;
        self.speed = self.speed.saturating_add_signed(steps).min(last);
        let speed: Value = serde_json::from_str(self.speed()).unwrap_or(1.into());
        self.send(json!({ "op": "speed", "speed": speed })).await;
    }

    /// Goes on from another time.
    pub(super) async fn seek(&mut self, to: String) {
        self.send(json!({ "op": "seek", "to": to })).await;
    }

    /// Says goodbye.
    pub(super) async fn close(self) {
        self.connection.close().await;
    }

    async fn send(&mut self, operation: Value) {
        self.connection.send(vec![operation.to_string()]).await;
    }

    fn understand(&mut self, heard: Heard) -> Result<Got, Failure> {
        let silence_max = self.follower.silence_max();
        match heard {
            Heard::Text(text) => {
                self.last_heard = Instant::now();
                self.read(text)
            }
            Heard::Silence if self.last_heard.elapsed() >= silence_max => {
                Ok(Got::Lost("the server says nothing any more".to_owned(), Duration::ZERO))
            }
            Heard::Silence => Ok(Got::Nothing),
            Heard::Ended { reason, wait } => Ok(Got::Lost(reason, wait)),
        }
    }

    fn read(&mut self, text: Utf8Bytes) -> Result<Got, Failure> {
        match Said::read(&text) {
            Ok(Some(said)) if said.kind == "error" => {
                return Ok(Got::Message(text, Turn::Say(said.trouble())));
            }
            Ok(Some(said)) if said.kind == "position" => {
                self.said = said;
                return Ok(Got::Nothing);
            }
            Ok(Some(_)) | Err(_) => return Ok(Got::Nothing),
            Ok(None) => {}
        }
        let turn = self.follower.read(&text)?;
        Ok(Got::Message(text, turn))
    }
}
