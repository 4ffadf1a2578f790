//! What every bill promises.

use super::*;

fn bill(spec: &BillSpec) -> Vec<Charge> {
    Bill::new(spec).collect()
}

#[test]
fn the_same_seed_gives_the_same_rows_and_another_gives_others() {
    assert_eq!(bill(&BillSpec::new(1)), bill(&BillSpec::new(1)));
    assert_ne!(bill(&BillSpec::new(1)), bill(&BillSpec::new(2)));
}

#[test]
fn a_row_can_be_made_alone() {
    let spec = BillSpec::new(3);
    let all = bill(&spec);
    let mut charge = all[7].clone();
    Bill::new(&spec).fill(500, &mut charge);
    assert_eq!(charge, all[500]);
}

#[test]
fn a_longer_bill_begins_with_the_shorter_one() {
    let short = bill(&BillSpec {
        rows: 50,
        ..BillSpec::new(4)
    });
    let long = bill(&BillSpec {
        rows: 100,
        ..BillSpec::new(4)
    });
    assert_eq!(short, long[..50]);
}

#[test]
fn costs_keep_their_order_and_their_signs() {
    let spec = BillSpec {
        rows: 5000,
        scales: (0, 28),
        ..BillSpec::new(5)
    };
    for c in bill(&spec) {
        let at = |d: Decimal| d.at_scale(28).unwrap().mantissa;
        let (billed, list) = (at(c.billed_cost), at(c.list_cost.unwrap()));
        match c.category {
            Category::Credit | Category::Adjustment => assert!(billed <= 0),
            _ => assert!(0 <= billed && billed <= list, "{c:?}"),
        }
        assert!(c.charge_start < c.charge_end && c.billing_start < c.billing_end);
        assert_eq!(
            c.correction,
            c.billing_end <= c.charge_start || c.billing_start >= c.charge_end
        );
    }
}

#[test]
fn quantity_times_unit_price_is_the_cost() {
    let spec = BillSpec {
        rows: 3000,
        scales: (0, 20),
        ..BillSpec::new(6)
    };
    let mut checked = 0;
    for c in bill(&spec) {
        let (Some(quantity), Some(price), Some(cost)) =
            (c.quantity, c.contracted_unit_price, c.contracted_cost)
        else {
            continue;
        };
        assert_eq!(quantity.times(price).unwrap().normalized(), cost.normalized());
        checked += 1;
    }
    assert!(checked > 2500);
}

#[test]
fn a_default_bill_has_every_kind_of_row() {
    let rows = bill(&BillSpec {
        rows: 5000,
        null_effective_percent: 5,
        hostile_percent: 5,
        ..BillSpec::new(8)
    });
    let share = |f: &dyn Fn(&Charge) -> bool| rows.iter().filter(|c| f(c)).count();
    let checks: [(&str, usize); 12] = [
        ("corrections", share(&|c| c.correction)),
        (
            "covered",
            share(&|c| c.category == Category::Usage && !c.commitment_id.is_empty()),
        ),
        (
            "commitments",
            share(&|c| c.category == Category::Purchase && !c.commitment_id.is_empty()),
        ),
        (
            "orders over a year's end",
            share(&|c| c.charge_end > instant_2025()),
        ),
        ("credits", share(&|c| c.category == Category::Credit)),
        ("refunds", share(&|c| c.category == Category::Adjustment)),
        ("taxes", share(&|c| c.category == Category::Tax)),
        (
            "free",
            share(&|c| {
                c.category == Category::Usage && c.commitment_id.is_empty() && c.billed_cost.mantissa == 0
            }),
        ),
        ("untagged", share(&|c| c.tags.is_empty())),
        ("five tags", share(&|c| c.tags.len() == 5)),
        ("no effective cost", share(&|c| c.effective_cost.is_none())),
        ("leading zeros", share(&|c| c.sub_account_id.starts_with('0'))),
    ];
    for (what, n) in checks {
        assert!(n > 10, "{what}: {n}");
    }
}

fn instant_2025() -> i64 {
    crate::civil::instant(2025, 1, 1, 0, 0, 0)
}

#[test]
fn by_time_the_hours_do_not_go_back() {
    let spec = BillSpec {
        order: Order::ByTime,
        mix: only_hourly(),
        ..BillSpec::new(9)
    };
    let rows = bill(&spec);
    assert!(rows.windows(2).all(|w| w[0].charge_start <= w[1].charge_start));
}

fn only_hourly() -> Mix {
    Mix {
        hourly: 1,
        committed: 0,
        daily: 0,
        monthly: 0,
        yearly: 0,
        commitment: 0,
        refund: 0,
        credit: 0,
        tax: 0,
        zero: 0,
    }
}
