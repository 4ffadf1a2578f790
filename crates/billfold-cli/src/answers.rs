//! What whoever runs `api` or `serve` decides for all calls: from arguments to the settings of the actions.

use std::collections::BTreeMap;

use billfold_api::Settings;
use billfold_core::Result;
use billfold_core::error::Printable;
use billfold_core::money::Currency;
use billfold_core::time::{parse_bound, parse_month, parse_weekday, parse_zone};

use crate::args::AnswerArgs;
use crate::request::sets;
use crate::usage;

/// The settings.
///
/// Errors: usage, for an argument that is not what its help says.
pub(crate) fn settings(args: &AnswerArgs) -> Result<Settings> {
    let mut settings = Settings {
        zone: parse_zone(&args.timezone)?,
        week_start: parse_weekday(&args.week_start)?,
        fiscal_start: parse_month(&args.fiscal_start)?,
        metric: args.metric.parse()?,
        tag_key: args.tag_key.clone(),
        always_record_num: args.record_num,
        inclusive_end_at: args.inclusive_end,
        recomputed_amount: args.recompute_amount,
        active_for: active_for(&args.active_for)?,
        ..Settings::default()
    };
    settings.currency = args
        .currency
        .as_deref()
        .map(|code| {
            Currency::parse(code.as_bytes())
                .ok_or_else(|| usage(format!("--currency `{}` is no ISO 4217 code", Printable(code))))
        })
        .transpose()?;
    settings.as_of = args
        .as_of
        .as_deref()
        .map(|text| parse_bound(text, settings.zone))
        .transpose()?;
    (settings.set, settings.default_currency) = sets(&args.set)?;
    if !args.project.is_empty() {
        let known = args.project.iter().map(|text| {
            let (project, group) = text.split_once('=').unwrap_or((text, ""));
            (project.to_owned(), group.to_owned())
        });
        settings.projects = Some(known.collect::<BTreeMap<String, String>>());
    }
    Ok(settings)
}

/// Microseconds of `36h` or `7d`.
fn active_for(text: &str) -> Result<i64> {
    const HOUR: i64 = 3_600_000_000;
    let refused = || {
        usage(format!(
            "--active-for `{}` is not a number of hours or days",
            Printable(text)
        ))
        .hint("write 36h or 7d, up to 3660d")
    };
    let (number, unit) = match text.split_at_checked(text.len().saturating_sub(1)) {
        Some((number, "h")) => (number, HOUR),
        Some((number, "d")) => (number, 24 * HOUR),
        _ => return Err(refused()),
    };
    let number: u32 = number.parse().map_err(|_| refused())?;
    let micros = i64::from(number) * unit;
    if number == 0 || micros > 3660 * 24 * HOUR {
        return Err(refused());
    }
    Ok(micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_and_days_are_times_and_nothing_else_is() {
        assert_eq!(active_for("36h").unwrap(), 36 * 3_600_000_000);
        assert_eq!(active_for("7d").unwrap(), 7 * 86_400_000_000);
        for text in [
            "",
            "h",
            "0h",
            "7",
            "7w",
            "-1d",
            "1.5d",
            "9999999999h",
            "3661d",
            "7é",
        ] {
            assert!(active_for(text).is_err(), "{text}");
        }
    }
}
