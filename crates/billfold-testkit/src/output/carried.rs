//! What a reader can get back from a file: the charge as far as its format and carrier can say it.
//!
//! The oracle is asked about these, not about the generated rows: a format without projects answers
//! "" for the project, QingCloud's fees have four decimals, a double is its shortest decimal.

use super::columns::{tag_id, user_tags};
use super::spec::{Carrier, ColumnTypes, Format, OutputSpec};
use super::{qingcloud, vendors};
use crate::charge::{Category, Charge, Frequency, Tag};
use crate::civil::month_start;
use crate::decimal::Decimal;

/// The charge as a reader of such a file knows it.
///
/// Texts that the format lacks become empty and costs that it lacks `None`. Only what a question can
/// ask for is judged: dimensions, costs, times, tags.
pub fn carried(charge: &Charge, output: &OutputSpec) -> Charge {
    let mut c = charge.clone();
    c.contract_id.clear();
    match output.format {
        Format::QingcloudRecords => through_qingcloud(&mut c),
        Format::AwsCurLegacy | Format::AwsCur20 => through_aws(&mut c, output.format),
        Format::Focus05 => {
            through_focus(&mut c);
            for text in [
                &mut c.resource_type,
                &mut c.sku_id,
                &mut c.invoice_id,
                &mut c.region_name,
            ] {
                text.clear();
            }
            c.description.clear();
            c.frequency = Frequency::default();
            c.correction = false;
            c.commitment_id.clear();
            c.tags.clear();
            (c.list_cost, c.contracted_cost) = (None, None);
        }
        Format::Focus10 => {
            through_focus(&mut c);
            c.invoice_id.clear();
        }
        Format::Focus12 | Format::Focus14 => through_focus(&mut c),
        other => vendors::through(&mut c, other),
    }
    if output.carrier == Carrier::Parquet && output.types == ColumnTypes::Double {
        for cost in [&mut c.effective_cost, &mut c.list_cost, &mut c.contracted_cost] {
            *cost = cost.and_then(Decimal::through_double);
        }
        c.billed_cost = c.billed_cost.through_double().unwrap_or_default();
        for time in [
            &mut c.charge_start,
            &mut c.charge_end,
            &mut c.billing_start,
            &mut c.billing_end,
        ] {
            *time = time.div_euclid(1000) * 1000;
        }
    }
    c
}

fn through_focus(c: &mut Charge) {
    c.project_id.clear();
    for tag in &mut c.tags {
        tag.value.get_or_insert_with(|| String::from("true"));
    }
}

fn through_aws(c: &mut Charge, format: Format) {
    for text in [
        &mut c.project_id,
        &mut c.resource_name,
        &mut c.service_category,
        &mut c.region_name,
    ] {
        text.clear();
    }
    if format == Format::AwsCurLegacy {
        c.billing_account_name.clear();
        c.sub_account_name.clear();
    }
    c.service_name.clone_from(&c.service_code);
    c.frequency = Frequency::default();
    c.correction = false;
    c.contracted_cost = None;
    let committed = !c.commitment_id.is_empty();
    c.effective_cost = match c.category {
        Category::Usage if committed => c.effective_cost,
        // A fee with a reservation's name is spread over the use that it covers.
        Category::Purchase if committed => Some(Decimal::ZERO),
        _ => Some(c.billed_cost),
    };
    c.tags = if format == Format::AwsCurLegacy {
        let kept = c
            .tags
            .iter()
            .filter(|t| t.value.as_ref().is_some_and(|v| !v.is_empty()));
        kept.map(|t| Tag {
            key: format!("user:{}", t.key),
            value: t.value.clone(),
        })
        .collect()
    } else {
        let tags = user_tags(&c.tags).into_iter();
        tags.map(|(key, t)| Tag {
            key,
            value: Some(t.value.clone().unwrap_or_default()),
        })
        .collect()
    };
}

fn through_qingcloud(c: &mut Charge) {
    c.billed_cost = qingcloud::fee(c);
    (c.effective_cost, c.list_cost, c.contracted_cost) = (None, None, None);
    for text in [
        &mut c.region_id,
        &mut c.region_name,
        &mut c.service_name,
        &mut c.service_category,
        &mut c.sku_id,
        &mut c.invoice_id,
        &mut c.billing_account_name,
        &mut c.sub_account_name,
        &mut c.commitment_id,
    ] {
        text.clear();
    }
    c.category = Category::default();
    c.frequency = Frequency::default();
    c.correction = false;
    // A record has no billing period of its own: it is billed in the month in which it begins.
    let (year, month, _) = crate::civil::civil_from_days(c.charge_start.div_euclid(crate::civil::DAY));
    c.billing_start = month_start(year, month, 0);
    c.billing_end = month_start(year, month, 1);
    for tag in &mut c.tags {
        *tag = Tag {
            key: tag_id(tag),
            value: None,
        };
    }
}
