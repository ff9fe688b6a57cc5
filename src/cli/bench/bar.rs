//! How far a measurement is, on stderr if that is a terminal.

use indicatif::ProgressBar;
use indicatif::ProgressDrawTarget;
use indicatif::ProgressStyle;

use crate::cli::talk::Talk;
use crate::load::Progress;
use crate::load::Stage;
use crate::load::report::Grouped;

/// A line that is gone when it is dropped.
#[derive(Debug)]
pub(super) struct Bar {
    bar: ProgressBar,
    /// The rate of this step of a ramp.
    ticks: Option<u64>,
}

impl Bar {
    pub(super) fn new(talk: Talk, ticks: Option<u64>) -> Self {
        let target = match talk.quiet {
            true => ProgressDrawTarget::hidden(),
            // Draws nothing unless stderr is a terminal.
            false => ProgressDrawTarget::stderr(),
        };
        let bar = ProgressBar::with_draw_target(Some(1_000), target);
        if let Ok(style) = ProgressStyle::with_template("{prefix:>12} [{bar:30}] {msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar, ticks }
    }

    pub(super) fn show(&self, progress: Progress) {
        self.bar.set_prefix(match progress.stage {
            Stage::Opening => "opening",
            Stage::WarmingUp => "warming up",
            Stage::Measuring => "measuring",
            Stage::Recovering => "recovering",
        });
        let rate = Grouped(progress.messages_per_s);
        self.bar.set_message(match self.ticks {
            Some(ticks) => format!("{rate} messages/s of {} ticks/s", Grouped(ticks)),
            None => format!("{rate} messages/s"),
        });
        self.bar.set_position(progress.done_per_mille);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
