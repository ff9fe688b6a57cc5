//! A credential as it was shown: never printed.

use std::fmt;

/// A token or an API key.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// What somebody shows.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The credential itself, for who checks it or shows it on.
    #[must_use]
    pub const fn reveal(&self) -> &str {
        &self.0
    }

    /// The line of a request's head that shows it (RFC 6750 §2.1).
    #[must_use]
    pub fn line(&self) -> String {
        format!("Authorization: Bearer {}\r\n", self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", Secret::new("abc.def")), "Secret(***)");
        assert_eq!(Secret::new("abc.def").reveal(), "abc.def");
    }
}
