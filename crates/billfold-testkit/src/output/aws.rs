//! AWS cost and usage reports: the legacy one with slashed names, and CUR 2.0.
//!
//! Source: exports of nise 5.4 and the CUR data dictionary. A reservation's cover is `DiscountedUsage`
//! with its cost in `reservation/EffectiveCost`; its purchase is a `Fee` that names the reservation.

use super::columns::Field::{Cost, Empty, Made, Number, Tag, Tags, Text, Time};
use super::columns::{Column, Field, Layout, TagShape};
use crate::charge::{Category, Charge};
use crate::civil::{TimeShape, push_time};
use crate::decimal::Decimal;
use crate::rng::mix;

/// LineItemType.
fn line_item_type(charge: &Charge) -> &'static str {
    match charge.category {
        Category::Usage if !charge.commitment_id.is_empty() => "DiscountedUsage",
        Category::Usage => "Usage",
        Category::Purchase => "Fee",
        Category::Tax => "Tax",
        Category::Credit => "Credit",
        Category::Adjustment => "Refund",
    }
}

fn covered(charge: &Charge) -> bool {
    line_item_type(charge) == "DiscountedUsage"
}

const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// A hash of what identifies a line: AWS promises uniqueness within a report, not meaning.
fn line_item_id(charge: &Charge, out: &mut String) {
    let mut hash = 0u64;
    for text in [
        &charge.sub_account_id,
        &charge.resource_id,
        &charge.usage_type,
        &charge.description,
    ] {
        hash = text
            .bytes()
            .fold(hash, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        hash = mix(hash);
    }
    hash = mix(hash ^ charge.charge_start as u64);
    hash = mix(hash ^ charge.charge_end as u64);
    hash = mix(hash ^ charge.billed_cost.mantissa as u64);
    for word in [hash, mix(hash)] {
        out.extend((0..12).map(|i| char::from(LETTERS[(word >> (5 * i)) as usize & 31])));
    }
}

fn time_interval(charge: &Charge, out: &mut String) {
    let mut text = Vec::with_capacity(48);
    push_time(&mut text, charge.charge_start, TimeShape::Zulu);
    text.push(b'/');
    push_time(&mut text, charge.charge_end, TimeShape::Zulu);
    out.extend(text.iter().map(|b| char::from(*b)));
}

fn pricing_term(charge: &Charge) -> &'static str {
    match charge.category {
        Category::Usage if covered(charge) => "Reserved",
        Category::Usage => "OnDemand",
        _ => "",
    }
}

fn bill_type(charge: &Charge) -> &'static str {
    match charge.category {
        Category::Purchase => "Purchase",
        Category::Adjustment => "Refund",
        _ => "Anniversary",
    }
}

fn on_demand(charge: &Charge) -> Option<Decimal> {
    charge.list_cost.filter(|_| charge.category == Category::Usage)
}

fn effective(charge: &Charge) -> Option<Decimal> {
    charge.effective_cost.filter(|_| covered(charge))
}

fn unblended_rate(charge: &Charge) -> Option<Decimal> {
    charge.contracted_unit_price.filter(|_| !covered(charge))
}

/// The field of a column by its CUR 2.0 name.
fn field(name: &str) -> Field {
    match name {
        "bill_bill_type" => Text(bill_type),
        "bill_billing_entity" => Text(|c| &c.provider_name),
        "bill_billing_period_end_date" => Time(|c| c.billing_end),
        "bill_billing_period_start_date" => Time(|c| c.billing_start),
        "bill_invoice_id" => Text(|c| &c.invoice_id),
        "bill_payer_account_id" => Text(|c| &c.billing_account_id),
        "bill_payer_account_name" => Text(|c| &c.billing_account_name),
        "identity_line_item_id" => Made(line_item_id),
        "identity_time_interval" => Made(time_interval),
        "line_item_availability_zone" => Text(|c| &c.zone_id),
        "line_item_blended_cost" | "line_item_unblended_cost" => Cost(|c| Some(c.billed_cost)),
        "line_item_blended_rate" | "line_item_unblended_rate" => Number(unblended_rate),
        "line_item_currency_code" | "pricing_currency" => Text(|c| &c.billing_currency),
        "line_item_legal_entity" => Text(|c| &c.invoice_issuer),
        "line_item_line_item_description" => Text(|c| &c.description),
        "line_item_line_item_type" => Text(line_item_type),
        "line_item_operation" | "product_operation" => Text(|_| "RunInstances"),
        "line_item_product_code" | "product_servicecode" => Text(|c| &c.service_code),
        "line_item_resource_id" => Text(|c| &c.resource_id),
        "line_item_usage_account_id" => Text(|c| &c.sub_account_id),
        "line_item_usage_account_name" => Text(|c| &c.sub_account_name),
        "line_item_usage_amount" => Number(|c| c.quantity),
        "line_item_usage_end_date" => Time(|c| c.charge_end),
        "line_item_usage_start_date" => Time(|c| c.charge_start),
        "line_item_usage_type" | "product_usagetype" => Text(|c| &c.usage_type),
        "pricing_public_on_demand_cost" => Cost(on_demand),
        "pricing_public_on_demand_rate" => Number(|c| c.list_unit_price),
        "pricing_term" => Text(pricing_term),
        "pricing_unit" => Text(|c| &c.unit),
        "product_product_family" => Text(|c| &c.resource_type),
        "product_product_name" | "product_servicename" => Text(|c| &c.service_name),
        "product_region" | "product_region_code" => Text(|c| &c.region_id),
        "product_location" => Text(|c| &c.region_name),
        "product_sku" => Text(|c| &c.sku_id),
        "reservation_effective_cost" => Cost(effective),
        "reservation_reservation_a_r_n" => Text(|c| &c.commitment_id),
        "resource_tags" => Tags(TagShape::UserObject),
        _ => Empty,
    }
}

