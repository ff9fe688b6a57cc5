//! A server that dies and comes back at the same place, with the same tape.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;
use tickwire::clock::monotonic;

use crate::client::Client;
use crate::readers::Messages;
use crate::readers::whole;
use crate::server::Running;

/// A server at a port of its own, which stays its own while it is down.
pub(crate) struct Town {
    process: Option<Running>,
    pub(crate) address: std::net::SocketAddr,
    dir: TempDir,
    settings: Vec<(String, String)>,
}

impl Town {
    /// Starts it. Settings are dotted keys and their values.
    #[track_caller]
    pub(crate) fn start(settings: &[(&str, &str)]) -> Self {
        // Others may take a port that is free now; few do, and a test that fails so says so.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let settings = settings.iter().map(|(key, value)| {
            (format!("TICKWIRE__{}", key.to_uppercase().replace('.', "__")), (*value).to_owned())
        });
        let (dir, settings) = (tempfile::tempdir().unwrap(), settings.collect());
        let mut town = Self { process: None, address, dir, settings };
        town.restart();
        town
    }

    /// Kills it as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it again.
    #[track_caller]
    pub(crate) fn restart(&mut self) {
        self.kill();
        let mut command = crate::server::tickwire();
        command
            .env("TICKWIRE__HTTP__LISTEN", self.address.to_string())
            .env("TICKWIRE__HTTP__WORKERS", "2")
            .env("TICKWIRE__TAPE__DIR", self.dir.path())
            .env("TICKWIRE__TAPE__SEGMENT_BYTES", "1MiB")
            .env("TICKWIRE__STREAM__HEARTBEAT_MS", "200")
            .envs(self.settings.iter().map(|(key, value)| (key, value)));
        let process = Running::start(&mut command);
        process.address();
        self.process = Some(process);
        crate::client::get(self.address, "/healthz");
    }

    /// Asks it to stop, as a service manager does, and waits for its end.
    pub(crate) fn stop(&mut self) {
        let mut process = self.process.take().unwrap();
        process.signal("TERM");
        assert!(process.ended().success());
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Loses its tape, while it is down.
    pub(crate) fn forget(&mut self) {
        assert!(self.process.is_none());
        self.dir = tempfile::tempdir().unwrap();
    }

    /// A figure of `/metrics`, by the beginning of its name; of all workers together.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let page = crate::client::get(self.address, "/metrics").body;
        let rows = page.lines().filter(|row| row.starts_with(name));
        rows.filter_map(|row| row.rsplit_once(' ')?.1.parse::<u64>().ok()).sum()
    }

    /// Bytes that wait for each client that came by a way, such as `/v1/stream`.
    pub(crate) fn waiting_bytes(&self, way: &str) -> Vec<u64> {
        let seats = crate::client::get(self.address, "/ui/clients.json").json();
        let seats = seats["clients"].as_array().unwrap().iter().filter(|seat| seat["way"] == way);
        seats.filter_map(|seat| seat["waiting_bytes"].as_u64()).collect()
    }

    /// All trades of a symbol, as history has them.
    #[track_caller]
    pub(crate) fn trades(&self, symbol: &str) -> Vec<Value> {
        let (mut rows, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/trades?symbol={symbol}{cursor}");
            let page = crate::client::get(self.address, &path).json();
            rows.extend(page["trades"].as_array().expect("a page").iter().cloned());
            let Some(next) = page["next"].as_str() else { return rows };
            cursor = format!("&cursor={next}");
        }
    }

    /// All messages of all streams of some channels since the tape began, as a plain connection
    /// gets them now.
    #[track_caller]
    pub(crate) fn everything(&self, channels: &[&str]) -> Messages {
        let mut client = Client::connect(self.address);
        let (epoch, head) = (client.welcome["epoch"].clone(), client.welcome["seq"].as_u64());
        for channel in channels {
            let op = json!({ "op": "subscribe", "channel": channel, "symbols": ["*:*"],
                "slow": "spill", "from": { "epoch": epoch, "seq": 0 } });
            client.send(&op.to_string());
        }
        let (mut all, mut answers) = (Vec::<Value>::new(), 0);
        let deadline = monotonic() + Duration::from_secs(20);
        loop {
            let text = client.text_until(deadline).expect("all of it");
            let message: Value = serde_json::from_str(&text).unwrap();
            answers += usize::from(message["type"] == "subscribed");
            let is_whole = answers == channels.len() && message["type"] == "heartbeat";
            if is_whole && message["seq"].as_u64() >= head {
                all.push(message);
                return whole(&all);
            }
            all.push(message);
        }
    }
}
