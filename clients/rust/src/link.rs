//! Drives a machine over sockets: connects, listens, waits, comes back.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::event::Event;
use crate::event::State;
use crate::machine::Ending;
use crate::machine::Machine;
use crate::machine::Turn;
use crate::socket::Said;
use crate::socket::Socket;

/// A connection that lasted so long was a good one: failures after it count from 1.
const GOOD: Duration = Duration::from_secs(5);
/// Before the server is asked again for what it refused for the moment.
const LATER: Duration = Duration::from_secs(1);

/// Drives a machine over sockets, as a task of its own.
#[derive(Debug)]
pub(crate) struct Link<M: Machine> {
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) path: &'static str,
    pub(crate) machine: M,
    pub(crate) backoff: Backoff,
    /// To the reader. Bounded: while it is full, the socket is not read.
    pub(crate) events: mpsc::Sender<Event>,
    pub(crate) commands: mpsc::Receiver<M::Command>,
}

/// Why there is no connection any more.
#[derive(Debug)]
enum Gone {
    /// The reader is gone, or everything came to its end.
    Over(Option<Error>),
    /// It was lost.
    Lost { error: Error, asked: Option<Duration> },
}

impl Gone {
    fn lost(error: Error) -> Self {
        Self::Lost { error, asked: None }
    }
}

type Tokens = Pin<Box<dyn Future<Output = Result<Option<String>, Error>> + Send>>;

/// What a connection waits for besides the server.
#[derive(Default)]
struct Waiting {
    again: Option<Instant>,
    token: Option<Tokens>,
    /// What the server asked for in its `closing`.
    closing: Option<Duration>,
}

impl<M: Machine> Link<M> {
    /// Runs until the reader is gone, or until there is nothing more to come.
    pub(crate) async fn run(mut self) {
        let mut failures = 0_u32;
        let error = loop {
            let connecting = State::Connecting { attempt: failures.saturating_add(1) };
            if self.tell(Event::State(connecting)).await.is_err() {
                return;
            }
            let mut opened = None;
            let (error, asked) = match self.connect(&mut opened).await {
                Gone::Over(error) => break error,
                Gone::Lost { error, asked } => (error, asked),
            };
            self.machine.lost();
            let was_good = opened.is_some_and(|at: Instant| at.elapsed() >= GOOD);
            failures = if was_good { 1 } else { failures.saturating_add(1) };
            if self.is_final(&error) || self.backoff.is_spent(failures) {
                break Some(error);
            }
            let retry_in = self.wait(&error, failures, asked);
            if self.tell(Event::State(State::Waiting { error, retry_in })).await.is_err() {
                return;
            }
            if self.rest(Instant::now() + retry_in).await.is_err() {
                return;
            }
        };
        self.tell(Event::State(State::Closed { error })).await.unwrap_or_default();
    }

    /// Whether coming back would end in the same way.
    fn is_final(&self, error: &Error) -> bool {
        let may_be_renewed = error.is_about_token() && self.endpoint.tokens.can_renew();
        !error.is_retryable() && !may_be_renewed
    }

    fn wait(&self, error: &Error, failures: u32, asked: Option<Duration>) -> Duration {
        let chance = fastrand::u32(0..1_024);
        let failures = if error.is_to_wait_long() { u32::MAX } else { failures };
        let wait = self.backoff.wait(failures, chance);
        // The server spreads its clients itself.
        asked.unwrap_or_else(|| error.asked_wait().map_or(wait, |least| wait.max(least)))
    }

