//! TLS: real clients by each way in, files that cannot be used, and certificates that change under
//! open connections.

pub(crate) mod limits;

use std::io::ErrorKind;
use std::io::Read as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use rcgen::CertificateParams;
use rcgen::KeyPair;
use rustls::ClientConfig;
use rustls::ClientConnection;
use rustls::RootCertStore;
use rustls::StreamOwned;
use rustls::SupportedProtocolVersion;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;
use rustls::version::TLS12;
use rustls::version::TLS13;
use serde_json::Value;
use tempfile::TempDir;
use tickwire::clock::monotonic;
use tokio_tungstenite::tungstenite;
use tungstenite::Message;
use tungstenite::WebSocket;

use crate::client::Chains;
use crate::harness::PATIENCE;
use crate::harness::Server;
use crate::harness::eventually;
use crate::harness::since;
use crate::server::Running;
use crate::server::tickwire;

pub(crate) type Secure = StreamOwned<ClientConnection, TcpStream>;

/// A directory with the certificate `c.pem` of this machine and its key `k.pem`.
pub(crate) struct Papers {
    dir: TempDir,
}

impl Papers {
    pub(crate) fn new() -> Self {
        let papers = Self { dir: tempfile::tempdir().unwrap() };
        papers.renew();
        papers
    }

    /// Writes another certificate in place of the present one, which is given.
    pub(crate) fn renew(&self) -> CertificateDer<'static> {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let key = KeyPair::generate().unwrap();
        let cert = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        std::fs::write(self.key(), key.serialize_pem()).unwrap();
        std::fs::write(self.cert(), cert.pem()).unwrap();
        cert.der().clone()
    }

    pub(crate) fn cert(&self) -> PathBuf {
        self.dir.path().join("c.pem")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.dir.path().join("k.pem")
    }

    pub(crate) fn start(&self, settings: &[(&str, &str)]) -> Server {
        let (cert, key) = (self.cert(), self.key());
        let files = [
            ("http.tls.cert", cert.to_str().unwrap()),
            ("http.tls.key", key.to_str().unwrap()),
            ("feeds.sim.ticks_per_s", "500"),
        ];
        Server::start(&[&files, settings].concat())
    }

    /// Connects with one version of TLS, and one protocol of HTTP if any is offered.
    #[track_caller]
    pub(crate) fn connect(
        &self,
        address: SocketAddr,
        version: &'static SupportedProtocolVersion,
        offered: Option<&str>,
    ) -> std::io::Result<Secure> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.cert()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider);
        let config = config.with_protocol_versions(&[version]).unwrap();
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
        let name = ServerName::try_from("localhost").unwrap();
        let tls = ClientConnection::new(Arc::new(config), name).unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut stream = StreamOwned::new(tls, stream);
        stream.conn.complete_io(&mut stream.sock)?;
        Ok(stream)
    }

    /// A WebSocket whose `welcome` was taken.
    #[track_caller]
    pub(crate) fn upgrade(&self, address: SocketAddr) -> WebSocket<Secure> {
        let stream = self.connect(address, &TLS13, Some("http/1.1")).unwrap();
        upgrade(stream)
    }
}

#[track_caller]
fn upgrade(stream: Secure) -> WebSocket<Secure> {
    let (mut socket, _) = tungstenite::client("wss://localhost/v1/stream", stream).unwrap();
    assert_eq!(next(&mut socket)["type"], "welcome");
    socket
}

