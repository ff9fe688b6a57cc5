//! Where data goes: one JSON object a line, or a table that is drawn anew in place.

use std::io;
use std::io::IsTerminal as _;
use std::io::Write as _;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::ValueEnum;
use tokio::time::Instant;

use crate::cli::request::ChannelName;
use crate::cli::table::Canvas;
use crate::cli::table::Paint;
use crate::cli::table::Table;
use crate::cli::talk::Talk;

/// Lines waiting to be written go out beyond this many bytes, also while more come.
const LINES_BYTES_MAX: usize = 64 * 1024;
/// Least time between two drawings on a terminal.
const REDRAW: Duration = Duration::from_millis(100);
/// Time after which a table is drawn although nothing came: its ages have changed.
const REDRAW_IDLE: Duration = Duration::from_secs(1);

/// The cursor must be shown again before the program ends, however it ends.
static CURSOR_HIDDEN: AtomicBool = AtomicBool::new(false);

/// How data is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A live table
    Table,
    /// The server's messages, one a line
    Json,
}

/// Where data goes.
#[derive(Debug)]
pub(super) struct Screen {
    talk: Talk,
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// Whole lines, not yet written.
    Lines(Vec<u8>),
    Table(Drawing),
}

#[derive(Debug)]
struct Drawing {
    table: Table,
    paint: Paint,
    place: Place,
    /// A line below the table.
    footer: Option<String>,
    /// Lines to go up to draw over them.
    lines: usize,
    drawn: Option<Instant>,
    dirty: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Over what was drawn before.
    Over,
    /// Below it, once a second.
    Below,
    /// At the end.
    Once,
}

impl Format {
    /// What was asked for, else what suits stdout.
    pub(super) fn choose(asked: Option<Self>) -> Self {
        let usual = || if io::stdout().is_terminal() { Self::Table } else { Self::Json };
        asked.unwrap_or_else(usual)
    }
}

impl Screen {
    /// Nothing is shown yet.
    pub(super) fn new(format: Format, channel: ChannelName, talk: Talk) -> Self {
        let stdout = io::stdout();
        let form = match format {
            Format::Json => Form::Lines(Vec::new()),
            Format::Table => Form::Table(Drawing {
                table: Table::new(channel),
                paint: if talk.colours(&stdout) { Paint::Colours } else { Paint::Plain },
                place: if stdout.is_terminal() { Place::Over } else { Place::Below },
                footer: None,
                lines: 0,
                drawn: None,
                dirty: true,
            }),
        };
        Self { talk, form }
    }

    /// The same, drawn once: at its end.
    pub(super) fn still(mut self) -> Self {
        if let Form::Table(drawing) = &mut self.form {
            drawing.place = Place::Once;
        }
        self
    }

    /// Shows a data message, soon.
    pub(super) fn show(&mut self, text: &str, now: Instant) -> io::Result<()> {
        match &mut self.form {
            Form::Table(drawing) => {
                drawing.table.apply(text, now);
                drawing.dirty = true;
                // What comes with it is waited for, where it cannot be drawn over.
                let begins = drawing.drawn.is_none() && drawing.place == Place::Below;
                if begins { Ok(()) } else { drawing.draw_if_due(now) }
            }
            Form::Lines(lines) => {
                lines.extend_from_slice(text.as_bytes());
                lines.push(b'\n');
                if lines.len() > LINES_BYTES_MAX { write_lines(lines) } else { Ok(()) }
            }
        }
    }

    /// Nothing more is waiting: what is due goes out.
    pub(super) fn pause(&mut self, now: Instant) -> io::Result<()> {
        match &mut self.form {
            Form::Table(drawing) => drawing.draw_if_due(now),
            Form::Lines(lines) => write_lines(lines),
        }
    }

    /// When to call [`Self::pause`] although nothing came.
    pub(super) fn due(&self) -> Option<Instant> {
        match &self.form {
            Form::Lines(_) => None,
            Form::Table(drawing) => drawing.due(),
        }
    }

    /// Shows a line below the table; `false` if there is no table.
    pub(super) fn set_footer(&mut self, text: &str) -> bool {
        let Form::Table(drawing) = &mut self.form else { return false };
        drawing.footer = Some(text.to_owned());
        drawing.dirty = true;
        true
    }

