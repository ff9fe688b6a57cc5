//! The server: listening, one application a worker, and how each connection is set up.

use std::fmt::Debug;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::HttpServiceBuilder;
use actix_http::Request;
use actix_http::Response;
use actix_http::error::DispatchError;
use actix_service::IntoServiceFactory as _;
use actix_service::Service;
use actix_service::ServiceFactory;
use actix_service::ServiceFactoryExt as _;
use actix_service::fn_factory;
use actix_service::fn_service;
use actix_service::map_config;
use actix_web::App;
use actix_web::body::BoxBody;
use actix_web::body::MessageBody;
use actix_web::dev::AppConfig;
use actix_web::dev::Server;
use actix_web::dev::ServiceResponse;
use actix_web::middleware::from_fn;
use actix_web::rt::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tracing::debug;
use tracing::error;

use crate::clock;
use crate::http;
use crate::http::compression;
use crate::http::conn::Conn;
use crate::http::cors;
use crate::http::doorman;
use crate::http::entrance::Beginning;
use crate::http::h2;
use crate::http::secure::Doorkeeper;
use crate::http::secure::Spoken;
use crate::http::secure::Taken;
use crate::http::shop;
use crate::http::shop::House;
use crate::http::shop::Shop;
use crate::hub::shard;
use crate::hub::shard::FlushRule;
use crate::hub::shard::Shard;
use crate::hub::shard::SharedShard;
use crate::subscriber::Rules;

/// How long what a client still sends is read after the last byte for it: closing at once would
/// answer with a reset, which can overtake the close frame. The library's clock is half a second
/// coarse.
const LINGER: Duration = Duration::from_millis(600);
/// Bytes that the kernel holds unsent for one client: beyond them they wait where they are counted.
const NOTSENT_LOWAT: u32 = 16 * 1024;
/// Bytes that it holds unread of one client: to throw megabytes away at the end of a connection
/// takes milliseconds.
const RECEIVED_BYTES: usize = 64 * 1024;

/// How a server listens.
#[derive(Debug, Clone)]
pub struct Listening {
    /// What is the same for all clients.
    pub rules: Arc<Rules>,
    /// When they are written to.
    pub flush: FlushRule,
    /// Worker threads; 0 for one a core.
    pub workers: usize,
    /// Longest time for a request's head to arrive.
    pub head_timeout: Duration,
    /// Connections that are held at once.
    pub connections: usize,
}

impl Listening {
    /// The rules as they are now: they may have been read anew.
    fn rules_now(&self, house: &House) -> Arc<Rules> {
        house.hub.rules().unwrap_or_else(|| Arc::clone(&self.rules))
    }
}

/// Starts the server; it must then be awaited.
///
/// # Errors
/// If the listener cannot be used.
pub fn start(
    listener: TcpListener,
    listening: Listening,
    house: &Arc<House>,
) -> std::io::Result<Server> {
    let server = Server::build().shutdown_timeout(2).disable_signals();
    // Those beyond the limit are told so, if there is a place to tell them.
    let server = server.max_concurrent_connections(listening.connections.saturating_add(256));
    let server = match listening.workers {
        0 => server,
        workers => server.workers(workers),
    };
    // Connections have it of their listener.
    socket2::SockRef::from(&listener).set_recv_buffer_size(RECEIVED_BYTES)?;
    let address = listener.local_addr()?;
    let (name, house) = ("tickwire", Arc::clone(house));
    let server = match &house.tls {
        None => server.listen(name, listener, move || plain(address, &listening, &house))?,
        Some(keeper) => {
            let doorkeeper = Doorkeeper::new(keeper, listening.head_timeout)?;
            let factory = move || secure(address, &listening, (&doorkeeper, &house));
            server.listen(name, listener, factory)?
        }
    };
    Ok(server.run())
}

/// What a worker does with connections without TLS.
fn plain(
    address: SocketAddr,
    listening: &Listening,
    house: &Arc<House>,
) -> impl ServiceFactory<TcpStream, Config = (), Error = DispatchError, InitError = ()> + use<> {
    let shop = open_shop(house, listening);
    let shard = shop.as_ref().map(|shop| Rc::clone(shop.shard()));
    let service = settings(address, listening)
        .on_connect_ext(|conn: &Conn, data| drop(data.insert(conn.direct())))
        .h1(application(shop));
    let (house, listening) = (Arc::clone(house), listening.clone());
    let connect = fn_service(move |socket: TcpStream| {
        let deadline = listening.rules_now(&house).write_deadline;
        let opened = open((&house, shard.as_ref()), socket, (Beginning::Plain, deadline));
        async move {
            let Opened { conn, peer } = opened?;
            Ok::<_, DispatchError>((conn, peer))
        }
    });
    connect.and_then(service)
}

