//! Following symbols live.

use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use futures_util::Stream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::client::Client;
use crate::cursor::Cursor;
use crate::error::Error;
use crate::event::Event;
use crate::follower::Follower;
use crate::follower::Wish;
use crate::link::Link;
use crate::machine::Machine;
use crate::request::Request;
use crate::request::Slow;

/// Events between connection and reader, unless the reader says otherwise.
pub(crate) const QUEUE: usize = 1_024;
/// Operations between reader and connection.
const COMMANDS: usize = 64;

/// What to follow, before it begins.
#[derive(Debug, Clone)]
#[must_use = "nothing is followed before `start`"]
pub struct Subscribe {
    client: Client,
    request: Request,
    queue: usize,
}

/// Symbols that are followed: a stream of events, until it is dropped or closed.
#[derive(Debug)]
pub struct Subscription {
    running: Running<Wish>,
}

/// Changes what a [`Subscription`] follows, while somebody else reads it.
#[derive(Debug, Clone)]
pub struct Handle {
    commands: mpsc::Sender<Wish>,
}

/// A link that runs, and the reader's end of it.
#[derive(Debug)]
pub(crate) struct Running<C> {
    events: mpsc::Receiver<Event>,
    pub(crate) commands: mpsc::Sender<C>,
    task: JoinHandle<()>,
}

impl Subscribe {
    pub(crate) fn new(client: Client, names: Vec<String>) -> Self {
        let names = names.into_iter().collect();
        let request = Request { channels: Vec::new(), names, ..Request::default() };
        Self { client, request, queue: QUEUE }
    }

    /// One of the channels to follow: `ticker` (if nothing is said), `trades`, `bars.1m`, …
    pub fn channel(mut self, channel: &str) -> Self {
        if !self.request.channels.iter().any(|it| it == channel) {
            self.request.channels.push(channel.to_owned());
        }
        self
    }

    /// At most one snapshot in this time of each stream, in place of every change. Up to 60 s; not
    /// for `trades`.
    pub fn conflate(mut self, time: Duration) -> Self {
        self.request.conflate_ms = u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        self
    }

    /// What the server does while this reader is too slow.
    pub const fn slow(mut self, slow: Slow) -> Self {
        self.request.slow = Some(slow);
        self
    }

    /// Begins so many messages back, up to 1000 (`trades`, `bars.*`).
    pub const fn last(mut self, count: u32) -> Self {
        self.request.last = Some(count);
        self
    }

    /// Begins after a cursor, as [`Event::State`] and the messages' `seq` name them.
    pub fn from(mut self, cursor: Cursor) -> Self {
        self.request.from = Some(cursor);
        self
    }

    /// Events between connection and reader, 1024 by default, at least 1. While so many wait, the
    /// socket is not read; what the server does then is up to [`Self::slow`]. Nothing is dropped
    /// here.
    pub const fn queue(mut self, events: usize) -> Self {
        self.queue = events;
        self
    }

    /// Begins, as a task of the tokio runtime that this is called in.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(mut self) -> Subscription {
        if self.request.channels.is_empty() {
            self.request.channels.push("ticker".to_owned());
        }
        let machine = Follower::new(self.request);
        let running = Running::start(&self.client, "/v1/stream", machine, self.queue);
        Subscription { running }
    }
}

impl Subscription {
    /// The next event; `None` after [`State::Closed`](crate::State::Closed).
    ///
    /// # Cancel safety
    /// Nothing is lost if it is not waited for to its end.
    pub async fn next(&mut self) -> Option<Event> {
        self.running.next().await
    }

    /// Changes what is followed, from wherever it is.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle { commands: self.running.commands.clone() }
    }

    /// Ends the connection with a goodbye, and waits for that. Events that were not read are gone.
    pub async fn close(self) {
        self.running.close().await;
    }
}

impl Stream for Subscription {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        self.running.poll_next(context)
    }
}

impl Handle {
    /// Follows more symbols or patterns.
    ///
    /// # Errors
    /// [`Error::Busy`] while 64 changes wait, [`Error::Ended`] after the end.
    pub fn add<S: Into<String>>(&self, names: impl IntoIterator<Item = S>) -> Result<(), Error> {
        let names = names.into_iter().map(Into::into).collect();
        send(&self.commands, Wish::Add(names))
    }

    /// Follows less. A symbol may also be taken out of a pattern that covers it.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn remove<S: Into<String>>(&self, names: impl IntoIterator<Item = S>) -> Result<(), Error> {
        let names = names.into_iter().map(Into::into).collect();
        send(&self.commands, Wish::Remove(names))
    }
}

impl<C: Send + 'static> Running<C> {
    pub(crate) fn start<M: Machine<Command = C>>(
        client: &Client,
        path: &'static str,
        machine: M,
        queue: usize,
    ) -> Self {
        let (sender, events) = mpsc::channel(queue.max(1));
        let (commands, receiver) = mpsc::channel(COMMANDS);
        let link = Link {
            endpoint: client.endpoint.clone(),
            path,
            machine,
            backoff: client.backoff,
            events: sender,
            commands: receiver,
        };
        Self { events, commands, task: tokio::spawn(link.run()) }
    }

    pub(crate) async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Event>> {
        self.events.poll_recv(context)
    }

    pub(crate) async fn close(self) {
        drop(self.events);
        // It ends within the bounds of a goodbye; that it was cancelled is an end, too.
        self.task.await.unwrap_or_default();
    }
}

/// Hands a command to a link.
///
/// # Errors
/// [`Error::Busy`] or [`Error::Ended`].
pub(crate) fn send<C>(commands: &mpsc::Sender<C>, command: C) -> Result<(), Error> {
    commands.try_send(command).map_err(|error| match error {
        mpsc::error::TrySendError::Full(_) => Error::Busy,
        mpsc::error::TrySendError::Closed(_) => Error::Ended,
    })
}
