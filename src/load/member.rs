//! One client of the crowd: its connection and what it holds of each of its streams.

use std::io;

use tickwire_feeds::Nanos;

use crate::load::chain::Chain;
use crate::load::chain::Snapshots;
use crate::load::chain::Verdict;
use crate::load::frame;
use crate::load::frame::Head;
use crate::load::frame::Opcode;
use crate::load::ledger::Ledger;
use crate::load::plan::Plan;
use crate::load::scan;
use crate::load::scan::Data;
use crate::load::scan::Heard;
use crate::load::socket::Socket;

/// A client.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) socket: Socket,
    pub(super) state: State,
    pub(super) check: Check,
    /// Its streams, in the order in which the plan names them.
    chains: Vec<Chain>,
    /// The symbol of its first stream.
    first: usize,
    /// Whether it was counted among the whole ones.
    pub(super) counted: bool,
    /// Streams that have no snapshot yet.
    awaited: usize,
    snapshots: Snapshots,
    /// A stream that was subscribed again, and when.
    asked: Option<(usize, Nanos)>,
}

/// What a client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It reads.
    Reading,
    /// It does not read.
    Stalled,
    /// It reads again.
    Recovering,
    /// It stood still once.
    Recovered,
    /// Its connection has ended.
    Gone,
}

/// How much of what comes is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// Each message.
    All,
    /// The heads of frames.
    Count,
}

/// Why a connection ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// The server said so, with this code.
    Closed(u16),
    /// By an error.
    Broken(String),
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

impl Member {
    pub(super) fn new(plan: &Plan, connection: usize) -> io::Result<Self> {
        Ok(Self {
            socket: Socket::open(plan)?,
            state: State::Reading,
            check: Check::All,
            chains: vec![Chain::default(); plan.streams],
            first: plan.first(connection),
            counted: false,
            awaited: plan.streams,
            snapshots: match plan.conflate_ms {
                0 => Snapshots::Replace,
                _ => Snapshots::Flow,
            },
            asked: None,
        })
    }

    /// Whether every stream has had its first snapshot.
    pub(super) fn is_whole(&self) -> bool {
        self.awaited == 0
    }

    /// Whether it stands still, or did.
    pub(super) fn stood_still(&self) -> bool {
        matches!(self.state, State::Stalled | State::Recovering | State::Recovered)
    }

    /// Whether it waits for no answer, and can be asked to subscribe again.
    pub(super) fn is_free(&self) -> bool {
        self.state == State::Reading && self.asked.is_none()
    }

    /// Subscribes a stream again.
    pub(super) fn ask(&mut self, slot: usize, op: &str, now: Nanos) -> io::Result<()> {
        self.asked = Some((slot, now));
        self.socket.send(op)
    }

    /// Whether each stream holds what others held of it.
    pub(super) fn is_up_to(&self, heads: &[u64]) -> bool {
        let heads = heads.iter().cycle().skip(self.first);
        self.chains.iter().zip(heads).all(|(chain, head)| chain.held() >= Some(*head))
    }

    /// Takes whole frames from what came; what is left.
    #[inline]
    pub(super) fn take<'a>(
        &mut self,
        came: &'a [u8],
        now: Nanos,
        ledger: &mut Ledger,
    ) -> Result<&'a [u8], Ended> {
        let mut rest = came;
        loop {
            let (frame, after) = match frame::take(rest) {
                Ok(Head::Whole(frame, after)) => (frame, after),
                Ok(Head::Part(_)) => return Ok(rest),
                Err(error) => return Err(Ended::Broken(format!("the server sent {error}"))),
            };
            let bytes = rest.len() - after.len();
            rest = after;
            match (frame.opcode, self.check) {
                (Opcode::Message, Check::Count) => {
                    if scan::looks_like_data(frame.payload) {
                        ledger.flow.count(bytes);
                    }
                }
                (Opcode::Message, Check::All) => self.hear(frame.payload, bytes, now, ledger),
                (Opcode::Ping, _) => self.socket.pong(frame.payload)?,
                (Opcode::Pong, _) => {}
                (Opcode::Close, _) => {
                    let code = frame.payload.first_chunk().map_or(1005, |c| u16::from_be_bytes(*c));
                    return Err(Ended::Closed(code));
                }
            }
        }
    }

    #[inline]
    fn hear(&mut self, message: &[u8], bytes: usize, now: Nanos, ledger: &mut Ledger) {
        match scan::scan(message) {
            Heard::Data(data) => {
                ledger.flow.count(bytes);
                ledger.flow.checked += 1;
                self.judge(data, now, ledger);
            }
            Heard::Subscribed { rejected: b"[]" } | Heard::Other => {}
            Heard::Subscribed { rejected } => {
                ledger.refused = Some(String::from_utf8_lossy(rejected).into_owned());
            }
            Heard::Error => {
                ledger.faults.errors += 1;
                let text = message.get(..300).unwrap_or(message);
                ledger.refused.get_or_insert_with(|| String::from_utf8_lossy(text).into_owned());
            }
        }
    }

    #[inline]
    fn judge(&mut self, data: Data<'_>, now: Nanos, ledger: &mut Ledger) {
        let slot = ledger.names.find(data.symbol).and_then(|symbol| {
            let around = if symbol < self.first { ledger.symbols } else { 0 };
            Some((symbol, (symbol + around).checked_sub(self.first)?))
        });
        let chain =
            slot.and_then(|(symbol, slot)| Some((symbol, slot, self.chains.get_mut(slot)?)));
        let Some((symbol, slot, chain)) = chain else {
            ledger.faults.strange += 1;
            return;
        };
        if chain.held().is_none() {
            self.awaited -= 1;
        }
        let verdict = match data.prev {
            Some(prev) => chain.follow(data.seq, prev),
            None => chain.replace(data.seq, self.snapshots),
        };
        match verdict {
            Verdict::Next => {
                if self.state == State::Reading {
                    ledger.time(data.recv, now);
                    ledger.head(symbol, data.seq);
                }
            }
            Verdict::First => ledger.head(symbol, data.seq),
            Verdict::Replaced => match self.asked {
                Some((asked, since)) if asked == slot => {
                    self.asked = None;
                    ledger.answers.record(now.0 - since.0);
                }
                _ => ledger.replaced += 1,
            },
            Verdict::Lost => ledger.faults.lost += 1,
            Verdict::Doubled => ledger.faults.doubled += 1,
            Verdict::OutOfOrder => ledger.faults.out_of_order += 1,
        }
    }
}
