//! Forecasts: what the rest of a month and the months after it will cost, if days go on as they did.
//!
//! The cost of a day to come is the median (or the mean) of the same weekday in the last weeks before the
//! day of the forecast, counted from the group's first charge, zero where it had none; of a group too young
//! for that, of all its days. A month is what its complete days cost plus its days to come. The last day of a
//! bill may be incomplete: unless it is said from which day on, the forecast begins with the last day that has a
//! charge, and takes for it the greater of what it has cost already and what it is expected to.
//!
//! How good that is, the bill itself says: for every whole month in it with a week before it, the forecast is
//! made from as many days of the month as the present one has, and held against what the month came to. The
//! error is `Σ |forecast − actual| / Σ |actual|` over these months (weighted absolute percentage error).
//!
//! [`Method::Best`] makes both forecasts and keeps, per currency, the one whose total was less wrong in these
//! months; the median where both were as good, or where there was nothing to test on.
//!
//! Costs are exact. Halves of a median are exact; a mean is rounded to [`MEAN_PLACES`] decimals, half away
//! from zero; totals are sums of what is printed beside them.

use std::collections::BTreeMap;

use super::overflow;
use super::series::{Series, SeriesSet};
use crate::error::{Error, Result};
use crate::money::{Amount, Currency, ExactSum, SumOverflow, median, quotient};
use crate::time::{Calendar, Granularity};

/// Decimals of a mean.
pub const MEAN_PLACES: u8 = 12;
/// Decimals of an error in percent.
pub const PERCENT_PLACES: u8 = 2;
/// Days of a bill before the first forecast that is tested.
const WEEK: usize = 7;
/// The most months that can be asked for.
pub const MAX_MONTHS: usize = 120;

/// How days to come follow from days that were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The median, which single purchases do not move.
    Median,
    /// The mean, a run rate by weekday.
    Mean,
    /// Of both the one that was less wrong before.
    Best,
}

impl Method {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Median => "median",
            Method::Mean => "mean",
            Method::Best => "best",
        }
    }
}

/// What is to be forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Horizon {
    /// How.
    pub method: Method,
    /// Weeks to look back.
    pub weeks: usize,
    /// Months, the present one included.
    pub months: usize,
    /// The first instant that is no longer complete; the start of the last day with a charge without it.
    pub as_of: Option<i64>,
}

/// A forecast.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// The first day that is forecast.
    pub from: String,
    /// Group by group, month by month.
    pub rows: Vec<ForecastRow>,
    /// Currency by currency, month by month; none where a charge may count in several groups.
    pub totals: Vec<ForecastRow>,
    /// The months that were tested on.
    pub tested: Vec<String>,
}

/// One group in one month.
#[derive(Debug, Clone, PartialEq)]
pub struct ForecastRow {
    /// The currency of its amounts.
    pub currency: Currency,
    /// By dimension, the group's value; none for a total.
    pub keys: Vec<String>,
    /// Whether the group is what `top` put together.
    pub is_others: bool,
    /// The month.
    pub month: String,
    /// What its complete days cost.
    pub actual: ExactSum,
    /// What its days to come are expected to cost.
    pub rest: ExactSum,
    /// Both together.
    pub total: ExactSum,
    /// The error over the months tested, in percent; none without any, or where they cost nothing.
    pub error: Option<ExactSum>,
    /// How it was forecast: the median or the mean.
    pub method: Method,
}

/// Forecasts every group of daily costs.
///
/// Errors: usage, for periods that are no days, no weeks or no months; a limit, for numbers beyond 256 bits.
pub fn forecast(set: &SeriesSet, horizon: &Horizon) -> Result<Forecast> {
    if set.calendar.granularity != Granularity::Daily {
        return Err(Error::usage("a forecast is made of days"));
    }
    if horizon.weeks == 0 || horizon.months == 0 || horizon.months > MAX_MONTHS {
        return Err(Error::usage(format!(
            "a forecast looks back at least a week, and 1 to {MAX_MONTHS} months ahead"
        )));
    }
    let Some(days) = Days::new(set, horizon.as_of)? else {
        return Ok(Forecast {
            from: String::new(),
            rows: Vec::new(),
            totals: Vec::new(),
            tested: Vec::new(),
        });
    };
    if horizon.method == Method::Best {
        return best(set, horizon, &days);
    }
    let (mut made, _) = by_method(set, horizon, &days)?;
    if set.overlaps {
        made.totals.clear();
    }
    Ok(made)
}

