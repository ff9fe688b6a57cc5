//! The live table: rows in, text out.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Map;
use serde_json::Value;
use tokio::time::Instant;

use crate::cli::columns;
use crate::cli::request::ChannelName;
use crate::cli::row::Row;

/// The table of one channel.
#[derive(Debug)]
pub(super) struct Table {
    channel: ChannelName,
    rows: BTreeMap<String, Row>,
}

/// How a table is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Canvas {
    /// Columns of characters.
    pub(super) width: usize,
    /// Lines, at least one.
    pub(super) height: usize,
    /// Whether there are colours.
    pub(super) paint: Paint,
}

/// Whether there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paint {
    /// There are.
    Colours,
    /// There are none.
    Plain,
}

/// A cell's text and the code of its colour.
struct Cell {
    text: String,
    colour: Option<&'static str>,
}

const GREEN: &str = "32";
const YELLOW: &str = "33";
const RED: &str = "31";
const BOLD: &str = "1";
/// Between two columns.
const APART: usize = 2;

impl Table {
    /// An empty one.
    pub(super) const fn new(channel: ChannelName) -> Self {
        Self { channel, rows: BTreeMap::new() }
    }

    /// Whether there is no row.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Takes a data message.
    pub(super) fn apply(&mut self, text: &str, now: Instant) {
        let Ok(message) = serde_json::from_str::<Map<String, Value>>(text) else { return };
        let Some(symbol) = message.get("symbol").and_then(Value::as_str) else { return };
        if !self.rows.contains_key(symbol) {
            self.rows.insert(symbol.to_owned(), Row::new(now));
        }
        if let Some(row) = self.rows.get_mut(symbol) {
            row.apply(&message, now);
        }
    }

    /// The connection is gone.
    pub(super) fn disconnect(&mut self) {
        self.rows.values_mut().for_each(Row::disconnect);
    }

    /// The table as text, each line with its end; never more lines than the canvas has.
    pub(super) fn render(&self, canvas: Canvas, now: Instant) -> String {
        let room = canvas.height.saturating_sub(1).max(1);
        let shown = if self.rows.len() > room { room.saturating_sub(1) } else { self.rows.len() };
        let mut lines = vec![self.titles()];
        lines
            .extend(self.rows.iter().take(shown).map(|(symbol, row)| self.cells(symbol, row, now)));
        let mut text = String::new();
        let columns = self.fitting(&mut lines, canvas.width);
        for line in &lines {
            write_line(&mut text, line, &columns, canvas.paint);
        }
        if shown < self.rows.len() {
            let more = format!("… and {} more", self.rows.len() - shown);
            text.extend(more.chars().take(canvas.width));
            text.push('\n');
        }
        text
    }

    /// The columns that have room, each with its width. Where not all have, figures and times are
    /// told short before a column goes, and prices stay longest.
    fn fitting(&self, lines: &mut [Vec<Cell>], width: usize) -> Vec<(usize, usize)> {
        let titles = self.titles();
        let place = |title: &str| titles.iter().position(|cell| cell.text == title);
        let mut needed = needed(lines);
        if columns::fit(&needed, APART, width, &[]).len() < needed.len() {
            let (start, volume) = (place("START"), place("VOLUME"));
            for line in lines.iter_mut().skip(1) {
                if let Some(cell) = start.and_then(|at| line.get_mut(at)) {
                    cell.text = short_time(&cell.text).to_owned();
                }
                if let Some(cell) = volume.and_then(|at| line.get_mut(at)) {
                    cell.text = columns::short(&cell.text);
                }
            }
            needed = self::needed(lines);
        }
        let missed: Vec<usize> =
            ["AGE", "TRADES", "VOLUME"].into_iter().filter_map(place).collect();
        let left = columns::fit(&needed, APART, width, &missed);
        let is_alone = left.len() == 1;
        let wide =
            |at: usize| needed.get(at).map(|of| if is_alone { (*of).min(width) } else { *of });
        left.into_iter().filter_map(|at| Some((at, wide(at)?))).collect()
    }

