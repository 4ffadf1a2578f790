//! What all actions share once the request is read: the question that they start from, filters, the scope of the
//! caller, the one currency, and the present of the data.

use std::collections::BTreeSet;

use billfold_core::charge::schema;
use billfold_core::dataset::Charges;
use billfold_core::engine::{ChargeRows, Facts};
use billfold_core::money::{Currency, ExactSum, Totals};
use billfold_core::query::{
    Allocation, ChargeQuery, Condition, Dimension, DimensionSource, FactsQuery, Filter, RowOrder, RowOrderBy,
    RowsQuery, Test,
};
use billfold_core::time::Window;

use crate::fault::{Refusal, RefusalKind, shown};
use crate::settings::Settings;
use crate::wire::{Scope, WireRequest};

const MICROS_PER_DAY: i64 = 86_400_000_000;
/// Charges looked at to find the end of the data.
const LAST_CHARGES: usize = 4096;

/// A call, and who answers it.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) request: &'a WireRequest,
    pub(crate) charges: &'a dyn Charges,
    pub(crate) settings: &'a Settings,
}

/// A column by its name in the schema; the caller gives a name that the schema has.
pub(crate) fn column(name: &str) -> Dimension {
    let source = schema::canonical_name(name).unwrap_or(name);
    Dimension {
        name: name.to_owned(),
        source: DimensionSource::Column(source.to_owned()),
    }
}

/// Columns by their names.
pub(crate) fn columns(names: &[&str]) -> Vec<Dimension> {
    names.iter().map(|name| column(name)).collect()
}

/// Names as a question wants them.
pub(crate) fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Keeps the charges whose value of a column is one of these. Called twice for a column, both must hold.
pub(crate) fn keep<S: AsRef<str>>(filter: &mut Filter, name: &str, values: &[S]) {
    filter.conditions.push(Condition {
        dimension: column(name),
        any_of: values
            .iter()
            .map(|value| Test::Equals(value.as_ref().to_owned()))
            .collect(),
        negated: false,
    });
}

impl Call<'_> {
    /// The question that every action starts from: all charges the caller may see, split over time, in the
    /// calendar of the settings.
    pub(crate) fn query(&self) -> ChargeQuery {
        let settings = self.settings;
        let mut query = ChargeQuery::total();
        query.zone = settings.zone;
        query.week_start = settings.week_start;
        query.fiscal_start = settings.fiscal_start;
        query.metric = settings.metric.clone();
        query.default_currency = settings.default_currency;
        query.allocation = Allocation::Prorate;
        if let Some(Scope { projects, root_users }) = &self.request.scope {
            if let Some(projects) = projects {
                keep(&mut query.filter, "project_id", projects);
            }
            if let Some(root_users) = root_users {
                keep(&mut query.filter, "billing_account_id", root_users);
            }
        }
        query
    }

    /// Keeps the charges of a list of a filter; an empty list keeps all.
    ///
    /// Errors: forbidden, for a project or a root user outside the caller's scope.
    pub(crate) fn filter(&self, query: &mut ChargeQuery, name: &str, values: &[&str]) -> Result<(), Refusal> {
        if values.is_empty() {
            return Ok(());
        }
        self.check_scope(name, values)?;
        keep(&mut query.filter, name, values);
        Ok(())
    }

    /// Errors: forbidden, for a project or a root user outside the caller's scope.
    pub(crate) fn check_scope(&self, name: &str, values: &[&str]) -> Result<(), Refusal> {
        let scope = self.request.scope.as_ref();
        let allowed = match name {
            "project_id" => scope.and_then(|scope| scope.projects.as_ref()),
            "billing_account_id" => scope.and_then(|scope| scope.root_users.as_ref()),
            _ => None,
        };
        let outside = |value: &&&str| allowed.is_some_and(|list| !list.iter().any(|known| known == *value));
        match values.iter().find(outside) {
            None => Ok(()),
            // The same words whether it exists or not.
            Some(value) => Err(Refusal::new(
                RefusalKind::Forbidden,
                format!("[{}] is not among what this key may see", shown(value)),
            )),
        }
    }

    /// Keeps one currency, where the call or the settings name one, and reads columns from where the settings say.
    ///
    /// Errors: a wrong value, for a text that is no currency.
    pub(crate) fn settle(&self, query: &mut ChargeQuery, currency: Option<&str>) -> Result<(), Refusal> {
        let asked = currency
            .map(|text| {
                Currency::parse(text.as_bytes()).ok_or_else(|| {
                    Refusal::value(RefusalKind::WrongValue, "currency", text, "is no ISO 4217 code")
                })
            })
            .transpose()?;
        if let Some(currency) = asked.or(self.settings.currency) {
            // Charges of files that name no currency have the default one, which is no column of theirs.
            let mut codes = vec![currency.as_str()];
            if self.settings.default_currency == Some(currency) {
                codes.push("");
            }
            keep(&mut query.filter, schema::BILLING_CURRENCY, &codes);
        }
        for (name, source) in &self.settings.set {
            query.set(name, source);
        }
        Ok(())
    }

    pub(crate) fn facts(
        &self,
        query: ChargeQuery,
        measures: &[&str],
        attributes: &[&str],
    ) -> Result<Facts, Refusal> {
        let query = FactsQuery {
            query,
            measures: names(measures),
            attributes: names(attributes),
        };
        Ok(self.charges.facts(&query)?.value)
    }

    pub(crate) fn rows(&self, query: &RowsQuery) -> Result<ChargeRows, Refusal> {
        Ok(self.charges.rows(query)?.value)
    }

    /// The instant that estimates and counts are made for, None where there are no charges; see [`end_of_data`].
    pub(crate) fn as_of(&self) -> Result<Option<i64>, Refusal> {
        if self.settings.as_of.is_some() {
            return Ok(self.settings.as_of);
        }
        if let Some(found) = self.settings.found.as_ref().and_then(|found| found.get()) {
            return Ok(*found);
        }
        let end = end_of_data(self.charges, self.settings)?;
        if let Some(found) = &self.settings.found {
            // Whoever else looked at the same time found the same.
            let _ = found.set(end);
        }
        Ok(end)
    }
}

