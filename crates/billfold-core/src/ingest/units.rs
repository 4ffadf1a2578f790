//! Units of resource sizes: exact factors between them.
//!
//! Sizes of memory and disk are powers of two whatever their spelling: a provider's `8 GB` of memory is 8 GiB.

use crate::money::Amount;

/// In what a number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// As it is meant; a unit behind the number is a word for a piece (`4 vCPU`).
    Plain,
    /// Hundredths.
    Percent,
    /// 2¹⁰ bytes to the power; 1 is KiB, 2 MiB, 3 GiB, 4 TiB.
    Bytes(u8),
    /// Mbit/s times a thousand to the power; 0 is Mbps, 1 Gbps.
    Bits(u8),
}

impl Unit {
    /// Reads a unit as formats and cells write it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text.to_ascii_lowercase().as_str() {
            "percent" | "%" => Unit::Percent,
            "kib" | "kb" | "k" => Unit::Bytes(1),
            "mib" | "mb" | "m" => Unit::Bytes(2),
            "gib" | "gb" | "g" => Unit::Bytes(3),
            "tib" | "tb" | "t" => Unit::Bytes(4),
            "mbps" | "mbit/s" | "mb/s" => Unit::Bits(0),
            "gbps" | "gbit/s" | "gb/s" => Unit::Bits(1),
            _ => return None,
        })
    }

    /// The unit in the name of a column of the schema.
    pub(crate) fn of_column(name: &str) -> Self {
        match name {
            "memory_mb" => Unit::Bytes(2),
            "volume_gb" => Unit::Bytes(3),
            "bandwidth_mbps" => Unit::Bits(0),
            _ => Unit::Plain,
        }
    }

    /// Whether a number may be followed by a unit in its cell.
    pub(crate) fn may_be_written(column: &str) -> bool {
        Unit::of_column(column) != Unit::Plain || column == "vcpus"
    }

    /// A number of this unit in another, exactly; None where it has more than 38 digits, or where the units
    /// measure different things.
    pub(crate) fn convert(self, number: Amount, to: Unit) -> Option<Amount> {
        match (self, to) {
            (a, b) if a == b => Some(number),
            (Unit::Percent, Unit::Plain) => times(number, 1, 2),
            (Unit::Bytes(from), Unit::Bytes(to)) if from > to => {
                times(number, 1024_i128.checked_pow(u32::from(from - to))?, 0)
            }
            // 1/1024 = 9765625 × 10⁻¹⁰.
            (Unit::Bytes(from), Unit::Bytes(to)) => times(
                number,
                9_765_625_i128.checked_pow(u32::from(to - from))?,
                10 * (to - from),
            ),
            (Unit::Bits(from), Unit::Bits(to)) if from > to => {
                times(number, 1000_i128.checked_pow(u32::from(from - to))?, 0)
            }
            (Unit::Bits(from), Unit::Bits(to)) => times(number, 1, 3 * (to - from)),
            _ => None,
        }
    }
}

fn times(number: Amount, factor: i128, decimals: u8) -> Option<Amount> {
    let product = number.mantissa().checked_mul(factor)?;
    Amount::new(product, number.scale().checked_add(decimals)?).map(Amount::normalized)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(number: &str, from: &str, to: Unit, expected: &str) {
        let number = Amount::parse(number.as_bytes()).unwrap();
        let converted = Unit::parse(from).unwrap().convert(number, to).unwrap();
        assert_eq!(converted.to_string(), expected, "{number} {from}");
    }

    #[test]
    fn sizes_convert_exactly_both_ways() {
        check("8", "GiB", Unit::Bytes(2), "8192");
        check("0.5", "GB", Unit::Bytes(2), "512");
        check("512", "MiB", Unit::Bytes(3), "0.5");
        check("1", "KiB", Unit::Bytes(3), "0.00000095367431640625");
        check("2.5", "Gbps", Unit::Bits(0), "2500");
        check("85", "percent", Unit::Plain, "0.85");
    }

    #[test]
    fn unlike_units_do_not_convert() {
        let one = Amount::parse(b"1").unwrap();
        assert_eq!(Unit::Bits(0).convert(one, Unit::Bytes(2)), None);
    }
}