/// What a worker does with connections that begin with a handshake of TLS.
fn secure(
    address: SocketAddr,
    listening: &Listening,
    (doorkeeper, house): (&Doorkeeper, &Arc<House>),
) -> impl ServiceFactory<TcpStream, Config = (), Error = DispatchError, InitError = ()> + use<> {
    let shop = open_shop(house, listening);
    let shard = shop.as_ref().map(|shop| Rc::clone(shop.shard()));
    let h1 = settings(address, listening).on_connect_ext(|conn: &TlsStream<Conn>, data| {
        data.insert(conn.get_ref().0.wrapped());
    });
    let h1 = h1.secure().h1(application(shop.clone()));
    let h2 = application(shop);
    let (house, listening, doorkeeper) = (Arc::clone(house), listening.clone(), doorkeeper.clone());
    fn_factory(move || {
        let (h1, h2, doorkeeper) = (h1.new_service(()), h2.new_service(()), doorkeeper.clone());
        let (house, listening, shard) = (Arc::clone(&house), listening.clone(), shard.clone());
        async move {
            let (h1, h2) = (Rc::new(h1.await?), Rc::new(h2.await?));
            Ok(fn_service(move |socket: TcpStream| {
                let (h1, h2, doorkeeper) = (Rc::clone(&h1), Rc::clone(&h2), doorkeeper.clone());
                let rules = listening.rules_now(&house);
                let head_bytes = house.manners().head_bytes;
                let how = (Beginning::Tls, rules.write_deadline);
                let opened = open((&house, shard.as_ref()), socket, how);
                let bounds = h2::Bounds::of(&rules, (listening.head_timeout, head_bytes));
                async move {
                    let Opened { conn, peer } = opened?;
                    let Some(Taken { stream, spoken }) = doorkeeper.take(conn).await else {
                        return Ok(());
                    };
                    match spoken {
                        Spoken::Http1 => h1.call((stream, peer)).await,
                        Spoken::Http2 => {
                            if let Err(error) = h2::serve(stream, peer, h2, bounds).await {
                                debug!(%error, "a connection of HTTP/2 ended early");
                            }
                            Ok(())
                        }
                    }
                }
            }))
        }
    })
}

/// How HTTP/1.1 is spoken.
fn settings<S, T>(address: SocketAddr, listening: &Listening) -> HttpServiceBuilder<T, S>
where
    S: ServiceFactory<Request, Config = (), InitError: Debug>,
    S::Error: Into<Response<BoxBody>> + 'static,
    <S::Service as Service<Request>>::Future: 'static,
{
    HttpServiceBuilder::default()
        .client_request_timeout(listening.head_timeout)
        .client_disconnect_timeout(LINGER)
        .local_addr(address)
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

/// Gives a worker its shard.
fn open_shop(house: &Arc<House>, listening: &Listening) -> Option<Shop> {
    let source = (Arc::clone(&house.hub), house.tape.clone());
    let manner = (Arc::clone(&listening.rules), listening.flush);
    match Shard::join(source, manner, clock::monotonic()) {
        Ok(shard) => {
            let shard = shop::shared(shard);
            actix_web::rt::spawn(shard::run(Rc::clone(&shard)));
            Some(Shop::new(shard, Arc::clone(house)))
        }
        Err(error) => {
            error!(%error, "a worker has no shard and refuses requests");
            None
        }
    }
}

/// A connection that is taken up.
struct Opened {
    conn: Conn,
    peer: Option<SocketAddr>,
}

/// Takes a connection up, or ends it before anything of it is read.
fn open(
    (house, shard): (&House, Option<&SharedShard>),
    socket: TcpStream,
    (how, deadline): (Beginning, Duration),
) -> Result<Opened, DispatchError> {
    shard.map(shard::keep_up);
    // One that is over already has none.
    let peer = socket.peer_addr()?;
    match house.open(peer.ip(), how) {
        Some(visit) => {
            tune(&socket, deadline);
            let pace = (&house.unsent, house.manners().bounds.bytes_per_s());
            let conn = Conn::new(socket, (visit, shard.cloned()), pace);
            Ok(Opened { conn, peer: Some(peer) })
        }
        None => {
            house.entrance.doorstep.end(socket);
            Err(DispatchError::Io(ErrorKind::ConnectionRefused.into()))
        }
    }
}

/// Small frames leave at once, stale bytes do not hide in the kernel, and a peer that takes
/// nothing is cut.
fn tune(socket: &TcpStream, deadline: Duration) {
    let socket = socket2::SockRef::from(socket);
    let tuned = socket
        .set_tcp_nodelay(true)
        .and_then(|()| socket.set_tcp_notsent_lowat(NOTSENT_LOWAT))
        .and_then(|()| socket.set_tcp_user_timeout(Some(deadline)));
    if let Err(error) = tuned {
        debug!(%error, "a socket could not be tuned");
    }
}
