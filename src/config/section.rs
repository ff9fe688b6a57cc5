//! One section of the settings, read into types; every refusal names key, origin and range.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::RangeInclusive;

use config::ValueKind;

use crate::config::error::Error;
use crate::config::layers::Entry;
use crate::config::layers::Layers;
use crate::config::layers::Origin;
use crate::config::layers::bad_value;
use crate::config::quantity::ByteSize;
use crate::config::quantity::Span;
use crate::config::quantity::Speed;

/// A section and, for what it does not say itself, the section of the defaults that stands in.
#[derive(Debug)]
pub(crate) struct Section<'a> {
    layers: &'a Layers,
    prefix: String,
    stand_in: String,
    read: &'a RefCell<BTreeSet<String>>,
}

impl<'a> Section<'a> {
    /// The section of this dotted name; `read` collects the keys of the defaults that were asked
    /// for.
    pub(crate) fn new(layers: &'a Layers, name: &str, read: &'a RefCell<BTreeSet<String>>) -> Self {
        let prefix = format!("{name}.");
        Self { layers, stand_in: prefix.clone(), prefix, read }
    }

    /// The same, with another section's defaults.
    pub(crate) fn with_defaults_of(mut self, name: &str) -> Self {
        self.stand_in = format!("{name}.");
        self
    }

    /// The effective value and where it comes from; `None` if even the defaults have none.
    pub(crate) fn entry(&self, key: &str) -> Option<&'a Entry> {
        let default = format!("{}{key}", self.stand_in);
        let entry = self.layers.get(&format!("{}{key}", self.prefix));
        let entry = entry.or_else(|| self.layers.default(&default));
        self.read.borrow_mut().insert(default);
        entry
    }

    /// Where the effective value comes from.
    pub(crate) fn origin(&self, key: &str) -> Origin {
        self.entry(key).map_or(Origin::Default, |entry| entry.origin.clone())
    }

    /// Text that `parse` makes something of.
    pub(crate) fn parsed<T>(
        &self,
        key: &str,
        expected: impl Into<String>,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, Error> {
        let text = self.entry(key).and_then(|entry| match &entry.kind {
            ValueKind::String(text) => Some(text.as_str()),
            _ => None,
        });
        text.and_then(parse).ok_or_else(|| self.refusal(key, expected))
    }

    /// A whole number within a range.
    pub(crate) fn number<T>(&self, key: &str, range: RangeInclusive<T>) -> Result<T, Error>
    where
        T: TryFrom<u64> + PartialOrd + Display,
    {
        let number = self.entry(key).and_then(whole).and_then(|number| T::try_from(number).ok());
        number.filter(|number| range.contains(number)).ok_or_else(|| {
            self.refusal(key, format!("a number {}..={}", range.start(), range.end()))
        })
    }

    /// A number of bytes within a range, bare or with a unit.
    pub(crate) fn bytes(&self, key: &str, range: RangeInclusive<u64>) -> Result<ByteSize, Error> {
        let size = self.entry(key).and_then(|entry| match &entry.kind {
            ValueKind::String(text) => ByteSize::parse(text),
            _ => whole(entry).map(ByteSize::from_bytes),
        });
        size.filter(|size| range.contains(&size.bytes())).ok_or_else(|| {
            let (least, most) = (*range.start(), *range.end());
            let (least, most) = (ByteSize::from_bytes(least), ByteSize::from_bytes(most));
            self.refusal(key, format!("a size like \"64MiB\", {least} to {most}"))
        })
    }

    /// A span of time within a range of ms, with its unit.
    pub(crate) fn span(&self, key: &str, range: RangeInclusive<u64>) -> Result<Span, Error> {
        let (least, most) = (Span::from_millis(*range.start()), Span::from_millis(*range.end()));
        self.parsed(key, format!("a time like \"7d\" or \"12h\", {least} to {most}"), |text| {
            Span::parse(text).filter(|span| range.contains(&span.millis()))
        })
    }

    /// A factor of time, a number or text.
    pub(crate) fn speed(&self, key: &str) -> Result<Speed, Error> {
        let speed = self.entry(key).and_then(|entry| match &entry.kind {
            ValueKind::String(text) if entry.is_untyped() => Speed::parse(text),
            ValueKind::I64(_) | ValueKind::Float(_) => Speed::parse(&entry.kind.to_string()),
            _ => None,
        });
        let expected = "a speed 0..=1000000 with at most 3 digits after the point";
        speed.ok_or_else(|| self.refusal(key, expected))
    }

    /// A list of texts; an environment variable or flag separates them by commas.
    pub(crate) fn list(&self, key: &str) -> Result<Vec<String>, Error> {
        let items = self.entry(key).and_then(|entry| match &entry.kind {
            ValueKind::Array(items) => items
                .iter()
                .map(|item| match &item.kind {
                    ValueKind::String(text) => Some(text.clone()),
                    _ => None,
                })
                .collect(),
            ValueKind::String(text) if entry.is_untyped() => Some(split(text)),
            _ => None,
        });
        items.ok_or_else(|| self.refusal(key, "a list of texts"))
    }

    /// `true` or `false`; `None` if nobody says.
    pub(crate) fn yes_or_no(&self, key: &str) -> Result<Option<bool>, Error> {
        let Some(entry) = self.entry(key) else { return Ok(None) };
        match &entry.kind {
            ValueKind::Boolean(answer) => Ok(Some(*answer)),
            ValueKind::String(text) if entry.is_untyped() && text == "true" => Ok(Some(true)),
            ValueKind::String(text) if entry.is_untyped() && text == "false" => Ok(Some(false)),
            _ => Err(self.refusal(key, "true or false")),
        }
    }

    /// The error for a value that its reader can do nothing with.
    pub(crate) fn refusal(&self, key: &str, expected: impl Into<String>) -> Error {
        let missing = Entry { kind: ValueKind::Nil, origin: Origin::Default };
        let entry = self.entry(key).unwrap_or(&missing);
        bad_value(&format!("{}{key}", self.prefix), entry, expected)
    }
}

/// The items of a comma-separated list, without the spaces around them.
pub(crate) fn split(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

fn whole(entry: &Entry) -> Option<u64> {
    match &entry.kind {
        ValueKind::I64(number) => u64::try_from(*number).ok(),
        ValueKind::U64(number) => Some(*number),
        ValueKind::String(text) if entry.is_untyped() => {
            text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
        }
        _ => None,
    }
}
