//! A client as its driver would serve it: it sends, takes bytes when it likes, and keeps a log.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::task::Wake;
use std::task::Waker;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

use super::world::World;
use crate::event::Channel;
use crate::hub::shard::ConnectionId;
use crate::wire::Form;
use crate::wire::op::Slow;

/// What a client asks for.
#[derive(Debug, Clone)]
pub(super) enum Wish {
    Subscribe { channel: Channel, names: Vec<String>, conflate_ms: u64, slow: Slow, start: Start },
    Unsubscribe { channel: Channel, names: Vec<String> },
}

#[derive(Debug, Clone)]
pub(super) enum Start {
    Now,
    Last(u64),
    From(String, u64),
}

/// An operation on its way.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) wish: Wish,
    /// Where the shard stood when it was carried out; `None` while it was not.
    pub(super) at: Option<u64>,
    pub(super) made: Instant,
}

/// A message, and where the shard stood when it was taken.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) bytes: Vec<u8>,
    pub(super) value: Value,
    pub(super) bound: u64,
    pub(super) taken: Instant,
}

#[derive(Debug, Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

pub(super) struct Client {
    pub(super) shard: usize,
    id: ConnectionId,
    flag: Arc<Flag>,
    bytes: Vec<u8>,
    queue: VecDeque<usize>,
    waiting: Option<usize>,
    pub(super) sent: Vec<Sent>,
    pub(super) log: Vec<Got>,
    pub(super) closed: Option<u16>,
    /// It was closed so long ago that the shard did not wait for it to take that.
    pub(super) is_cut: bool,
}

impl Client {
    pub(super) fn connect(world: &mut World, shard: usize) -> Self {
        Self {
            shard,
            id: world.shards[shard].connect(None, Form::Text),
            flag: Arc::new(Flag(AtomicBool::new(true))),
            bytes: Vec::new(),
            queue: VecDeque::new(),
            waiting: None,
            sent: Vec::new(),
            log: Vec::new(),
            closed: None,
            is_cut: false,
        }
    }

    pub(super) const fn id(&self) -> ConnectionId {
        self.id
    }

    pub(super) fn is_woken(&self) -> bool {
        self.flag.0.load(Ordering::SeqCst)
    }

    pub(super) fn disconnect(&self, world: &mut World) {
        world.shards[self.shard].disconnect(self.id);
    }

    pub(super) fn wish(&mut self, world: &mut World, wish: Wish) {
        self.sent.push(Sent { wish, at: None, made: world.now });
        self.queue.push_back(self.sent.len() - 1);
        self.hand_in(world);
    }

    /// Sends something that is no wish, as it stands.
    pub(super) fn say(&self, world: &mut World, text: &str) {
        let act = |subscriber: &mut crate::subscriber::Subscriber,
                   view: &crate::subscriber::View<'_>| {
            subscriber.on_text(text.as_bytes(), view);
        };
        world.shards[self.shard].with(self.id, act);
    }

    /// Hands in what it wished for, as far as the shard takes it; says whether it did.
    pub(super) fn hand_in(&mut self, world: &mut World) -> bool {
        let mut did = self.note_waiting(world);
        while self.waiting.is_none()
            && self.closed.is_none()
            && world.shards[self.shard].waits(self.id).is_none()
            && let Some(index) = self.queue.pop_front()
        {
            did = true;
            let text = text_of(index, &self.sent[index].wish);
            let shard = &mut world.shards[self.shard];
            shard.with(self.id, |subscriber, view| subscriber.on_text(text.as_bytes(), view));
            self.waiting = Some(index);
            self.note_waiting(world);
        }
        did
    }

    /// To be called after each turn of the shard: notes where a waiting operation was carried out.
    pub(super) fn note_waiting(&mut self, world: &World) -> bool {
        let shard = &world.shards[self.shard];
        let waits = shard.connections.get(self.id).is_some_and(|of| of.subscriber.is_waiting());
        if let Some(index) = self.waiting.filter(|_| !waits) {
            self.sent[index].at = Some(shard.board().seq().0);
            self.waiting = None;
            return true;
        }
        false
    }

    /// Takes bytes so often, but only when it was told that there are some.
    pub(super) fn take(&mut self, world: &mut World, times: usize) -> usize {
        let waker = Waker::from(Arc::clone(&self.flag));
        let mut taken = 0;
        for _ in 0..times {
            if !self.flag.0.load(Ordering::SeqCst) {
                break;
            }
            let shard = &mut world.shards[self.shard];
            self.flag.0.store(false, Ordering::SeqCst);
            match shard.poll_bytes(self.id, &waker) {
                Poll::Pending => {}
                Poll::Ready(None) => {
                    self.is_cut = true;
                    break;
                }
                Poll::Ready(Some(bytes)) => {
                    self.flag.0.store(true, Ordering::SeqCst);
                    taken += bytes.len();
                    self.bytes.extend_from_slice(&bytes);
                    let bound = shard.board().seq().0;
                    self.read(bound, world.now);
                }
            }
        }
        taken
    }

    pub(super) fn last_heartbeat(&self) -> Option<u64> {
        let beats = self.log.iter().rev().filter(|got| got.value["type"] == "heartbeat");
        beats.map(|got| got.value["seq"].as_u64().unwrap()).next()
    }

    fn read(&mut self, bound: u64, now: Instant) {
        while let Some((opcode, payload)) = frame(&mut self.bytes) {
            assert!(self.closed.is_none(), "something follows the close");
            match opcode {
                1 => {
                    let value = serde_json::from_slice(&payload);
                    let value = value.unwrap_or_else(|error| panic!("{error}: {payload:?}"));
                    self.log.push(Got { bytes: payload, value, bound, taken: now });
                }
                8 => self.closed = Some(u16::from_be_bytes([payload[0], payload[1]])),
                9 | 10 => {}
                _ => panic!("a frame of kind {opcode}"),
            }
        }
    }
}

fn text_of(id: usize, wish: &Wish) -> String {
    let value = match wish {
        Wish::Unsubscribe { channel, names } => {
            json!({"op": "unsubscribe", "id": id, "channel": channel.word(), "symbols": names})
        }
        Wish::Subscribe { channel, names, conflate_ms, slow, start } => {
            let mut value = json!({
                "op": "subscribe", "id": id, "channel": channel.word(), "symbols": names,
                "conflate_ms": conflate_ms, "slow": slow.word(),
            });
            match start {
                Start::Now => {}
                Start::Last(count) => value["last"] = (*count).into(),
                Start::From(epoch, seq) => value["from"] = json!({"epoch": epoch, "seq": seq}),
            }
            value
        }
    };
    value.to_string()
}

/// Takes one whole frame of a server, if there is one.
fn frame(bytes: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    assert_eq!(first & 0xf0, 0x80, "a frame is whole");
    let (header, length) = match second {
        126 => (4, usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]))),
        127 => panic!("no message is that long"),
        length => (2, usize::from(length)),
    };
    if bytes.len() < header + length {
        return None;
    }
    let rest = bytes.split_off(header + length);
    let payload = bytes.split_off(header);
    *bytes = rest;
    Some((first & 0x0f, payload))
}
