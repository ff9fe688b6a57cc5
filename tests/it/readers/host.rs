//! A server that does as it is told, and speaks the protocol no better than that.

use std::io::Write as _;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use tokio_tungstenite::tungstenite;
use tungstenite::Message;
use tungstenite::WebSocket;
use tungstenite::handshake::server::Callback;
use tungstenite::handshake::server::ErrorResponse;
use tungstenite::handshake::server::Request;
use tungstenite::handshake::server::Response;
use tungstenite::protocol::CloseFrame;

/// What a connection is served; each is one connection, the last one all that follow.
pub(super) type Scene = fn(&mut Talk);

/// A server that does as it is told.
pub(super) struct Host {
    pub(super) url: String,
    pub(super) heard: Arc<Mutex<Vec<Value>>>,
    connections: Arc<Mutex<usize>>,
}

/// One connection of it.
pub(super) struct Talk {
    pub(super) socket: WebSocket<TcpStream>,
    heard: Arc<Mutex<Vec<Value>>>,
}

/// Agrees to the subprotocol that is offered.
struct Offered;

impl Callback for Offered {
    fn on_request(
        self,
        request: &Request,
        mut response: Response,
    ) -> Result<Response, ErrorResponse> {
        let offered = request.headers().get("Sec-WebSocket-Protocol").cloned();
        response.headers_mut().insert("Sec-WebSocket-Protocol", offered.unwrap());
        Ok(response)
    }
}

impl Host {
    pub(super) fn start(scenes: Vec<Scene>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let (heard, connections) = (Arc::default(), Arc::new(Mutex::new(0)));
        let host = Self { url, heard: Arc::clone(&heard), connections: Arc::clone(&connections) };
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let at = {
                    let mut connections = connections.lock().unwrap();
                    *connections += 1;
                    *connections - 1
                };
                let scene = *scenes.get(at).or(scenes.last()).unwrap();
                let heard = Arc::clone(&heard);
                std::thread::spawn(move || {
                    stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
                    if let Ok(socket) = tungstenite::accept_hdr(stream, Offered) {
                        scene(&mut Talk { socket, heard });
                    }
                });
            }
        });
        host
    }

    pub(super) fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }

    /// The subscriptions that were asked for.
    pub(super) fn subscribes(&self) -> Vec<Value> {
        let heard = self.heard.lock().unwrap();
        heard.iter().filter(|op| op["op"] == "subscribe").cloned().collect()
    }
}

impl Talk {
    /// Sends something, as long as there is somebody.
    pub(super) fn say(&mut self, text: impl Into<String>) -> bool {
        self.socket.send(Message::text(text.into())).is_ok()
    }

    pub(super) fn welcome(&mut self) {
        self.say(
            json!({ "type": "welcome", "protocol": "tickwire.v1", "epoch": "k3v9", "seq": 100,
                "heartbeat_ms": 100, "limits": { "message_bytes": 65536 } })
            .to_string(),
        );
    }

    /// The next operation, unless the client is gone.
    pub(super) fn operation(&mut self) -> Option<Value> {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    let op: Value = serde_json::from_str(&text).unwrap();
                    self.heard.lock().unwrap().push(op.clone());
                    return Some(op);
                }
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// Answers a `subscribe` as a good server does.
    pub(super) fn subscribed(&mut self, op: &Value) {
        let resumed = !op["from"].is_null();
        self.say(
            json!({ "type": "subscribed", "id": op["id"], "channel": op["channel"],
                "symbols": op["symbols"], "patterns": [], "pending": [], "rejected": [],
                "resumed": resumed })
            .to_string(),
        );
    }

    /// Takes a `subscribe` and begins `sim:A` at 100.
    pub(super) fn begin(&mut self) {
        self.welcome();
        if let Some(op) = self.operation() {
            self.subscribed(&op);
        }
        self.say(snapshot(100));
    }

    pub(super) fn delta(&mut self, prev: u64, seq: u64) -> bool {
        self.say(delta(prev, seq))
    }

    pub(super) fn close(&mut self, code: u16) {
        let frame = CloseFrame { code: code.into(), reason: "as you like".into() };
        drop(self.socket.close(Some(frame)));
        while self.socket.read().is_ok() {}
    }

    /// Bytes that are no WebSocket of this library.
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        drop(self.socket.get_mut().write_all(bytes));
    }

    /// Beats until the client is gone.
    pub(super) fn linger(&mut self) {
        self.socket.get_mut().set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        for _ in 0..200 {
            match self.socket.read() {
                Ok(Message::Close(_)) => return,
                Err(tungstenite::Error::Io(error))
                    if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => return,
                Ok(Message::Text(text)) => {
                    self.heard.lock().unwrap().push(serde_json::from_str(&text).unwrap());
                }
                Ok(_) => {}
            }
            self.say(r#"{"type":"heartbeat","seq":100,"age_ms":1}"#);
        }
    }
}

pub(super) fn snapshot(seq: u64) -> String {
    format!(
        r#"{{"type":"snapshot","channel":"ticker","symbol":"sim:A","seq":{seq},"bid":"1.50","state":"live"}}"#
    )
}

pub(super) fn delta(prev: u64, seq: u64) -> String {
    format!(
        r#"{{"type":"delta","channel":"ticker","symbol":"sim:A","seq":{seq},"prev":{prev},"bid":"1.60"}}"#
    )
}
