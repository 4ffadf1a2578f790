//! Reports agree with the answers that they are made of, on random bills and questions; SQL agrees too.

use std::collections::BTreeMap;

use billfold_core::dataset::{self, Charges as _, Files};
use billfold_core::money::{Amount, Currency, ExactSum};
use billfold_core::query::{Allocation, ChargeQuery, Clock};
use billfold_core::time::Granularity;
use billfold_report::sql::Ask;
use billfold_report::{Cell, Grid, Pivot, Report, RowKind, Show, Style, frame, pivot};
use billfold_testkit::naive::Question;
use billfold_testkit::strategies::{charges, narrow_charges, question};
use billfold_testkit::{Carrier, Charge, Format, OutputSpec};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use crate::asked::{self, Cut};
use crate::support::{Folder, HEADER};

const PLACES: u8 = 2;

/// The question of a report: no page, no periods that are only filled.
fn asked_of(question: &Question, top: Option<usize>) -> ChargeQuery {
    let mut query = asked::query(question);
    (query.offset, query.limit, query.fill) = (0, None, false);
    query.top = top.filter(|_| !query.by.is_empty());
    query.order = pivot::BY_COST;
    if query.clock == Clock::Billing {
        // The other way is refused, which is another test's matter.
        query.allocation = Allocation::Start;
    }
    query
}

fn put(folder: &Folder, charges: &[Charge]) -> Vec<String> {
    vec![asked::put(
        folder,
        "bill",
        charges,
        &OutputSpec::new(Format::Focus12, Carrier::Csv),
    )]
}

fn add(
    sums: &mut BTreeMap<(Currency, Vec<String>, String), ExactSum>,
    key: (Currency, Vec<String>, String),
    cost: &ExactSum,
) {
    sums.entry(key).or_default().add(cost).unwrap();
}

/// The cells of a pivot are the groups of the answer, its totals those of the answers without periods or dimensions.
fn agrees(charges: &[Charge], question: &Question, top: Option<usize>) -> TestCaseResult {
    let folder = Folder::new();
    let files = put(&folder, charges);
    let query = asked_of(question, top);
    let outcomes =
        dataset::sums_many(&files, pivot::questions(&query).unwrap(), Cut::SMALL.options()).unwrap();
    let answer = outcomes[0].answer.clone().unwrap();
    // Alone, the same question has the same answer.
    let mut alone = query.clone();
    alone.order = billfold_core::query::Order::default();
    let alone = asked::outcome(&files, &alone, Cut::NONE);
    prop_assert_eq!(&outcomes[0].receipt.answer_sha256, &alone.receipt.answer_sha256);

    let pivot = match Pivot::new(outcomes) {
        Ok(pivot) => pivot,
        // Years of hours are more columns than a report has.
        Err(error) => {
            prop_assert_eq!(error.kind().code(), "limit.periods");
            return Ok(());
        }
    };
    let (mut cells, mut rows) = (BTreeMap::new(), BTreeMap::new());
    for row in answer.rows() {
        let keys: Vec<String> = row
            .keys()
            .map(str::to_owned)
            .chain([row.is_others().to_string()])
            .collect();
        add(
            &mut cells,
            (row.currency(), keys.clone(), row.period().label.clone()),
            &row.cost(),
        );
        add(&mut rows, (row.currency(), keys, String::new()), &row.cost());
    }
    let (mut pivot_cells, mut pivot_rows) = (BTreeMap::new(), BTreeMap::new());
    for section in &pivot.sections {
        for row in &section.rows {
            let keys: Vec<String> = row
                .keys
                .iter()
                .cloned()
                .chain([row.is_others.to_string()])
                .collect();
            for (period, cell) in pivot.periods.iter().zip(&row.cells) {
                if let Some(cell) = cell {
                    add(
                        &mut pivot_cells,
                        (section.currency, keys.clone(), period.label.clone()),
                        cell,
                    );
                }
            }
            add(
                &mut pivot_rows,
                (section.currency, keys, String::new()),
                &row.total,
            );
        }
        prop_assert_eq!(answer.totals.get(section.currency), Some(&section.total));
    }
    prop_assert_eq!(pivot_cells, cells);
    prop_assert_eq!(pivot_rows, rows);

    let style = Style {
        title: None,
        places: Some(PLACES),
        show: Show {
            share: true,
            change: true,
            average: true,
            charges: true,
            running: false,
        },
    };
    let report = Report::new(pivot, &style).unwrap();
    if !report.pivot.overlaps {
        for (shown, section) in report.sections.iter().zip(&report.pivot.sections) {
            adds_up_as_printed(&report.grid(shown), &section.total)?;
        }
    }
    Ok(())
}

