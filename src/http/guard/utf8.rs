//! Text that comes in pieces, judged byte by byte: what can become no UTF-8 any more is known at
//! its first wrong byte (RFC 3629 §4).

/// The bytes that continue a character.
const TAIL: (u8, u8) = (0x80, 0xBF);

/// What is known of a text so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Utf8 {
    /// Bytes that the present character lacks.
    lacks: u8,
    /// The range of the next of them: not each character can be written in its longest form.
    next: (u8, u8),
}

/// A text that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotUtf8;

impl Utf8 {
    /// No text yet.
    pub(super) const fn new() -> Self {
        Self { lacks: 0, next: TAIL }
    }

    /// Follows one more byte.
    #[inline]
    pub(super) fn pass(&mut self, byte: u8) -> Result<(), NotUtf8> {
        if self.lacks > 0 {
            let (least, most) = self.next;
            if !(least..=most).contains(&byte) {
                return Err(NotUtf8);
            }
            (self.lacks, self.next) = (self.lacks - 1, TAIL);
            return Ok(());
        }
        (self.lacks, self.next) = match byte {
            0x00..=0x7F => return Ok(()),
            0xC2..=0xDF => (1, TAIL),
            0xE0 => (2, (0xA0, 0xBF)),
            // No surrogates.
            0xED => (2, (0x80, 0x9F)),
            0xE1..=0xEF => (2, TAIL),
            0xF0 => (3, (0x90, 0xBF)),
            0xF1..=0xF3 => (3, TAIL),
            // Nothing above U+10FFFF.
            0xF4 => (3, (0x80, 0x8F)),
            _ => return Err(NotUtf8),
        };
        Ok(())
    }

    /// Whether it may end here.
    pub(super) const fn is_whole(self) -> bool {
        self.lacks == 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// How many bytes pass, and whether the text may end after them.
    fn passed(bytes: &[u8]) -> (usize, bool) {
        let mut text = Utf8::new();
        let count = bytes.iter().take_while(|byte| text.pass(**byte).is_ok()).count();
        (count, text.is_whole())
    }

    #[track_caller]
    fn check(bytes: &[u8]) {
        let (count, is_whole) = passed(bytes);
        match std::str::from_utf8(bytes) {
            Ok(_) => assert_eq!((count, is_whole), (bytes.len(), true), "{bytes:x?}"),
            Err(error) if error.error_len().is_none() => {
                assert_eq!((count, is_whole), (bytes.len(), false), "{bytes:x?}");
            }
            // The library tells how many bytes of the character were right.
            Err(error) => {
                let right = error.valid_up_to() + error.error_len().unwrap_or(1);
                assert!(
                    count < bytes.len() && (count == right || count + 1 == right),
                    "{bytes:x?}"
                );
            }
        }
    }

    #[test]
    fn every_pair_of_bytes_is_judged_as_the_library_judges_it() {
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                check(&[first, second]);
                check(&[first, second, 0x80]);
                check(&[first, second, 0xBF, 0x80]);
                check(&[first, second, 0xBF, b'x']);
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_and_any_bytes_are_judged_as_the_library_judges_them(
            text in any::<String>(), bytes in prop::collection::vec(any::<u8>(), 0..8),
            cut in any::<prop::sample::Index>(),
        ) {
            check(text.as_bytes());
            check(&text.as_bytes()[..cut.index(text.len() + 1)]);
            check(&[text.as_bytes(), &bytes].concat());
        }
    }
}
