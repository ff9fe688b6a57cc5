//! A full disk stops the tape, everybody is told, and it goes on by itself when there is room.

use std::process::Command;
use std::time::Duration;

use futures_util::SinkExt as _;
use futures_util::StreamExt as _;
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use crate::crash::Server;

/// A file system of a few MiB, unmounted when this is dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None` where this is not allowed.
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let disk = Self(dir);
        disk.run(&["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).then_some(disk)
    }

    fn grow(&self) {
        assert!(self.run(&["-o", "remount,size=64m"]));
    }

    fn run(&self, arguments: &[&str]) -> bool {
        let mut mount = Command::new("mount");
        mount.args(arguments).arg(self.0.path());
        mount.output().is_ok_and(|output| output.status.success())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.0.path()).output());
    }
}

#[test]
fn a_full_disk_stops_the_tape_and_room_starts_it_again() {
    let Some(disk) = SmallDisk::mount() else {
        println!("SKIPPED: needs the right to mount a tmpfs");
        assert_ne!(std::env::var("REQUIRE").as_deref(), Ok("all"));
        return;
    };
    let server = Server::start(&disk.0.path().join("tape"), 60_000);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let followed = follow(&server.url, || disk.grow());
        tokio::time::timeout(Duration::from_secs(40), followed).await.unwrap();
    });
}

/// A client that sees the tape stop, then go on where it was.
async fn follow(url: &str, make_room: impl FnOnce()) {
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    let op = r#"{"op":"subscribe","channel":"trades","symbols":["sim:BTC-USD"]}"#;
    socket.send(Message::text(op)).await.unwrap();
    let (mut held, mut make_room, mut went_on) = (None, Some(make_room), 0);
    while went_on < 100 {
        let Message::Text(text) = socket.next().await.unwrap().unwrap() else { continue };
        let message: Value = serde_json::from_str(&text).unwrap();
        match (message["type"].as_str().unwrap(), message["state"].as_str()) {
            ("service", Some("degraded")) => {
                assert_eq!(message["reason"], "journal: no space left");
            }
            ("heartbeat", _) if message["age_ms"].as_u64().unwrap() > 500 => {
                if let Some(make_room) = make_room.take() {
                    make_room();
                }
            }
            ("service", Some("ok")) => assert!(make_room.is_none(), "{text}"),
            ("snapshot", _) => held = Some(message["seq"].clone()),
            ("trade" | "status" | "gap", _) => {
                assert_eq!(held.replace(message["seq"].clone()), Some(message["prev"].clone()));
                went_on += u32::from(make_room.is_none());
            }
            _ => {}
        }
    }
}
