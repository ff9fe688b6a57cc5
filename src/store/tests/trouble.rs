//! What can go wrong, and what comes of it.

use crate::store::Recorder;
use crate::store::State;
use crate::store::tests::eventually;

mod copies;
mod kills;
mod losses;
mod outages;
mod retention;
mod versions;

fn waits(recorder: &Recorder, state: State) {
    eventually(state.word(), || recorder.status().state == state);
}
