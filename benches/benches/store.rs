//! What a store in memory takes: bytes a charge, seconds to load, and questions a second.
//!
//! `BILLFOLD_STORE_BILL` names a bill; without it a seeded one of 200,000 charges is made. Each thread asks a mix of
//! questions like those of the vendors' actions for some seconds; the times are of each question, whole.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a bench that cannot run should stop, and says what it measured"
)]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use billfold_core::dataset::{Charges, RunOptions};
use billfold_core::query::{Allocation, ChargeQuery, Dimension, FactsQuery, Filter, RowOrder, RowsQuery};
use billfold_core::store::{Store, StoreOptions};
use billfold_core::time::{Granularity, Tz, Window};
use billfold_testkit::{BillSpec, Carrier, Format, OutputSpec, write_bill};

/// How long each kind of question is asked.
const SECONDS: u64 = 8;
/// Threads that ask.
const ASKERS: u64 = 2;

fn made_bill() -> String {
    let spec = BillSpec {
        rows: 200_000,
        ..BillSpec::qingcloud(20_240_229)
    };
    let path = std::env::temp_dir().join(format!("billfold-store-{}.csv", std::process::id()));
    let mut out = BufWriter::new(File::create(&path).unwrap());
    let output = OutputSpec::new(Format::QingcloudRecords, Carrier::Csv);
    write_bill(&spec, &output, &mut out).unwrap();
    out.flush().unwrap();
    path.display().to_string()
}

/// Values of a dimension that the bill has.
fn values(store: &Store, dimension: &str) -> Vec<String> {
    let mut query = ChargeQuery::total();
    query.by = Dimension::parse_list(dimension).unwrap();
    query.allocation = Allocation::Prorate;
    let answer = store.sums(&query).unwrap().value;
    answer.rows().map(|row| row.key(0).to_owned()).collect()
}

struct Mix {
    users: Vec<String>,
    roots: Vec<String>,
    projects: Vec<String>,
    zones: Vec<String>,
    types: Vec<String>,
    resources: Vec<String>,
    months: Vec<(i64, i64)>,
}

impl Mix {
    fn of(store: &Store) -> Self {
        let extent = store.extent().unwrap();
        let zone = Tz::Asia__Shanghai;
        let calendar = billfold_core::time::Calendar::new(zone, Granularity::Monthly);
        let first = calendar.ordinal(extent.first_start.unwrap());
        let last = calendar.ordinal(extent.last_end.unwrap() - 1);
        let month = |ordinal| {
            let bounds = calendar.bounds(ordinal);
            (bounds.start.unwrap(), bounds.end.unwrap())
        };
        Mix {
            users: values(store, "user_id"),
            roots: values(store, "root_user_id"),
            projects: values(store, "project_id"),
            zones: values(store, "zone_id"),
            types: values(store, "resource_type"),
            resources: values(store, "resource_id"),
            months: (first..=last).map(month).collect(),
        }
    }

    /// A GetChargeSums of the mix, month by project.
    fn sums(&self, n: u64) -> ChargeQuery {
        let pick = |from: &Vec<String>, salt: u64| from[(n * 7 + salt * 13) as usize % from.len()].clone();
        let mut query = ChargeQuery::total();
        query.by = Dimension::parse_list("project_id").unwrap();
        query.granularity = Granularity::Monthly;
        query.zone = Tz::Asia__Shanghai;
        query.allocation = Allocation::Prorate;
        let mut filters = Vec::new();
        if n % 2 == 1 {
            filters.push(format!("zone_id={}", pick(&self.zones, 1)));
        }
        if n % 3 == 1 {
            filters.push(format!("user_id={}", pick(&self.users, 2)));
        }
        if n % 5 == 1 {
            filters.push(format!("root_user_id={}", pick(&self.roots, 3)));
        }
        if n % 7 == 1 {
            filters.push(format!("project_id={}", pick(&self.projects, 4)));
        }
        if n % 4 == 2 {
            filters.push(format!("resource_type={}", pick(&self.types, 5)));
        }
        query.filter = Filter::parse_all(filters.iter().map(String::as_str)).unwrap();
        if !n.is_multiple_of(3) {
            let (start, end) = self.months[n as usize % self.months.len()];
            query.window = Window::new(Some(start), Some(end)).unwrap();
        }
        query
    }

    fn by_resource(&self, n: u64) -> ChargeQuery {
        let mut query = self.sums(0);
        let resource = &self.resources[(n * 7919) as usize % self.resources.len()];
        query.filter = Filter::parse_all([format!("resource_id={resource}").as_str()]).unwrap();
        query
    }