    /// There is no connection any more.
    pub(super) fn disconnect(&mut self) {
        if let Form::Table(drawing) = &mut self.form {
            drawing.table.disconnect();
            drawing.dirty = true;
        }
    }

    /// Says something, above the table if there is one.
    pub(super) fn say(&mut self, text: &str) -> io::Result<()> {
        self.make_room()?;
        self.talk.say(text);
        Ok(())
    }

    /// Says something to those who want to know everything.
    pub(super) fn note(&mut self, text: &str) -> io::Result<()> {
        if self.talk.verbose > 0 { self.say(text) } else { Ok(()) }
    }

    /// The end: everything goes out.
    pub(super) fn finish(&mut self, now: Instant) -> io::Result<()> {
        match &mut self.form {
            Form::Lines(lines) => write_lines(lines),
            Form::Table(drawing) => {
                let drawn = drawing.draw(now);
                show_cursor();
                drawn
            }
        }
    }

    fn make_room(&mut self) -> io::Result<()> {
        match &mut self.form {
            Form::Lines(lines) => write_lines(lines),
            Form::Table(drawing) => drawing.erase(),
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        show_cursor();
    }
}

impl Drawing {
    fn due(&self) -> Option<Instant> {
        let drawn = self.drawn?;
        let least = if self.place == Place::Over { REDRAW } else { REDRAW_IDLE };
        match (self.dirty, self.place) {
            (true, _) => Some(drawn + least),
            (false, Place::Over) => Some(drawn + REDRAW_IDLE),
            (false, Place::Below | Place::Once) => None,
        }
    }

    fn draw_if_due(&mut self, now: Instant) -> io::Result<()> {
        let due = match self.drawn {
            None => match self.place {
                Place::Over => true,
                Place::Below => !self.table.is_empty(),
                Place::Once => false,
            },
            Some(_) => self.due().is_some_and(|due| due <= now),
        };
        if due { self.draw(now) } else { Ok(()) }
    }

    fn draw(&mut self, now: Instant) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let text = match self.place {
            Place::Below | Place::Once => {
                let canvas = Canvas { width: usize::MAX, height: usize::MAX, paint: self.paint };
                let apart = if self.drawn.is_some() { "\n" } else { "" };
                format!("{apart}{}", self.table.render(canvas, now))
            }
            Place::Over => {
                let (width, height) = size();
                let height = height.saturating_sub(1 + usize::from(self.footer.is_some()));
                let canvas = Canvas { width, height, paint: self.paint };
                let mut text = self.table.render(canvas, now);
                if let Some(footer) = &self.footer {
                    text.extend(footer.chars().take(width));
                    text.push('\n');
                }
                let lines = text.lines().count();
                CURSOR_HIDDEN.store(true, Ordering::Relaxed);
                let text = format!("\x1b[?25l{}\x1b[J{text}", up(self.lines));
                self.lines = lines;
                text
            }
        };
        (self.drawn, self.dirty) = (Some(now), false);
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    /// Takes the table away; it is drawn again below what is said.
    fn erase(&mut self) -> io::Result<()> {
        if self.lines == 0 {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        write!(out, "{}\x1b[J", up(self.lines))?;
        (self.lines, self.dirty) = (0, true);
        out.flush()
    }
}

/// Shows the cursor again if a table hid it. Does not wait for whoever may be writing.
pub(super) fn show_cursor() {
    if CURSOR_HIDDEN.swap(false, Ordering::Relaxed) {
        let terminal = std::fs::File::options().write(true).open("/dev/tty");
        terminal.and_then(|mut terminal| terminal.write_all(b"\x1b[?25h")).ok();
    }
}

fn up(lines: usize) -> String {
    if lines == 0 { String::new() } else { format!("\x1b[{lines}A") }
}

/// Columns and lines of the terminal.
fn size() -> (usize, usize) {
    match rustix::termios::tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
        _ => (80, 24),
    }
}

fn write_lines(lines: &mut Vec<u8>) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let mut out = io::stdout().lock();
    out.write_all(lines)?;
    lines.clear();
    out.flush()
}
