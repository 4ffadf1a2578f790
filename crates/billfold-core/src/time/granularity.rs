//! The words of a calendar: granularities, weekdays and months as a user writes them.

use std::fmt;
use std::str::FromStr;

use chrono::{Month, Weekday};

use crate::error::{Error, Printable, Result};

/// How long the periods of an answer are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Granularity {
    /// Hours of the wall clock; where a clock goes back, the hour it repeats is two periods.
    Hourly,
    /// Calendar days.
    Daily,
    /// Seven days from the week's first day.
    Weekly,
    /// Calendar months.
    Monthly,
    /// Three months, counted from the fiscal year's first month.
    Quarterly,
    /// Twelve months, counted from the fiscal year's first month.
    Yearly,
    /// One period for everything.
    Total,
}

impl Granularity {
    /// All of them, from the shortest to the longest.
    pub const ALL: [Granularity; 7] = [
        Granularity::Hourly,
        Granularity::Daily,
        Granularity::Weekly,
        Granularity::Monthly,
        Granularity::Quarterly,
        Granularity::Yearly,
        Granularity::Total,
    ];

    /// The word on the wire and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Granularity::Hourly => "hourly",
            Granularity::Daily => "daily",
            Granularity::Weekly => "weekly",
            Granularity::Monthly => "monthly",
            Granularity::Quarterly => "quarterly",
            Granularity::Yearly => "yearly",
            Granularity::Total => "total",
        }
    }
}

impl fmt::Display for Granularity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Granularity {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Granularity::ALL
            .into_iter()
            .find(|granularity| granularity.as_str() == text)
            .ok_or_else(|| {
                let words = Granularity::ALL.map(Granularity::as_str).join(", ");
                Error::usage(format!(
                    "`{}` is not a granularity; expected one of {words}",
                    Printable(text)
                ))
            })
    }
}

/// A weekday by its English name or its first three letters, in any case: `monday`, `Sun`.
///
/// Errors: usage, for anything else.
pub fn parse_weekday(text: &str) -> Result<Weekday> {
    text.parse().map_err(|_| {
        Error::usage(format!(
            "`{}` is not a weekday; expected monday, tuesday, … or sunday",
            Printable(text)
        ))
    })
}

/// A month by its number, its English name or its first three letters: `4`, `04`, `april`, `Apr`.
///
/// Errors: usage, for anything else.
pub fn parse_month(text: &str) -> Result<Month> {
    let is_number = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let number: Option<u8> = if is_number { text.parse().ok() } else { None };
    number
        .and_then(|number| Month::try_from(number).ok())
        .or_else(|| text.parse().ok())
        .ok_or_else(|| {
            Error::usage(format!(
                "`{}` is not a month; expected 1 to 12, or january to december",
                Printable(text)
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_granularity_reads_back_as_it_is_written() {
        for granularity in Granularity::ALL {
            assert_eq!(
                granularity.to_string().parse::<Granularity>().unwrap(),
                granularity
            );
        }
    }

    #[test]
    fn another_word_for_a_granularity_is_answered_with_the_words() {
        for text in ["", "Daily", "day", "daily ", "week\u{202e}ly"] {
            let message = text.parse::<Granularity>().unwrap_err().to_string();
            assert!(
                message.ends_with("one of hourly, daily, weekly, monthly, quarterly, yearly, total"),
                "{message}"
            );
            assert!(!message.contains('\u{202e}'));
        }
    }

    #[test]
    fn weekdays_and_months_read_as_people_write_them() {
        assert_eq!(parse_weekday("sunday").unwrap(), Weekday::Sun);
        assert_eq!(parse_weekday("Mon").unwrap(), Weekday::Mon);
        assert!(parse_weekday("1").is_err());
        for text in ["4", "04", "apr", "April"] {
            assert_eq!(parse_month(text).unwrap(), Month::April);
        }
        for text in ["0", "13", "", "+4", "004", "smarch"] {
            assert!(parse_month(text).is_err(), "{text}");
        }
    }
}