/// Both forecasts, and per currency the one whose total was less wrong before.
fn best(set: &SeriesSet, horizon: &Horizon, days: &Days) -> Result<Forecast> {
    let with = |method| by_method(set, &Horizon { method, ..*horizon }, days);
    let ((median, median_errors), (mean, mean_errors)) = (with(Method::Median)?, with(Method::Mean)?);
    let takes_mean = |currency: Currency| {
        let error = |errors: &BTreeMap<Currency, Option<ExactSum>>| errors.get(&currency).copied().flatten();
        match (error(&median_errors), error(&mean_errors)) {
            (Some(median), Some(mean)) => mean < median,
            _ => false,
        }
    };
    let pick = |median: Vec<ForecastRow>, mean: Vec<ForecastRow>| {
        // Both have the same rows in the same order.
        let pairs = median.into_iter().zip(mean);
        pairs
            .map(
                |(median, mean)| {
                    if takes_mean(median.currency) { mean } else { median }
                },
            )
            .collect()
    };
    Ok(Forecast {
        rows: pick(median.rows, mean.rows),
        totals: if set.overlaps {
            Vec::new()
        } else {
            pick(median.totals, mean.totals)
        },
        ..median
    })
}

/// A forecast with totals, and by currency the error of its total.
fn by_method(
    set: &SeriesSet,
    horizon: &Horizon,
    days: &Days,
) -> Result<(Forecast, BTreeMap<Currency, Option<ExactSum>>)> {
    let months = days.months_from(days.as_of, horizon.months);
    let past = days.past_months();
    let mut rows = Vec::new();
    let mut totals: BTreeMap<(Currency, usize), ForecastRow> = BTreeMap::new();
    let mut tests: BTreeMap<Currency, Vec<(ExactSum, ExactSum)>> = BTreeMap::new();
    for series in &set.series {
        let own = Test::of(series, &past, horizon).map_err(overflow)?;
        let of_currency = tests
            .entry(series.currency)
            .or_insert_with(|| vec![Default::default(); past.len()]);
        for (all, one) in of_currency.iter_mut().zip(&own.0) {
            all.0.add(&one.0).map_err(overflow)?;
            all.1.add(&one.1).map_err(overflow)?;
        }
        let error = own.error().map_err(overflow)?;
        for (nth, month) in months.iter().enumerate() {
            let (actual, rest) = month.costs(series, days.as_of, horizon, true).map_err(overflow)?;
            let row = row(series, &month.label, (actual, rest), error, horizon.method).map_err(overflow)?;
            let total = totals
                .entry((series.currency, nth))
                .or_insert_with(|| ForecastRow {
                    keys: Vec::new(),
                    is_others: false,
                    actual: ExactSum::ZERO,
                    rest: ExactSum::ZERO,
                    total: ExactSum::ZERO,
                    error: None,
                    ..row.clone()
                });
            for (sum, part) in [
                (&mut total.actual, &row.actual),
                (&mut total.rest, &row.rest),
                (&mut total.total, &row.total),
            ] {
                sum.add(part).map_err(overflow)?;
            }
            rows.push(row);
        }
    }
    let errors = tests
        .into_iter()
        .map(|(currency, test)| Ok((currency, Test(test).error().map_err(overflow)?)))
        .collect::<Result<BTreeMap<_, _>>>()?;
    for ((currency, _), total) in &mut totals {
        total.error = errors.get(currency).copied().flatten();
    }
    let made = Forecast {
        from: set.calendar.label(days.ordinal(days.as_of)),
        rows,
        totals: totals.into_values().collect(),
        tested: past.iter().map(|(month, _)| month.label.clone()).collect(),
    };
    Ok((made, errors))
}

fn row(
    series: &Series,
    month: &str,
    (actual, rest): (ExactSum, ExactSum),
    error: Option<ExactSum>,
    method: Method,
) -> std::result::Result<ForecastRow, SumOverflow> {
    let mut total = actual;
    total.add(&rest)?;
    Ok(ForecastRow {
        currency: series.currency,
        keys: series.keys.clone(),
        is_others: series.is_others,
        month: month.to_owned(),
        actual,
        rest,
        total,
        error,
        method,
    })
}

/// Days by number: 0 is the first day of the bill.
struct Days {
    calendar: Calendar,
    /// The ordinal of day 0.
    zero: i64,
    /// The first day that is not complete.
    as_of: usize,
}

/// A month, as the days from its first up to its last.
struct MonthDays {
    label: String,
    /// Its first day, which may lie before the bill.
    start: i64,
    /// The day after its last.
    end: i64,
}