    /// Half days at its ends, so that running sums do not hold it.
    fn odd_window(&self, n: u64) -> ChargeQuery {
        let mut query = self.sums(n);
        let (start, end) = self.months[n as usize % self.months.len()];
        query.window = Window::new(Some(start + 43_200_000_000), Some(end - 3_600_000_000)).unwrap();
        query
    }

    /// One page of a month by resource, as DescribeCostSummaryByResource asks.
    fn facts(&self, n: u64) -> FactsQuery {
        let mut query = self.sums(0);
        let (start, end) = self.months[n as usize % self.months.len()];
        query.window = Window::new(Some(start), Some(end)).unwrap();
        query.granularity = Granularity::Total;
        query.by = Dimension::parse_list("resource_id,project_id,region_id").unwrap();
        query.limit = Some(100);
        let root = &self.roots[n as usize % self.roots.len()];
        query.filter = Filter::parse_all([format!("root_user_id={root}").as_str()]).unwrap();
        FactsQuery {
            query,
            measures: vec!["list_cost".to_owned()],
            attributes: vec!["resource_name".to_owned()],
        }
    }

    /// One day of one user, as GetConsumptionsByQuery asks.
    fn rows(&self, n: u64) -> RowsQuery {
        let mut query = self.sums(0);
        let (start, _) = self.months[n as usize % self.months.len()];
        query.window = Window::new(Some(start), Some(start + 86_400_000_000)).unwrap();
        let user = &self.users[(n * 31) as usize % self.users.len()];
        query.filter = Filter::parse_all([format!("user_id={user}").as_str()]).unwrap();
        RowsQuery {
            query,
            columns: vec!["resource_id".to_owned(), "resource_name".to_owned()],
            measures: vec!["unit_price".to_owned()],
            tags: false,
            order: RowOrder::default(),
            offset: 0,
            limit: None,
        }
    }
}

/// Asks for some seconds on two threads, and says how it went. An argument names a part of what is to be asked.
fn measure(name: &str, ask: impl Fn(u64) + Sync) {
    let mut wanted = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .peekable();
    if wanted.peek().is_some() && !wanted.any(|part| name.contains(&part)) {
        return;
    }
    let next = AtomicU64::new(0);
    let begun = Instant::now();
    let mut times: Vec<Duration> = std::thread::scope(|scope| {
        let work = || {
            let mut times = Vec::new();
            while begun.elapsed() < Duration::from_secs(SECONDS) {
                let n = next.fetch_add(1, Ordering::Relaxed);
                let at = Instant::now();
                ask(n);
                times.push(at.elapsed());
            }
            times
        };
        let askers: Vec<_> = (0..ASKERS).map(|_| scope.spawn(work)).collect();
        askers
            .into_iter()
            .flat_map(|asker| asker.join().unwrap())
            .collect()
    });
    let spent = begun.elapsed();
    times.sort_unstable();
    let per_second = times.len() as u128 * 1000 / spent.as_millis();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    println!(
        "{name:<28} {per_second:>7} a second   median {:>9.2?}   p99 {:>9.2?}   longest {:>9.2?}",
        at(50),
        at(99),
        times[times.len() - 1]
    );
}

fn main() {
    let bill = std::env::var("BILLFOLD_STORE_BILL").unwrap_or_else(|_| made_bill());
    let begun = Instant::now();
    let store: Arc<Store> = Store::load(&[bill], RunOptions::default(), StoreOptions::default()).unwrap();
    let loaded = begun.elapsed();
    let size = store.size();
    println!(
        "{} charges, {} profiles, loaded in {loaded:.1?}; {} bytes a charge, and {} MB of running sums",
        size.n_charges,
        size.n_profiles,
        size.charge_bytes / size.n_charges.max(1),
        size.cube_bytes / 1_000_000
    );
    let mix = Mix::of(&store);
    println!(
        "{} users, {} roots, {} projects, {} zones, {} types, {} resources, {} months",
        mix.users.len(),
        mix.roots.len(),
        mix.projects.len(),
        mix.zones.len(),
        mix.types.len(),
        mix.resources.len(),
        mix.months.len()
    );
    measure("sums, month by project", |n| {
        store.sums(&mix.sums(n)).unwrap();
    });
    measure("sums of one resource", |n| {
        store.sums(&mix.by_resource(n)).unwrap();
    });
    measure("sums, bounds inside a day", |n| {
        store.sums(&mix.odd_window(n)).unwrap();
    });
    measure("facts, a month by resource", |n| {
        store.facts(&mix.facts(n)).unwrap();
    });
    measure("rows, a user's day", |n| {
        store.rows(&mix.rows(n)).unwrap();
    });
}
