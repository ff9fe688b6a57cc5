//! The screen: from what is known to cells.

use ratatui::Frame;
use ratatui::layout::Constraint;
use ratatui::layout::Layout;
use ratatui::layout::Rect;
use ratatui::style::Color;
use ratatui::style::Modifier;
use ratatui::style::Style;
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::text::Span;
use ratatui::text::Text;
use ratatui::widgets::Block;
use ratatui::widgets::Cell;
use ratatui::widgets::Clear;
use ratatui::widgets::Paragraph;
use ratatui::widgets::Row;
use ratatui::widgets::Table;
use ratatui::widgets::TableState;
use ratatui::widgets::Tabs;
use ratatui::widgets::canvas::Canvas;
use ratatui::widgets::canvas::Line as Stroke;
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive as _;
use rust_decimal::prelude::ToPrimitive as _;
use tokio::time::Instant;

use crate::cli::columns;
use crate::cli::row;
use crate::cli::table::age;
use crate::cli::top::chart::Bar;
use crate::cli::top::chart::Chart;
use crate::cli::top::keys::KEYS;
use crate::cli::top::watch::Column;
use crate::cli::top::watch::Watch;

const UP: Color = Color::Blue;
const DOWN: Color = Color::LightRed;
/// Columns of a bar and of the space after it.
const BAR_WIDTH: u16 = 2;
/// Of a chart, in units of its own.
const HEIGHT: f64 = 1_000.0;
/// Columns of the prices beside a chart.
const PRICES_WIDTH: u16 = 14;

const COLUMNS: usize = 9;
const TITLES: [(&str, Option<Column>); COLUMNS] = [
    ("SYMBOL", Some(Column::Symbol)),
    ("LAST", Some(Column::Last)),
    ("CHANGE", Some(Column::Change)),
    ("BID", None),
    ("ASK", None),
    ("SPREAD", None),
    ("VOLUME", Some(Column::Volume)),
    ("STATE", None),
    ("AGE", Some(Column::Age)),
];
/// Widths that keep columns where they are while figures grow.
const ROOMY: [usize; COLUMNS] = [22, 13, 10, 13, 13, 10, 16, 10, 7];
/// The place of the volume.
const VOLUME: usize = 6;
/// What a narrow screen does without, in this order: spread, age, volume, ask, bid, change.
const MISSED: [usize; 6] = [5, 8, 6, 4, 3, 2];

/// A row as it is drawn.
struct Cells {
    cells: [(String, Style); COLUMNS],
    style: Style,
}

/// What is drawn.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    pub(super) watch: &'a mut Watch,
    pub(super) chart: Option<&'a Chart>,
    /// The server, and how it stands with it.
    pub(super) title: String,
    /// A replay must never look like what is live.
    pub(super) is_replay: bool,
    /// What was said last.
    pub(super) said: &'a str,
    pub(super) shows_help: bool,
    pub(super) has_colours: bool,
    pub(super) now: Instant,
}

