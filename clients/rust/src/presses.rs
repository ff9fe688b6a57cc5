//! Buttons of a replay that were pressed, until the server has answered.

use serde_json::Value;
use serde_json::json;

use crate::error::Error;

/// Presses that wait for their answers, at most.
const PRESSES_MAX: usize = 64;

/// What a reader may press; the number comes back in the answer.
#[derive(Debug, Clone)]
pub(crate) enum Control {
    Play(u64),
    Pause(u64),
    Speed(u64, f64),
    Seek(u64, Value),
    Step(u64, u32),
}

/// Buttons that were pressed, in order, until the server has answered. What a lost connection did
/// not answer is pressed again on the next one, which begins where the replay was before it.
#[derive(Debug, Default)]
pub(crate) struct Presses {
    waiting: Vec<Press>,
}

#[derive(Debug)]
struct Press {
    control: Control,
    is_sent: bool,
}

impl Presses {
    /// Notes one.
    ///
    /// # Errors
    /// [`Error::Busy`] if too many wait.
    pub(crate) fn press(&mut self, control: Control) -> Result<(), Error> {
        if self.waiting.len() >= PRESSES_MAX {
            return Err(Error::Busy);
        }
        self.waiting.push(Press { control, is_sent: false });
        Ok(())
    }

    /// Those that were not sent on this connection, which they are from now on.
    pub(crate) fn send(&mut self) -> Vec<Control> {
        let unsent = self.waiting.iter_mut().filter(|press| !press.is_sent);
        let send = |press: &mut Press| {
            press.is_sent = true;
            press.control.clone()
        };
        unsent.map(send).collect()
    }

    /// The server answered; what was pressed.
    pub(crate) fn answered(&mut self, id: u64) -> Option<Control> {
        let at = self.waiting.iter().position(|press| press.control.id() == id)?;
        Some(self.waiting.remove(at).control)
    }

    /// The connection is gone.
    pub(crate) fn lost(&mut self) {
        self.waiting.iter_mut().for_each(|press| press.is_sent = false);
    }

    /// Whether the reader wants to be somewhere else.
    pub(crate) fn is_seeking(&self) -> bool {
        self.waiting.iter().any(|press| matches!(press.control, Control::Seek(..)))
    }
}

impl Control {
    const fn id(&self) -> u64 {
        match self {
            Self::Play(id) | Self::Pause(id) => *id,
            Self::Speed(id, _) | Self::Seek(id, _) | Self::Step(id, _) => *id,
        }
    }

    /// The operation.
    pub(crate) fn operation(&self) -> String {
        let operation = match self {
            Self::Play(id) => json!({ "op": "play", "id": id }),
            Self::Pause(id) => json!({ "op": "pause", "id": id }),
            Self::Speed(id, speed) => json!({ "op": "speed", "id": id, "speed": speed }),
            Self::Seek(id, to) => json!({ "op": "seek", "id": id, "to": to }),
            Self::Step(id, n) => json!({ "op": "step", "id": id, "n": n }),
        };
        operation.to_string()
    }
}
