//! The store: a bill scanned once, kept in memory, asked many times.
//!
//! Charges lie by profile (`profile`), packed (`packed`); sums over whole days come from running sums that were
//! made when the bill was loaded (`cube`), everything else from a scan of the charges that a filter keeps (`ask`).
//! A store never changes: a reload makes a new one. Its answers are those of the files, byte for byte: what it
//! cannot answer so, it refuses.

mod ask;
mod cube;
mod grid;
mod load;
mod packed;
mod profile;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::charge::schema;
use crate::dataset::{self, Answered, Charges, Extent, RunOptions};
use crate::engine::{
    Answer, ChargeRows, CostAccount, Facts, FactsFold, FactsPlan, Plan, Receipt, RowAccount, RowsFold,
    RowsPlan,
};
use crate::error::{Error, Result};
use crate::money::{Currency, Totals};
use crate::query::{ChargeQuery, CostMetric, FactsQuery, RowsQuery};
use crate::time::{Granularity, Tz};

use ask::Gate;
use cube::Cube;
use grid::Grid;
use load::{Columns, LoadFold, Shape};

/// What a store keeps of a bill.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreOptions {
    /// The cost that is summed. Another metric can be asked for where it is among `measures` and every charge has it.
    pub metric: CostMetric,
    /// Text columns and times of the schema, or columns in the export's own spelling.
    pub columns: Vec<String>,
    /// Money and number columns.
    pub measures: Vec<String>,
    /// Whether tags are kept.
    pub tags: bool,
    /// The zone whose days are added up in advance.
    pub zone: Tz,
    /// The currency of rows in files that name none.
    pub default_currency: Option<Currency>,
}

impl Default for StoreOptions {
    /// What the actions of QingCloud, Tencent Cloud and plcloud read; days of Asia/Shanghai.
    fn default() -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        StoreOptions {
            metric: CostMetric::Effective,
            columns: owned(COLUMNS),
            measures: owned(MEASURES),
            tags: true,
            zone: Tz::Asia__Shanghai,
            default_currency: None,
        }
    }
}

/// Text columns that the five actions read.
const COLUMNS: &[&str] = &[
    "billing_account_id",
    "sub_account_id",
    "operator_id",
    "console_id",
    "project_id",
    "project_name",
    "resource_group_id",
    "provider",
    "region_id",
    "region_name",
    "region_type",
    "zone_id",
    "zone_name",
    "service_code",
    "service_name",
    "service_category",
    "service_subcategory",
    "product_code",
    "product_name",
    "resource_type",
    "instance_type",
    "charge_category",
    "charge_class",
    "charge_description",
    "charge_frequency",
    "action_type",
    "pricing_category",
    "pricing_unit",
    "consumed_unit",
    "pay_mode",
    "commitment_discount_id",
    "sku_meter",
    "component_name",
    "is_billing",
    "invoice_id",
    "order_id",
    "charge_time",
    "remarks",
    "resource_spec",
    "resource_name",
    "resource_id",
];

/// Numbers that the five actions read.
const MEASURES: &[&str] = &[
    "list_cost",
    "cash_amount",
    "voucher_amount",
    "incentive_amount",
    "transfer_amount",
    "tax_amount",
    "tax_rate",
    "usage_quantity",
    "unit_price",
    "discount_rate",
    "vcpus",
    "memory_mb",
    "volume_gb",
    "bandwidth_mbps",
];

/// How large a store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreSize {
    /// Charges.
    pub n_charges: u64,
    /// Distinct combinations of texts.
    pub n_profiles: u64,
    /// Bytes of charges and profiles.
    pub charge_bytes: u64,
    /// Bytes of the sums made in advance; 0 where there are none.
    pub cube_bytes: u64,
}

/// A bill in memory.
#[derive(Debug)]
pub struct Store {
    options: StoreOptions,
    columns: Columns,
    cube: Option<Cube>,
    /// Of the load, without an answer.
    receipt: Receipt,
    /// Cost of all charges.
    totals: Totals,
    warnings: Vec<String>,
    extent: Extent,
    gate: Gate,
}

