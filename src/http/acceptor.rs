//! The library's thread that accepts connections, put behind the others.
//!
//! Those who are served come before those who want to be: where processors are few and connections
//! are made without an end, accepting them would else take turns as long as those of the workers,
//! some milliseconds each.

use std::path::Path;
use std::time::Duration;

use rustix::process::Pid;
use rustix::process::setpriority_process;
use tracing::debug;

/// What the system keeps of the thread's name.
const NAME: &str = "actix-server ac";
/// Of -20..=19: a tenth of the share of the others, if they want theirs.
const NICENESS: i32 = 10;
/// It begins when the server is awaited: looks for it, and the time before each.
const LOOKS: (usize, Duration) = (50, Duration::from_millis(20));

/// Puts the thread behind the others. Where that cannot be done all goes on as well.
pub async fn yield_to_others() {
    for _ in 0..LOOKS.0 {
        tokio::time::sleep(LOOKS.1).await;
        if let Some(thread) = find() {
            if let Err(error) = setpriority_process(Some(thread), NICENESS) {
                debug!(%error, "the acceptor stays as important as others");
            }
            return;
        }
    }
    debug!("the acceptor was not found");
}

fn find() -> Option<Pid> {
    let threads = std::fs::read_dir("/proc/self/task").ok()?;
    threads.flatten().map(|thread| thread.path()).find_map(|path| pid_of(&path))
}

fn pid_of(path: &Path) -> Option<Pid> {
    let name = std::fs::read_to_string(path.join("comm")).ok()?;
    let id = path.file_name()?.to_str()?.parse().ok()?;
    (name.trim_end() == NAME).then(|| Pid::from_raw(id)).flatten()
}