/// Draws all of it.
pub(super) fn draw(frame: &mut Frame<'_>, scene: &mut Scene<'_>) {
    let chart = if scene.chart.is_some() { Constraint::Percentage(45) } else { Constraint::Max(0) };
    let [head, tabs, rows, below, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Min(3),
        chart,
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let of_title = if scene.is_replay { reversed(Color::Yellow) } else { reversed(Color::Cyan) };
    frame.render_widget(Paragraph::new(scene.title.as_str()).style(of_title), head);
    let (names, at) = scene.watch.tabs();
    frame.render_widget(Tabs::new(names).select(at).divider("|"), tabs);
    draw_rows(frame, scene, rows);
    if let Some(chart) = scene.chart {
        draw_chart(frame, chart, below);
    }
    frame.render_widget(Paragraph::new(footer(scene)), foot);
    if scene.shows_help {
        draw_help(frame);
    }
    if !scene.has_colours {
        let cells = frame.buffer_mut().content.iter_mut();
        cells.for_each(|cell| {
            cell.set_fg(Color::Reset).set_bg(Color::Reset);
        });
    }
}

fn reversed(color: Color) -> Style {
    Style::new().fg(color).add_modifier(Modifier::REVERSED)
}

fn footer(scene: &Scene<'_>) -> String {
    let watch = &scene.watch;
    match () {
        () if watch.is_typing => format!("/{}_  Enter keeps it, Esc shows all", watch.filter),
        () if !scene.said.is_empty() => scene.said.to_owned(),
        () if !watch.filter.is_empty() => format!("only {:?}; Esc shows all", watch.filter),
        () => "? help  / filter  s sort  Enter chart  r replay  q quit".to_owned(),
    }
}

fn draw_rows(frame: &mut Frame<'_>, scene: &mut Scene<'_>, area: Rect) {
    let (now, watch) = (scene.now, &mut *scene.watch);
    let room = usize::from(area.height.saturating_sub(1));
    let shown = watch.shown(now).to_vec();
    let at = watch.selected().map(|(at, _)| at);
    // Only what is seen is made: there may be a hundred thousand.
    let first = at.map_or(0, |at| (at + 1).saturating_sub(room));
    let seen = shown.iter().skip(first).take(room);
    let mut lines: Vec<Cells> =
        seen.filter_map(|symbol| Some(line(symbol, watch.row(symbol)?, now))).collect();
    let titles = TITLES.map(|(title, column)| {
        let arrow = if column == Some(watch.column) { watch.arrow() } else { "" };
        format!("{title}{arrow}")
    });
    let widths = widths(&mut lines, usize::from(area.width));
    let cell = |(at, _): &(usize, u16), text: String, style: Style| match at {
        0 => Cell::from(text),
        _ => Cell::from(Text::from(text).right_aligned()).style(style),
    };
    let pick = |texts: &[(String, Style); COLUMNS]| -> Vec<Cell<'static>> {
        let picked = widths.iter().filter_map(|column| Some((column, texts.get(column.0)?)));
        picked.map(|(column, (text, style))| cell(column, text.clone(), *style)).collect()
    };
    let rows = lines.iter().map(|line| Row::new(pick(&line.cells)).style(line.style));
    let head = pick(&titles.map(|title| (title, Style::new())));
    let table = Table::new(rows, widths.iter().map(|(_, width)| Constraint::Length(*width)))
        .header(Row::new(head).style(Style::new().add_modifier(Modifier::BOLD)))
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let selected = at.map(|at| at - first);
    frame.render_stateful_widget(table, area, &mut TableState::new().with_selected(selected));
}

/// The columns that have room, each with its width: that of its widest text, and more if all have
/// more. Where not all have room, volumes are told short before a column goes.
fn widths(lines: &mut [Cells], room: usize) -> Vec<(usize, u16)> {
    let used = |widths: &[usize]| widths.iter().sum::<usize>() + COLUMNS - 1;
    let mut needed = needed(lines);
    let roomy: Vec<usize> = needed.iter().zip(ROOMY).map(|(of, roomy)| roomy.max(*of)).collect();
    if used(&roomy) <= room {
        needed = roomy;
    } else if used(&needed) > room {
        let volumes = lines.iter_mut().filter_map(|line| line.cells.get_mut(VOLUME));
        volumes.for_each(|(text, _)| *text = columns::short(text));
        needed = self::needed(lines);
    }
    let left = columns::fit(&needed, 1, room, &MISSED);
    let width = |at: usize| u16::try_from(*needed.get(at)?).ok();
    left.into_iter().filter_map(|at| Some((at, width(at)?))).collect()
}

fn needed(lines: &[Cells]) -> Vec<usize> {
    let of_column = |(at, (title, _)): (usize, &(&str, Option<Column>))| {
        let texts = lines.iter().filter_map(|line| line.cells.get(at));
        let widest = texts.map(|(text, _)| text.chars().count()).max().unwrap_or(0);
        // And the arrow.
        widest.max(title.len() + 1)
    };
    TITLES.iter().enumerate().map(of_column).collect()
}

fn line(symbol: &str, row: &row::Row, now: Instant) -> Cells {
    let plain = |text: &str| (text.to_owned(), Style::new());
    let field = |name| plain(row.get(name).unwrap_or("-"));
    let change = match row.change() {
        None => plain("-"),
        Some(percent) if percent.is_zero() => plain("0.00%"),
        Some(percent) if percent.is_sign_negative() => (format!("▼ {percent}%"), DOWN.into()),
        Some(percent) => (format!("▲ +{percent}%"), UP.into()),
    };
    let is_live = row.state() == "live";
    let colour = if is_live { Color::Green } else { Color::Yellow };
    let cells = [
        plain(symbol),
        field("last"),
        change,
        field("bid"),
        field("ask"),
        plain(spread(row).as_deref().unwrap_or("-")),
        field("volume"),
        (row.state().to_owned(), colour.into()),
        plain(&age(row.age(now))),
    ];
    // A price that may be old must not look like one that holds.
    let style = if is_live { Style::new() } else { Style::new().add_modifier(Modifier::DIM) };
    Cells { cells, style }
}

