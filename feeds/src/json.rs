//! One JSON text read in place: simd-json's tape, its memory kept from frame to frame.
//!
//! Not for venues that send bare decimal numbers: a tape holds those as binary floating point.

use std::fmt;
use std::mem;

use simd_json::Buffers;
use simd_json::Node;
use simd_json::StaticNode;
use simd_json::Tape;

use crate::error::Error;

/// After a longer frame than this, in bytes, the memory that it took is given back.
const FRAME_BYTES_KEPT_MAX: usize = 256 * 1024;

/// A parser with the memory that it uses again. Nesting deeper than 1,024 is an error.
pub(crate) struct Parser {
    buffers: Buffers,
    spare: Vec<Node<'static>>,
}

/// A value of a parsed text.
#[derive(Clone, Copy)]
pub(crate) struct Item<'t, 'f>(&'t [Node<'f>]);

/// What is wrong with a frame that is proper JSON.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Not of the shape the venue documents.
    Shape(&'static str),
    /// Anything else.
    Error(Error),
}

impl Parser {
    pub(crate) fn new() -> Self {
        Self { buffers: Buffers::default(), spare: Vec::new() }
    }

    /// Parses one text; the tape goes back by [`Parser::keep`].
    ///
    /// # Errors
    /// What is no JSON.
    pub(crate) fn parse<'f>(&mut self, frame: &'f mut [u8]) -> Result<Tape<'f>, simd_json::Error> {
        let large = frame.len() > FRAME_BYTES_KEPT_MAX;
        let mut tape = Tape(mem::take(&mut self.spare)).reset();
        let parsed = simd_json::fill_tape(frame, &mut self.buffers, &mut tape);
        if large {
            self.buffers = Buffers::default();
        }
        match parsed {
            Ok(()) => Ok(tape),
            Err(error) => {
                self.keep(tape);
                Err(error)
            }
        }
    }

    /// Takes a tape back when it has been read.
    pub(crate) fn keep(&mut self, tape: Tape<'_>) {
        let spare = tape.reset().0;
        if spare.capacity() <= FRAME_BYTES_KEPT_MAX / size_of::<Node<'_>>() {
            self.spare = spare;
        }
    }
}

impl fmt::Debug for Parser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parser").finish_non_exhaustive()
    }
}

impl<'t, 'f> Item<'t, 'f> {
    /// The whole text.
    pub(crate) fn root(tape: &'t Tape<'f>) -> Self {
        Self(&tape.0)
    }

    /// The fields of an object, nothing for any other value.
    pub(crate) fn fields(self) -> impl Iterator<Item = (&'f str, Self)> {
        let mut rest = match self.0.split_first() {
            Some((Node::Object { .. }, rest)) => rest,
            _ => &[],
        };
        std::iter::from_fn(move || {
            let (key, tail) = rest.split_first()?;
            let Node::String(key) = key else { return None };
            let (value, tail) = split(tail)?;
            rest = tail;
            Some((*key, value))
        })
    }

    /// The items of an array, nothing for any other value.
    pub(crate) fn items(self) -> impl Iterator<Item = Self> {
        let mut rest = match self.0.split_first() {
            Some((Node::Array { .. }, rest)) => rest,
            _ => &[],
        };
        std::iter::from_fn(move || {
            let (value, tail) = split(rest)?;
            rest = tail;
            Some(value)
        })
    }

    /// The first field of this name.
    pub(crate) fn get(self, name: &str) -> Option<Self> {
        self.fields().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// A string.
    pub(crate) fn text(self) -> Option<&'f str> {
        match self.0.first()? {
            Node::String(text) => Some(text),
            _ => None,
        }
    }

    /// A string that may be `null`. Any other value is an empty string, which is no number and no
    /// time, so that it is refused and not taken for absent.
    pub(crate) fn text_if_any(self) -> Option<&'f str> {
        match self.0.first()? {
            Node::String(text) => Some(text),
            Node::Static(StaticNode::Null) => None,
            _ => Some(""),
        }
    }

    /// A whole number, not below zero.
    pub(crate) fn number(self) -> Option<u64> {
        match self.0.first()? {
            Node::Static(StaticNode::U64(number)) => Some(*number),
            Node::Static(StaticNode::I64(number)) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    /// `true` or `false`.
    pub(crate) fn truth(self) -> Option<bool> {
        match self.0.first()? {
            Node::Static(StaticNode::Bool(truth)) => Some(*truth),
            _ => None,
        }
    }

    /// Whether it is an object.
    pub(crate) fn is_object(self) -> bool {
        matches!(self.0.first(), Some(Node::Object { .. }))
    }
}

impl Fault {
    /// The error to report; `frame` is what it was found in.
    pub(crate) fn into_error(self, venue: &'static str, frame: &[u8]) -> Error {
        match self {
            Self::Shape(detail) => Error::bad_frame(venue, &detail, frame),
            Self::Error(error) => error,
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// The value that stands first, and what follows it.
fn split<'t, 'f>(nodes: &'t [Node<'f>]) -> Option<(Item<'t, 'f>, &'t [Node<'f>])> {
    let inside = match nodes.first()? {
        Node::Object { count, .. } | Node::Array { count, .. } => *count,
        _ => 0,
    };
    let (value, rest) = nodes.split_at_checked(inside.saturating_add(1))?;
    Some((Item(value), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, read: impl Fn(Item<'_, '_>)) {
        let mut frame = text.as_bytes().to_vec();
        let tape = simd_json::to_tape(&mut frame).unwrap();
        read(Item::root(&tape));
    }

    #[test]
    fn values_are_found_behind_nested_ones() {
        check(
            r#"{"a":[1,{"x":[]},-2],"b":{"c":"d\u0065"},"e":18446744073709551615,"f":true}"#,
            |it| {
                assert_eq!(it.get("b").unwrap().get("c").unwrap().text(), Some("de"));
                assert_eq!(it.get("e").unwrap().number(), Some(u64::MAX));
                assert_eq!(it.get("f").unwrap().truth(), Some(true));
                let items: Vec<_> = it.get("a").unwrap().items().map(Item::number).collect();
                assert_eq!(items, [Some(1), None, None]);
                assert!(it.get("g").is_none());
                assert!(it.get("e").unwrap().get("e").is_none());
            },
        );
        check("[]", |it| assert_eq!((it.items().count(), it.fields().count()), (0, 0)));
        check("1.5", |it| assert_eq!(it.number(), None));
    }

    #[test]
    fn deep_nesting_and_half_texts_are_errors() {
        let mut parser = Parser::new();
        for text in ["[".repeat(10_000), "{\"a\":".repeat(10_000), "{\"a\":1".into(), String::new()]
        {
            assert!(parser.parse(&mut text.into_bytes()).is_err());
        }
        let mut closed = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)).into_bytes();
        assert!(parser.parse(&mut closed).is_err());
    }

    #[test]
    fn the_memory_of_a_huge_frame_is_given_back() {
        let mut parser = Parser::new();
        let mut huge = format!("[{}0]", "0,".repeat(1_000_000)).into_bytes();
        let tape = parser.parse(&mut huge).unwrap();
        parser.keep(tape);
        assert_eq!(parser.spare.capacity(), 0);
    }
}
