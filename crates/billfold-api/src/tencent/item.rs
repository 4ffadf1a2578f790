//! The groups that the answers of this service are made from: charges of one resource, order and kind, with what
//! is known of them, whatever words their bill uses.

use std::collections::BTreeMap;
use std::sync::Arc;

use billfold_core::engine::{FactGroup, Facts, MeasureSum};
use billfold_core::money::ExactSum;
use billfold_core::query::{ChargeQuery, Dimension};

use crate::call::{Call, add, columns, one_currency};
use crate::fault::Refusal;
use crate::pay_mode::{PAY_COLUMNS, is_reserved, pay_dimensions};

/// What groups are told apart by; the columns of how one pays follow.
const KEYS: [&str; 11] = [
    "billing_account_id",
    "sub_account_id",
    "resource_id",
    "project_id",
    "region_id",
    "service_code",
    "service_name",
    "product_code",
    "service_subcategory",
    "action_type",
    "order_id",
];
const ATTRIBUTES: [&str; 12] = [
    "resource_name",
    "project_name",
    "region_name",
    "region_type",
    "service_category",
    "product_name",
    "instance_type",
    "charge_time",
    "zone_name",
    "zone_id",
    "operator_id",
    "resource_spec",
];
const MEASURES: [&str; 8] = [
    "list_cost",
    "cash_amount",
    "voucher_amount",
    "incentive_amount",
    "transfer_amount",
    "tax_amount",
    "tax_rate",
    "discount_rate",
];

/// What an item is, as the answers tell items apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Identity {
    pub(super) resource: Arc<str>,
    pub(super) payer: Arc<str>,
    pub(super) owner: Arc<str>,
    pub(super) project: Arc<str>,
    pub(super) region: Arc<str>,
    pub(super) is_reserved: bool,
    pub(super) business: Arc<str>,
    pub(super) product: Arc<str>,
    pub(super) consumption: Arc<str>,
    pub(super) order: Arc<str>,
}

/// The charges of one identity.
#[derive(Debug, Clone, Default)]
pub(super) struct Item {
    pub(super) cost: ExactSum,
    measures: Vec<MeasureSum>,
    pub(super) first_start: i64,
    pub(super) last_end: i64,
    attributes: Vec<Arc<str>>,
    service_name: Arc<str>,
    subcategory: Arc<str>,
}

/// The four ways in which a cost is paid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Payments {
    pub(super) cash: ExactSum,
    pub(super) voucher: ExactSum,
    pub(super) incentive: ExactSum,
    pub(super) transfer: ExactSum,
}

/// The dimensions of the groups.
pub(super) fn dimensions() -> Vec<Dimension> {
    let mut by = columns(&KEYS);
    by.extend(pay_dimensions());
    by
}

impl Identity {
    /// Of the values of [`dimensions`].
    pub(super) fn of(keys: &[Arc<str>]) -> Identity {
        let or = |idx: usize, other: usize| {
            let of = if keys[idx].is_empty() { other } else { idx };
            Arc::clone(&keys[of])
        };
        let pay = &keys[KEYS.len()..];
        let consumption = [&keys[9], &pay[4], &pay[3]]
            .into_iter()
            .find(|text| !text.is_empty())
            .unwrap_or(&keys[9]);
        Identity {
            resource: Arc::clone(&keys[2]),
            payer: Arc::clone(&keys[0]),
            owner: Arc::clone(&keys[1]),
            project: Arc::clone(&keys[3]),
            region: Arc::clone(&keys[4]),
            is_reserved: is_reserved(pay),
            business: or(5, 6),
            product: or(7, 8),
            consumption: Arc::clone(consumption),
            order: Arc::clone(&keys[10]),
        }
    }
}

impl Item {
    fn take_in(&mut self, group: &FactGroup) -> Result<(), Refusal> {
        add(&mut self.cost, &group.cost)?;
        for (mine, theirs) in self.measures.iter_mut().zip(&group.measures) {
            add(&mut mine.sum, &theirs.sum)?;
            mine.n_values += theirs.n_values;
            mine.latest = mine.latest.max(theirs.latest);
        }
        self.first_start = self.first_start.min(group.first_start);
        if group.last_end > self.last_end {
            self.last_end = group.last_end;
            self.attributes.clone_from(&group.attributes);
        }
        Ok(())
    }

