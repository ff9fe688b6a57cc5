//! Clients that ask once, with a request of plain HTTP.

use std::sync::Arc;
use std::task::Poll;
use std::task::Waker;

use bytes::Bytes;

use crate::access::Pass;
use crate::clock;
use crate::event::Seq;
use crate::hub::shard::ConnectionId;
use crate::hub::shard::Shard;
use crate::subscriber::Patience;
use crate::subscriber::Subscriber;
use crate::wire::Form;
use crate::wire::Reject;
use crate::wire::answer::Answer;
use crate::wire::answer::Subscribed;
use crate::wire::op::Subscribe;

/// A page that is whole.
#[derive(Debug)]
pub struct Asked {
    /// Its messages, one a line.
    pub lines: Bytes,
    /// Everything up to here is in it, or is known to its client.
    pub cursor: Seq,
}

impl Shard {
    /// A client asks for a stream without an end, of which [`Shard::poll_bytes`] has the bytes.
    ///
    /// # Errors
    /// Those of [`Subscriber::let_in`] and of [`Subscriber::ask`].
    pub fn ask(
        &mut self,
        op: &Subscribe,
        form: Form,
        pass: Option<Pass>,
    ) -> Result<ConnectionId, Reject> {
        let now = clock::monotonic();
        let mut subscriber = Subscriber::asking(Arc::clone(&self.rules), form, now);
        pass.map_or(Ok(()), |pass| subscriber.let_in(pass, &self.view(now)))?;
        let answer = |subscribed: Subscribed<'_>| Answer::Subscribed(subscribed).to_json();
        subscriber.ask(op, &self.view(now), answer)?;
        Ok(self.seat_asking(subscriber))
    }

    /// A client asks for a page of at most so many messages; `answer` is told what it is of.
    ///
    /// # Errors
    /// Those of [`Subscriber::let_in`] and of [`Subscriber::ask`].
    pub fn ask_page(
        &mut self,
        op: &Subscribe,
        (limit, pass): (usize, Option<Pass>),
        answer: impl FnOnce(Subscribed<'_>),
    ) -> Result<ConnectionId, Reject> {
        let now = clock::monotonic();
        let mut subscriber = Subscriber::asking_page(Arc::clone(&self.rules), limit, now);
        pass.map_or(Ok(()), |pass| subscriber.let_in(pass, &self.view(now)))?;
        let answer = |subscribed: Subscribed<'_>| {
            answer(subscribed);
            Vec::new()
        };
        subscriber.ask(op, &self.view(now), answer)?;
        Ok(self.seat_asking(subscriber))
    }

    /// A page, once it is whole, or why it may not be had any more; `None` if its client is gone,
    /// or the server stops before. The waker is woken when there is more in it.
    pub fn poll_page(
        &mut self,
        id: ConnectionId,
        patience: Patience,
        waker: &Waker,
    ) -> Poll<Option<Result<Asked, Reject>>> {
        self.settle(id);
        let Some(connection) = self.connections.get_mut(id) else { return Poll::Ready(None) };
        let is_stopping = connection.subscriber.outbox().closing().is_some();
        let patience = if is_stopping { Patience::None } else { patience };
        if let Some(cursor) = connection.subscriber.page_end(&self.board, patience) {
            if let Err(reject) = connection.subscriber.confirm_page(&self.board) {
                return Poll::Ready(Some(Err(reject)));
            }
            if connection.subscriber.begin_rest(cursor, &self.board) {
                connection.subscriber.fill(&self.board, &self.snapshots);
            }
            let lines = connection.subscriber.outbox_mut().take_all();
            let is_wanted = !is_stopping || !lines.is_empty();
            return Poll::Ready(is_wanted.then_some(Ok(Asked { lines, cursor })));
        }
        if is_stopping {
            return Poll::Ready(None);
        }
        connection.waker = Some(waker.clone());
        Poll::Pending
    }

    /// Whether a client is still served: it may have been cut off.
    #[must_use]
    pub fn serves(&self, id: ConnectionId) -> bool {
        self.connections.get(id).is_some()
    }

    fn seat_asking(&mut self, mut subscriber: Subscriber) -> ConnectionId {
        if let Some(service) = self.service() {
            subscriber.on_service(&service.to_json());
        }
        let id = self.seat(subscriber, None);
        self.after(id);
        id
    }
}
