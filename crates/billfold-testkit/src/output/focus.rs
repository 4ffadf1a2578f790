//! FOCUS columns, version by version.
//!
//! Source: the column lists of the specification and of the official 1.0 sample. Columns that no
//! generated row fills are written all the same, so that a reader meets the width of real exports.

use super::columns::Field::{Cost, Empty, Made, Number, Tags, Text, Time};
use super::columns::{Field, Layout, TagShape};
use crate::charge::{Category, Charge};

fn commitment_name(charge: &Charge, out: &mut String) {
    if !charge.commitment_id.is_empty() {
        out.push_str("commitment of ");
        out.push_str(&charge.sub_account_name);
    }
}

fn only_committed<'a>(charge: &Charge, word: &'a str) -> &'a str {
    if charge.commitment_id.is_empty() { "" } else { word }
}

fn committed_status(charge: &Charge) -> &'static str {
    if charge.category == Category::Usage {
        only_committed(charge, "Used")
    } else {
        ""
    }
}

fn sku_price(charge: &Charge, out: &mut String) {
    out.push_str(&charge.sku_id);
    out.push_str(".JRTCKXETXF");
}

/// The field of a column that has one name and one meaning in every version since 1.0.
fn field(name: &str) -> Field {
    match name {
        "AvailabilityZone" => Text(|c| &c.zone_id),
        "BilledCost" => Cost(|c| Some(c.billed_cost)),
        "BillingAccountId" => Text(|c| &c.billing_account_id),
        "BillingAccountName" => Text(|c| &c.billing_account_name),
        "BillingAccountType" => Text(|_| "Payer Account"),
        "BillingCurrency" | "PricingCurrency" => Text(|c| &c.billing_currency),
        "BillingPeriodEnd" => Time(|c| c.billing_end),
        "BillingPeriodStart" => Time(|c| c.billing_start),
        "ChargeCategory" => Text(|c| c.category.word()),
        "ChargeClass" => Text(Charge::charge_class),
        "ChargeDescription" => Text(|c| &c.description),
        "ChargeFrequency" => Text(|c| c.frequency.word()),
        "ChargePeriodEnd" => Time(|c| c.charge_end),
        "ChargePeriodStart" => Time(|c| c.charge_start),
        "CommitmentDiscountCategory" => Text(|c| only_committed(c, "Usage")),
        "CommitmentDiscountId" => Text(|c| &c.commitment_id),
        "CommitmentDiscountName" => Made(commitment_name),
        "CommitmentDiscountQuantity" => Number(|c| c.quantity.filter(|_| !c.commitment_id.is_empty())),
        "CommitmentDiscountStatus" => Text(committed_status),
        "CommitmentDiscountType" => Text(|c| only_committed(c, "Reserved Instance")),
        "CommitmentDiscountUnit" => Text(|c| only_committed(c, &c.unit)),
        "ConsumedQuantity" | "PricingQuantity" => Number(|c| c.quantity),
        "ConsumedUnit" | "PricingUnit" => Text(|c| &c.unit),
        "ContractedCost" => Cost(|c| c.contracted_cost),
        "ContractedUnitPrice" | "PricingCurrencyContractedUnitPrice" => Number(|c| c.contracted_unit_price),
        "EffectiveCost" => Cost(|c| c.effective_cost),
        "PricingCurrencyEffectiveCost" => Number(|c| c.effective_cost),
        "HostProviderName" | "ProviderName" | "ServiceProviderName" => Text(|c| &c.provider_name),
        "InvoiceId" => Text(|c| &c.invoice_id),
        "InvoiceIssuerName" | "PublisherName" => Text(|c| &c.invoice_issuer),
        "ListCost" => Cost(|c| c.list_cost),
        "ListUnitPrice" | "PricingCurrencyListUnitPrice" => Number(|c| c.list_unit_price),
        "PricingCategory" => Text(Charge::pricing_category),
        "RegionId" => Text(|c| &c.region_id),
        "RegionName" => Text(|c| &c.region_name),
        "ResourceId" => Text(|c| &c.resource_id),
        "ResourceName" => Text(|c| &c.resource_name),
        "ResourceType" => Text(|c| &c.resource_type),
        "ServiceCategory" => Text(|c| &c.service_category),
        "ServiceName" => Text(|c| &c.service_name),
        "SkuId" => Text(|c| &c.sku_id),
        "SkuMeter" => Text(|c| &c.usage_type),
        "SkuPriceId" => Made(sku_price),
        "SubAccountId" => Text(|c| &c.sub_account_id),
        "SubAccountName" => Text(|c| &c.sub_account_name),
        "SubAccountType" => Text(|_| "Linked Account"),
        "Tags" => Tags(TagShape::Object),
        // Reservations of capacity, split costs, contracts, details of SKUs and invoices.
        _ => Empty,
    }
}