    fn titles(&self) -> Vec<Cell> {
        let titles: &[&str] = match self.channel {
            ChannelName::Ticker => {
                &["SYMBOL", "BID", "ASK", "LAST", "CHANGE", "VOLUME", "STATE", "AGE"]
            }
            ChannelName::Trades => &["SYMBOL", "PRICE", "SIZE", "SIDE", "TRADES", "STATE", "AGE"],
            _ => &["SYMBOL", "START", "OPEN", "HIGH", "LOW", "CLOSE", "VOLUME", "STATE", "AGE"],
        };
        let title = |text: &&str| Cell { text: (*text).to_owned(), colour: Some(BOLD) };
        titles.iter().map(title).collect()
    }

    fn cells(&self, symbol: &str, row: &Row, now: Instant) -> Vec<Cell> {
        let plain = |text: &str| Cell { text: text.to_owned(), colour: None };
        let field = |name| plain(row.get(name).unwrap_or("-"));
        let mut cells = vec![plain(symbol)];
        match self.channel {
            ChannelName::Ticker => {
                cells.extend(["bid", "ask", "last"].map(field));
                cells.push(change(row));
                cells.push(field("volume"));
            }
            ChannelName::Trades => {
                cells.extend(["price", "size", "side"].map(field));
                cells.push(plain(&row.seen.to_string()));
            }
            _ => cells.extend(["start", "open", "high", "low", "close", "volume"].map(field)),
        }
        cells.push(state(row));
        cells.push(plain(&age(row.age(now))));
        cells
    }
}

fn change(row: &Row) -> Cell {
    match row.change() {
        None => Cell { text: "-".to_owned(), colour: None },
        Some(percent) if percent.is_zero() => Cell { text: "0.00%".to_owned(), colour: None },
        Some(percent) if percent.is_sign_negative() => {
            Cell { text: format!("{percent}%"), colour: Some(RED) }
        }
        Some(percent) => Cell { text: format!("+{percent}%"), colour: Some(GREEN) },
    }
}

fn state(row: &Row) -> Cell {
    let state = row.state();
    let colour = match state {
        "live" => GREEN,
        "stale" | "resyncing" => YELLOW,
        _ => RED,
    };
    Cell { text: state.to_owned(), colour: Some(colour) }
}

pub(super) fn age(age: Duration) -> String {
    match age.as_secs() {
        0..10 => format!("{}.{}s", age.as_secs(), age.subsec_millis() / 100),
        seconds @ 10..120 => format!("{seconds}s"),
        seconds @ 120..7_200 => format!("{}m", seconds / 60),
        seconds => format!("{}h", seconds / 3_600),
    }
}

/// The widest text of each column.
fn needed(lines: &[Vec<Cell>]) -> Vec<usize> {
    let columns = lines.first().map_or(0, Vec::len);
    let widest = |column| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell: &Cell| cell.text.chars().count()).max().unwrap_or(0)
    };
    (0..columns).map(widest).collect()
}

/// The time of the day of an instant, or the day if that is when it begins.
fn short_time(text: &str) -> &str {
    match text.split_once('T') {
        Some((day, time)) if time.starts_with("00:00:00") => day,
        Some((_, time)) => time.split(['.', 'Z']).next().unwrap_or(time),
        None => text,
    }
}