/// Adds up what is printed, as a reader would.
fn adds_up_as_printed(grid: &Grid, exact: &ExactSum) -> TestCaseResult {
    let at = |name: &str| grid.columns.iter().rposition(|column| column.name == name);
    let total = at("total").unwrap();
    let number = |row: usize, column: usize| -> ExactSum {
        let text = grid.columns[column].print(&grid.rows[row].cells[column]);
        match text.as_str() {
            "" => ExactSum::ZERO,
            text => ExactSum::from(Amount::parse(text.as_bytes()).unwrap()),
        }
    };
    // What is printed in more than 38 digits is no amount to read again; such tables are rounded all the same.
    let is_long = |row: usize| {
        let texts = grid
            .columns
            .iter()
            .zip(&grid.rows[row].cells)
            .map(|(column, cell)| column.print(cell));
        texts
            .into_iter()
            .any(|text| text.bytes().filter(u8::is_ascii_digit).count() > 38)
    };
    if (0..grid.rows.len()).any(is_long) {
        return Ok(());
    }
    let sum = |parts: &mut dyn Iterator<Item = ExactSum>| {
        parts.fold(ExactSum::ZERO, |mut sum, part| {
            sum.add(&part).unwrap();
            sum
        })
    };
    let last = grid.rows.len() - 1;
    prop_assert_eq!(grid.rows[last].kind, RowKind::Total);
    prop_assert_eq!(number(last, total), exact.round_to(PLACES));
    for row in 0..grid.rows.len() {
        if !grid.periods.is_empty() {
            prop_assert_eq!(
                sum(&mut grid.periods.clone().map(|column| number(row, column))),
                number(row, total)
            );
        }
    }
    if last > 0 {
        for column in grid.periods.clone().chain([total]) {
            prop_assert_eq!(
                sum(&mut (0..last).map(|row| number(row, column))),
                number(last, column)
            );
        }
        let share = at("share %").unwrap();
        if grid.rows[last].cells[share] != Cell::Empty {
            let shares = sum(&mut (0..last).map(|row| number(row, share)));
            prop_assert_eq!(shares.to_string(), "100");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(asked::cases(60))]

    #[test]
    fn a_pivot_is_its_answer_and_adds_up_as_printed(
        charges in charges(40), question in question(), top in prop::option::of(1usize..4),
    ) {
        prop_assume!(!charges.is_empty());
        agrees(&charges, &question, top)?;
    }

    #[test]
    fn a_frame_reads_back_as_the_answer(
        charges in narrow_charges(40), question in question(), top in prop::option::of(1usize..4),
    ) {
        prop_assume!(!charges.is_empty());
        let folder = Folder::new();
        let mut query = asked_of(&question, top);
        query.order = billfold_core::query::Order::default();
        let answer = asked::answer(&put(&folder, &charges), &query);
        let Ok(made) = frame::from_answer(&answer) else {
            // Refused, and only where a cost is too long for a frame.
            let scales: Vec<_> = answer.rows().map(|row| row.cost().to_string()).collect();
            let whole = scales.iter().map(|t| t.trim_start_matches('-').split('.').next().unwrap().len()).max().unwrap();
            let fraction = scales.iter().map(|t| t.split('.').nth(1).map_or(0, str::len)).max().unwrap();
            prop_assert!(whole + fraction > 38);
            return Ok(());
        };
        let read = frame::to_rows(&made).unwrap();
        prop_assert_eq!(read.len(), answer.len());
        for (read, row) in read.iter().zip(answer.rows()) {
            prop_assert_eq!(&read.keys, &row.keys().map(str::to_owned).collect::<Vec<_>>());
            prop_assert_eq!(&read.period, row.period());
            prop_assert_eq!(&read.currency, &row.currency().to_string());
            prop_assert_eq!(read.cost, row.cost());
            prop_assert_eq!(read.cost.to_string(), row.cost().to_string());
            prop_assert_eq!(read.charges, row.charges());
            prop_assert_eq!(read.is_others, row.is_others());
        }
    }

    #[test]
    fn sums_in_sql_are_the_engines_or_are_refused(charges in narrow_charges(40)) {
        prop_assume!(!charges.is_empty());
        let folder = Folder::new();
        let files = put(&folder, &charges);
        let mut query = ChargeQuery::total();
        query.by = billfold_core::query::Dimension::parse_list("service_name").unwrap();
        query.granularity = Granularity::Total;
        let answer = asked::answer(&files, &query);
        let ask = Ask::parse("select service_name, billing_currency, sum(cost) as cost, count(*) as n from charges group by service_name, billing_currency").unwrap();
        let rows = Files::new(files, Cut::SMALL.options()).rows(&ask.rows_query(ChargeQuery::total())).unwrap();
        let result = match ask.run(&rows.value) {
            Ok(result) => result,
            Err(error) => {
                prop_assert_eq!(error.kind().code(), "limit.digits");
                return Ok(());
            }
        };
        let mut expected: BTreeMap<Vec<String>, (ExactSum, i128)> = BTreeMap::new();
        for row in answer.rows() {
            expected.insert(vec![row.key(0).to_owned(), row.currency().to_string()], (row.cost(), row.charges().into()));
        }
        let mut found = BTreeMap::new();
        for row in &result.rows {
            let keys = row.cells[..2].iter().map(|cell| match cell {
                Cell::Text(text) => text.clone(),
                other => panic!("{other:?}"),
            }).collect();
            let (Cell::Number(cost), Cell::Count(n)) = (&row.cells[2], &row.cells[3]) else { panic!("{row:?}") };
            found.insert(keys, (*cost, *n));
        }
        prop_assert_eq!(found, expected);
    }
}

/// Runs a statement over the rows `(cost, service)`.
fn sql(statement: &str, rows: &[(&str, &str)]) -> Result<Vec<Vec<String>>, String> {
    let folder = Folder::new();
    let mut text = format!("{HEADER},ServiceName,Tags\n");
    for (cost, service) in rows {
        text += &format!("2024-03-01,,{cost},USD,i-1,{service},\"{{\"\"team\"\":\"\"t-{service}\"\"}}\"\n");
    }
    let path = folder.put("bill.csv", text);
    let run = || {
        let ask = Ask::parse(statement)?;
        let rows = Files::new(vec![path.clone()], Cut::NONE.options())
            .rows(&ask.rows_query(ChargeQuery::total()))?;
        ask.run(&rows.value)
    };
    match run() {
        Ok(grid) => Ok(grid
            .rows
            .iter()
            .map(|row| {
                grid.columns
                    .iter()
                    .zip(&row.cells)
                    .map(|(column, cell)| column.print(cell))
                    .collect()
            })
            .collect()),
        Err(error) => Err(format!("{} {error}", error.kind().code())),
    }
}

#[track_caller]
fn says(statement: &str, expected: &[&[&str]]) {
    let rows = [
        ("0.1", "a"),
        ("0.2", "a"),
        ("-7", "b"),
        ("0.000000000000000001", "c"),
    ];
    assert_eq!(sql(statement, &rows).unwrap(), expected, "{statement}");
}

#[test]
fn sql_keeps_money_exact() {
    says("select sum(cost) from charges", &[&["-6.699999999999999999"]]);
    says(
        "select service_name, sum(cost) as c from charges group by service_name order by c desc",
        &[&["a", "0.3"], &["c", "0.000000000000000001"], &["b", "-7"]],
    );
    // 0.1 is a decimal and not the float beside it.
    says("select service_name from charges where cost = 0.1", &[&["a"]]);
    says(
        "select count(*) from charges where cost > 0.000000000000000000",
        &[&["3"]],
    );
    says("select cost + 0.05 from charges where cost = 0.1", &[&["0.15"]]);
    says("select cost * 3 from charges where cost = 0.1", &[&["0.3"]]);
    says(
        "select max(cost), min(billed_cost) from charges",
        &[&["0.2", "-7"]],
    );
    says(
        "select sum(case when service_name = 'a' then cost else 0 end) from charges",
        &[&["0.3"]],
    );
    says(
        "select sum(cost) from charges group by service_name having sum(cost) > 0.2",
        &[&["0.3"]],
    );
    says("select \"tag:team\" from charges where cost = -7", &[&["t-b"]]);
    says(
        "with t as (select service_name as s, sum(cost) as c from charges group by service_name) select sum(c) from t",
        &[&["-6.699999999999999999"]],
    );
    // A float is a float only where one says so.
    says(
        "select cast(sum(cost) as double) / 2 from charges where service_name = 'b'",
        &[&["-3.5"]],
    );
}

#[test]
fn sql_refuses_what_would_not_stay_exact() {
    for statement in [
        "select avg(cost) from charges",
        "select cost / 3 from charges",
        "select cost * cost from charges",
        "select cost * 1.5 from charges",
        "select stddev(cost) from charges",
        "select median(cost) from charges",
        "select sqrt(cost) from charges",
        "select cast(cost as int) from charges",
        "select cost from charges where cost > 1e-3",
    ] {
        let error = sql(statement, &[("1", "a")]).expect_err(statement);
        assert!(error.starts_with("usage"), "{statement}: {error}");
    }
}

#[test]
fn sql_refuses_a_sum_that_would_wrap() {
    // Three of these wrap 128 bits; Polars itself would say nothing.
    let huge = "99999999999999999999999999999999999999";
    let rows = [(huge, "a"), (huge, "a"), (huge, "a")];
    let error = sql("select sum(cost) from charges", &rows).unwrap_err();
    assert!(error.starts_with("limit.digits"), "{error}");
    assert_eq!(
        sql("select max(cost) from charges", &rows[..1])
            .unwrap_err()
            .split(' ')
            .next(),
        Some("limit.digits")
    );
    // A join multiplies rows, and a sum over it is judged by that.
    let many: Vec<(&str, &str)> = vec![("90000000000000000000.000000000001", "a"); 2_000];
    assert!(sql("select sum(cost) from charges", &many).is_ok());
    let joined = "select sum(a.cost) from charges a join charges b on a.service_name = b.service_name";
    assert!(sql(joined, &many).unwrap_err().starts_with("limit.digits"));
}

#[test]
fn sql_never_adds_unlike_currencies() {
    let folder = Folder::new();
    let text = "ChargePeriodStart,BilledCost,BillingCurrency,ServiceName\n2024-03-01,1,USD,a\n2024-03-01,2,CNY,a\n2024-03-02,4,USD,b\n";
    let path = folder.put("two.csv", text);
    let run = |statement: &str| {
        let ask = Ask::parse(statement).unwrap();
        let files = Files::new(vec![path.clone()], Cut::NONE.options());
        let rows = files.rows(&ask.rows_query(ChargeQuery::total())).unwrap();
        ask.run(&rows.value)
    };
    for statement in [
        "select sum(cost) from charges",
        "select service_name, sum(cost) from charges group by service_name",
        "select sum(cost) over (partition by service_name) from charges",
        "select sum(cost) from charges where billing_currency = 'USD' or service_name = 'a'",
        "select sum(c) from (select cost as c from charges)",
        "select sum(c) from (select cost as c from charges where billing_currency = 'USD' union all select cost as c from charges where billing_currency = 'CNY')",
    ] {
        assert_eq!(
            run(statement).expect_err(statement).kind().code(),
            "usage",
            "{statement}"
        );
    }
    for (statement, rows) in [
        (
            "select billing_currency, sum(cost) from charges group by billing_currency",
            2,
        ),
        (
            "select sum(cost) from charges where billing_currency = 'USD' and service_name = 'a'",
            1,
        ),
        (
            "select sum(cost) over (partition by billing_currency) from charges",
            3,
        ),
        ("select max(cost) from charges", 1),
    ] {
        assert_eq!(run(statement).expect(statement).rows.len(), rows, "{statement}");
    }
}

#[test]
fn sql_reads_charges_and_nothing_else() {
    for statement in [
        "select * from read_csv('/etc/passwd')",
        "drop table charges",
        "select 1; select 2",
        "select",
        "select nothing from charges",
        "select cost from elsewhere",
    ] {
        let error = sql(statement, &[("1", "a")]).expect_err(statement);
        assert!(error.starts_with("usage"), "{statement}: {error}");
    }
}