fn layout(names: &[&'static str]) -> Layout {
    Layout::new(names.iter().map(|name| (*name, field(name))))
}

/// FOCUS 0.5: 21 columns, no tags, no quantities; costs and types under their old names.
pub(super) fn layout_05() -> Layout {
    let old = |name| match name {
        "AmortizedCost" => field("EffectiveCost"),
        "ChargeType" => field("ChargeCategory"),
        "InvoiceIssuer" => field("InvoiceIssuerName"),
        "Provider" => field("ProviderName"),
        "Publisher" => field("PublisherName"),
        "Region" => field("RegionId"),
        _ => field(name),
    };
    Layout::new(FOCUS_05.iter().map(|name| (*name, old(name))))
}

pub(super) fn layout_10() -> Layout {
    layout(&FOCUS_10)
}

pub(super) fn layout_12() -> Layout {
    layout(&FOCUS_12)
}

pub(super) fn layout_14() -> Layout {
    layout(&FOCUS_14)
}

#[rustfmt::skip]
const FOCUS_05: [&str; 21] = [
    "AmortizedCost", "AvailabilityZone", "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency",
    "BillingPeriodEnd", "BillingPeriodStart", "ChargePeriodEnd", "ChargePeriodStart", "ChargeType", "InvoiceIssuer",
    "Provider", "Publisher", "Region", "ResourceId", "ResourceName", "ServiceCategory", "ServiceName",
    "SubAccountId", "SubAccountName",
];

#[rustfmt::skip]
const FOCUS_10: [&str; 43] = [
    "AvailabilityZone", "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency",
    "BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription",
    "ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart", "CommitmentDiscountCategory",
    "CommitmentDiscountId", "CommitmentDiscountName", "CommitmentDiscountStatus", "CommitmentDiscountType",
    "ConsumedQuantity", "ConsumedUnit", "ContractedCost", "ContractedUnitPrice", "EffectiveCost",
    "InvoiceIssuerName", "ListCost", "ListUnitPrice", "PricingCategory", "PricingQuantity", "PricingUnit",
    "ProviderName", "PublisherName", "RegionId", "RegionName", "ResourceId", "ResourceName", "ResourceType",
    "ServiceCategory", "ServiceName", "SkuId", "SkuPriceId", "SubAccountId", "SubAccountName", "Tags",
];

#[rustfmt::skip]
const FOCUS_12: [&str; 57] = [
    "ProviderName", "PublisherName", "InvoiceIssuerName", "InvoiceId", "BillingAccountId", "BillingAccountName",
    "BillingAccountType", "SubAccountId", "SubAccountName", "SubAccountType", "BillingPeriodStart",
    "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd", "ChargeCategory", "ChargeClass",
    "ChargeDescription", "ChargeFrequency", "BilledCost", "EffectiveCost", "ListCost", "ContractedCost",
    "ListUnitPrice", "ContractedUnitPrice", "PricingCategory", "PricingQuantity", "PricingUnit",
    "PricingCurrency", "PricingCurrencyContractedUnitPrice", "PricingCurrencyEffectiveCost",
    "PricingCurrencyListUnitPrice", "BillingCurrency", "ConsumedQuantity", "ConsumedUnit", "ServiceName",
    "ServiceCategory", "ServiceSubcategory", "SkuId", "SkuMeter", "SkuPriceId", "SkuPriceDetails", "ResourceId",
    "ResourceName", "ResourceType", "RegionId", "RegionName", "AvailabilityZone", "CommitmentDiscountId",
    "CommitmentDiscountName", "CommitmentDiscountCategory", "CommitmentDiscountType",
    "CommitmentDiscountStatus", "CommitmentDiscountQuantity", "CommitmentDiscountUnit",
    "CapacityReservationId", "CapacityReservationStatus", "Tags",
];

#[rustfmt::skip]
const FOCUS_14: [&str; 65] = [
    "AllocatedMethodDetails", "AllocatedMethodId", "AllocatedResourceId", "AllocatedResourceName",
    "AllocatedTags", "AvailabilityZone", "BilledCost", "BillingAccountId", "BillingAccountName",
    "BillingAccountType", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart", "CapacityReservationId",
    "CapacityReservationStatus", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency",
    "ChargePeriodEnd", "ChargePeriodStart", "CommitmentDiscountCategory", "CommitmentDiscountId",
    "CommitmentDiscountName", "CommitmentDiscountQuantity", "CommitmentDiscountStatus",
    "CommitmentDiscountType", "CommitmentDiscountUnit", "CommitmentProgramEligibilityDetails",
    "ConsumedQuantity", "ConsumedUnit", "ContractApplied", "ContractedCost", "ContractedUnitPrice",
    "EffectiveCost", "HostProviderName", "InvoiceDetailId", "InvoiceId", "InvoiceIssuerName", "ListCost",
    "ListUnitPrice", "PricingCategory", "PricingCurrency", "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost", "PricingCurrencyListUnitPrice", "PricingQuantity", "PricingUnit",
    "RegionId", "RegionName", "ResourceId", "ResourceName", "ResourceType", "ServiceCategory", "ServiceName",
    "ServiceProviderName", "ServiceSubcategory", "SkuId", "SkuMeter", "SkuPriceDetails", "SkuPriceId",
    "SubAccountId", "SubAccountName", "SubAccountType", "Tags",
];
