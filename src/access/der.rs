//! Just enough of DER (X.690) to find the key in a `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7).

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// `rsaEncryption` (RFC 8017), `id-ecPublicKey` with `prime256v1` (RFC 5480), `id-Ed25519`
/// (RFC 8410).
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// A public key, by its kind.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PublicKey<'a> {
    /// Modulus and exponent, big-endian without leading zeros.
    Rsa { n: &'a [u8], e: &'a [u8] },
    /// A point of P-256.
    P256(&'a [u8]),
    /// A key of Ed25519.
    Ed25519(&'a [u8]),
}

/// The key in a `SubjectPublicKeyInfo`; `None` if it is none of these kinds.
pub(super) fn public_key(spki: &[u8]) -> Option<PublicKey<'_>> {
    let (whole, []) = take(spki, SEQUENCE)? else { return None };
    let (algorithm, rest) = take(whole, SEQUENCE)?;
    let (bits, []) = take(rest, BIT_STRING)? else { return None };
    let bits = bits.strip_prefix(&[0])?;
    match take(algorithm, OBJECT)? {
        (RSA, _) => {
            let (key, []) = take(bits, SEQUENCE)? else { return None };
            let (n, rest) = take(key, INTEGER)?;
            let (e, []) = take(rest, INTEGER)? else { return None };
            Some(PublicKey::Rsa { n: without_zeros(n), e: without_zeros(e) })
        }
        (EC, curve) => (take(curve, OBJECT)? == (P256, &[])).then_some(PublicKey::P256(bits)),
        (ED25519, []) => Some(PublicKey::Ed25519(bits)),
        _ => None,
    }
}

/// A number without its leading zeros.
pub(super) fn without_zeros(number: &[u8]) -> &[u8] {
    let first = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    number.get(first..).unwrap_or_default()
}

/// The value of the first element, which must have this tag, and what follows it.
fn take(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let [found, first, rest @ ..] = bytes else { return None };
    let (length, rest) = match (*first, rest) {
        (short @ 0..=0x7f, rest) => (usize::from(short), rest),
        (0x81, [length, rest @ ..]) => (usize::from(*length), rest),
        (0x82, [high, low, rest @ ..]) => (usize::from(u16::from_be_bytes([*high, *low])), rest),
        _ => return None,
    };
    (*found == tag).then(|| rest.split_at_checked(length))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_key_is_found_where_it_is() {
        let mut spki = vec![0x30, 42, 0x30, 5, 0x06, 3, 0x2b, 0x65, 0x70, 0x03, 33, 0];
        spki.extend([7; 32]);
        assert_eq!(public_key(&spki), Some(PublicKey::Ed25519(&[7; 32])));
        spki.push(0);
        assert_eq!(public_key(&spki), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_key_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _any = public_key(&bytes);
        }
    }
}
