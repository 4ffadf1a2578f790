//! Questions beside sums: facts about groups of charges, and the charges themselves.
//!
//! Both carry a [`ChargeQuery`] for window, filter, metric, zone and allocation; what of it does not
//! apply is refused when the question is bound. No wire words, no files.

use super::ChargeQuery;

/// What is to be known of each group of charges.
///
/// Of `query`, `top` and `fill` do not apply and are refused, and so is the billing clock where attributes are
/// asked for; with it, first start and last end are those of billing periods.
#[derive(Debug, Clone, PartialEq)]
pub struct FactsQuery {
    /// Groups, periods, window, filter, cost, allocation, order and page.
    pub query: ChargeQuery,
    /// Money and number columns of the schema (`list_cost`, `usage_quantity`, `vcpus`), or amounts in the
    /// export's own spelling: summed per group, with the value on the latest charge that has one.
    pub measures: Vec<String>,
    /// Columns whose value on the latest charge of a group is wanted, as text: texts, and times of the schema
    /// (`charge_time`) in ISO 8601 UTC.
    pub attributes: Vec<String>,
}

/// Which charges are wanted, and what of them.
///
/// Of `query`, only window, zone, filter, metric, allocation and the default currency apply.
#[derive(Debug, Clone, PartialEq)]
pub struct RowsQuery {
    /// Window, filter, cost and allocation. Its groups, periods, order and page are not looked at.
    pub query: ChargeQuery,
    /// Text columns wanted, and times of the schema as ISO 8601 text in UTC.
    pub columns: Vec<String>,
    /// Money and number columns wanted.
    pub measures: Vec<String>,
    /// Whether the tags are wanted.
    pub tags: bool,
    /// In which order the charges leave.
    pub order: RowOrder,
    /// Charges to skip.
    pub offset: usize,
    /// Charges to return; all without it.
    pub limit: Option<usize>,
}

/// In which order charges leave. Ties are broken by everything that the question reads of a charge.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RowOrder {
    /// What is compared first.
    pub by: RowOrderBy,
    /// Highest first. The ties stay ascending.
    pub descending: bool,
}

/// What charges are ordered by.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RowOrderBy {
    /// Start, then end.
    #[default]
    Start,
    /// End, then start.
    End,
    /// Cost, within each currency.
    Cost,
    /// A column of [`RowsQuery::columns`], by its bytes.
    Column(String),
}
