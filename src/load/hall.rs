//! The clients of a load, apart from the poll that tells which of them have something to read.

use std::io;

use mio::Interest;
use mio::Registry;
use mio::Token;

use crate::clock;
use crate::load::Error;
use crate::load::ledger::Ledger;
use crate::load::member::Ended;
use crate::load::member::Member;
use crate::load::member::State;
use crate::load::plan::Plan;
use crate::load::recovery::Recovery;
use crate::load::socket::Filled;

/// The buffer that all reads go into: of a size that stays in the processor's cache.
const BUFFER_BYTES: usize = 256 * 1024;
/// Reads of one connection before the others have their turn.
const READS_MAX: usize = 8;

/// All clients.
pub(super) struct Hall {
    pub(super) registry: Registry,
    pub(super) members: Vec<Member>,
    pub(super) ledger: Ledger,
    buffer: Vec<u8>,
    /// Clients that may have more to read although no event will say so.
    pub(super) again: Vec<usize>,
    /// How many have done their handshake, and how many have all first snapshots.
    pub(super) upgraded: usize,
    pub(super) whole: usize,
    /// Messages of all stages.
    pub(super) messages: u64,
    pub(super) recovery: Option<Recovery>,
    pub(super) closed_stalled: usize,
    /// What ended a connection before all were whole.
    pub(super) broken: Option<String>,
}

impl Hall {
    pub(super) fn new(plan: &Plan, registry: Registry) -> Self {
        Self {
            registry,
            members: Vec::with_capacity(plan.connections),
            ledger: Ledger::new(plan),
            buffer: vec![0; BUFFER_BYTES],
            again: Vec::new(),
            upgraded: 0,
            whole: 0,
            messages: 0,
            recovery: None,
            closed_stalled: 0,
            broken: None,
        }
    }

    /// One more connection.
    pub(super) fn join(&mut self, plan: &Plan) -> Result<(), Error> {
        let index = self.members.len();
        self.members.push(Member::new(plan, index).map_err(Error::io("open a socket"))?);
        self.register(index).map_err(Error::io("watch a socket"))
    }

    pub(super) fn register(&mut self, index: usize) -> io::Result<()> {
        let Some(member) = self.members.get_mut(index) else { return Ok(()) };
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.registry.register(member.socket.stream(), Token(index), interest)
    }

    pub(super) fn write(&mut self, index: usize) {
        let Some(member) = self.members.get_mut(index) else { return };
        if let Err(error) = member.socket.flush() {
            self.end(index, error.into());
        }
    }

    pub(super) fn read(&mut self, index: usize, plan: &Plan, to_end: bool) {
        let mut buffer = std::mem::take(&mut self.buffer);
        if let Err(ended) = self.read_some(index, &mut buffer, plan, to_end) {
            self.end(index, ended);
        }
        self.note(index);
        self.buffer = buffer;
    }

    fn read_some(
        &mut self,
        index: usize,
        buffer: &mut Vec<u8>,
        plan: &Plan,
        to_end: bool,
    ) -> Result<(), Ended> {
        let Some(member) = self.members.get_mut(index) else { return Ok(()) };
        if matches!(member.state, State::Gone | State::Stalled) {
            return Ok(());
        }
        for _ in 0..READS_MAX {
            let (length, more) = match member.socket.read(buffer)? {
                Filled::Nothing => return Ok(()),
                Filled::End => return Err(Ended::Broken("the server hung up".to_owned())),
                Filled::Some { length, more } => (length, more),
            };
            let came = buffer.get(..length).unwrap_or_default();
            let rest = match member.socket.is_open() {
                true => {
                    let rest = member.take(came, clock::now(), &mut self.ledger)?;
                    self.ledger.flow.reads += 1;
                    rest
                }
                false => match member.socket.shake(came).map_err(Ended::Broken)? {
                    None => came,
                    Some(rest) => {
                        self.upgraded += 1;
                        for op in plan.subscribe(index) {
                            member.socket.send(&op)?;
                        }
                        member.take(rest, clock::now(), &mut self.ledger)?
                    }
                },
            };
            member.socket.keep(rest);
            // A read that did not fill its buffer took all there was; only an end may follow.
            if !more && !to_end {
                return Ok(());
            }
        }
        self.again.push(index);
        Ok(())
    }

    /// Takes note of a client that became whole.
    #[inline]
    fn note(&mut self, index: usize) {
        let Some(member) = self.members.get_mut(index) else { return };
        if !member.counted && member.is_whole() {
            member.counted = true;
            self.whole += 1;
        }
        if member.state == State::Recovering
            && let Some(recovery) = &mut self.recovery
        {
            let now = clock::monotonic();
            if member.is_up_to(recovery.due(now, &self.ledger.heads)) {
                member.state = State::Recovered;
                recovery.whole(now);
            }
        }
    }

    /// A connection has ended.
    pub(super) fn end(&mut self, index: usize, ended: Ended) {
        let all = self.whole == self.members.len();
        let Some(member) = self.members.get_mut(index) else { return };
        if member.state == State::Gone {
            return;
        }
        let (stood, open) = (member.stood_still(), member.socket.is_open());
        member.state = State::Gone;
        self.registry.deregister(member.socket.stream()).ok();
        let why = match ended {
            Ended::Closed(code) => format!("the server closed the connection with {code}"),
            Ended::Broken(why) => why,
        };
        tracing::debug!(connection = index, why, "a connection ended");
        if stood {
            self.closed_stalled += 1;
        } else {
            self.ledger.faults.ended += 1;
        }
        if !open || !all {
            self.broken.get_or_insert(why);
        }
    }
}
