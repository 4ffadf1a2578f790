//! Bills from a seed: the same spec gives the same rows for ever, one at a time, at any size.
//!
//! Row `i` depends on the seed and on `i` only, so a bill streams with the memory of its resources,
//! and any row can be made again alone. Not here: how rows are written (`output`).

mod catalog;
mod clock;
mod resources;

use self::catalog::Meter;
use self::clock::Clock;
use self::resources::{Account, Resource};
use crate::charge::{Category, Charge, Frequency};
use crate::civil::{DAY, HOUR, SECOND, civil_from_days};
use crate::decimal::Decimal;
use crate::rng::Rng;

pub(crate) use self::catalog::HOSTILE;

/// Whose vocabulary a bill uses: services, regions, ids, tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Provider {
    /// Twelve-digit accounts, key/value tags.
    #[default]
    Aws,
    /// `usr-` accounts, bare tag ids, Chinese service names.
    QingCloud,
}

/// In which order rows come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// As real exports do: none.
    #[default]
    Shuffled,
    /// Nearly by charge start; daily and longer charges begin before their neighbours.
    ByTime,
}

/// How often each kind of row occurs, as weights relative to their sum.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Mix {
    pub hourly: u32,
    /// Hourly use covered by a commitment: billed 0, effective not.
    pub committed: u32,
    pub daily: u32,
    pub monthly: u32,
    /// Prepaid for a year; billed and effective at once.
    pub yearly: u32,
    /// The purchase of a commitment for a year; effective 0.
    pub commitment: u32,
    pub refund: u32,
    pub credit: u32,
    pub tax: u32,
    /// Free use.
    pub zero: u32,
}

impl Default for Mix {
    fn default() -> Mix {
        Mix {
            hourly: 700,
            committed: 90,
            daily: 90,
            monthly: 40,
            yearly: 10,
            commitment: 5,
            refund: 15,
            credit: 15,
            tax: 15,
            zero: 20,
        }
    }
}

/// What a bill is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillSpec {
    /// Decides everything that the rest leaves open.
    pub seed: u64,
    /// Number of rows.
    pub rows: u64,
    /// Vocabulary.
    pub provider: Provider,
    /// Year of the first month.
    pub first_year: i64,
    /// First month of charges, 1–12.
    pub first_month: u32,
    /// Number of months in which charges begin.
    pub months: u32,
    /// Accounts that pay.
    pub payers: u32,
    /// Accounts that use.
    pub sub_accounts: u32,
    /// Projects; ignored where `project_names` are given.
    pub projects: u32,
    /// The projects' ids.
    pub project_names: Vec<String>,
    /// Resources; up to some 100,000s, about 500 bytes of memory each.
    pub resources: u32,
    /// Currencies; each account has one, in turn.
    pub currencies: Vec<String>,
    /// Fewest and most decimals of a cost, up to 28.
    pub scales: (u8, u8),
    /// At most so many tags on a row.
    pub max_tags: u32,
    /// Rows without an effective cost, in percent.
    pub null_effective_percent: u32,
    /// Resources with hostile names and tag values, in percent.
    pub hostile_percent: u32,
    /// Usage rows that correct an earlier month, per mille.
    pub corrections: u32,
    /// Hourly rows that begin at a month's, a leap day's or a clock change's edge, per mille.
    pub edges: u32,
    /// Hourly rows that last some seconds less, per mille (as QingCloud bills a change of size).
    pub partial_hours: u32,
    /// How often each kind of row occurs.
    pub mix: Mix,
    /// Order of rows.
    pub order: Order,
}

impl BillSpec {
    /// 1,000 rows of a middle-sized company over four months around a leap day and two clock changes.
    pub fn new(seed: u64) -> BillSpec {
        BillSpec {
            seed,
            rows: 1000,
            provider: Provider::Aws,
            first_year: 2024,
            first_month: 1,
            months: 4,
            payers: 2,
            sub_accounts: 12,
            projects: 5,
            project_names: Vec::new(),
            resources: 400,
            currencies: vec![String::from("USD")],
            scales: (4, 11),
            max_tags: 5,
            null_effective_percent: 0,
            hostile_percent: 0,
            corrections: 10,
            edges: 60,
            partial_hours: 0,
            mix: Mix::default(),
            order: Order::Shuffled,
        }
    }