/// CUR 2.0: snake names, tags in one column.
pub(super) fn cur_20() -> Layout {
    Layout::new(CUR_20.iter().map(|name| (*name, field(name))))
}

/// The legacy report: slashed names, sorted as AWS sorts them, and a column for each user tag.
pub(super) fn legacy(tag_keys: &[String], wide: bool) -> Layout {
    let mut layout = Layout::new(LEGACY.iter().map(|(old, new)| (*old, field(new))));
    let tags = tag_keys.iter().map(|key| Column {
        name: format!("resourceTags/user:{key}"),
        field: Tag(key.clone()),
    });
    layout.columns.extend(tags);
    if wide {
        let extra = PRODUCT_ATTRIBUTES.iter().map(|name| format!("product/{name}"));
        let extra = extra.chain(OTHER_COLUMNS.iter().map(|name| String::from(*name)));
        layout
            .columns
            .extend(extra.map(|name| Column { name, field: Empty }));
    }
    layout.columns.sort_by(|a, b| a.name.cmp(&b.name));
    layout
}

#[rustfmt::skip]
const CUR_20: [&str; 39] = [
    "bill_bill_type", "bill_billing_entity", "bill_billing_period_end_date", "bill_billing_period_start_date",
    "bill_invoice_id", "bill_payer_account_id", "bill_payer_account_name", "identity_line_item_id",
    "identity_time_interval", "line_item_availability_zone", "line_item_blended_cost", "line_item_blended_rate",
    "line_item_currency_code", "line_item_legal_entity", "line_item_line_item_description",
    "line_item_line_item_type", "line_item_operation", "line_item_product_code", "line_item_resource_id",
    "line_item_tax_type", "line_item_unblended_cost", "line_item_unblended_rate", "line_item_usage_account_id",
    "line_item_usage_account_name", "line_item_usage_amount", "line_item_usage_end_date",
    "line_item_usage_start_date", "line_item_usage_type", "pricing_public_on_demand_cost",
    "pricing_public_on_demand_rate", "pricing_term", "pricing_unit", "product_product_family",
    "product_region_code", "product_servicecode", "product_sku", "reservation_effective_cost",
    "reservation_reservation_a_r_n", "resource_tags",
];

#[rustfmt::skip]
const LEGACY: [(&str, &str); 44] = [
    ("bill/BillType", "bill_bill_type"), ("bill/BillingEntity", "bill_billing_entity"),
    ("bill/BillingPeriodEndDate", "bill_billing_period_end_date"),
    ("bill/BillingPeriodStartDate", "bill_billing_period_start_date"), ("bill/InvoiceId", "bill_invoice_id"),
    ("bill/PayerAccountId", "bill_payer_account_id"), ("identity/LineItemId", "identity_line_item_id"),
    ("identity/TimeInterval", "identity_time_interval"),
    ("lineItem/AvailabilityZone", "line_item_availability_zone"), ("lineItem/BlendedCost", "line_item_blended_cost"),
    ("lineItem/BlendedRate", "line_item_blended_rate"), ("lineItem/CurrencyCode", "line_item_currency_code"),
    ("lineItem/LegalEntity", "line_item_legal_entity"),
    ("lineItem/LineItemDescription", "line_item_line_item_description"),
    ("lineItem/LineItemType", "line_item_line_item_type"), ("lineItem/NormalizationFactor", ""),
    ("lineItem/NormalizedUsageAmount", ""), ("lineItem/Operation", "line_item_operation"),
    ("lineItem/ProductCode", "line_item_product_code"), ("lineItem/ResourceId", "line_item_resource_id"),
    ("lineItem/TaxType", ""), ("lineItem/UnblendedCost", "line_item_unblended_cost"),
    ("lineItem/UnblendedRate", "line_item_unblended_rate"), ("lineItem/UsageAccountId", "line_item_usage_account_id"),
    ("lineItem/UsageAmount", "line_item_usage_amount"), ("lineItem/UsageEndDate", "line_item_usage_end_date"),
    ("lineItem/UsageStartDate", "line_item_usage_start_date"), ("lineItem/UsageType", "line_item_usage_type"),
    ("pricing/currency", "pricing_currency"), ("pricing/publicOnDemandCost", "pricing_public_on_demand_cost"),
    ("pricing/publicOnDemandRate", "pricing_public_on_demand_rate"), ("pricing/term", "pricing_term"),
    ("pricing/unit", "pricing_unit"), ("product/ProductName", "product_product_name"),
    ("product/productFamily", "product_product_family"), ("product/region", "product_region"),
    ("product/regionCode", "product_region_code"), ("product/servicecode", "product_servicecode"),
    ("product/sku", "product_sku"), ("product/usagetype", "product_usagetype"),
    ("reservation/EffectiveCost", "reservation_effective_cost"),
    ("reservation/ReservationARN", "reservation_reservation_a_r_n"), ("reservation/UnusedRecurringFee", ""),
    ("savingsPlan/SavingsPlanEffectiveCost", ""),
];