/// The end of the data, UTC microseconds; None where there are no charges.
///
/// That is the last end of a charge, but of the short ones only: a prepaid year reaches into a time for which
/// nothing else is known yet. Of the charges of the last day (by their starts, at most 4096) the shortest decides;
/// those no longer than it, or than a day, count. Whoever answers many calls from one set of charges asks once
/// and puts it into [`Settings::as_of`].
///
/// Errors: as [`Charges::rows`].
pub fn end_of_data(charges: &dyn Charges, settings: &Settings) -> billfold_core::Result<Option<i64>> {
    let mut query = ChargeQuery::total();
    query.metric = settings.metric.clone();
    query.default_currency = settings.default_currency;
    let last = charges.rows(&RowsQuery {
        query,
        columns: Vec::new(),
        measures: Vec::new(),
        tags: false,
        order: RowOrder {
            by: RowOrderBy::Start,
            descending: true,
        },
        offset: 0,
        limit: Some(LAST_CHARGES),
    })?;
    let rows = last.value.rows;
    let Some(last_start) = rows.first().map(|row| row.charge_start) else {
        return Ok(None);
    };
    let length = |row: &billfold_core::engine::ChargeRow| row.charge_end.saturating_sub(row.charge_start);
    let of_last_day = || {
        rows.iter()
            .filter(|row| row.charge_start > last_start.saturating_sub(MICROS_PER_DAY) && length(row) > 0)
    };
    let shortest = of_last_day().map(length).min().unwrap_or(0);
    Ok(of_last_day()
        .filter(|row| length(row) <= shortest.max(MICROS_PER_DAY))
        .map(|row| row.charge_end)
        .max()
        .or(Some(last_start)))
}

/// The one currency of an answer, None where nothing was spent.
///
/// Errors: the state of the data, for more than one: no wire here can tell them apart, and they are never added.
pub(crate) fn one_currency(
    totals: &Totals,
    groups: impl IntoIterator<Item = Currency>,
) -> Result<Option<Currency>, Refusal> {
    let mut seen: BTreeSet<Currency> = totals
        .iter()
        // A currency that a filter took out entirely stands here with zero.
        .filter(|(_, total)| !total.is_zero())
        .map(|(currency, _)| currency)
        .collect();
    seen.extend(groups);
    if seen.len() > 1 {
        let names: Vec<&str> = seen
            .iter()
            .map(|currency| match currency.as_str() {
                "" => "none named",
                code => code,
            })
            .collect();
        return Err(Refusal::new(
            RefusalKind::State,
            format!(
                "the charges are in more than one currency [{}], which are never added; name one of them as currency",
                names.join(", ")
            ),
        ));
    }
    Ok(seen.first().copied())
}

/// The total of the one currency.
pub(crate) fn total_of(totals: &Totals, currency: Option<Currency>) -> ExactSum {
    currency
        .and_then(|currency| totals.get(currency))
        .copied()
        .unwrap_or(ExactSum::ZERO)
}

/// A sum of sums. Errors: a limit, where it leaves 256 bits.
pub(crate) fn add(sum: &mut ExactSum, other: &ExactSum) -> Result<(), Refusal> {
    sum.add(other)
        .map_err(|_| Refusal::new(RefusalKind::Limit, "a sum needs more than 256 bits"))
}

/// The window between two instants.
///
/// Errors: a wrong value, for an end before its start.
pub(crate) fn window(
    (start_name, start): (&str, Option<i64>),
    (end_name, end): (&str, Option<i64>),
) -> Result<Window, Refusal> {
    Window::new(start, end).map_err(|_| {
        Refusal::new(
            RefusalKind::WrongValue,
            format!("[{end_name}] is before [{start_name}]"),
        )
    })
}
