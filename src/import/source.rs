//! A source: one file of an import, from its bytes to its rows.

use std::io;
use std::io::Read;
use std::sync::mpsc;
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::Duration;

use super::Error;
use super::lines::Block;
use super::lines::Lines;
use super::message::Messages;
use super::message::Read as Message;
use super::report::Report;
use super::row::Row;
use super::row::What;
use super::table::Reading;
use super::table::Table;
use crate::parcel::Packing;
use crate::parcel::unpack;

/// Blocks read ahead.
const BLOCKS_MAX: usize = 4;
/// How long nothing may come before it is asked whether to go on.
const PATIENCE: Duration = Duration::from_millis(100);

/// One file of an import.
pub struct Source {
    name: String,
    blocks: mpsc::Receiver<io::Result<Block>>,
    content: Content,
    reading: Reading,
}

/// What the lines are.
#[derive(Debug)]
enum Content {
    Unknown,
    Table(Table),
    Messages(Messages),
}

/// How an import goes on after a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// With the next one.
    Row,
    /// Not at all.
    Stop,
}

impl Source {
    /// A file by its name and its bytes, packed as `packing` or as they say themselves. They are
    /// read and unpacked in a thread of its own.
    ///
    /// # Errors
    /// [`Error::Read`] if no thread can be started.
    pub fn open(
        name: &str,
        from: impl Read + Send + 'static,
        packing: Option<Packing>,
        reading: Reading,
    ) -> Result<Self, Error> {
        let read = |source| Error::Read { name: name.to_owned(), source };
        let (sender, blocks) = mpsc::sync_channel(BLOCKS_MAX);
        let thread = thread::Builder::new().name("import".to_owned());
        let reader = thread.spawn(move || {
            let mut lines = match unpack(from, packing) {
                Ok(from) => Lines::new(from),
                // Nobody may want to know any more.
                Err(error) => return drop(sender.send(Err(error))),
            };
            loop {
                let block = match lines.next() {
                    Ok(Some(block)) => Ok(block),
                    Ok(None) => return,
                    Err(error) => Err(error),
                };
                let is_over = block.is_err();
                if sender.send(block).is_err() || is_over {
                    return;
                }
            }
        });
        drop(reader.map_err(read)?);
        Ok(Self { name: name.to_owned(), blocks, content: Content::Unknown, reading })
    }