/// Columns that a wide report has besides.
#[rustfmt::skip]
const OTHER_COLUMNS: [&str; 42] = [
    "costCategory/Charge type", "costCategory/CostCenter", "costCategory/OUs", "costCategory/Organization",
    "costCategory/env", "pricing/LeaseContractLength", "pricing/OfferingClass", "pricing/PurchaseOption",
    "pricing/RateCode", "pricing/RateId", "reservation/AmortizedUpfrontCostForUsage",
    "reservation/AmortizedUpfrontFeeForBillingPeriod", "reservation/AvailabilityZone", "reservation/EndTime",
    "reservation/ModificationStatus", "reservation/NormalizedUnitsPerReservation",
    "reservation/NumberOfReservations", "reservation/RecurringFeeForUsage", "reservation/StartTime",
    "reservation/SubscriptionId", "reservation/TotalReservedNormalizedUnits", "reservation/TotalReservedUnits",
    "reservation/UnitsPerReservation", "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod",
    "reservation/UnusedNormalizedUnitQuantity", "reservation/UnusedQuantity", "reservation/UpfrontValue",
    "resourceTags/aws:createdBy", "savingsPlan/AmortizedUpfrontCommitmentForBillingPeriod",
    "savingsPlan/EndTime", "savingsPlan/InstanceTypeFamily", "savingsPlan/OfferingType",
    "savingsPlan/PaymentOption", "savingsPlan/PurchaseTerm", "savingsPlan/RecurringCommitmentForBillingPeriod",
    "savingsPlan/Region", "savingsPlan/SavingsPlanArn", "savingsPlan/SavingsPlanRate", "savingsPlan/StartTime",
    "savingsPlan/TotalCommitmentToDate", "savingsPlan/UsedCommitment", "product/version",
];

/// Attributes of products that a wide report has a column for.
#[rustfmt::skip]
const PRODUCT_ATTRIBUTES: [&str; 100] = [
    "accountAssistance", "architecturalReview", "architectureSupport", "availability", "availabilityZone",
    "bestPractices", "capacitystatus", "caseSeverityresponseTimes", "classicnetworkingsupport", "clockSpeed",
    "comments", "contentType", "currentGeneration", "customerServiceAndCommunities", "databaseEngine",
    "dedicatedEbsThroughput", "deploymentOption", "description", "directorySize", "directoryType",
    "directoryTypeDescription", "durability", "ebsOptimized", "ecu", "edition", "endpointType", "engineCode",
    "enhancedNetworkingSupported", "feeCode", "feeDescription", "fromLocation", "fromLocationType",
    "fromRegionCode", "group", "groupDescription", "includedServices", "instanceFamily", "instanceType",
    "instanceTypeFamily", "intelAvx2Available", "intelAvxAvailable", "intelTurboAvailable", "isshadow",
    "iswebsocket", "launchSupport", "licenseModel", "locationType", "marketoption", "maxIopsBurstPerformance",
    "maxIopsvolume", "maxThroughputvolume", "maxVolumeSize", "memory", "memoryGib",
    "messageDeliveryFrequency", "messageDeliveryOrder", "minVolumeSize", "networkPerformance",
    "normalizationSizeFactor", "operatingSystem", "operationsSupport", "origin", "physicalCores",
    "physicalProcessor", "platousagetype", "platovolumetype", "preInstalledSw", "proactiveGuidance",
    "processorArchitecture", "processorFeatures", "programmaticCaseManagement", "protocol", "provisioned",
    "queueType", "recipient", "requestDescription", "requestType", "resourceEndpoint", "routingTarget",
    "routingType", "softwareType", "storage", "storageClass", "storageMedia", "storageType",
    "subscriptionType", "technicalSupport", "tenancy", "thirdpartySoftwareSupport", "toLocation",
    "toLocationType", "toRegionCode", "training", "transferType", "vcpu", "virtualInterfaceType",
    "volumeApiName", "volumeType", "vpcnetworkingsupport", "whoCanOpenCases",
];
