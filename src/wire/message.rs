//! Messages as they go to many clients: each form of one is made at most once.

use std::sync::OnceLock;

use crate::wire::Form;
use crate::wire::msgpack;

/// A message, in the forms in which it is at hand.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// As JSON.
    pub json: &'a [u8],
    /// As MessagePack, if somebody packed it already.
    pub packed: Option<&'a [u8]>,
}

/// A message that many clients get.
#[derive(Debug)]
pub struct Print {
    json: Box<[u8]>,
    packed: OnceLock<Box<[u8]>>,
}

impl<'a> From<&'a [u8]> for Message<'a> {
    fn from(json: &'a [u8]) -> Self {
        Self { json, packed: None }
    }
}

impl Message<'_> {
    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.json.is_empty()
    }

    /// Bytes of JSON; packed it never has more.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.json.len()
    }
}

impl Print {
    /// A message of JSON.
    #[must_use]
    pub fn new(json: Vec<u8>) -> Self {
        Self { json: json.into_boxed_slice(), packed: OnceLock::new() }
    }

    /// Bytes of JSON.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.json.len()
    }

    /// Whether there is no message.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.json.is_empty()
    }

    /// As a client of a form is to get it. The first that gets it packed has it packed.
    #[must_use]
    pub fn in_form(&self, form: Form) -> Message<'_> {
        let packed = match form {
            Form::Packed if !self.json.is_empty() => Some(&**self.packed.get_or_init(|| {
                let mut packed = Vec::with_capacity(self.json.len());
                msgpack::pack(&mut packed, &self.json);
                packed.into_boxed_slice()
            })),
            Form::Packed | Form::Text | Form::Lines | Form::Events => None,
        };
        Message { json: &self.json, packed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_packed_for_those_who_want_it_so() {
        let print = Print::new(br#"{"seq":1}"#.to_vec());
        for form in [Form::Text, Form::Lines, Form::Events] {
            let message = print.in_form(form);
            assert_eq!((message.json, message.packed), (&br#"{"seq":1}"#[..], None));
        }
        let packed = print.in_form(Form::Packed).packed.unwrap();
        assert_eq!(packed, b"\x81\xa3seq\x01");
        let again = print.in_form(Form::Packed).packed.unwrap();
        assert!(std::ptr::eq(packed, again), "packed once");
        assert!(Print::new(Vec::new()).in_form(Form::Packed).packed.is_none());
    }
}
