//! What a delta says of one field.

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;

/// What a delta says of one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Change<T> {
    /// Nothing: it is as it was.
    #[default]
    Kept,
    /// It is unknown now, as the bid is when the bid side was emptied.
    Unknown,
    /// It is this now.
    Is(T),
}

impl<T> Change<T> {
    /// The new value, if there is one.
    pub const fn known(&self) -> Option<&T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Kept | Self::Unknown => None,
        }
    }

    /// Whether the delta says nothing of it.
    pub const fn is_kept(&self) -> bool {
        matches!(self, Self::Kept)
    }
}

impl<T: Clone> Change<T> {
    /// Changes what is held.
    pub fn apply_to(&self, held: &mut Option<T>) {
        match self {
            Self::Kept => {}
            Self::Unknown => *held = None,
            Self::Is(value) => *held = Some(value.clone()),
        }
    }
}

impl<T> From<Option<T>> for Change<T> {
    /// Of a field that was there: `null` or a value.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Unknown, Self::Is)
    }
}

impl<T: Serialize> Serialize for Change<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.known().serialize(to)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Option::deserialize(from).map(Self::from)
    }
}