impl Store {
    /// Scans a bill.
    ///
    /// Errors: as [`dataset::sums`]; more rejected rows than allowed; what does not fit a store.
    #[expect(clippy::needless_pass_by_value, reason = "as every other run")]
    pub fn load(inputs: &[String], run: RunOptions<'_>, options: StoreOptions) -> Result<Arc<Self>> {
        let options = canonical(options)?;
        let shape = Arc::new(Shape::new(&options)?);
        let (allow, n_threads) = (run.allow_rejects, dataset::workers(run.threads));
        let ran = dataset::fold_files(inputs, &shape.plan, &run, || LoadFold::new(&shape))?;
        let answered = ran.answered(&shape.plan, allow)?;
        let (columns, totals) = answered.value.build()?;
        let max_cells = columns.n_rows.saturating_add(1_000_000);
        // The finest cells that there is room for.
        let mut cube = None;
        for (granularity, is_cut) in [
            (Granularity::Daily, true),
            (Granularity::Daily, false),
            (Granularity::Monthly, true),
            (Granularity::Monthly, false),
        ] {
            let grid = Grid::new(options.zone, granularity, is_cut);
            cube = Cube::build(&columns, grid, max_cells)?;
            if cube.is_some() {
                break;
            }
        }
        let mut receipt = answered.receipt;
        receipt.cost = CostAccount {
            read: receipt.cost.read,
            rejected: receipt.cost.rejected,
            ..CostAccount::default()
        };
        receipt.rows = RowAccount {
            read: receipt.rows.read,
            rejected: receipt.rows.rejected,
            skipped: receipt.rows.skipped,
            ..RowAccount::default()
        };
        let mut store = Store {
            extent: Extent::default(),
            options,
            columns,
            cube,
            receipt,
            totals,
            warnings: answered.warnings,
            gate: Gate::new(n_threads),
        };
        store.extent = store.find_extent();
        Ok(Arc::new(store))
    }

    /// How large it is.
    pub fn size(&self) -> StoreSize {
        let columns = &self.columns;
        let packed = [&columns.start, &columns.length, &columns.cost]
            .into_iter()
            .chain(columns.measures.iter().map(|m| &m.values))
            .chain(columns.loose.iter().map(|c| &c.codes));
        let loose_texts = columns
            .loose
            .iter()
            .map(|c| c.texts.values.get_array_memory_size())
            .sum::<usize>();
        StoreSize {
            n_charges: columns.n_rows as u64,
            n_profiles: columns.profiles.len() as u64,
            charge_bytes: (packed.map(packed::Packed::size_bytes).sum::<usize>()
                + loose_texts
                + columns.profiles.size_bytes()) as u64,
            cube_bytes: self.cube.as_ref().map_or(0, Cube::size_bytes) as u64,
        }
    }

    /// What it keeps.
    pub fn options(&self) -> &StoreOptions {
        &self.options
    }

    fn find_extent(&self) -> Extent {
        let columns = &self.columns;
        let mut span: Option<(i64, i64)> = None;
        for row in 0..columns.n_rows {
            let start = columns.start.int(row);
            let end = start + columns.length.int(row);
            let (first, last) = span.unwrap_or((start, end));
            span = Some((first.min(start), last.max(end)));
        }
        Extent {
            first_start: span.map(|(first, _)| first),
            last_end: span.map(|(_, last)| last),
            n_charges: columns.n_rows as u64,
            currencies: self.totals.iter().map(|(currency, _)| currency).collect(),
        }
    }
}

/// The names of the schema for what was asked for, each once.
fn canonical(mut options: StoreOptions) -> Result<StoreOptions> {
    for names in [&mut options.columns, &mut options.measures] {
        let mut known: Vec<String> = Vec::with_capacity(names.len());
        for name in std::mem::take(names) {
            let name = schema::canonical_name(&name).map_or(name.clone(), str::to_owned);
            if name == schema::BILLING_CURRENCY {
                return Err(Error::usage("billing_currency is always kept; leave it out"));
            }
            if !known.contains(&name) {
                known.push(name);
            }
        }
        *names = known;
    }
    Ok(options)
}

impl Charges for Store {
    fn sums(&self, query: &ChargeQuery) -> Result<Answered<Answer>> {
        let plan = Plan::new(query.clone())?;
        self.refuse_unlike(&plan)?;
        if let Some(answered) = self.sums_by_cube(&plan)? {
            return Ok(answered);
        }
        self.sums_by_scan(plan)
    }

    fn facts(&self, query: &FactsQuery) -> Result<Answered<Facts>> {
        let mut plan = FactsPlan::new(query.clone())?;
        self.refuse_unlike(&plan.plan)?;
        let texts = plan.texts_read().to_vec();
        let scan = self.scan(Arc::make_mut(&mut plan.plan), &texts)?;
        let (value, finished) = scan.run(|| FactsFold::new(&plan))?;
        self.account(value, &finished, scan.kept(), plan.plan.groups_overlap())
    }

    fn rows(&self, query: &RowsQuery) -> Result<Answered<ChargeRows>> {
        let mut plan = RowsPlan::new(query.clone())?;
        self.refuse_unlike(&plan.plan)?;
        let texts = plan.texts_read().to_vec();
        let scan = self.scan(Arc::make_mut(&mut plan.plan), &texts)?;
        let (value, finished) = scan.run(|| RowsFold::new(&plan))?;
        self.account(value, &finished, scan.kept(), false)
    }

    fn extent(&self) -> Result<Extent> {
        Ok(self.extent.clone())
    }
}