    /// A bill in QingCloud's vocabulary: CNY, no commitments, some hours cut short.
    pub fn qingcloud(seed: u64) -> BillSpec {
        BillSpec {
            provider: Provider::QingCloud,
            currencies: vec![String::from("CNY")],
            scales: (4, 4),
            partial_hours: 100,
            corrections: 0,
            mix: Mix {
                committed: 0,
                commitment: 0,
                tax: 0,
                ..Mix::default()
            },
            ..BillSpec::new(seed)
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Hourly,
    Committed,
    Daily,
    Monthly,
    Yearly,
    Commitment,
    Refund,
    Credit,
    Tax,
    Zero,
}

/// The rows of a [`BillSpec`]. Iterate for owned rows, or call [`Bill::fill`] to reuse one.
#[derive(Debug)]
pub struct Bill {
    spec: BillSpec,
    accounts: Vec<Account>,
    projects: Vec<String>,
    resources: Vec<Resource>,
    clock: Clock,
    kinds: Vec<(u64, Kind)>,
    next: u64,
}

fn set(target: &mut String, text: &str) {
    target.clear();
    target.push_str(text);
}

fn push_number(target: &mut String, value: u64, width: u32) {
    for place in (0..width).rev() {
        target.push(char::from(b'0' + (value / 10u64.pow(place) % 10) as u8));
    }
}

impl Bill {
    /// Sets up accounts, resources and the calendar; rows are made on demand.
    pub fn new(spec: &BillSpec) -> Bill {
        let projects = resources::projects(spec);
        let mix = &spec.mix;
        let mut upto = 0;
        let kinds = [
            (mix.hourly, Kind::Hourly),
            (mix.committed, Kind::Committed),
            (mix.daily, Kind::Daily),
            (mix.monthly, Kind::Monthly),
            (mix.yearly, Kind::Yearly),
            (mix.commitment, Kind::Commitment),
            (mix.refund, Kind::Refund),
            (mix.credit, Kind::Credit),
            (mix.tax, Kind::Tax),
            (mix.zero, Kind::Zero),
        ]
        .into_iter()
        .map(|(weight, kind)| {
            upto += u64::from(weight);
            (upto, kind)
        })
        .collect();
        Bill {
            accounts: resources::accounts(spec),
            resources: (0..u64::from(spec.resources.max(1)))
                .map(|i| resources::resource(spec, projects.len(), i))
                .collect(),
            clock: Clock::new(spec.first_year, spec.first_month, spec.months),
            projects,
            kinds,
            spec: spec.clone(),
            next: 0,
        }
    }

    /// What the bill was made from.
    pub fn spec(&self) -> &BillSpec {
        &self.spec
    }

    /// Every tag key that rows may carry, sorted.
    pub fn tag_keys(&self) -> Vec<String> {
        resources::tag_keys(&self.resources)
    }

    fn kind(&self, rng: &mut Rng) -> Kind {
        let total = self.kinds.last().map_or(0, |k| k.0);
        let draw = rng.below(total);
        self.kinds
            .iter()
            .find(|(upto, _)| draw < *upto)
            .map_or(Kind::Hourly, |k| k.1)
    }

    /// An hour's start.
    fn hour(&self, index: u64, rng: &mut Rng) -> i64 {
        let hours = self.clock.hours();
        match self.spec.order {
            Order::Shuffled if rng.chance(self.spec.edges) => self.clock.edge(rng),
            Order::Shuffled => self.clock.start() + rng.below(hours) as i64 * HOUR,
            Order::ByTime => {
                let at = u128::from(index) * u128::from(hours) / u128::from(self.spec.rows.max(1));
                self.clock.start() + at as i64 * HOUR
            }
        }
    }

    /// Writes row `index` into `charge`, keeping the memory of its texts.
    pub fn fill(&self, index: u64, charge: &mut Charge) {
        let mut rng = Rng::of(self.spec.seed, 6, index);
        let kind = self.kind(&mut rng);
        let resource = &self.resources[rng.zipf(self.resources.len() as u64) as usize];
        let account = &self.accounts[resource.account.min(self.accounts.len() - 1)];
        self.who_and_where(charge, resource, account);
        self.when(charge, kind, index, &mut rng);
        self.how_much(charge, kind, resource, &mut rng);
        Self::papers(charge, kind, resource, account, &mut rng);
    }

    fn who_and_where(&self, charge: &mut Charge, resource: &Resource, account: &Account) {
        let (provider, issuer) = match self.spec.provider {
            Provider::Aws => ("AWS", "Amazon Web Services, Inc."),
            Provider::QingCloud => ("QingCloud", "QingCloud"),
        };
        let product = resource.product;
        set(&mut charge.provider_name, provider);
        set(&mut charge.invoice_issuer, issuer);
        set(&mut charge.billing_account_id, &account.payer_id);
        set(&mut charge.billing_account_name, &account.payer_name);
        set(&mut charge.sub_account_id, &account.id);
        set(&mut charge.sub_account_name, &account.name);
        set(&mut charge.billing_currency, &account.currency);
        set(&mut charge.contract_id, &account.contract_id);
        set(
            &mut charge.project_id,
            self.projects.get(resource.project).map_or("", String::as_str),
        );
        set(&mut charge.region_id, resource.region.id);
        set(&mut charge.region_name, resource.region.name);
        set(&mut charge.zone_id, resource.zone);
        set(&mut charge.resource_id, &resource.id);
        set(&mut charge.resource_name, &resource.name);
        set(&mut charge.resource_type, product.resource_type);
        set(&mut charge.service_name, product.service_name);
        set(&mut charge.service_code, product.service_code);
        set(&mut charge.service_category, product.service_category);
        set(&mut charge.sku_id, product.sku);
        set(&mut charge.usage_type, product.usage_type);
        charge.tags.clone_from(&resource.tags);
    }

    fn when(&self, charge: &mut Charge, kind: Kind, index: u64, rng: &mut Rng) {
        let hour = self.hour(index, rng);
        let day = hour - hour.rem_euclid(DAY);
        let (month, next_month) = self.clock.month(hour, 0);
        (charge.charge_start, charge.charge_end) = match kind {
            Kind::Daily | Kind::Refund => (day, day + DAY),
            Kind::Monthly | Kind::Tax | Kind::Credit => (month, next_month),
            Kind::Yearly | Kind::Commitment => (hour, self.clock.year_later(hour)),
            Kind::Hourly if rng.chance(self.spec.partial_hours) => {
                let skipped = 1 + rng.below(1800) as i64;
                (
                    hour + skipped * SECOND,
                    hour + HOUR - rng.below(1500) as i64 * SECOND,
                )
            }
            Kind::Hourly | Kind::Committed | Kind::Zero => (hour, hour + HOUR),
        };
        charge.correction = matches!(kind, Kind::Hourly | Kind::Daily) && rng.chance(self.spec.corrections);
        let late = if charge.correction {
            1 + rng.below(2) as usize
        } else {
            0
        };
        (charge.billing_start, charge.billing_end) = self.clock.month(charge.charge_start, late);
    }

    fn how_much(&self, charge: &mut Charge, kind: Kind, resource: &Resource, rng: &mut Rng) {
        let pricing = resource.pricing;
        let length = charge.charge_end - charge.charge_start;
        let grain = 10i128.pow(u32::from(pricing.quantity_scale));
        let scale = pricing.quantity_scale + pricing.price_scale;
        let partial = kind == Kind::Hourly && length != HOUR;
        // Hours, or an amount that grows with the hours; in units of 10^-quantity_scale.
        let hours = i128::from(length / HOUR).max(1);
        let amount = match (kind, resource.product.meter) {
            (Kind::Zero, _) => 0,
            (_, Meter::Hours) => hours * grain,
            (_, Meter::Amount) => {
                i128::from(1 + rng.below(40)) * hours * grain + i128::from(rng.below(1000)) % grain
            }
        };
        let sign = if matches!(kind, Kind::Refund | Kind::Credit) {
            -1
        } else {
            1
        };
        let cost = |price: i128| {
            let mantissa = if kind == Kind::Tax {
                amount * price * 6 / 100
            } else if partial {
                amount * price * i128::from(length / SECOND) / 3600
            } else {
                sign * amount * price
            };
            Decimal::new(mantissa, scale)
        };
        let priced = !matches!(kind, Kind::Tax | Kind::Credit);
        let contracted = cost(pricing.contracted);
        let nothing = Decimal::new(0, scale);
        let (billed, effective) = match kind {
            Kind::Committed => (nothing, cost(pricing.committed)),
            Kind::Commitment => (cost(pricing.committed), nothing),
            _ => (contracted, contracted),
        };
        charge.billed_cost = billed;
        let missing = rng.below(100) < u64::from(self.spec.null_effective_percent);
        charge.effective_cost = (!missing).then_some(effective);
        charge.list_cost = Some(if priced && sign > 0 {
            cost(pricing.list)
        } else {
            contracted
        });
        charge.contracted_cost = Some(contracted);
        let measured = priced && !partial;
        charge.quantity = measured.then_some(Decimal::new(sign * amount, pricing.quantity_scale));
        charge.list_unit_price = priced.then_some(Decimal::new(pricing.list, pricing.price_scale));
        charge.contracted_unit_price =
            priced.then_some(Decimal::new(pricing.contracted, pricing.price_scale));
        set(&mut charge.unit, if priced { resource.product.unit } else { "" });
    }

    fn papers(charge: &mut Charge, kind: Kind, resource: &Resource, account: &Account, rng: &mut Rng) {
        (charge.category, charge.frequency) = match kind {
            Kind::Hourly | Kind::Committed | Kind::Daily | Kind::Zero => {
                (Category::Usage, Frequency::UsageBased)
            }
            Kind::Monthly => (Category::Usage, Frequency::Recurring),
            Kind::Yearly | Kind::Commitment => (Category::Purchase, Frequency::OneTime),
            Kind::Refund => (Category::Adjustment, Frequency::OneTime),
            Kind::Credit => (Category::Credit, Frequency::Recurring),
            Kind::Tax => (Category::Tax, Frequency::Recurring),
        };
        let committed = matches!(kind, Kind::Committed | Kind::Commitment);
        set(
            &mut charge.commitment_id,
            if committed { &account.commitment_id } else { "" },
        );
        charge.description.clear();
        charge.description.push_str(match kind {
            Kind::Yearly => "prepaid order for one year: ",
            Kind::Commitment => "commitment for one year: ",
            Kind::Refund => "refund of ",
            Kind::Credit => "promotional credit for ",
            Kind::Tax => "tax on ",
            Kind::Zero => "free tier of ",
            _ => "",
        });
        charge.description.push_str(resource.product.usage_type);
        if !resource.region.name.is_empty() {
            charge.description.push_str(" in ");
            charge.description.push_str(resource.region.name);
        }
        if matches!(kind, Kind::Credit | Kind::Tax) {
            // Money of the account, not of a thing.
            charge.resource_id.clear();
            charge.resource_name.clear();
            charge.zone_id.clear();
            charge.tags.clear();
        }
        let (year, month, _) = civil_from_days(charge.billing_start.div_euclid(DAY));
        charge.invoice_id.clear();
        charge.invoice_id.push_str("INV-");
        push_number(&mut charge.invoice_id, year.unsigned_abs(), 4);
        charge.invoice_id.push('-');
        push_number(&mut charge.invoice_id, u64::from(month), 2);
        charge.invoice_id.push('-');
        push_number(&mut charge.invoice_id, resource.account as u64 + 1, 4);
        // One draw is left unused, so that a later knob need not move the streams of the rows.
        let _ = rng.next();
    }
}

impl Iterator for Bill {
    type Item = Charge;

    fn next(&mut self) -> Option<Charge> {
        if self.next >= self.spec.rows {
            return None;
        }
        let mut charge = Charge::default();
        self.fill(self.next, &mut charge);
        self.next += 1;
        Some(charge)
    }
}

#[cfg(test)]
mod tests;
