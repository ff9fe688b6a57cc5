//! HTTP/2: many requests of one connection, and those who misuse that.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use h2::Reason;
use h2::client::SendRequest;
use http02::Request;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;
use tickwire::clock::monotonic;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::Bytes;

use crate::harness::PATIENCE;
use crate::harness::since;
use crate::tls::Papers;

async fn connect(papers: &Papers, address: SocketAddr) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(papers.cert()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let socket = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap()
}

/// A connection, and what its end is.
pub(crate) async fn open(
    papers: &Papers,
    address: SocketAddr,
) -> (SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>) {
    let io = connect(papers, address).await;
    let (sender, connection) = h2::client::handshake(io).await.unwrap();
    (sender, tokio::spawn(connection))
}

pub(crate) fn request(method: &str, path: &str) -> Request<()> {
    let uri = format!("https://localhost{path}");
    Request::builder().method(method).uri(uri).body(()).unwrap()
}

/// The status of an answer and its body.
pub(crate) async fn ask(sender: &SendRequest<Bytes>, request: Request<()>) -> (u16, String) {
    let mut sender = sender.clone().ready().await.unwrap();
    let (response, _) = sender.send_request(request, true).unwrap();
    let response = tokio::time::timeout(PATIENCE, response).await.unwrap().unwrap();
    let (head, mut body) = response.into_parts();
    assert_eq!(head.headers["x-content-type-options"], "nosniff");
    assert_eq!(head.headers["strict-transport-security"], "max-age=31536000");
    assert!(head.headers.contains_key("date") && !head.headers.contains_key("connection"));
    let mut bytes = Vec::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk.unwrap();
        body.flow_control().release_capacity(chunk.len()).unwrap();
        bytes.extend_from_slice(&chunk);
    }
    (head.status.as_u16(), String::from_utf8(bytes).unwrap())
}

#[tokio::test]
async fn many_requests_share_a_connection() {
    let papers = Papers::new();
    let server = papers.start(&[]);
    let (sender, _connection) = open(&papers, server.address).await;
    // Before the server's settings have come a client knows of no bound.
    assert_eq!(ask(&sender, request("GET", "/healthz")).await.0, 200);
    let asked = (0..200).map(|_| ask(&sender, request("GET", "/v1/symbols")));
    for (status, body) in futures_util::future::join_all(asked).await {
        assert_eq!(status, 200);
        assert!(body.contains("sim:BTC-USD") && body.ends_with('}'), "{body}");
    }
    let (status, body) = ask(&sender, request("HEAD", "/v1/symbols")).await;
    assert_eq!((status, body.as_str()), (200, ""));
    assert_eq!(ask(&sender, request("POST", "/v1/symbols")).await.0, 405);
    assert_eq!(ask(&sender, request("GET", "/v1/nothing")).await.0, 404);
    // A WebSocket needs HTTP/1.1.
    let (status, body) = ask(&sender, request("GET", "/v1/stream")).await;
    assert!((400..500).contains(&status), "{status} {body}");
    let foreign = Request::builder().uri("https://localhost/v1/stream");
    let foreign = foreign.header("origin", "https://evil.example").body(()).unwrap();
    assert!((400..500).contains(&ask(&sender, foreign).await.0));
    let large = Request::builder().uri("https://localhost/healthz");
    let large = large.header("cookie", "c".repeat(15_000)).body(()).unwrap();
    assert_eq!(ask(&sender, large).await.0, 200);
}

#[tokio::test]
async fn what_is_sent_besides_a_head_is_not_read() {
    let papers = Papers::new();
    let server = papers.start(&[]);
    let (sender, _connection) = open(&papers, server.address).await;
    let mut ready = sender.clone().ready().await.unwrap();
    let (response, mut body) = ready.send_request(request("POST", "/v1/symbols"), false).unwrap();
    body.reserve_capacity(1 << 30);
    body.send_data(vec![0; 1 << 20].into(), false).unwrap();
    assert_eq!(response.await.unwrap().status().as_u16(), 405);
    assert_eq!(ask(&sender, request("GET", "/healthz")).await.0, 200);
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let papers = Papers::new();
    let server = papers.start(&[]);
    let (sender, _connection) = open(&papers, server.address).await;
    let large = Request::builder().uri("https://localhost/healthz");
    let large = large.header("cookie", "c".repeat(40_000)).body(()).unwrap();
    let mut ready = sender.clone().ready().await.unwrap();
    let (response, _) = ready.send_request(large, true).unwrap();
    let status = response.await.map(|response| response.status().as_u16());
    assert!(status.is_err() || status.is_ok_and(|status| status == 431));
}

#[tokio::test]
async fn an_idle_connection_is_closed_with_a_goaway() {
    let papers = Papers::new();
    let server = papers.start(&[("http.head_timeout_ms", "500")]);
    let start = monotonic();
    let (sender, connection) = open(&papers, server.address).await;
    assert_eq!(ask(&sender, request("GET", "/healthz")).await.0, 200);
    let ended = tokio::time::timeout(PATIENCE, connection).await.unwrap().unwrap();
    // The server may be gone before it can be answered.
    assert!(ended.as_ref().err().is_none_or(h2::Error::is_io), "{ended:?}");
    let passed = since(start).as_millis();
    assert!((300..3_000).contains(&passed), "{passed} ms");
}

/// The preface, settings, and the head of a frame of HEADERS that announces more than comes.
fn half_a_head() -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    bytes.extend([0, 0, 64, 1, 0, 0, 0, 0, 1, 0x82]);
    bytes
}

#[tokio::test]
async fn a_head_that_stands_still_is_cut() {
    let papers = Papers::new();
    let server = papers.start(&[("http.head_timeout_ms", "500")]);
    let half = half_a_head();
    for sent in [0, 10, 24, 33, half.len()] {
        let start = monotonic();
        let mut io = connect(&papers, server.address).await;
        io.write_all(&half[..sent]).await.unwrap();
        let mut rest = Vec::new();
        tokio::time::timeout(PATIENCE, io.read_to_end(&mut rest)).await.unwrap().ok();
        let passed = since(start).as_millis();
        assert!((400..3_000).contains(&passed), "{passed} ms after {sent} bytes");
    }
}

#[tokio::test]
async fn a_flood_of_resets_ends_the_connection() {
    let papers = Papers::new();
    let server = papers.start(&[]);
    let (sender, connection) = open(&papers, server.address).await;
    for _ in 0..100_000 {
        let Ok(mut ready) = sender.clone().ready().await else { break };
        let Ok((_, mut stream)) = ready.send_request(request("GET", "/v1/venues"), true) else {
            break;
        };
        stream.send_reset(Reason::CANCEL);
        if connection.is_finished() {
            break;
        }
        tokio::task::yield_now().await;
    }
    let memory = server.memory_bytes();
    assert!(memory < 300 << 20, "{memory}");
    let (sender, _connection) = open(&papers, server.address).await;
    let answer = ask(&sender, request("GET", "/healthz"));
    assert_eq!(tokio::time::timeout(Duration::from_secs(5), answer).await.unwrap().0, 200);
}
