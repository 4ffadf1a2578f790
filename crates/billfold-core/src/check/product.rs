//! Price × quantity, to the last digit.

use arrow::datatypes::i256;

use crate::money::{Amount, POW10};

/// `price × quantity − cost` as text, None when it is zero.
///
/// 38 × 38 digits are 76, which 256 bits hold; scales are brought together upwards.
pub(super) fn product_differs(price: Amount, quantity: Amount, cost: Amount) -> Option<Difference> {
    let (price, quantity, cost) = (price.normalized(), quantity.normalized(), cost.normalized());
    let product = i256::from_i128(price.mantissa()).wrapping_mul(i256::from_i128(quantity.mantissa()));
    let product_scale = price.scale() + quantity.scale();
    let raise = |value: i256, by: u8| -> Option<i256> {
        let first = by.min(38);
        value
            .checked_mul(i256::from_i128(POW10[usize::from(first)]))?
            .checked_mul(i256::from_i128(POW10[usize::from(by - first)]))
    };
    let scale = product_scale.max(cost.scale());
    let left = raise(product, scale - product_scale);
    let right = raise(i256::from_i128(cost.mantissa()), scale - cost.scale());
    match (left, right) {
        (Some(left), Some(right)) if left == right => None,
        (Some(left), Some(right)) => Some(Difference {
            product: text(product, product_scale),
            difference: left.checked_sub(right).map(|d| (d, scale)),
        }),
        // One side leaves 256 bits at the scale of the other: they cannot be equal.
        _ => Some(Difference {
            product: text(product, product_scale),
            difference: None,
        }),
    }
}

/// How far a product is from its cost.
pub(super) struct Difference {
    /// The exact product.
    pub(super) product: String,
    /// Product minus cost, and its scale; None beyond 256 bits.
    difference: Option<(i256, u8)>,
}

impl Difference {
    /// The exact difference.
    pub(super) fn text(&self) -> String {
        self.difference.map_or_else(
            || "beyond 76 digits".to_owned(),
            |(value, scale)| text(value, scale),
        )
    }

    /// The difference as a number, where it has at most 38 decimals.
    pub(super) fn exact(&self) -> Option<crate::money::ExactSum> {
        let (mut value, mut scale) = self.difference?;
        let ten = i256::from_i128(10);
        while scale > 38 {
            if value.wrapping_rem(ten) != i256::ZERO {
                return None;
            }
            value = value.wrapping_div(ten);
            scale -= 1;
        }
        crate::money::ExactSum::from_parts(value, scale)
    }
}

/// Plain digits without trailing zeros, at any scale.
fn text(value: i256, scale: u8) -> String {
    let digits = value.to_string();
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", digits.as_str()),
    };
    let padded = format!("{digits:0>width$}", width = usize::from(scale) + 1);
    let (whole, fraction) = padded.split_at(padded.len() - usize::from(scale));
    let fraction = fraction.trim_end_matches('0');
    match fraction {
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differs(price: &str, quantity: &str, cost: &str) -> Option<String> {
        let amount = |text: &str| Amount::parse(text.as_bytes()).unwrap();
        product_differs(amount(price), amount(quantity), amount(cost)).map(|d| d.text())
    }

    #[test]
    fn n12_a_product_is_compared_exactly() {
        assert_eq!(differs("0.1", "3", "0.30"), None);
        assert_eq!(differs("0.1", "3", "0.31").unwrap(), "-0.01");
        assert_eq!(differs("-2", "1.5", "-3"), None);
        assert_eq!(differs("0", "5", "0"), None);
        let tiny = "0.00000000000000000000000000000000000001";
        assert_eq!(differs(tiny, "1", tiny), None);
        assert_eq!(
            differs(tiny, tiny, "0").unwrap(),
            format!("0.{}1", "0".repeat(75))
        );
        assert!(
            differs(
                "99999999999999999999999999999999999999",
                "99999999999999999999999999999999999999",
                tiny
            )
            .is_some()
        );
    }
}
