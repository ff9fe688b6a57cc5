//! The symbols of a load by their names, found by the hundred thousand a second and more.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::hash::Hasher;

/// Names with their numbers, in the order of a list.
#[derive(Debug)]
pub(super) struct Names(HashMap<Box<[u8]>, usize, BuildHasherDefault<Mixer>>);

impl Names {
    pub(super) fn new(names: &[String]) -> Self {
        let numbered = names.iter().enumerate();
        Self(numbered.map(|(at, name)| (Box::from(name.as_bytes()), at)).collect())
    }

    /// Where in the list a name stands.
    #[inline]
    pub(super) fn find(&self, name: &[u8]) -> Option<usize> {
        self.0.get(name).copied()
    }
}

/// A quick hash; nobody hostile chooses the names of a load test.
#[derive(Debug, Default)]
struct Mixer(u64);

impl Mixer {
    #[inline]
    fn mix(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Hasher for Mixer {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.mix(u64::from_le_bytes(*word)));
        self.mix(rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)));
    }

    #[inline]
    fn write_usize(&mut self, number: usize) {
        self.mix(number as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_its_place_and_a_stranger_none() {
        let list: Vec<String> = (0..5_000).map(|n| format!("sim:S{n:05}-USD")).collect();
        let names = Names::new(&list);
        for (at, name) in list.iter().enumerate() {
            assert_eq!(names.find(name.as_bytes()), Some(at));
        }
        assert_eq!(names.find(b"sim:S5000-USD"), None);
        assert_eq!(names.find(b""), None);
    }
}
