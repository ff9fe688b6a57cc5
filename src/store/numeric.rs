//! Exact decimals as Postgres sends and takes `numeric` in binary: groups of four digits.

/// Digits of a group.
const GROUP: u32 = 4;
/// A value of 96 bits with three zeros behind it has at most this many groups.
const GROUPS_MAX: usize = 8;

/// Appends a field: its length, then a `numeric` of exactly these digits. The mantissa is below
/// 2^96, as that of each price and size.
pub(super) fn put(out: &mut Vec<u8>, (mantissa, scale): (u128, u32)) {
    let after_point = scale.div_ceil(GROUP);
    let shifted = mantissa.saturating_mul(power(after_point * GROUP - scale));
    let mut groups = [0_u16; GROUPS_MAX];
    let count = match u64::try_from(shifted) {
        Ok(small) => split(small, &mut groups),
        Err(_) => split_wide(shifted, &mut groups),
    };
    let groups = groups.get(..count).unwrap_or_default();
    let zeros = groups.iter().take_while(|group| **group == 0).count();
    let kept = groups.get(zeros..).unwrap_or_default();
    let weight = if kept.is_empty() { 0 } else { signed(count) - 1 - signed(after_point) };
    out.extend_from_slice(&(8 + 2 * i32::from(signed(kept.len()))).to_be_bytes());
    for word in [signed(kept.len()), weight, 0, signed(scale)] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    for group in kept.iter().rev() {
        out.extend_from_slice(&group.to_be_bytes());
    }
}

/// 10^0 to 10^3: what a scale lacks to whole groups.
const fn power(zeros: u32) -> u128 {
    match zeros {
        0 => 1,
        1 => 10,
        2 => 100,
        _ => 1000,
    }
}

/// Splits into groups, the lowest first, and returns how many.
fn split(mut value: u64, groups: &mut [u16; GROUPS_MAX]) -> usize {
    let mut count = 0;
    for group in groups {
        if value == 0 {
            break;
        }
        *group = u16::try_from(value % 10_000).unwrap_or_default();
        value /= 10_000;
        count += 1;
    }
    count
}

fn split_wide(mut value: u128, groups: &mut [u16; GROUPS_MAX]) -> usize {
    let mut count = 0;
    for group in groups {
        if value == 0 {
            break;
        }
        *group = u16::try_from(value % 10_000).unwrap_or_default();
        value /= 10_000;
        count += 1;
    }
    count
}

/// Counts here are far below 2^15.
fn signed(count: impl TryInto<i16>) -> i16 {
    count.try_into().unwrap_or(i16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The groups that follow the length: count, weight, sign, scale, then the digits.
    fn words(mantissa: u128, scale: u32) -> Vec<i16> {
        let mut out = Vec::new();
        put(&mut out, (mantissa, scale));
        let length = i32::from_be_bytes(out[..4].try_into().unwrap());
        assert_eq!(usize::try_from(length).unwrap(), out.len() - 4);
        out[4..].chunks(2).map(|word| i16::from_be_bytes([word[0], word[1]])).collect()
    }

    #[test]
    fn digits_are_grouped_around_the_point() {
        assert_eq!(words(0, 0), [0, 0, 0, 0]);
        assert_eq!(words(0, 8), [0, 0, 0, 8]);
        assert_eq!(words(1, 0), [1, 0, 0, 0, 1]);
        assert_eq!(words(5740, 4), [1, -1, 0, 4, 5740]);
        assert_eq!(words(10_594_420, 2), [3, 1, 0, 2, 10, 5944, 2000]);
        assert_eq!(words(1, 28), [1, -7, 0, 28, 1]);
        assert_eq!(words(100_000_000, 0), [1, 2, 0, 0, 1]);
        assert_eq!(words(15, 1), [2, 0, 0, 1, 1, 5000]);
    }

    #[test]
    fn the_greatest_value_has_room() {
        let greatest = (1_u128 << 96) - 1;
        assert_eq!(words(greatest, 28)[..4], [8, 0, 0, 28]);
        assert_eq!(words(greatest, 25)[..4], [8, 0, 0, 25]);
        assert_eq!(words(greatest, 0)[..4], [8, 7, 0, 0]);
    }
}