fn spread(row: &row::Row) -> Option<String> {
    let number = |name| row.get(name)?.parse::<Decimal>().ok();
    Some(number("ask")?.checked_sub(number("bid")?)?.to_string())
}

fn draw_chart(frame: &mut Frame<'_>, chart: &Chart, area: Rect) {
    let title = format!(" {} · {} bars ", chart.symbol, chart.interval.word());
    let block = Block::bordered().title(title);
    let [plot, prices] = Layout::horizontal([Constraint::Min(4), Constraint::Length(PRICES_WIDTH)])
        .areas(block.inner(area));
    frame.render_widget(block, area);
    let room = usize::from((plot.width / BAR_WIDTH).max(1));
    let seen = chart.bars.get(chart.bars.len().saturating_sub(room)..).unwrap_or_default();
    let Some(candles) = candles(seen) else {
        let said = chart.trouble.as_deref().unwrap_or("no trades in this time");
        frame.render_widget(Paragraph::new(said), plot);
        return;
    };
    let canvas = Canvas::default()
        .marker(Marker::HalfBlock)
        .x_bounds([0.0, f64::from(plot.width)])
        .y_bounds([0.0, HEIGHT])
        .paint(|canvas| {
            for (at, [open, high, low, close]) in (0_u16..).step_by(BAR_WIDTH.into()).zip(&candles)
            {
                let x = f64::from(at);
                let color = if close >= open { UP } else { DOWN };
                canvas.draw(&Stroke { x1: x, y1: *low, x2: x, y2: *high, color: Color::DarkGray });
                canvas.draw(&Stroke { x1: x, y1: *open, x2: x, y2: *close, color });
            }
        });
    frame.render_widget(canvas, plot);
    draw_prices(frame, seen, prices);
}

/// The highest and the lowest price as the venue wrote them, and the last.
fn draw_prices(frame: &mut Frame<'_>, bars: &[Bar], area: Rect) {
    let by_number = |price: &&String| price.parse::<Decimal>().ok();
    let high = bars.iter().filter_map(|bar| bar.high.as_ref()).max_by_key(by_number);
    let low = bars.iter().filter_map(|bar| bar.low.as_ref()).min_by_key(by_number);
    let last = bars.iter().rev().find_map(|bar| bar.close.as_ref());
    let [top, middle, bottom] =
        Layout::vertical([Constraint::Length(1), Constraint::Min(1), Constraint::Length(1)])
            .areas(area);
    let label = |mark: &'static str, price: Option<&String>| {
        Line::from(vec![Span::raw(mark), Span::raw(price.cloned().unwrap_or_default())])
    };
    frame.render_widget(Paragraph::new(label(" H ", high)), top);
    frame.render_widget(Paragraph::new(label(" C ", last)), middle);
    frame.render_widget(Paragraph::new(label(" L ", low)), bottom);
}

/// Open, high, low and close of each bar as heights, 0 to [`HEIGHT`]; `None` if there is no bar.
fn candles(bars: &[Bar]) -> Option<Vec<[f64; 4]>> {
    let price = |price: &Option<String>| price.as_ref()?.parse::<Decimal>().ok();
    let prices: Vec<[Decimal; 4]> = bars
        .iter()
        .filter_map(|bar| {
            Some([price(&bar.open)?, price(&bar.high)?, price(&bar.low)?, price(&bar.close)?])
        })
        .collect();
    let low = prices.iter().map(|[_, _, low, _]| *low).min()?;
    let high = prices.iter().map(|[_, high, ..]| *high).max()?;
    let (span, top) = (high.checked_sub(low)?, Decimal::from_f64(HEIGHT)?);
    let height = |price: Decimal| {
        let part = price.checked_sub(low)?.checked_mul(top)?.checked_div(span);
        part.unwrap_or_default().to_f64()
    };
    let heights = |[open, high, low, close]: [Decimal; 4]| {
        Some([height(open)?, height(high)?, height(low)?, height(close)?])
    };
    prices.into_iter().map(heights).collect()
}

