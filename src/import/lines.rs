//! The lines of a file, in blocks, with their numbers.

use std::io;
use std::io::Read;

/// Longest line, in bytes; a longer one is passed over.
pub const LINE_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a line that are passed over: what has none shorter than that has no lines.
const PASSED_OVER_MAX: usize = 16 * 1024 * 1024;
/// Read at once.
const BLOCK_BYTES: usize = 256 * 1024;

/// A block of lines.
#[derive(Debug)]
pub(super) struct Block {
    /// Whole lines with their ends, but for the last one of a file.
    pub(super) bytes: Vec<u8>,
    /// The number of the first, from 1 on.
    pub(super) first: u64,
    /// A line that is too long follows it.
    pub(super) then_long: bool,
}

/// The lines of a file.
pub(super) struct Lines<R> {
    from: R,
    /// What was read behind the last whole line.
    rest: Vec<u8>,
    /// The number of the line that `rest` begins.
    next: u64,
    is_over: bool,
    /// `rest` begins a line that is too long.
    is_long: bool,
}

impl<R: Read> Lines<R> {
    pub(super) const fn new(from: R) -> Self {
        Self { from, rest: Vec::new(), next: 1, is_over: false, is_long: false }
    }

    /// The next lines; `None` at the end.
    ///
    /// # Errors
    /// If the file cannot be read on, or seems to have no lines. What was read before it was given.
    pub(super) fn next(&mut self) -> io::Result<Option<Block>> {
        if std::mem::take(&mut self.is_long) {
            self.skip_line()?;
        }
        let mut bytes = std::mem::take(&mut self.rest);
        while !self.is_over {
            let begun = bytes.len();
            let read = self.from.by_ref().take(BLOCK_BYTES as u64).read_to_end(&mut bytes)?;
            self.is_over = read < BLOCK_BYTES;
            let fresh = bytes.get(begun..).unwrap_or_default();
            if let Some(end) = fresh.iter().rposition(|byte| *byte == b'\n') {
                self.rest = bytes.split_off(begun + end + 1);
                let then_long = self.rest.len() > LINE_BYTES_MAX;
                // It is told before it is passed over, which takes its time.
                self.is_long = then_long;
                return Ok(Some(self.block(bytes, then_long)));
            }
            if bytes.len() > LINE_BYTES_MAX {
                (self.rest, self.is_long) = (bytes, true);
                return Ok(Some(self.block(Vec::new(), true)));
            }
        }
        Ok((!bytes.is_empty()).then(|| self.block(bytes, false)))
    }

    fn block(&mut self, bytes: Vec<u8>, then_long: bool) -> Block {
        let first = self.next;
        let ends = bytes.iter().filter(|byte| **byte == b'\n').count();
        self.next += ends as u64 + u64::from(then_long);
        Block { bytes, first, then_long }
    }

    /// Drops the line that `rest` begins.
    fn skip_line(&mut self) -> io::Result<()> {
        let mut passed = 0;
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                self.rest.drain(..=end);
                return Ok(());
            }
            passed += self.rest.len();
            self.rest.clear();
            if self.is_over {
                return Ok(());
            }
            if passed > PASSED_OVER_MAX {
                let line = self.next - 1;
                let what = format!("line {line} goes on for more than {PASSED_OVER_MAX} bytes");
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
            let read = self.from.by_ref().take(BLOCK_BYTES as u64).read_to_end(&mut self.rest)?;
            self.is_over = read < BLOCK_BYTES;
        }
    }
}

impl Block {
    /// Its lines without their ends, each with its number; `None` for one that is too long.
    pub(super) fn lines(&self) -> impl Iterator<Item = (u64, Option<&[u8]>)> {
        let bytes = self.bytes.strip_suffix(b"\n").unwrap_or(&self.bytes);
        let some = (!self.bytes.is_empty()).then(|| bytes.split(|byte| *byte == b'\n'));
        let lines = some.into_iter().flatten().map(|line| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            (line.len() <= LINE_BYTES_MAX).then_some(line)
        });
        (self.first..).zip(lines.chain(self.then_long.then_some(None)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(bytes: &[u8]) -> Vec<(u64, Option<Vec<u8>>)> {
        let mut lines = Lines::new(bytes);
        let mut all = Vec::new();
        while let Some(block) = lines.next().unwrap() {
            all.extend(block.lines().map(|(at, line)| (at, line.map(<[u8]>::to_vec))));
        }
        all
    }

    fn some(at: u64, line: &str) -> (u64, Option<Vec<u8>>) {
        (at, Some(line.as_bytes().to_vec()))
    }

    #[test]
    fn lines_are_numbered_whatever_ends_them() {
        assert_eq!(all(b""), []);
        assert_eq!(all(b"\n"), [some(1, "")]);
        assert_eq!(all(b"a\r\nb\n\nc"), [some(1, "a"), some(2, "b"), some(3, ""), some(4, "c")]);
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over() {
        for long in [LINE_BYTES_MAX + 1, BLOCK_BYTES, 10 << 20] {
            let text = [b"a\n", &b"x".repeat(long)[..], b"\nb\n"].concat();
            assert_eq!(all(&text), [some(1, "a"), (2, None), some(3, "b")], "{long}");
            assert_eq!(all(&text[..text.len() - 3]), [some(1, "a"), (2, None)], "{long}");
            assert_eq!(all(&text[2..]), [(1, None), some(2, "b")], "{long}");
        }
        let just = "x".repeat(LINE_BYTES_MAX);
        assert_eq!(all(just.as_bytes()), [some(1, &just)]);
    }

    #[test]
    fn a_line_that_does_not_end_is_told_and_then_an_error() {
        let mut lines = Lines::new(b"a\n".chain(io::repeat(0)));
        let first = lines.next().unwrap().unwrap();
        assert_eq!(first.lines().collect::<Vec<_>>(), [(1, Some(&b"a"[..])), (2, None)]);
        let error = lines.next().unwrap_err().to_string();
        assert!(error.contains("line 2 goes on"), "{error}");
    }

    proptest! {
        #[test]
        fn no_line_is_lost(
            lines in prop::collection::vec("[a-z]{0,9}", 1..200),
            times in 1..300_usize,
        ) {
            let lines: Vec<String> = lines.iter().cycle().take(lines.len() * times)
                .cloned().collect();
            let read = all((lines.join("\n") + "\n").as_bytes());
            prop_assert_eq!(read.len(), lines.len());
            for ((at, read), (expected, line)) in read.iter().zip((1..).zip(&lines)) {
                prop_assert_eq!((*at, read.as_deref()), (expected, Some(line.as_bytes())));
            }
        }
    }
}
