//! Prices and sizes on the wire: strings, whose digits stay as they are.

use rust_decimal::Decimal;
use serde::Deserialize as _;
use serde::Deserializer;
use serde::Serializer;
use serde::de::Error as _;
use std::borrow::Cow;

/// A string as a decimal with the same digits.
fn parse<'de, D: Deserializer<'de>>(text: &str) -> Result<Decimal, D::Error> {
    Decimal::from_str_exact(text).map_err(|_| {
        let start: String = text.chars().take(40).collect();
        D::Error::custom(format!("no decimal number: {start:?}"))
    })
}

pub(crate) fn serialize<S: Serializer>(amount: &Decimal, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(amount)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Decimal, D::Error> {
    let text = Cow::<'de, str>::deserialize(from)?;
    parse::<D>(&text)
}

/// The same for what may be unknown.
pub(crate) mod option {
    use std::borrow::Cow;

    use serde::Deserialize as _;

    use super::Decimal;
    use super::Deserializer;
    use super::Serializer;
    use super::parse;

    pub(crate) fn serialize<S: Serializer>(
        amount: &Option<Decimal>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match amount {
            Some(amount) => super::serialize(amount, to),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Decimal>, D::Error> {
        let text = Option::<Cow<'de, str>>::deserialize(from)?;
        text.map(|text| parse::<D>(&text)).transpose()
    }
}

/// The same for the fields of a delta.
pub(crate) mod change {
    use super::Decimal;
    use super::Deserializer;
    use super::Serializer;
    use super::option;
    use crate::change::Change;

    pub(crate) fn serialize<S: Serializer>(
        amount: &Change<Decimal>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        option::serialize(&amount.known().copied(), to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Change<Decimal>, D::Error> {
        option::deserialize(from).map(Change::from)
    }
}

/// The same for price levels, pairs of price and size.
pub(crate) mod levels {
    use std::borrow::Cow;

    use serde::Deserialize as _;
    use serde::Serialize as _;

    use super::Deserializer;
    use super::Serializer;
    use super::parse;
    use crate::message::Level;

    pub(crate) fn serialize<S: Serializer>(levels: &[Level], to: S) -> Result<S::Ok, S::Error> {
        let pairs = levels.iter().map(|it| [it.price.to_string(), it.size.to_string()]);
        pairs.collect::<Vec<_>>().serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Level>, D::Error> {
        let pairs = Vec::<[Cow<'de, str>; 2]>::deserialize(from)?;
        let level = |[price, size]: [Cow<'de, str>; 2]| {
            Ok(Level { price: parse::<D>(&price)?, size: parse::<D>(&size)? })
        };
        pairs.into_iter().map(level).collect()
    }
}