    /// Reads all rows. `use_row` is given each and says why it is refused, if it is; `on` is asked
    /// after each block of lines whether to go on, and at times while none comes.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Header`]; what `on` says.
    pub fn read<E: From<Error>>(
        &mut self,
        report: &mut Report,
        mut use_row: impl FnMut(Row<'_>) -> Result<(), String>,
        mut on: impl FnMut(&Report) -> Result<Next, E>,
    ) -> Result<(), E> {
        report.last = None;
        loop {
            let block = match self.blocks.recv_timeout(PATIENCE) {
                Ok(block) => block,
                Err(RecvTimeoutError::Timeout) if on(report)? == Next::Row => continue,
                Err(_) => break,
            };
            let read = |source| Error::Read { name: self.name.clone(), source };
            let block = block.map_err(read)?;
            for (line, bytes) in block.lines() {
                self.line((line, bytes), report, &mut use_row)?;
            }
            if on(report)? == Next::Stop {
                return Ok(());
            }
        }
        match &self.content {
            Content::Unknown => {
                report.note_bad(&self.name, 1, "the file is empty".to_owned());
            }
            Content::Table(table) => report.note_left_out(table.left_out()),
            Content::Messages(_) => {}
        }
        Ok(())
    }

    fn line(
        &mut self,
        (number, bytes): (u64, Option<&[u8]>),
        report: &mut Report,
        use_row: &mut impl FnMut(Row<'_>) -> Result<(), String>,
    ) -> Result<(), Error> {
        let text = match text(bytes) {
            Ok("") => return Ok(()),
            Ok(text) => text,
            Err(why) if matches!(self.content, Content::Unknown) => {
                return Err(self.header(why));
            }
            Err(why) => {
                report.note_bad(&self.name, number, why.to_owned());
                return Ok(());
            }
        };
        if matches!(self.content, Content::Unknown) {
            let text = text.strip_prefix('\u{feff}').unwrap_or(text);
            if text.trim_start().starts_with('{') {
                self.content = Content::Messages(Messages::default());
            } else {
                let table = Table::of(text, &self.reading);
                self.content = Content::Table(table.map_err(|what| self.header(&what))?);
                return Ok(());
            }
        }
        let text = text.strip_prefix('\u{feff}').filter(|_| number == 1).unwrap_or(text);
        let used = |row: Row<'_>| {
            let (at, is_trade) = (row.at, matches!(row.what, What::Trade { .. }));
            use_row(row)?;
            Ok((at, is_trade))
        };
        let read = match &mut self.content {
            Content::Table(table) => table.row(text, used).map(Message::Row),
            Content::Messages(messages) => messages.row(text, used),
            Content::Unknown => return Ok(()),
        };
        match read {
            Ok(Message::Row((at, is_trade))) => {
                report.note_time(at);
                report.trades += u64::from(is_trade);
                report.quotes += u64::from(!is_trade);
            }
            Ok(Message::Other(kind)) => report.note_other(&kind),
            Err(why) => report.note_bad(&self.name, number, why),
        }
        Ok(())
    }

    fn header(&self, what: &str) -> Error {
        Error::Header { name: self.name.clone(), what: what.to_owned() }
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A line as text.
fn text(bytes: Option<&[u8]>) -> Result<&str, &'static str> {
    let bytes = bytes.ok_or("the line is too long")?;
    if bytes.iter().any(|byte| *byte < b' ' && *byte != b'\t') {
        return Err("it holds bytes that no text has");
    }
    str::from_utf8(bytes).map_err(|_| "it is not UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<(Report, Vec<String>), Error> {
        let from = io::Cursor::new(text.to_vec());
        let mut source = Source::open("f", from, Some(Packing::Plain), Reading::default())?;
        let (mut report, mut rows) = (Report::default(), Vec::new());
        let use_row = |row: Row<'_>| {
            rows.push(row.symbol.to_owned());
            Ok(())
        };
        source.read(&mut report, use_row, |_| Ok::<_, Error>(Next::Row))?;
        Ok((report, rows))
    }

    #[test]
    fn bad_rows_are_told_with_their_lines_and_the_others_are_read() {
        let text = [
            &b"\xef\xbb\xbftime,symbol,price,size\r\n5,a,1,2\r\n\r\n5,b,-1,2\r\n"[..],
            b"5,c\0,1,2\n5,\xff,1,2\n",
            &b"x".repeat(10 << 20),
            b"\n4,d,1,2\n6,e,1,2",
        ]
        .concat();
        let (report, rows) = read(&text).unwrap();
        assert_eq!(rows, ["a", "d", "e"]);
        assert_eq!((report.trades, report.quotes, report.backward), (3, 0, 1));
        assert!(report.left_out.is_empty());
        let bad: Vec<(u64, &str)> =
            report.bad.iter().map(|bad| (bad.line, bad.why.as_str())).collect();
        let [negative, rest @ ..] = &bad[..] else { panic!() };
        assert!(negative.0 == 4 && negative.1.contains("out of range"), "{negative:?}");
        let expected = [
            (5, "it holds bytes that no text has"),
            (6, "it is not UTF-8"),
            (7, "the line is too long"),
        ];
        assert_eq!(rest, expected);
    }

    #[test]
    fn what_is_not_kept_is_told() {
        let text = b"time,symbol,type,bid,ask,price,size,exchange,seq_or_trade_id,mood\n\
            5,a,Q,1,2,,,V,,good\n6,a,T,,,1,2,V,77,\n7,b,T,1,,1,2,,,\n";
        let (report, rows) = read(text).unwrap();
        assert_eq!(rows.len(), 3);
        let told: Vec<&str> = report.left_out.iter().map(|column| &**column).collect();
        assert_eq!(told, ["bid of trades", "exchange of quotes", "mood"]);
    }

    #[test]
    fn messages_are_known_by_their_first_line() {
        let text = concat!(
            r#"{"type":"trade","symbol":"a:B","recv":"2024-01-01T00:00:01Z","price":"1","size":"1"}"#,
            "\n{\"type\":\"heartbeat\"}\nnonsense\n"
        );
        let (report, rows) = read(text.as_bytes()).unwrap();
        assert_eq!(rows, ["a:B"]);
        assert_eq!((report.others["heartbeat"], report.bad_count), (1, 1));
    }

    #[test]
    fn a_file_without_a_header_is_refused_and_an_empty_one_told() {
        for text in [&b"1,2,3\n"[..], b"\0\0\n", b"\xff\xfet\0\n", &b"x".repeat(1 << 20)] {
            assert!(matches!(read(text), Err(Error::Header { .. })), "{text:?}");
        }
        for text in ["", "\n", "\r\n\r\n"] {
            assert_eq!(read(text.as_bytes()).unwrap().0.bad[0].why, "the file is empty");
        }
        assert_eq!(read(b"time,symbol,price,size\n").unwrap().0.bad_count, 0);
    }
}