    /// Sleeps; the reader may go, or want something else meanwhile.
    async fn rest(&mut self, until: Instant) -> Result<(), Gone> {
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => return Ok(()),
                () = self.events.closed() => return Err(Gone::Over(None)),
                Some(command) = self.commands.recv() => drop(self.machine.command(command)),
            }
        }
    }

    /// One connection, from its beginning to its end.
    async fn connect(&mut self, opened: &mut Option<Instant>) -> Gone {
        let opening = Socket::open(&self.endpoint, self.path);
        let attempt = tokio::select! {
            attempt = opening => attempt,
            () = self.events.closed() => return Gone::Over(None),
        };
        let (mut socket, welcome) = match attempt {
            Ok(connection) => connection,
            Err(error) => return Gone::lost(error),
        };
        *opened = Some(Instant::now());
        let turn = self.machine.open(&welcome);
        let mut waiting = Waiting::default();
        let gone = match self.perform(&mut socket, &mut waiting, turn).await {
            Err(gone) => gone,
            Ok(()) => self.converse(&mut socket, &mut waiting, welcome.silence_max()).await,
        };
        match gone {
            Gone::Over(error) => {
                socket.close().await;
                Gone::Over(error)
            }
            Gone::Lost { error, .. } => {
                if !matches!(error, Error::Closed { .. } | Error::Connection(_)) {
                    // It is still there, but of no use any more.
                    tokio::spawn(socket.close());
                }
                Gone::Lost { error, asked: waiting.closing }
            }
        }
    }

    async fn converse(
        &mut self,
        socket: &mut Socket,
        waiting: &mut Waiting,
        silence_max: Duration,
    ) -> Gone {
        loop {
            // Anew after each turn: while the reader takes its time the socket is not read.
            let silent = Instant::now() + silence_max;
            let turn = tokio::select! {
                said = socket.next() => match said {
                    Ok(Said::Text(text)) => self.machine.hear(&text),
                    Ok(Said::Nothing) => continue,
                    Err(error) => Err(error),
                },
                () = self.events.closed() => return Gone::Over(None),
                Some(command) = self.commands.recv() => Ok(self.machine.command(command)),
                () = until(waiting.again) => {
                    waiting.again = None;
                    Ok(self.machine.again())
                }
                token = renewed(&mut waiting.token) => {
                    waiting.token = None;
                    token.map(auth)
                }
                () = tokio::time::sleep_until(silent) => Err(Error::Silence(silence_max)),
            };
            let performed = match turn {
                Ok(turn) => self.perform(socket, waiting, turn).await,
                Err(error) => return Gone::lost(error),
            };
            if let Err(gone) = performed {
                return gone;
            }
        }
    }

    async fn perform(
        &mut self,
        socket: &mut Socket,
        waiting: &mut Waiting,
        turn: Turn,
    ) -> Result<(), Gone> {
        for operation in turn.operations {
            let sent = socket.send(operation).await;
            sent.map_err(Gone::lost)?;
        }
        for event in turn.events {
            self.tell(event).await?;
        }
        waiting.closing = turn.closing.or(waiting.closing);
        if turn.later {
            waiting.again = Some(Instant::now() + LATER);
        }
        if turn.renew && self.endpoint.tokens.can_renew() {
            let tokens = self.endpoint.tokens.clone();
            waiting.token = Some(Box::pin(async move { tokens.token().await }));
        }
        match turn.end {
            None => Ok(()),
            Some(Ending::Done) => Err(Gone::Over(None)),
            Some(Ending::Failed(error)) => Err(Gone::Over(Some(error))),
        }
    }

    /// Hands an event to the reader, as soon as there is room.
    async fn tell(&mut self, event: Event) -> Result<(), Gone> {
        self.events.send(event).await.map_err(|_| Gone::Over(None))
    }
}

/// Until then; for ever if there is no such time.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// A token, once there is one; never if none was asked for.
async fn renewed(tokens: &mut Option<Tokens>) -> Result<Option<String>, Error> {
    match tokens {
        Some(token) => token.await,
        None => std::future::pending().await,
    }
}

/// The operation that shows a token.
fn auth(token: Option<String>) -> Turn {
    let operation = serde_json::json!({ "op": "auth", "token": token.unwrap_or_default() });
    Turn { operations: vec![operation.to_string()], ..Turn::default() }
}
