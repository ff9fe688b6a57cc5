//! A worker: a thread that serves its share of the connections, and has a shard for them.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::HttpServiceBuilder;
use actix_http::Request;
use actix_http::Response;
use actix_service::IntoServiceFactory as _;
use actix_service::Service;
use actix_service::ServiceFactory;
use actix_service::ServiceFactoryExt as _;
use actix_service::map_config;
use actix_web::App;
use actix_web::body::BoxBody;
use actix_web::body::MessageBody;
use actix_web::dev::AppConfig;
use actix_web::dev::ServiceResponse;
use actix_web::middleware::from_fn;
use tokio::net::TcpStream;
use tokio::sync::mpsc::Receiver;
use tokio_rustls::server::TlsStream;
use tracing::debug;
use tracing::error;

use crate::clock;
use crate::http;
use crate::http::acceptor::Arrival;
use crate::http::compression;
use crate::http::conn::Conn;
use crate::http::cors;
use crate::http::doorman;
use crate::http::h2;
use crate::http::head::HeadClock;
use crate::http::listening::Listening;
use crate::http::secure::Doorkeeper;
use crate::http::secure::Spoken;
use crate::http::secure::Taken;
use crate::http::shop;
use crate::http::shop::House;
use crate::http::shop::Shop;
use crate::hub::shard;
use crate::hub::shard::Shard;

/// How long what a client still sends is read after the last byte for it: closing at once would
/// answer with a reset, which can overtake the close frame. The library's clock is half a second
/// coarse.
const LINGER: Duration = Duration::from_millis(600);

/// Serves connections.
pub(super) struct Worker {
    house: Arc<House>,
    listening: Listening,
    address: SocketAddr,
}

impl Worker {
    /// One of a server that listens at this address.
    pub(super) const fn new(house: Arc<House>, listening: Listening, address: SocketAddr) -> Self {
        Self { house, listening, address }
    }

    /// Serves those who arrive, until nobody can come any more; who is still here is cut then.
    pub(super) fn run(self, doorkeeper: Option<Doorkeeper>, arrivals: Receiver<Arrival>) {
        let served = actix_web::rt::System::new().block_on(async {
            match doorkeeper {
                None => self.serve_plain(arrivals).await,
                Some(doorkeeper) => self.serve_secure(doorkeeper, arrivals).await,
            }
        });
        if served.is_err() {
            error!("a worker cannot serve");
        }
    }

    async fn serve_plain(self, mut arrivals: Receiver<Arrival>) -> Result<(), ()> {
        let shop = self.open_shop();
        let h1 = self
            .h1()
            .on_connect_ext(|conn: &Conn, data| drop(data.insert(conn.direct())))
            .h1(application(shop.clone()));
        let h1 = h1.new_service(()).await?;
        while let Some(arrival) = arrivals.recv().await {
            if let Some((conn, peer)) = self.take_up(arrival, shop.as_ref()) {
                actix_web::rt::spawn(h1.call((conn, Some(peer))));
            }
        }
        Ok(())
    }

    /// Connections that begin with a handshake of TLS.
    async fn serve_secure(
        self,
        doorkeeper: Doorkeeper,
        mut arrivals: Receiver<Arrival>,
    ) -> Result<(), ()> {
        let shop = self.open_shop();
        let h1 = self.h1().on_connect_ext(|conn: &TlsStream<Conn>, data| {
            data.insert(conn.get_ref().0.wrapped());
        });
        let h1 = h1.secure().h1(application(shop.clone())).new_service(()).await?;
        let h2 = application(shop.clone()).new_service(()).await?;
        let (h1, h2, doorkeeper) = (Rc::new(h1), Rc::new(h2), Rc::new(doorkeeper));
        while let Some(arrival) = arrivals.recv().await {
            let Some((conn, peer)) = self.take_up(arrival, shop.as_ref()) else { continue };
            let (h1, h2, doorkeeper) = (Rc::clone(&h1), Rc::clone(&h2), Rc::clone(&doorkeeper));
            let rules = self.listening.rules_now(&self.house);
            let head = (self.listening.head_timeout, self.house.manners().head_bytes);
            let bounds = h2::Bounds::of(&rules, head);
            actix_web::rt::spawn(async move {
                let Some(Taken { stream, spoken }) = doorkeeper.take(conn).await else { return };
                let ended = match spoken {
                    Spoken::Http1 => h1.call((stream, Some(peer))).await.map_err(|e| e.to_string()),
                    Spoken::Http2 => {
                        h2::serve(stream, Some(peer), h2, bounds).await.map_err(|e| e.to_string())
                    }
                };
                if let Err(error) = ended {
                    debug!(error, "a connection ended early");
                }
            });
        }
        Ok(())
    }

    /// Gives the worker its shard.
    fn open_shop(&self) -> Option<Shop> {
        let source = (Arc::clone(&self.house.hub), self.house.tape.clone());
        let manner = (Arc::clone(&self.listening.rules), self.listening.flush);
        match Shard::join(source, manner, clock::monotonic()) {
            Ok(shard) => {
                let shard = shop::shared(shard);
                actix_web::rt::spawn(shard::run(Rc::clone(&shard)));
                Some(Shop::new(shard, Arc::clone(&self.house)))
            }
            Err(error) => {
                error!(%error, "a worker has no shard and refuses requests");
                None
            }
        }
    }

    /// How HTTP/1.1 is spoken.
    fn h1<S, T>(&self) -> HttpServiceBuilder<T, S>
    where
        S: ServiceFactory<Request, Config = (), InitError: Debug>,
        S::Error: Into<Response<BoxBody>> + 'static,
        <S::Service as Service<Request>>::Future: 'static,
    {
        HttpServiceBuilder::default()
            // A connection looks to that itself.
            .client_request_timeout(Duration::ZERO)
            .client_disconnect_timeout(LINGER)
            .local_addr(self.address)
    }

    fn take_up(&self, arrival: Arrival, shop: Option<&Shop>) -> Option<(Conn, SocketAddr)> {
        let Arrival { socket, peer, admission } = arrival;
        let shard = shop.map(|shop| Rc::clone(shop.shard()));
        shard.as_ref().map(shard::keep_up);
        match TcpStream::from_std(socket) {
            Ok(socket) => {
                let most = self.listening.head_timeout;
                let head = match self.house.tls {
                    None => HeadClock::plain(most),
                    Some(_) => HeadClock::secure(most),
                };
                let how = (head, self.house.manners().bounds.bytes_per_s(), &self.house.unsent);
                Some((Conn::new(socket, (admission, shard), how), peer))
            }
            Err(error) => {
                error!(%error, "a connection cannot be taken up");
                None
            }
        }
    }
}

/// What answers requests.
fn application(
    shop: Option<Shop>,
) -> impl ServiceFactory<
    Request,
    Config = (),
    Response = ServiceResponse<impl MessageBody + 'static>,
    Error = Response<BoxBody>,
    InitError = (),
    Service: 'static,
    Future: 'static,
> {
    // The last one is asked first.
    let application = App::new()
        .configure(http::routes)
        .wrap(from_fn(doorman::look_at))
        .wrap(from_fn(compression::compress))
        .wrap(from_fn(cors::admit))
        .wrap(from_fn(doorman::dress));
    let application = match shop {
        Some(shop) => application.app_data(shop),
        None => application,
    };
    let application = application.into_factory().map_err(|error| error.error_response().into());
    map_config(application, |()| AppConfig::default())
}