#[track_caller]
fn next(socket: &mut WebSocket<Secure>) -> Value {
    loop {
        if let Message::Text(text) = socket.read().unwrap() {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

/// Follows all streams until so many messages were linked to the one before.
#[track_caller]
fn follow(socket: &mut WebSocket<Secure>, linked: usize) -> Chains {
    let op = r#"{"op":"subscribe","channel":"ticker","symbols":["*:*"]}"#;
    socket.send(Message::text(op)).unwrap();
    let mut chains = Chains::default();
    follow_on(socket, &mut chains, linked);
    chains
}

/// Follows them on.
#[track_caller]
fn follow_on(socket: &mut WebSocket<Secure>, chains: &mut Chains, linked: usize) {
    let enough = chains.linked + linked;
    while chains.linked < enough {
        chains.see(&next(socket));
    }
}

/// The answer to a request, which ends with the connection.
#[track_caller]
fn ask(stream: &mut Secure, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    // Without a close_notify this is an error.
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Whether a program is there.
fn has(program: &str, args: &[&str]) -> bool {
    let there = Command::new(program).args(args).output();
    let there = there.is_ok_and(|output| output.status.success());
    if !there {
        println!("SKIPPED: needs {program} {}", args.join(" "));
    }
    there
}

#[test]
fn a_websocket_runs_over_both_versions() {
    let papers = Papers::new();
    let server = papers.start(&[]);
    for version in [&TLS12, &TLS13] {
        for offered in [None, Some("http/1.1")] {
            let mut socket = upgrade(papers.connect(server.address, version, offered).unwrap());
            follow(&mut socket, 200);
            socket.close(None).unwrap();
            let mut end = socket.read();
            while end.is_ok() {
                end = socket.read();
            }
            let closed = matches!(end, Err(tungstenite::Error::ConnectionClosed));
            assert!(closed, "not the end of a closing handshake and of TLS: {end:?}");
        }
    }
}

#[test]
fn an_answer_ends_with_a_close_notify() {
    let papers = Papers::new();
    let server = papers.start(&[]);
    for version in [&TLS12, &TLS13] {
        let mut stream = papers.connect(server.address, version, None).unwrap();
        let answer = ask(&mut stream, "/healthz");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
}

#[test]
fn a_client_that_shuts_its_side_gets_its_answers_first() {
    let papers = Papers::new();
    let server = papers.start(&[]);
    let mut stream = papers.connect(server.address, &TLS13, None).unwrap();
    stream.write_all(b"GET /v1/symbols HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    stream.conn.send_close_notify();
    stream.flush().unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(serde_json::from_str::<Value>(body).is_ok(), "{answer}");
}

#[test]
fn curl_speaks_both_protocols() {
    if !has("curl", &["--version"]) {
        return;
    }
    let papers = Papers::new();
    let server = papers.start(&[]);
    eventually("ready", || {
        let mut stream = papers.connect(server.address, &TLS13, None).unwrap();
        ask(&mut stream, "/readyz").starts_with("HTTP/1.1 200")
    });
    for (flag, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let url = format!("https://localhost:{}", server.address.port());
        let mut curl = Command::new("curl");
        curl.args(["-s", "-S", "--max-time", "10", flag, "--cacert"]).arg(papers.cert());
        curl.args(["-w", "\n%{http_code} %{http_version} %{content_type}\n"]);
        curl.args(["/v1/symbols", "/v1/nothing"].map(|path| format!("{url}{path}")));
        let output = curl.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text} {said}");
        assert!(lines[0].contains("\"sim:BTC-USD\""), "{text}");
        assert_eq!(lines[1], format!("200 {version} application/json"));
        assert!(lines[2].contains("nothing at"), "{text}");
        assert_eq!(lines[3], format!("404 {version} application/json"));
    }
}

#[test]
fn python_websockets_speaks_wss() {
    if !has("python3", &["-c", "import websockets"]) {
        return;
    }
    let papers = Papers::new();
    let server = papers.start(&[]);
    let script = "
import asyncio, json, ssl, sys, websockets
async def main(url, ca):
    trust = ssl.create_default_context(cafile=ca)
    async with websockets.connect(url, ssl=trust) as socket:
        assert json.loads(await socket.recv())['type'] == 'welcome'
        await socket.send(json.dumps({'op':'subscribe','channel':'trades','symbols':['*:*']}))
        for _ in range(300):
            await asyncio.wait_for(socket.recv(), 10)
    print(socket.close_code)
asyncio.run(main(*sys.argv[1:]))
";
    let url = format!("wss://localhost:{}/v1/stream", server.address.port());
    let mut python = Command::new("python3");
    let output = python.args(["-c", script, &url]).arg(papers.cert()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "1000", "{said}");
}

#[test]
fn the_commands_speak_wss_to_whom_they_trust() {
    let papers = Papers::new();
    let server = papers.start(&[]);
    let url = format!("https://localhost:{}", server.address.port());
    let ca = papers.cert();
    let sub = ["sub", "sim:BTC-USD", "--count", "5", "--format", "json", "--url", &url];
    let output = tickwire().args(sub).arg("--ca").arg(&ca).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stdout.split(|byte| *byte == b'\n').count() >= 5);
    let output = tickwire().args(sub).env("TICKWIRE_CA", &ca).output().unwrap();
    assert!(output.status.success());
    let output = tickwire().args(sub).arg("--no-reconnect").output().unwrap();
    assert_eq!(output.status.code(), Some(3), "the web's authorities do not know it");
    let output = tickwire().args(sub).args(["--ca", "no/such/file"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("cannot read no/such/file"), "{said}");
}

#[test]
fn plain_bytes_on_a_port_with_tls_are_told_so() {
    let papers = Papers::new();
    let server = papers.start(&[]);
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    assert!(answer.ends_with("this port speaks TLS: use https or wss\"}}"), "{answer}");
    papers.upgrade(server.address);
}

#[test]
fn tls_on_a_plain_port_comes_to_an_end() {
    let papers = Papers::new();
    let server = Server::shared();
    let error = papers.connect(server.address, &TLS13, None).unwrap_err();
    let orderly = [ErrorKind::InvalidData, ErrorKind::UnexpectedEof];
    assert!(orderly.contains(&error.kind()), "{error:?}");
}

#[test]
fn a_handshake_that_stands_still_is_cut() {
    let papers = Papers::new();
    let server = papers.start(&[("http.head_timeout_ms", "500")]);
    // The beginning of a ClientHello: a record that announces 512 bytes.
    for sent in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"] {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(sent).unwrap();
        let start = monotonic();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).ok();
        let passed = since(start).as_millis();
        assert!((370..3_000).contains(&passed), "{passed} ms after {sent:?}");
    }
    // Nor does one that is whole hold a connection for nothing.
    for offered in ["http/1.1", "h2"] {
        let mut stream = papers.connect(server.address, &TLS13, Some(offered)).unwrap();
        let start = monotonic();
        stream.read_to_end(&mut Vec::new()).ok();
        let passed = since(start).as_millis();
        assert!((300..3_000).contains(&passed), "{offered}: {passed} ms");
    }
    papers.upgrade(server.address);
}

#[test]
fn connections_live_through_a_new_certificate() {
    let papers = Papers::new();
    let server = papers.start(&[("http.tls.check_ms", "3600000")]);
    let mut sockets: Vec<_> = (0..100).map(|_| papers.upgrade(server.address)).collect();
    let renewed = papers.renew();
    server.signal("-HUP");
    eventually("new connections see the new certificate", || {
        let stream = papers.connect(server.address, &TLS13, None);
        stream.is_ok_and(|stream| stream.conn.peer_certificates().unwrap()[0] == renewed)
    });
    for socket in &mut sockets {
        follow(socket, 20);
    }
}

#[test]
fn new_files_are_noticed_without_being_told() {
    let papers = Papers::new();
    let server = papers.start(&[("http.tls.check_ms", "100")]);
    let mut socket = papers.upgrade(server.address);
    papers.renew();
    eventually("the new certificate", || papers.connect(server.address, &TLS13, None).is_ok());
    follow(&mut socket, 20);
}

fn serve(cert: &Path, key: &Path) -> (Command, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let mut command = tickwire();
    command.args(["serve", "--listen", "127.0.0.1:0", "--tape-dir"]).arg(dir.path().join("t"));
    command.env("TICKWIRE__HTTP__TLS__CERT", cert).env("TICKWIRE__HTTP__TLS__KEY", key);
    command.env("TICKWIRE__HTTP__TLS__CHECK_MS", "100");
    (command, dir)
}

#[test]
fn a_bad_new_certificate_is_refused_and_counted() {
    let papers = Papers::new();
    let good = std::fs::read(papers.cert()).unwrap();
    let (mut command, _dir) = serve(&papers.cert(), &papers.key());
    let server = Running::start(&mut command);
    let address: SocketAddr = server.address().parse().unwrap();
    std::fs::write(papers.cert(), "garbage").unwrap();
    server.said(|line| {
        let told = line.contains(" ERROR ") && line.contains("the certificate stays as it was");
        told.then_some(())
    });
    std::fs::write(papers.cert(), good).unwrap();
    let mut stream = papers.connect(address, &TLS13, None).unwrap();
    let metrics = ask(&mut stream, "/metrics");
    assert!(metrics.contains("tickwire_tls_certificates_refused_total 1\n"), "{metrics}");
    assert!(metrics.contains("tickwire_tls_certificates_taken_total 0\n"), "{metrics}");
}

#[test]
fn files_that_cannot_be_used_keep_the_server_from_starting() {
    let (papers, others) = (Papers::new(), Papers::new());
    let nowhere = papers.dir.path().join("nowhere.pem");
    for (cert, key, told) in [
        (nowhere.clone(), papers.key(), "nowhere.pem: No such file"),
        (papers.cert(), nowhere, "nowhere.pem: No such file"),
        (papers.key(), papers.key(), "k.pem holds no certificate in PEM"),
        (papers.cert(), papers.cert(), "c.pem holds no private key in PEM"),
        (papers.cert(), others.key(), "is not that of the first certificate in"),
    ] {
        let (mut command, _dir) = serve(&cert, &key);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(told) && said.contains("http.tls.cert"), "{said}");
    }
}

#[test]
fn an_expired_certificate_is_served_and_warned_of() {
    let papers = Papers::new();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2019, 1, 1);
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let cert = params.self_signed(&key).unwrap();
    std::fs::write(papers.key(), key.serialize_pem()).unwrap();
    std::fs::write(papers.cert(), cert.pem()).unwrap();
    let (mut command, _dir) = serve(&papers.cert(), &papers.key());
    let server = Running::start(&mut command);
    server.said(|line| {
        (line.contains(" WARN ") && line.contains("the certificate has expired")).then_some(())
    });
    let address = server.address().parse().unwrap();
    let error = papers.connect(address, &TLS13, None).unwrap_err();
    assert!(error.to_string().contains("expired"), "{error}");
}

#[test]
fn each_form_of_a_key_is_read() {
    if !has("openssl", &["version"]) {
        return;
    }
    let papers = Papers::new();
    let dir = papers.dir.path();
    let run = |args: &str| {
        let done = Command::new("openssl").args(args.split(' ')).current_dir(dir).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    let keys = [
        "ecparam -name prime256v1 -genkey -noout -out k.pem",
        "ecparam -name secp384r1 -genkey -noout -out k.pem",
        "genrsa -out k.pem 2048",
        "genrsa -traditional -out k.pem 2048",
        "genpkey -algorithm ed25519 -out k.pem",
    ];
    for args in keys {
        run(args);
        run("req -x509 -key k.pem -out c.pem -days 2 -subj /CN=localhost \
             -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE");
        let server = papers.start(&[]);
        let mut stream = papers.connect(server.address, &TLS13, None).unwrap();
        assert!(ask(&mut stream, "/healthz").starts_with("HTTP/1.1 200"), "{args}");
    }
}

#[test]
fn a_reader_that_stalls_over_tls_is_cut_and_others_are_not() {
    let papers = Papers::new();
    let settings = [
        ("stream.ping_ms", "500"),
        ("stream.pong_ms", "500"),
        ("stream.heartbeat_ms", "200"),
        ("stream.write_deadline_ms", "1000"),
        ("feeds.sim.ticks_per_s", "5000"),
        ("limits.buffer_bytes", "16384"),
    ];
    let server = papers.start(&settings);
    let mut witness = papers.upgrade(server.address);
    let mut chains = follow(&mut witness, 500);
    let before = server.sockets();
    let mut stalled: Vec<_> = (0..10).map(|_| papers.upgrade(server.address)).collect();
    for socket in &mut stalled {
        let op = r#"{"op":"subscribe","channel":"trades","symbols":["*:*"]}"#;
        socket.send(Message::text(op)).unwrap();
    }
    assert_eq!(server.sockets(), before + 10);
    eventually("the stalled are gone", || {
        follow_on(&mut witness, &mut chains, 200);
        server.sockets() == before
    });
}
