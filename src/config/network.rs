//! A network: addresses with the same first bits, as `10.0.0.0/8`, `::1` or `fd00::/8`.

use std::net::IpAddr;

/// A network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// As IPv6, where IPv4 is mapped.
    bits: u128,
    mask: u128,
}

impl Network {
    /// Reads an address, or an address and how many of its first bits count.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let before = if address.is_ipv4() { 96 } else { 0 };
        let length = match length {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse::<u32>().ok()?.checked_add(before)?
            }
            Some(_) => return None,
            None => 128,
        };
        let mask = u128::MAX.checked_shl(128_u32.checked_sub(length)?).unwrap_or(0);
        Some(Self { bits: bits(address) & mask, mask })
    }

    /// Whether an address lies within.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        bits(address) & self.mask == self.bits
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(network: &str, inside: &[&str], outside: &[&str]) {
        let network = Network::parse(network).unwrap();
        assert!(inside.iter().all(|text| network.contains(text.parse().unwrap())), "{inside:?}");
        assert!(!outside.iter().any(|text| network.contains(text.parse().unwrap())), "{outside:?}");
    }

    #[test]
    fn the_first_bits_count() {
        check("10.0.0.0/8", &["10.1.2.3", "::ffff:10.9.9.9"], &["11.0.0.0", "::1", "10::"]);
        check("10.1.2.3/8", &["10.0.0.1"], &["1.1.2.3"]);
        check("127.0.0.1", &["127.0.0.1"], &["127.0.0.2"]);
        check("0.0.0.0/0", &["1.2.3.4"], &["::1"]);
        check("::/0", &["1.2.3.4", "::1"], &[]);
        check("fd00::/8", &["fd12::1"], &["fe80::1", "1.1.1.1"]);
    }

    #[test]
    fn what_is_no_network_is_none() {
        for text in [
            "",
            "x",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "10.0.0.0/-1",
            "10.0.0.0/+1",
            "10.0.0/8",
            "localhost",
            "10.0.0.0/8/8",
            "10.0.0.0/99999999999",
        ] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}
