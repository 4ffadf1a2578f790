//! What whoever runs billfold decides for all calls: calendar, cost, currency, and the answers to what the pages leave open.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use billfold_core::money::Currency;
use billfold_core::query::{CostMetric, DimensionSource};
use billfold_core::store::StoreOptions;
use billfold_core::time::{Month, Tz, Weekday};

/// Choices for all calls. The default is what the documentation of the actions says.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The zone whose days and months the answers have; Asia/Shanghai, where the pages' windows are whole months.
    pub zone: Tz,
    /// First day of a week.
    pub week_start: Weekday,
    /// First month of quarters and years.
    pub fiscal_start: Month,
    /// Which cost is summed.
    pub metric: CostMetric,
    /// The one currency that counts. Without it a call over several currencies is refused.
    pub currency: Option<Currency>,
    /// The currency of rows in files that name none.
    pub default_currency: Option<Currency>,
    /// `--set`: columns read from elsewhere.
    pub set: Vec<(String, DimensionSource)>,
    /// The instant for which estimates and counts of resources are made, UTC microseconds; the end of the data without it.
    pub as_of: Option<i64>,
    /// Where the end of the data is kept once it was found. For charges that do not change, and settings that are
    /// used with no others.
    pub found: Option<Arc<OnceLock<Option<i64>>>>,
    /// How long after its last charge a resource counts as active, microseconds.
    pub active_for: i64,
    /// The projects that exist, each with its resource group; without them any project id is one.
    pub projects: Option<BTreeMap<String, String>>,
    /// The tag whose value is `tag_id` where tags are pairs; without it a `tag_id` is `key=value`.
    pub tag_key: Option<String>,
    /// Tencent: `RecordNum` also where the call does not ask for it.
    pub always_record_num: bool,
    /// plcloud: a date in `end_at` counts whole. Without it its midnight ends the window, as on the page.
    pub inclusive_end_at: bool,
    /// plcloud: `amount` is recomputed as `unit_price` × `cost_time` as printed, instead of the charge's own cost.
    pub recomputed_amount: bool,
    /// Values of a request in all, list items counted one by one.
    pub max_values: usize,
    /// Bytes of a request's body, and of its query string.
    pub max_request_bytes: usize,
    /// Items of a response.
    pub max_items: usize,
    /// A clock that only runs forward, microseconds, for `elapsed_time`; without it that is 0.
    pub stopwatch: Option<fn() -> u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            zone: Tz::Asia__Shanghai,
            week_start: Weekday::Mon,
            fiscal_start: Month::January,
            metric: CostMetric::Effective,
            currency: None,
            default_currency: None,
            set: Vec::new(),
            as_of: None,
            found: None,
            active_for: 24 * 3600 * 1_000_000,
            projects: None,
            tag_key: None,
            always_record_num: false,
            inclusive_end_at: false,
            recomputed_amount: false,
            max_values: 4096,
            max_request_bytes: 10 << 20,
            max_items: 1_000_000,
            stopwatch: None,
        }
    }
}

impl Settings {
    /// What a store must keep so that every action can be asked of it. Keys of charges are left out, which
    /// would be most of it: plcloud's rows then have ids made from what else is known of them.
    pub fn store_options(&self) -> StoreOptions {
        let mut options = StoreOptions {
            metric: self.metric.clone(),
            zone: self.zone,
            default_currency: self.default_currency,
            ..StoreOptions::default()
        };
        // For DescribeBillResourceSummary, which is about what was invoiced.
        if self.metric == CostMetric::Effective {
            options.measures.push("billed_cost".to_owned());
        }
        for (_, source) in &self.set {
            if let DimensionSource::Column(column) = source {
                options.columns.push(column.clone());
            }
        }
        options
    }
}
