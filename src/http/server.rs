//! The server: listening, one application a worker, and how each connection is set up.

use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::HttpService;
use actix_http::Protocol;
use actix_http::error::DispatchError;
use actix_service::IntoServiceFactory as _;
use actix_service::ServiceFactoryExt as _;
use actix_service::fn_service;
use actix_service::map_config;
use actix_web::App;
use actix_web::dev::AppConfig;
use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::rt::net::TcpStream;
use tracing::debug;
use tracing::error;

use crate::clock;
use crate::http;
use crate::http::compression;
use crate::http::conn::Conn;
use crate::http::cors;
use crate::http::shop;
use crate::http::shop::House;
use crate::http::shop::Shop;
use crate::hub::shard;
use crate::hub::shard::FlushRule;
use crate::hub::shard::Line;
use crate::hub::shard::Shard;
use crate::subscriber::Rules;

/// How long what a client still sends is read after the last byte for it: closing at once would
/// answer with a reset, which can overtake the close frame. The library's clock is half a second
/// coarse.
const LINGER: Duration = Duration::from_millis(600);
/// Bytes that the kernel holds unsent for one client: beyond them they wait where they are counted.
const NOTSENT_LOWAT: u32 = 16 * 1024;

/// How a server listens.
#[derive(Debug, Clone)]
pub struct Listening {
    /// What is the same for all clients.
    pub rules: Rules,
    /// When they are written to.
    pub flush: FlushRule,
    /// Worker threads; 0 for one a core.
    pub workers: usize,
    /// Longest time for a request's head to arrive.
    pub head_timeout: Duration,
    /// Connections that are held at once.
    pub connections: usize,
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
    let address = listener.local_addr()?;
    let house = Arc::clone(house);
    let limit = listening.connections.saturating_add(256);
    let workers = listening.workers;
    let factory = move || {
        // The last one is asked first.
        let application = App::new()
            .configure(http::routes)
            .wrap(from_fn(compression::compress))
            .wrap(from_fn(cors::admit));
        let application = match open_shop(&house, &listening) {
            Some(shop) => application.app_data(shop),
            None => application,
        };
        let application = application.into_factory().map_err(|error| error.error_response());
        let service = HttpService::build()
            .client_request_timeout(listening.head_timeout)
            .client_disconnect_timeout(LINGER)
            .local_addr(address)
            .on_connect_ext(|conn: &Conn, data| drop(data.insert(conn.line())))
            .finish(map_config(application, |()| AppConfig::default()));
        let deadline = listening.rules.write_deadline;
        let connect = fn_service(move |socket: TcpStream| async move {
            let peer = socket.peer_addr().ok();
            tune(&socket, deadline);
            Ok::<_, DispatchError>((Conn::new(Line::new(socket)), Protocol::Http1, peer))
        });
        connect.and_then(service)
    };
    let server = Server::build().shutdown_timeout(2).disable_signals();
    // Those beyond the limit are told so, if there is a place to tell them.
    let server = server.max_concurrent_connections(limit);
    let server = match workers {
        0 => server,
        workers => server.workers(workers),
    };
    Ok(server.listen("tickwire", listener, factory)?.run())
}

/// Gives a worker its shard.
fn open_shop(house: &Arc<House>, listening: &Listening) -> Option<Shop> {
    let source = (Arc::clone(&house.hub), house.tape.clone());
    let manner = (listening.rules.clone(), listening.flush);
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
