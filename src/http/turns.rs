//! Turns: a few connections are begun, then those who are here already have theirs.
//!
//! The library begins in one go as many connections as wait, each of them some 20 µs of a worker:
//! who makes them without an end would hold up everybody else's messages for milliseconds.

use std::cell::Cell;
use std::task::Context;
use std::task::Poll;

use actix_service::Service;
use actix_service::ServiceFactory;
use actix_service::fn_factory;
use actix_web::rt::net::TcpStream;

/// Connections that are begun in one turn.
const CONNECTIONS: u32 = 4;

/// How often the library asks in one go whether it may begin another: it asks again at once.
const ASKED: u32 = 2;

/// What a worker does with connections, a few at a time.
struct Turns<S> {
    inner: S,
    /// Connections left in this turn, and refusals after them until it is over.
    left: Cell<u32>,
}

/// The same services, by turns.
pub(super) fn by_turns<F>(
    services: F,
) -> impl ServiceFactory<
    TcpStream,
    Config = (),
    Response = F::Response,
    Error = F::Error,
    InitError = F::InitError,
>
where
    F: ServiceFactory<TcpStream, Config = ()>,
{
    fn_factory(move || {
        let inner = services.new_service(());
        async move { Ok(Turns { inner: inner.await?, left: Cell::new(CONNECTIONS + ASKED) }) }
    })
}

impl<S: Service<TcpStream>> Service<TcpStream> for Turns<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let left = self.left.get();
        if left <= ASKED {
            self.left.set(if left == 1 { CONNECTIONS + ASKED } else { left - 1 });
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.inner.poll_ready(cx)
    }

    fn call(&self, socket: TcpStream) -> Self::Future {
        self.left.set(self.left.get().saturating_sub(1));
        self.inner.call(socket)
    }
}
