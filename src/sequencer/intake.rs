//! The way in: one bounded queue a feed, which the sequencer drains.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread::Thread;
use std::time::Duration;

use crossbeam_channel::Receiver;
use crossbeam_channel::Sender;
use crossbeam_channel::TrySendError;
use tickwire_feeds::Tick;
use tokio::sync::Notify;

/// The feed's end of its queue.
#[derive(Debug)]
pub struct Intake {
    ticks: Sender<Tick>,
    room: Arc<Room>,
    bell: Arc<Bell>,
}

/// The sequencer's end of one feed's queue.
#[derive(Debug)]
pub struct Queue {
    ticks: Receiver<Tick>,
    room: Arc<Room>,
}

#[derive(Debug, Default)]
struct Room {
    wanted: AtomicBool,
    made: Notify,
}

/// Wakes the sequencer when it sleeps.
#[derive(Debug)]
pub struct Bell {
    sleeper: Thread,
    asleep: AtomicBool,
}

/// Whether everything was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Offered {
    /// Nothing is left.
    All,
    /// The queue is full: wait for [`Intake::room`], and read no more from the venue meanwhile.
    Full,
    /// The sequencer is gone.
    Closed,
}

/// A queue of at most `bound` ticks.
#[must_use]
pub fn queue(bound: usize, bell: Arc<Bell>) -> (Intake, Queue) {
    let (sender, receiver) = crossbeam_channel::bounded(bound);
    let room = Arc::new(Room::default());
    let intake = Intake { ticks: sender, room: Arc::clone(&room), bell };
    (intake, Queue { ticks: receiver, room })
}

impl Intake {
    /// Hands ticks over in order; what does not fit stays in the list.
    pub fn offer(&self, ticks: &mut VecDeque<Tick>) -> Offered {
        let mut offered = Offered::All;
        while let Some(tick) = ticks.pop_front() {
            match self.ticks.try_send(tick) {
                Ok(()) => {}
                Err(TrySendError::Full(tick)) => {
                    ticks.push_front(tick);
                    self.room.wanted.store(true, Ordering::SeqCst);
                    offered = Offered::Full;
                    break;
                }
                Err(TrySendError::Disconnected(tick)) => {
                    ticks.push_front(tick);
                    return Offered::Closed;
                }
            }
        }
        self.bell.ring();
        offered
    }

    /// Waits until the sequencer has drained the queue after [`Offered::Full`]; comes back after
    /// 100 ms in any case.
    ///
    /// # Cancel safety
    /// Nothing is lost if the future is dropped.
    pub async fn room(&self) {
        let waited = tokio::time::timeout(Duration::from_millis(100), self.room.made.notified());
        // Either way the caller tries again.
        drop(waited.await);
    }

    /// Ticks waiting.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ticks.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ticks.is_empty()
    }
}

impl Queue {
    /// Takes at most `count` ticks.
    pub fn drain(&self, count: usize) -> impl Iterator<Item = Tick> {
        self.ticks.try_iter().take(count)
    }

    /// Tells a waiting feed that there is room again.
    pub fn make_room(&self) {
        if self.room.wanted.load(Ordering::Relaxed)
            && self.room.wanted.swap(false, Ordering::SeqCst)
        {
            self.room.made.notify_one();
        }
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ticks.is_empty()
    }
}

impl Bell {
    /// A bell for the thread that calls this.
    #[must_use]
    pub fn of_this_thread() -> Self {
        Self { sleeper: std::thread::current(), asleep: AtomicBool::new(false) }
    }

    /// Wakes the sleeper, if it sleeps.
    pub fn ring(&self) {
        if self.asleep.load(Ordering::SeqCst) && self.asleep.swap(false, Ordering::SeqCst) {
            self.sleeper.unpark();
        }
    }

    /// Sleeps until the bell rings or the time is over, unless `busy` says that there is work.
    pub fn sleep(&self, at_most: Duration, busy: impl Fn() -> bool) {
        self.asleep.store(true, Ordering::SeqCst);
        if !busy() {
            std::thread::park_timeout(at_most);
        }
        self.asleep.store(false, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_keeps_the_rest_in_order() {
        let (intake, queue) = queue(2, Arc::new(Bell::of_this_thread()));
        let mut ticks: VecDeque<Tick> = std::iter::repeat_n(Tick::AllListed, 5).collect();
        assert_eq!(intake.offer(&mut ticks), Offered::Full);
        assert_eq!((intake.len(), ticks.len()), (2, 3));
        assert_eq!(queue.drain(1).count(), 1);
        assert_eq!(intake.offer(&mut ticks), Offered::Full);
        assert_eq!(ticks.len(), 2);
        drop(queue);
        assert_eq!(intake.offer(&mut ticks), Offered::Closed);
    }

    #[test]
    fn a_bell_wakes_the_sleeper() {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        let sleeper = std::thread::spawn(move || {
            let bell = Arc::new(Bell::of_this_thread());
            sender.send(Arc::clone(&bell)).unwrap();
            bell.sleep(Duration::from_secs(60), || false);
        });
        let bell = receiver.recv().unwrap();
        while !sleeper.is_finished() {
            bell.ring();
        }
        sleeper.join().unwrap();
    }
}
