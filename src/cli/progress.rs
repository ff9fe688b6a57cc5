//! How far a long command is, on stderr if that is a terminal.

use indicatif::ProgressBar;
use indicatif::ProgressDrawTarget;
use indicatif::ProgressStyle;

use crate::cli::talk::Talk;

/// A line that is gone when it is dropped.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Of so many bytes.
    pub(super) fn of_bytes(talk: Talk, what: &'static str, total: u64) -> Self {
        Self::new(talk, what, (total, "{prefix} [{bar:30}] {bytes} of {total_bytes}, {eta} left"))
    }

    /// Of so many things of some other kind.
    pub(super) fn of(talk: Talk, what: &'static str, total: u64) -> Self {
        Self::new(talk, what, (total, "{prefix} [{bar:30}] {percent} %, {eta} left {msg}"))
    }

    /// Of bytes, nobody knows how many.
    pub(super) fn of_stream(talk: Talk, what: &'static str) -> Self {
        Self::new(talk, what, (0, "{prefix} {bytes}, {bytes_per_sec}"))
    }

    fn new(talk: Talk, what: &'static str, (total, template): (u64, &str)) -> Self {
        let target = match talk.quiet {
            true => ProgressDrawTarget::hidden(),
            // Draws nothing unless stderr is a terminal.
            false => ProgressDrawTarget::stderr(),
        };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(what);
        Self { bar }
    }

    pub(super) fn show(&self, done: u64) {
        self.bar.set_position(done);
    }

    /// The whole, when that becomes known or grows.
    pub(super) fn set_total(&self, total: u64) {
        self.bar.set_length(total);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
