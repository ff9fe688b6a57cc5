//! What each key does.

use ratatui::crossterm::event::KeyCode;
use ratatui::crossterm::event::KeyEvent;
use ratatui::crossterm::event::KeyModifiers;

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Quit,
    /// So many rows down, or up if it is negative.
    Move(isize),
    First,
    Last,
    NextVenue,
    PreviousVenue,
    SortNext,
    SortReverse,
    FilterBegin,
    FilterAdd(char),
    FilterErase,
    FilterEnd,
    FilterDrop,
    Chart,
    Help,
    /// Of a replay; live, of what is shown.
    Pause,
    Replay,
    Live,
    Faster,
    Slower,
    /// So many seconds on, or back if it is negative.
    Seek(i64),
}

/// Rows of a page.
const PAGE: isize = 10;
/// Seconds that an arrow moves a replay by.
const SEEK_S: i64 = 10;

/// Each key, as the help has it.
pub(super) const KEYS: [(&str, &str); 12] = [
    ("↑ ↓ PgUp PgDn Home End", "select a symbol"),
    ("Enter", "its chart"),
    ("Tab, Shift-Tab", "next, previous venue"),
    ("s, S", "sort by the next column, the other way round"),
    ("/", "show symbols that contain a text; Esc shows all"),
    ("space", "pause and go on"),
    ("r", "replay the last five minutes"),
    ("← →", "in a replay: 10 s back, on"),
    ("- +", "in a replay: slower, faster"),
    ("l", "back to live"),
    ("?", "this help"),
    ("q, Ctrl-C", "end"),
];

/// What a key asks for, while a filter is being typed or not.
pub(super) fn action(key: KeyEvent, is_typing: bool) -> Option<Action> {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return (key.code == KeyCode::Char('c')).then_some(Action::Quit);
    }
    if is_typing {
        return match key.code {
            KeyCode::Enter => Some(Action::FilterEnd),
            KeyCode::Esc => Some(Action::FilterDrop),
            KeyCode::Backspace => Some(Action::FilterErase),
            KeyCode::Char(letter) => Some(Action::FilterAdd(letter)),
            _ => None,
        };
    }
    Some(match key.code {
        KeyCode::Char('q') => Action::Quit,
        KeyCode::Esc => Action::FilterDrop,
        KeyCode::Up | KeyCode::Char('k') => Action::Move(-1),
        KeyCode::Down | KeyCode::Char('j') => Action::Move(1),
        KeyCode::PageUp => Action::Move(-PAGE),
        KeyCode::PageDown => Action::Move(PAGE),
        KeyCode::Home => Action::First,
        KeyCode::End => Action::Last,
        KeyCode::Tab => Action::NextVenue,
        KeyCode::BackTab => Action::PreviousVenue,
        KeyCode::Char('s') => Action::SortNext,
        KeyCode::Char('S') => Action::SortReverse,
        KeyCode::Char('/') => Action::FilterBegin,
        KeyCode::Enter => Action::Chart,
        KeyCode::Char('?' | 'h') => Action::Help,
        KeyCode::Char(' ') => Action::Pause,
        KeyCode::Char('r') => Action::Replay,
        KeyCode::Char('l') => Action::Live,
        KeyCode::Char('+' | '=') => Action::Faster,
        KeyCode::Char('-') => Action::Slower,
        KeyCode::Left => Action::Seek(-SEEK_S),
        KeyCode::Right => Action::Seek(SEEK_S),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_text_while_a_filter_is_typed() {
        let key = |letter| KeyEvent::from(KeyCode::Char(letter));
        assert_eq!(action(key('q'), false), Some(Action::Quit));
        assert_eq!(action(key('q'), true), Some(Action::FilterAdd('q')));
        let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(action(interrupt, true), Some(Action::Quit));
        assert_eq!(action(KeyEvent::from(KeyCode::F(5)), false), None);
    }
}