    fn measure(&self, idx: usize) -> Option<ExactSum> {
        let measure = self.measures.get(idx)?;
        (measure.n_values > 0).then_some(measure.sum)
    }

    /// Before discounts; the cost itself where the bill has no list price.
    pub(super) fn list_cost(&self) -> ExactSum {
        self.measure(0).unwrap_or(self.cost)
    }

    /// How it was paid. A bill that does not say so was paid in cash but for what it does say.
    pub(super) fn payments(&self) -> Result<Payments, Refusal> {
        let known = |idx| self.measure(idx).unwrap_or(ExactSum::ZERO);
        let (voucher, incentive, transfer) = (known(2), known(3), known(4));
        let cash = match self.measure(1) {
            Some(cash) => cash,
            None => {
                let mut rest = self.cost;
                for part in [voucher, incentive, transfer] {
                    rest.sub(&part).map_err(|_| {
                        Refusal::new(crate::RefusalKind::Limit, "a sum needs more than 256 bits")
                    })?;
                }
                rest
            }
        };
        Ok(Payments {
            cash,
            voucher,
            incentive,
            transfer,
        })
    }

    pub(super) fn tax(&self) -> ExactSum {
        self.measure(5).unwrap_or(ExactSum::ZERO)
    }

    /// A rate as it stands on the latest charge; `""` for none.
    fn rate(&self, idx: usize) -> String {
        let latest = self.measures.get(idx).and_then(|measure| measure.latest);
        latest.map(|rate| rate.to_string()).unwrap_or_default()
    }

    pub(super) fn tax_rate(&self) -> String {
        self.rate(6)
    }

    pub(super) fn discount(&self) -> String {
        self.rate(7)
    }

    fn attribute(&self, idx: usize) -> &str {
        self.attributes.get(idx).map_or("", AsRef::as_ref)
    }

    pub(super) fn resource_name(&self) -> &str {
        self.attribute(0)
    }

    pub(super) fn project_name(&self) -> &str {
        self.attribute(1)
    }

    pub(super) fn region_name(&self) -> &str {
        self.attribute(2)
    }

    pub(super) fn region_type(&self) -> &str {
        self.attribute(3)
    }

    /// Tencent's own bills have the name beside a code, in the place of FOCUS's category.
    pub(super) fn business_name(&self, code: &str) -> &str {
        let (name, category) = (self.service_name.as_ref(), self.attribute(4));
        if name == code && !category.is_empty() && self.has_codes() {
            category
        } else {
            name
        }
    }

    /// Whether code and name of a product stand apart, as in Tencent's bills.
    fn has_codes(&self) -> bool {
        !self.attribute(5).is_empty()
    }

    pub(super) fn product_name(&self) -> &str {
        match self.attribute(5) {
            "" => &self.subcategory,
            name => name,
        }
    }

    pub(super) fn instance_type(&self) -> &str {
        self.attribute(6)
    }

    /// When it was paid, as an instant in text; `""` where the bill does not say.
    pub(super) fn charge_time(&self) -> &str {
        self.attribute(7)
    }

    pub(super) fn zone_name(&self) -> &str {
        match self.attribute(8) {
            "" => self.attribute(9),
            name => name,
        }
    }

    pub(super) fn operator(&self) -> &str {
        self.attribute(10)
    }

    pub(super) fn spec(&self) -> &str {
        self.attribute(11)
    }
}

/// The items of a question, in the order of their identities.
///
/// Errors: the state of the data, for more than one currency.
pub(super) fn items(call: &Call<'_>, mut query: ChargeQuery) -> Result<BTreeMap<Identity, Item>, Refusal> {
    debug_assert_eq!(PAY_COLUMNS.len() + KEYS.len(), dimensions().len());
    query.by = dimensions();
    let facts: Facts = call.facts(query, &MEASURES, &ATTRIBUTES)?;
    one_currency(&facts.totals, facts.groups.iter().map(|group| group.currency))?;
    let mut items: BTreeMap<Identity, Item> = BTreeMap::new();
    for group in &facts.groups {
        let item = items.entry(Identity::of(&group.keys)).or_insert_with(|| Item {
            measures: vec![MeasureSum::default(); MEASURES.len()],
            first_start: i64::MAX,
            last_end: i64::MIN,
            service_name: Arc::clone(&group.keys[6]),
            subcategory: Arc::clone(&group.keys[8]),
            ..Item::default()
        });
        item.take_in(group)?;
    }
    Ok(items)
}