fn draw_help(frame: &mut Frame<'_>) {
    let lines: Vec<Line<'_>> = KEYS
        .iter()
        .map(|(keys, what)| {
            Line::from(vec![Span::raw(format!(" {keys:24}")), Span::raw(format!("{what} "))])
        })
        .collect();
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX);
    let area = frame.area().centered(Constraint::Max(78), Constraint::Max(height));
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" keys ")), area);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::top::chart::Interval;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    fn screen(size: (u16, u16), chart: Option<&Chart>, shows_help: bool) -> Vec<String> {
        let now = Instant::now();
        let mut watch = Watch::new();
        for n in 0..30 {
            let message = format!(
                r#"{{"type":"snapshot","symbol":"sim:S{n:02}","bid":"1.10","ask":"1.25","last":"1.15",
                "prev_close":"1.00","volume":"77","state":"live"}}"#
            );
            watch.apply(&message, now);
        }
        watch.apply(r#"{"type":"status","symbol":"sim:S01","state":"stale"}"#, now);
        let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
        let mut scene = Scene {
            watch: &mut watch,
            chart,
            title: "tickwire top".to_owned(),
            is_replay: false,
            said: "",
            shows_help,
            has_colours: true,
            now,
        };
        let mut lines = Vec::new();
        terminal.draw(|frame| draw(frame, &mut scene)).unwrap();
        let buffer = terminal.backend().buffer();
        for y in 0..size.1 {
            lines.push((0..size.0).map(|x| buffer[(x, y)].symbol()).collect::<String>());
        }
        lines
    }

    #[test]
    fn a_row_has_its_figures_the_spread_and_the_state() {
        let lines = screen((130, 12), None, false);
        assert!(lines[0].starts_with("tickwire top"));
        assert!(lines[2].starts_with("SYMBOL▲"), "{lines:#?}");
        let cells: Vec<&str> = lines[3].split_whitespace().collect();
        let expected =
            ["sim:S00", "1.15", "▲", "+15.00%", "1.10", "1.25", "0.15", "77", "live", "0.0s"];
        assert_eq!(cells, expected);
        assert!(lines[4].contains("stale"), "{lines:#?}");
        assert!(lines[11].starts_with("? help"));
    }

    #[test]
    fn figures_are_told_shorter_or_not_at_all_and_never_cut() {
        let mut watch = Watch::new();
        let now = Instant::now();
        watch.apply(
            r#"{"type":"snapshot","symbol":"binance:BTC-USDT","bid":"84109.97","ask":"84110.05",
            "last":"84110.01","prev_close":"84000","volume":"1114829.15","state":"live"}"#,
            now,
        );
        let row = |width| {
            let mut lines =
                vec![line("binance:BTC-USDT", watch.row("binance:BTC-USDT").unwrap(), now)];
            let texts = widths(&mut lines, width).into_iter();
            texts.map(|(at, wide)| (lines[0].cells[at].0.clone(), wide)).collect::<Vec<_>>()
        };
        let (wide, usual, narrow) = (row(130), row(80), row(40));
        assert!(wide.iter().any(|(text, _)| text == "1114829.15"), "{wide:?}");
        assert!(usual.iter().any(|(text, _)| text == "1.11M"), "{usual:?}");
        assert_eq!(narrow.len(), 3, "{narrow:?}");
        for row in [wide, usual, narrow] {
            assert_eq!(row[0].0, "binance:BTC-USDT");
            assert!(row.iter().all(|(text, wide)| text.chars().count() <= usize::from(*wide)));
        }
    }

    #[test]
    fn no_size_is_too_small() {
        let mut chart = Chart::new("sim:S00".to_owned(), Interval::Minute);
        chart.bars = vec![Bar::default(); 3];
        for width in [1, 2, 10, 40, 200] {
            for height in [1, 2, 5, 24, 60] {
                screen((width, height), Some(&chart), true);
            }
        }
    }

    #[test]
    fn a_chart_has_its_bars_and_its_prices() {
        let mut chart = Chart::new("sim:S00".to_owned(), Interval::Second);
        let price = |text: &str| Some(text.to_owned());
        for (open, high, low, close) in [("9.5", "11.00", "9.0", "10"), ("10", "10.5", "8.50", "9")]
        {
            let (open, high) = (price(open), price(high));
            let (low, close) = (price(low), price(close));
            chart.bars.push(Bar { start: String::new(), open, high, low, close });
        }
        let text = screen((100, 30), Some(&chart), false).join("\n");
        assert!(text.contains(" sim:S00 · 1s bars "), "{text}");
        for label in ["H 11.00", "L 8.50", "C 9"] {
            assert!(text.contains(label), "{label}: {text}");
        }
        assert!(text.contains('▀') || text.contains('█') || text.contains('▄'), "{text}");
    }

    #[test]
    fn the_help_names_every_key() {
        let text = screen((100, 30), None, true).join("\n");
        assert!(KEYS.iter().all(|(_, what)| text.contains(what)), "{text}");
    }
}
