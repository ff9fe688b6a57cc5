//! Where streams of bars stood some messages ago.
//!
//! A trade does not say what it follows in a stream of bars, so the messages are counted: within
//! the newest segment from its checkpoint on, then within the one before it, until there are
//! enough. All streams that a client asks for at once are counted in one go, a batch at a time.

use std::collections::BTreeMap;
use std::collections::VecDeque;

use crate::board::Board;
use crate::event::Body;
use crate::event::Channel;
use crate::event::Event;
use crate::event::Scope;
use crate::event::Seq;
use crate::event::SymbolId;
use crate::subscriber::Trace;
use crate::tape::Cursor;
use crate::tape::Error;
use crate::tape::Tape;

/// Streams that are looked for at once.
pub const STREAMS_MAX: usize = 512;
/// Events looked at in one step.
const BATCH: usize = if cfg!(test) { 7 } else { 1_024 };

/// Counts back.
#[derive(Debug)]
pub struct Back {
    wanted: BTreeMap<(Channel, SymbolId), Wanted>,
    done: Vec<(Trace, Seq)>,
    /// Of the wanted symbols, at the place that has been read.
    board: Board,
    cursor: Cursor,
    /// Where the part ends that is being read, and where it began.
    until: Seq,
    from: Seq,
    events: Vec<Event>,
}

/// What came of a step.
#[derive(Debug)]
pub struct Counted {
    /// Events that were looked at.
    pub looks: usize,
    /// Each stream with a place that so many messages follow, once all are known.
    pub found: Option<Vec<(Trace, Seq)>>,
}

#[derive(Debug)]
struct Wanted {
    trace: Trace,
    /// No message up to here counts: the symbol was listed there.
    listed_at: Seq,
    /// In the part that is being read, no more of the last ones than are wanted.
    here: VecDeque<Seq>,
    /// Behind it.
    later: VecDeque<Seq>,
}

impl Back {
    /// Begins for streams of bars as `board` has them now.
    ///
    /// # Errors
    /// If the tape cannot be read.
    pub fn begin(traces: Vec<Trace>, board: &Board, tape: &Tape) -> Result<Self, Error> {
        let wanted = traces.into_iter().map(|trace| {
            let listed_at = board.symbol(trace.symbol).map_or(Seq::START, |of| of.listed_at);
            let (here, later) = (VecDeque::new(), VecDeque::new());
            ((trace.channel, trace.symbol), Wanted { trace, listed_at, here, later })
        });
        let wanted: BTreeMap<_, _> = wanted.collect();
        let until = board.seq();
        let (board, cursor) = begin_before(until, &wanted, tape)?;
        let (from, done, events) = (board.seq(), Vec::new(), Vec::new());
        Ok(Self { wanted, done, board, cursor, until, from, events })
    }

    /// Goes on.
    ///
    /// # Errors
    /// If the tape cannot be read.
    pub fn step(&mut self, tape: &Tape) -> Result<Counted, Error> {
        let mut wanted: Vec<SymbolId> = self.wanted.keys().map(|(_, symbol)| *symbol).collect();
        wanted.sort_unstable();
        let looks = self.cursor.next_where(BATCH, &mut self.events, |peek| {
            peek.symbol.is_none_or(|symbol| wanted.binary_search(&symbol).is_ok())
        })?;
        for event in std::mem::take(&mut self.events) {
            if event.seq <= self.until {
                self.board.apply(&event);
                self.note(&event);
            }
        }
        if self.cursor.seq() < self.until {
            return Ok(Counted { looks, found: None });
        }
        self.end_part(tape)?;
        let found = self.wanted.is_empty().then(|| std::mem::take(&mut self.done));
        Ok(Counted { looks, found })
    }

    /// Counts an event where it is a message.
    fn note(&mut self, event: &Event) {
        let found: Vec<(Channel, SymbolId)> = match &event.body {
            Body::Trade(trade) => {
                let is_message = |channel: &Channel| {
                    let symbol = self.board.symbol(trade.symbol);
                    symbol.is_some_and(|symbol| symbol.own(*channel) == event.seq)
                };
                let channels = Channel::ALL.into_iter().filter(is_message);
                channels.map(|channel| (channel, trade.symbol)).collect()
            }
            Body::Clock => self.board.closed().to_vec(),
            Body::Status(status) => self.of_scope(&status.scope, event),
            Body::Gap(gap) => self.of_scope(&gap.scope, event),
            Body::Quote(_) | Body::Registry(_) => Vec::new(),
        };
        for stream in found {
            if let Some(wanted) = self.wanted.get_mut(&stream) {
                wanted.note(event.seq);
            }
        }
    }

    fn of_scope(&self, scope: &Scope, event: &Event) -> Vec<(Channel, SymbolId)> {
        let streams = self.wanted.keys().copied();
        let concerned = streams.filter(|(channel, symbol)| {
            let is_in_scope = match scope {
                Scope::Symbol(of, _) => of == symbol,
                Scope::Feed(feed, _) => {
                    self.board.symbol(*symbol).is_some_and(|symbol| symbol.feed == *feed)
                }
            };
            is_in_scope && event.concerns(*channel)
        });
        concerned.collect()
    }

    /// A part has been read: what lacks messages goes on with the one before it.
    fn end_part(&mut self, tape: &Tape) -> Result<(), Error> {
        let is_oldest = self.from <= tape.oldest();
        let mut wanted = std::mem::take(&mut self.wanted);
        for (_, wanted) in wanted.extract_if(.., |_, of| of.ends(self.from, is_oldest)) {
            self.done.push((wanted.trace, wanted.place(self.from)));
        }
        for wanted in wanted.values_mut() {
            let mut here = std::mem::take(&mut wanted.here);
            here.append(&mut wanted.later);
            wanted.later = here;
        }
        self.wanted = wanted;
        if !self.wanted.is_empty() {
            self.until = self.from;
            let before = Seq(self.from.0.saturating_sub(1));
            (self.board, self.cursor) = begin_before(before, &self.wanted, tape)?;
            self.from = self.board.seq();
        }
        Ok(())
    }
}

impl Wanted {
    fn note(&mut self, seq: Seq) {
        if seq <= self.listed_at {
            return;
        }
        self.here.push_back(seq);
        if self.here.len() + self.later.len() > self.trace.count {
            self.here.pop_front();
        }
    }

    fn ends(&self, from: Seq, is_oldest: bool) -> bool {
        let is_enough = self.here.len() + self.later.len() >= self.trace.count;
        is_enough || is_oldest || from <= self.listed_at
    }

    /// The place after which its messages are sent.
    fn place(&self, from: Seq) -> Seq {
        let first = self.here.front().or(self.later.front());
        let is_enough = self.here.len() + self.later.len() >= self.trace.count;
        match first {
            Some(first) if is_enough => Seq(first.0.saturating_sub(1)),
            _ => from.max(self.listed_at),
        }
    }
}

fn begin_before(
    seq: Seq,
    wanted: &BTreeMap<(Channel, SymbolId), Wanted>,
    tape: &Tape,
) -> Result<(Board, Cursor), Error> {
    let symbols = wanted.keys().map(|(_, symbol)| *symbol).collect();
    let board = tape.board_before(seq, &symbols)?;
    let cursor = tape.read_after(board.seq())?;
    Ok((board, cursor))
}
