//! Clients of others, as they come: each subscribes, takes messages in both formats, pings, and
//! closes with 1000. They offer to compress, as they do by themselves; that is declined.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tickwire::clock::monotonic;
use tokio_tungstenite::tungstenite;
use tungstenite::Message;
use tungstenite::client::IntoClientRequest as _;

use crate::harness::Server;
use crate::harness::since;

const MESSAGES: u64 = 200;
const PROTOCOLS: [&str; 2] = ["tickwire.v1.json", "tickwire.v1.msgpack"];

/// Runs a client once for each format, and looks at what it saw.
fn check(client: impl Fn(&str, &str) -> Command) {
    let server = Server::shared();
    let url = format!("ws://{}/v1/stream", server.address);
    for protocol in PROTOCOLS {
        let output = within(Duration::from_secs(30), client(&url, protocol));
        let said = String::from_utf8_lossy(&output.stdout);
        let trouble = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{protocol}: {said}{trouble}");
        let seen: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}{trouble}"));
        assert_eq!(seen["data"], MESSAGES, "{seen}");
        assert_eq!(seen["subprotocol"], protocol);
        assert_eq!((&seen["code"], &seen["extensions"]), (&1000.into(), &0.into()), "{seen}");
        let binary = seen["binary"].as_u64().unwrap();
        assert_eq!(binary > MESSAGES, protocol.ends_with("msgpack"), "{seen}");
        assert!(binary == 0 || protocol.ends_with("msgpack"), "{seen}");
    }
}

/// Runs a command that must not take longer.
pub(crate) fn within(longest: Duration, mut command: Command) -> Output {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let started = monotonic();
    while child.try_wait().unwrap().is_none() {
        if since(started) > longest {
            child.kill().unwrap();
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.wait_with_output().unwrap()
}

/// Whether what a test needs is not there.
pub(crate) fn lacks(what: &str, is_there: bool) -> bool {
    if !is_there {
        assert_ne!(std::env::var("REQUIRE").as_deref(), Ok("all"), "needs {what}");
        println!("SKIPPED: needs {what}");
    }
    !is_there
}

pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/clients").join(name)
}

pub(crate) fn succeeds(command: &mut Command) -> bool {
    let run = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    run.is_ok_and(|status| status.success())
}

#[test]
fn python_websockets_is_served() {
    let has_it = succeeds(Command::new("python3").args(["-c", "import websockets.asyncio"]));
    if lacks("python3 with the package websockets", has_it) {
        return;
    }
    check(|url, protocol| {
        let mut command = Command::new("python3");
        command.arg(script("py_websockets.py")).args([url, protocol, &MESSAGES.to_string()]);
        command
    });
}

#[test]
fn node_ws_is_served() {
    let Some(home) = node_home() else { return };
    check(|url, protocol| {
        let mut command = Command::new("node");
        command.arg(home.join("node_ws.mjs")).args([url, protocol, &MESSAGES.to_string()]);
        command
    });
}

/// Where the script stands beside its packages.
fn node_home() -> Option<PathBuf> {
    let home = npm("node-clients", &["ws@8", "@msgpack/msgpack@3"])?;
    std::fs::copy(script("node_ws.mjs"), home.join("node_ws.mjs")).unwrap();
    Some(home)
}

/// A directory with packages of npm, which are installed once.
pub(crate) fn npm(name: &str, packages: &[&str]) -> Option<PathBuf> {
    if lacks_node() {
        return None;
    }
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&home).unwrap();
    let is_there = |package: &&str| {
        let (name, _version) = package.rsplit_once('@').unwrap();
        home.join("node_modules").join(name).exists()
    };
    if !packages.iter().all(is_there) {
        let mut install = Command::new("npm");
        install.args(["install", "--no-save", "--no-audit", "--no-fund", "--prefix"]).arg(&home);
        install.args(packages);
        let installed = within(Duration::from_secs(60), install);
        let what = format!("the npm packages {}", packages.join(" and "));
        if lacks(&what, installed.status.success()) {
            return None;
        }
    }
    Some(home)
}

/// Whether the programs are missing with which programs of JavaScript are run.
pub(crate) fn lacks_node() -> bool {
    let has_node = succeeds(Command::new("node").arg("--version"));
    lacks("node and npm", has_node && succeeds(Command::new("npm").arg("--version")))
}

#[test]
fn tokio_tungstenite_is_served() {
    use futures_util::SinkExt as _;
    use futures_util::StreamExt as _;

    let server = Server::shared();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for protocol in PROTOCOLS {
        let mut request =
            format!("ws://{}/v1/stream", server.address).into_client_request().unwrap();
        request.headers_mut().insert("Sec-WebSocket-Protocol", protocol.parse().unwrap());
        let served = async {
            let (mut socket, response) =
                tokio_tungstenite::connect_async(request).await.expect("an upgrade");
            assert_eq!(response.headers()["Sec-WebSocket-Protocol"], protocol);
            let op = r#"{"op":"subscribe","channel":"ticker","symbols":["*:*"]}"#;
            socket.send(Message::text(op)).await.unwrap();
            socket.send(Message::Ping("hello".into())).await.unwrap();
            let (mut messages, mut pongs) = (0, 0);
            while messages < MESSAGES || pongs == 0 {
                match socket.next().await.unwrap().unwrap() {
                    Message::Text(_) if protocol.ends_with("json") => messages += 1,
                    Message::Binary(_) if protocol.ends_with("msgpack") => messages += 1,
                    Message::Pong(payload) => {
                        assert_eq!(&payload[..], b"hello");
                        pongs += 1;
                    }
                    Message::Ping(_) => {}
                    other => panic!("{other:?}"),
                }
            }
            let (code, reason) = (tungstenite::protocol::frame::coding::CloseCode::Normal, "");
            let frame = tungstenite::protocol::CloseFrame { code, reason: reason.into() };
            socket.close(Some(frame)).await.unwrap();
            loop {
                match socket.next().await {
                    Some(Ok(Message::Close(frame))) => break frame.map(|frame| frame.code.into()),
                    Some(Ok(_)) => {}
                    other => panic!("{other:?}"),
                }
            }
        };
        let served = async { tokio::time::timeout(Duration::from_secs(20), served).await };
        let code = runtime.block_on(served);
        assert_eq!(code.unwrap(), Some(1000_u16), "{protocol}");
    }
}