/// The first column is flush left, the others flush right.
fn write_line(text: &mut String, cells: &[Cell], columns: &[(usize, usize)], paint: Paint) {
    let picked = columns.iter().filter_map(|(at, width)| Some((cells.get(*at)?, width)));
    for (at, (cell, width)) in picked.enumerate() {
        let shown: String = cell.text.chars().take(*width).collect();
        let pad = " ".repeat(width - shown.chars().count());
        let (on, off) = match (paint, cell.colour) {
            (Paint::Colours, Some(colour)) => (format!("\x1b[{colour}m"), "\x1b[0m"),
            _ => (String::new(), ""),
        };
        match at {
            0 => text.extend([on.as_str(), &shown, off, &pad]),
            _ => text.extend([&" ".repeat(APART), pad.as_str(), &on, &shown, off]),
        }
    }
    text.truncate(text.trim_end_matches(' ').len());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Canvas = Canvas { width: 80, height: 24, paint: Paint::Plain };

    fn table(symbols: usize) -> (Table, Instant) {
        let now = Instant::now();
        let mut table = Table::new(ChannelName::Ticker);
        for n in 0..symbols {
            let message = format!(
                r#"{{"type":"snapshot","symbol":"sim:S{n:02}","bid":"1.10","ask":"1.20","last":"1.15",
                "open":"1.00","volume":"77","state":"live"}}"#
            );
            table.apply(&message, now);
        }
        (table, now)
    }

    #[test]
    fn a_row_has_the_digits_the_change_the_state_and_the_age() {
        let (table, now) = table(1);
        let text = table.render(PLAIN, now + Duration::from_millis(2_345));
        assert_eq!(
            text,
            "SYMBOL    BID   ASK  LAST   CHANGE  VOLUME  STATE   AGE\n\
             sim:S00  1.10  1.20  1.15  +15.00%      77   live  2.3s\n"
        );
    }

    #[test]
    fn colours_are_there_only_when_asked_for() {
        let (table, now) = table(1);
        assert!(!table.render(PLAIN, now).contains('\x1b'));
        let text = table.render(Canvas { paint: Paint::Colours, ..PLAIN }, now);
        assert!(text.contains("\x1b[32mlive\x1b[0m"), "{text:?}");
    }

    #[test]
    fn a_stale_feed_and_a_lost_connection_are_seen() {
        let (mut table, now) = table(1);
        let status = r#"{"type":"status","symbol":"sim:S00","state":"stale","reason":"silent"}"#;
        table.apply(status, now);
        assert!(table.render(PLAIN, now).contains("stale"));
        table.disconnect();
        assert!(table.render(PLAIN, now).contains("offline"));
    }

    #[test]
    fn a_table_never_leaves_its_canvas() {
        let (table, now) = table(30);
        for width in [1, 7, 20, 40, 300] {
            for height in [1, 2, 3, 10, 31, 32] {
                let text = table.render(Canvas { width, height, ..PLAIN }, now);
                let limit = height.max(2);
                assert!(text.lines().count() <= limit, "{width}x{height}: {text}");
                assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
            }
        }
        assert!(table.render(PLAIN, now).ends_with("… and 8 more\n"));
    }

    #[test]
    fn bars_keep_their_prices_in_eighty_columns() {
        let now = Instant::now();
        let mut table = Table::new(ChannelName::Bars1m);
        let bar = r#"{"type":"bar","symbol":"sim:BTC-USD","start":"2026-11-22T00:34:00Z",
            "open":"84109.97","high":"84110.05","low":"84100.00","close":"84101.15",
            "volume":"1114829.15","state":"live"}"#;
        table.apply(bar, now);
        let text = table.render(PLAIN, now);
        let row: Vec<&str> = text.lines().nth(1).unwrap().split_whitespace().collect();
        let prices = ["84109.97", "84110.05", "84100.00", "84101.15"];
        assert_eq!(row[..2], ["sim:BTC-USD", "00:34:00"], "{text}");
        assert_eq!(row[2..6], prices, "{text}");
        assert_eq!(row[6], "1.11M", "{text}");
        let wide = table.render(Canvas { width: 130, ..PLAIN }, now);
        assert!(wide.contains("2026-11-22T00:34:00Z") && wide.contains("1114829.15"), "{wide}");
    }

    #[test]
    fn trades_have_a_table_of_their_own() {
        let now = Instant::now();
        let mut table = Table::new(ChannelName::Trades);
        let trade = r#"{"type":"trade","symbol":"a:B","price":"5.0","size":"1","side":"buy"}"#;
        table.apply(trade, now);
        table.apply(trade, now);
        let text = table.render(PLAIN, now);
        assert!(text.contains("a:B       5.0     1   buy       2      ?  0.0s"), "{text}");
    }

    #[test]
    fn what_is_no_message_changes_nothing() {
        let (mut table, now) = table(1);
        let before = table.render(PLAIN, now);
        for text in ["", "{", "[]", "{}", r#"{"symbol":5}"#] {
            table.apply(text, now);
        }
        assert_eq!(table.render(PLAIN, now), before);
    }
}
