//! The currency of a charge: an ISO 4217 code in three bytes.
//!
//! Only the shape is judged, not whether a bank knows the code. No signs, names or guesses.

use std::fmt;

/// Three upper-case ASCII letters, or [`Currency::UNKNOWN`]. Ordered by its letters, unknown first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The file names no currency. Shown as the empty text.
    pub const UNKNOWN: Currency = Currency([0; 3]);

    /// Reads exactly three ASCII letters in any case; `RMB` is `CNY`. None for everything else, such as
    /// `¥`, `$`, a name, or the empty text.
    pub fn parse(text: &[u8]) -> Option<Currency> {
        let code: [u8; 3] = text.try_into().ok()?;
        if !code.iter().all(u8::is_ascii_alphabetic) {
            return None;
        }
        match &code.map(|letter| letter.to_ascii_uppercase()) {
            b"RMB" => Some(Currency(*b"CNY")),
            code => Some(Currency(*code)),
        }
    }

    /// The code; empty for [`Currency::UNKNOWN`].
    pub fn as_str(&self) -> &str {
        if *self == Currency::UNKNOWN {
            return "";
        }
        // Three ASCII letters are always text.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_letters_in_any_case_are_a_currency() {
        for (text, code) in [
            ("USD", "USD"),
            ("usd", "USD"),
            ("Eur", "EUR"),
            ("RMB", "CNY"),
            ("rmb", "CNY"),
        ] {
            assert_eq!(Currency::parse(text.as_bytes()).unwrap().as_str(), code);
        }
        assert_eq!(Currency::parse(b"RMB"), Currency::parse(b"cny"));
    }

    #[test]
    fn signs_names_and_blanks_are_not_guessed() {
        for text in [
            "",
            "$",
            "¥",
            "€",
            "US",
            "USDT",
            "yuan",
            "U D",
            "US1",
            " USD",
            "人民币",
            "元",
        ] {
            assert_eq!(Currency::parse(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn an_unknown_currency_is_empty_and_first() {
        assert_eq!(Currency::UNKNOWN.to_string(), "");
        assert!(Currency::UNKNOWN < Currency::parse(b"AAA").unwrap());
        assert!(Currency::parse(b"CNY") < Currency::parse(b"USD"));
        assert_eq!(format!("{:>5}", Currency::parse(b"usd").unwrap()), "  USD");
        assert_eq!(size_of::<Currency>(), 3);
    }
}