impl Days {
    fn new(set: &SeriesSet, as_of: Option<i64>) -> Result<Option<Days>> {
        let Some(first) = set.periods.first().and_then(|period| period.start) else {
            return Ok(None);
        };
        let zero = set.calendar.ordinal(first);
        let as_of = match as_of {
            None => set.periods.len() - 1,
            Some(instant) => usize::try_from(set.calendar.ordinal(instant) - zero).map_err(|_| {
                Error::usage("the forecast would begin before the bill").hint("choose a later day")
            })?,
        };
        Ok(Some(Days {
            calendar: set.calendar,
            zero,
            as_of,
        }))
    }

    fn ordinal(&self, day: usize) -> i64 {
        self.zero.saturating_add(i64::try_from(day).unwrap_or(i64::MAX))
    }

    /// The months from that of a day on.
    fn months_from(&self, day: usize, n: usize) -> Vec<MonthDays> {
        let calendar = self.monthly();
        let start = self.calendar.bounds(self.ordinal(day)).start.unwrap_or_default();
        let first = calendar.ordinal(start);
        (first..)
            .take(n)
            .map(|ordinal| self.month_days(calendar, ordinal))
            .collect()
    }

    /// The whole months before the present one with a week before their test, each with the day of it.
    fn past_months(&self) -> Vec<(MonthDays, usize)> {
        let calendar = self.monthly();
        let of =
            |day: usize| calendar.ordinal(self.calendar.bounds(self.ordinal(day)).start.unwrap_or_default());
        let present = self.month_days(calendar, of(self.as_of));
        let known = i64::try_from(self.as_of).unwrap_or(i64::MAX) - present.start;
        (of(0)..of(self.as_of))
            .map(|ordinal| self.month_days(calendar, ordinal))
            .filter_map(|month| {
                let cut = month.start + known.min(month.end - month.start - 1);
                let cut = usize::try_from(cut).ok()?;
                (month.start >= 0 && cut >= WEEK).then_some((month, cut))
            })
            .collect()
    }

    fn monthly(&self) -> Calendar {
        Calendar {
            granularity: Granularity::Monthly,
            ..self.calendar
        }
    }

    fn month_days(&self, calendar: Calendar, ordinal: i64) -> MonthDays {
        let bounds = calendar.bounds(ordinal);
        let day = |instant: Option<i64>| self.calendar.ordinal(instant.unwrap_or_default()) - self.zero;
        MonthDays {
            label: calendar.label(ordinal),
            start: day(bounds.start),
            end: day(bounds.end),
        }
    }
}

impl MonthDays {
    /// What its days before `cut` cost, and what those from it on are expected to.
    fn costs(
        &self,
        series: &Series,
        cut: usize,
        horizon: &Horizon,
        with_open_day: bool,
    ) -> std::result::Result<(ExactSum, ExactSum), SumOverflow> {
        let (mut actual, mut rest) = (ExactSum::ZERO, ExactSum::ZERO);
        // A weekday has one expectation, whichever its week.
        let mut by_weekday: [Option<ExactSum>; WEEK] = [None; WEEK];
        for day in self.start.max(0)..self.end {
            let Ok(day) = usize::try_from(day) else { continue };
            if day < cut {
                actual.add(&series.cost(day))?;
                continue;
            }
            let slot = &mut by_weekday[day % WEEK];
            let expected = match *slot {
                Some(expected) => expected,
                None => *slot.insert(expected_on(series, day, cut, horizon)?),
            };
            let already = series.cost(day);
            let is_open = with_open_day && day == cut && horizon.as_of.is_none();
            if is_open && magnitude(&already) > magnitude(&expected) {
                rest.add(&already)?;
            } else {
                rest.add(&expected)?;
            }
        }
        Ok((actual, rest))
    }
}

/// What a day from `cut` on is expected to cost.
fn expected_on(
    series: &Series,
    day: usize,
    cut: usize,
    horizon: &Horizon,
) -> std::result::Result<ExactSum, SumOverflow> {
    let Some(first) = series.first().filter(|first| *first < cut) else {
        return Ok(ExactSum::ZERO);
    };
    // The latest same weekday before the cut: whole weeks back from the day.
    let back = (day - cut) / WEEK + 1;
    let same: Vec<ExactSum> = (back..back + horizon.weeks)
        .map_while(|weeks| day.checked_sub(WEEK * weeks))
        .take_while(|day| *day >= first)
        .map(|day| series.cost(day))
        .collect();
    let costs = if same.is_empty() {
        (first..cut).map(|day| series.cost(day)).collect()
    } else {
        same
    };
    match horizon.method {
        // Best is one of the others by now.
        Method::Median | Method::Best => Ok(median(&costs)?.unwrap_or_default()),
        Method::Mean => {
            let mut sum = ExactSum::ZERO;
            for cost in &costs {
                sum.add(cost)?;
            }
            let n = i128::try_from(costs.len()).map_err(|_| SumOverflow)?;
            let n = Amount::new(n, 0).map(ExactSum::from).ok_or(SumOverflow)?;
            Ok(quotient(&sum, &n, 1, MEAN_PLACES)?.unwrap_or_default())
        }
    }
}

/// By month tested, what was forecast and what it came to.
struct Test(Vec<(ExactSum, ExactSum)>);

impl Test {
    fn of(
        series: &Series,
        past: &[(MonthDays, usize)],
        horizon: &Horizon,
    ) -> std::result::Result<Test, SumOverflow> {
        let one = |(month, cut): &(MonthDays, usize)| {
            let (mut forecast, rest) = month.costs(series, *cut, horizon, false)?;
            forecast.add(&rest)?;
            let end = usize::try_from(month.end).unwrap_or(0);
            let (actual, _) = month.costs(series, end, horizon, false)?;
            Ok((forecast, actual))
        };
        past.iter()
            .map(one)
            .collect::<std::result::Result<_, _>>()
            .map(Test)
    }

    fn error(&self) -> std::result::Result<Option<ExactSum>, SumOverflow> {
        let (mut off, mut all) = (ExactSum::ZERO, ExactSum::ZERO);
        for (forecast, actual) in &self.0 {
            let mut difference = *forecast;
            difference.sub(actual)?;
            off.add(&magnitude(&difference))?;
            all.add(&magnitude(actual))?;
        }
        quotient(&off, &all, 100, PERCENT_PLACES)
    }
}

fn magnitude(sum: &ExactSum) -> ExactSum {
    if *sum < ExactSum::ZERO { -*sum } else { *sum }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Tz, Window};
    use proptest::prelude::*;

    const DAY: i64 = 86_400_000_000;
    /// 2024-01-01, a Monday.
    const START: i64 = 19_723 * DAY;

    fn set(costs: &[Option<i64>]) -> SeriesSet {
        let calendar = Calendar::new(Tz::UTC, Granularity::Daily);
        let window = Window {
            start: Some(START),
            end: Some(START + DAY * i64::try_from(costs.len()).unwrap()),
        };
        SeriesSet {
            key_names: vec!["service_name".to_owned()],
            calendar,
            periods: calendar.periods_in(&window).unwrap(),
            series: vec![Series {
                currency: Currency::parse(b"USD").unwrap(),
                keys: vec!["a".to_owned()],
                is_others: false,
                cells: costs
                    .iter()
                    .map(|cost| cost.map(|n| ExactSum::from(Amount::new(n.into(), 0).unwrap())))
                    .collect(),
            }],
            overlaps: false,
        }
    }

    const ONE: Horizon = Horizon {
        method: Method::Median,
        weeks: 4,
        months: 1,
        as_of: None,
    };

    fn shown(rows: &[ForecastRow]) -> Vec<String> {
        let error = |n: Option<ExactSum>| n.map_or("-".to_owned(), |n| n.to_string());
        rows.iter()
            .map(|r| {
                format!(
                    "{} {} + {} = {} ({})",
                    r.month,
                    r.actual,
                    r.rest,
                    r.total,
                    error(r.error)
                )
            })
            .collect()
    }

    /// Ten on working days, one on weekends.
    fn weekly(n: usize) -> Vec<Option<i64>> {
        (0..n).map(|day| Some(if day % 7 < 5 { 10 } else { 1 })).collect()
    }

    #[test]
    fn a_weekly_rhythm_goes_on_and_was_right_before() {
        // January and 9 days of February; the 9th is its Friday.
        let made = forecast(&set(&weekly(40)), &Horizon { months: 2, ..ONE }).unwrap();
        // February 2024 has 21 working days and 8 others, March 21 and 10.
        assert_eq!(made.from, "2024-02-09");
        assert_eq!(
            shown(&made.rows),
            ["2024-02 62 + 156 = 218 (0)", "2024-03 0 + 220 = 220 (0)"]
        );
        assert_eq!(made.tested, ["2024-01"]);
        assert_eq!(shown(&made.totals), shown(&made.rows));
    }

    #[test]
    fn one_great_purchase_moves_the_mean_and_not_the_median() {
        let mut costs = weekly(31 + 8);
        costs[33] = Some(1000);
        let median = forecast(&set(&costs), &ONE).unwrap();
        let mean = forecast(
            &set(&costs),
            &Horizon {
                method: Method::Mean,
                ..ONE
            },
        )
        .unwrap();
        assert!(median.rows[0].rest < mean.rows[0].rest);
        assert_eq!(median.rows[0].actual, mean.rows[0].actual);
    }

    #[test]
    fn the_best_method_is_the_one_that_was_less_wrong() {
        // A fee every tenth day: a median never sees it, a mean spreads it.
        let sporadic: Vec<Option<i64>> = (0..100).map(|day| (day % 10 == 0).then_some(100)).collect();
        let best = Horizon {
            method: Method::Best,
            ..ONE
        };
        let made = forecast(&set(&sporadic), &best).unwrap();
        let mean = forecast(
            &set(&sporadic),
            &Horizon {
                method: Method::Mean,
                ..ONE
            },
        )
        .unwrap();
        assert_eq!((&made.rows, &made.totals), (&mean.rows, &mean.totals));
        assert_eq!(made.rows[0].method.as_str(), "mean");
        // A single great purchase in a steady month: the median was right, the mean was not.
        let mut steady = weekly(31 + 29 + 15);
        steady[20] = Some(5000);
        let made = forecast(&set(&steady), &best).unwrap();
        assert_eq!(made.rows[0].method, Method::Median);
        // Without a month to test on, the median.
        let made = forecast(&set(&weekly(10)), &best).unwrap();
        assert_eq!(made.rows[0].method, Method::Median);
    }

    #[test]
    fn the_last_day_counts_as_the_greater_of_cost_and_forecast_unless_it_is_closed() {
        // 2024-01-31, a Wednesday, has cost 4 of its 10 so far, or 30 already.
        for (so_far, rest) in [(4, "10"), (30, "30")] {
            let mut costs = weekly(31);
            costs[30] = Some(so_far);
            assert_eq!(
                forecast(&set(&costs), &ONE).unwrap().rows[0].rest.to_string(),
                rest
            );
        }
        let mut costs = weekly(31);
        costs[30] = Some(4);
        let closed = Horizon {
            as_of: Some(START + 31 * DAY),
            ..ONE
        };
        let made = forecast(&set(&costs), &closed).unwrap();
        assert_eq!(made.rows[0].month, "2024-02");
        assert_eq!(made.rows[0].actual, ExactSum::ZERO);
    }

    #[test]
    fn a_bill_of_a_few_days_has_a_forecast_and_no_error() {
        let made = forecast(&set(&[Some(10), Some(10), Some(10)]), &ONE).unwrap();
        assert_eq!(shown(&made.rows), ["2024-01 20 + 290 = 310 (-)"]);
        assert!(forecast(&set(&[]), &ONE).unwrap().rows.is_empty());
        let before = Horizon {
            as_of: Some(START - DAY),
            ..ONE
        };
        assert!(forecast(&set(&[Some(1)]), &before).is_err());
    }

    #[test]
    fn the_error_is_the_difference_over_what_it_came_to() {
        // January costs 10 a day, of which the first 14 days know nothing of the 20 of the last days.
        let mut costs: Vec<Option<i64>> = vec![Some(10); 31 + 15];
        for cost in &mut costs[24..31] {
            *cost = Some(20);
        }
        let made = forecast(&set(&costs), &ONE).unwrap();
        // 310 forecast, 380 came: 70 of 380.
        assert_eq!(made.rows[0].error.unwrap().to_string(), "18.42");
    }

    proptest! {
        #[test]
        fn a_month_is_its_parts_and_a_constant_goes_on(cost in -1000i64..1000, n in 1usize..100, months in 1usize..4) {
            let made = forecast(&set(&vec![Some(cost); n]), &Horizon { months, ..ONE }).unwrap();
            let mut all = ExactSum::ZERO;
            for row in &made.rows {
                let mut sum = row.actual;
                sum.add(&row.rest).unwrap();
                prop_assert_eq!(sum, row.total);
                all.add(&row.total).unwrap();
            }
            prop_assert_eq!(made.rows.len(), months);
            // Whole months of the constant, as the bill begins with a month.
            let is_whole = |row: &ForecastRow| {
                [28, 29, 30, 31]
                    .iter()
                    .any(|d| row.total == ExactSum::from(Amount::new(i128::from(cost * d), 0).unwrap()))
            };
            let whole = made.rows.iter().all(is_whole);
            prop_assert!(whole || n < 2);
            let right = made.rows.iter().all(|row| row.error.is_none_or(|e| e.is_zero()));
            prop_assert!(right);
        }
    }
}
