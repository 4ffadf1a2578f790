//! What FOCUS says of its columns: which must be there, which must not be null, what they may hold.
//!
//! Source: FOCUS specification, columns, 0.5 to 1.4.

/// A mandatory column: its names over the versions, the newest first; from and up to which version.
pub(super) struct Mandatory {
    pub(super) names: &'static [&'static str],
    /// First and last version, as a place in [`VERSIONS`].
    pub(super) versions: (usize, usize),
    /// Whether it must not be null.
    pub(super) not_null: bool,
    /// Whether sums need it.
    pub(super) sums: bool,
}

/// The versions in their order.
pub(super) const VERSIONS: &[&str] = &["0.5", "1.0-preview", "1.0", "1.1", "1.2", "1.3", "1.4"];
const V0_5: usize = 0;
const V1_0: usize = 2;
const V1_2: usize = 4;
const V1_3: usize = 5;
const NEWEST: usize = 6;

const fn column(names: &'static [&'static str], first: usize, not_null: bool, sums: bool) -> Mandatory {
    Mandatory {
        names,
        versions: (first, NEWEST),
        not_null,
        sums,
    }
}

pub(super) const MANDATORY: &[Mandatory] = &[
    column(&["BilledCost"], V0_5, true, true),
    column(&["EffectiveCost", "AmortizedCost"], V0_5, true, true),
    column(&["ListCost"], V1_0, true, true),
    column(&["ContractedCost"], V1_0, true, true),
    column(&["BillingCurrency", "BilledCurrency"], V0_5, true, true),
    column(&["ChargePeriodStart"], V0_5, true, true),
    column(&["ChargePeriodEnd"], V0_5, true, true),
    column(&["BillingPeriodStart"], V0_5, true, true),
    column(&["BillingPeriodEnd"], V0_5, true, true),
    column(&["ChargeCategory", "ChargeType"], V0_5, true, true),
    column(&["ChargeClass"], V1_0, false, false),
    column(&["ChargeDescription"], V1_0, false, false),
    column(&["BillingAccountId"], V0_5, true, false),
    column(&["BillingAccountName"], V0_5, false, false),
    column(&["InvoiceIssuerName", "InvoiceIssuer"], V0_5, true, false),
    column(&["PricingQuantity"], V1_0, false, false),
    column(&["PricingUnit"], V1_0, false, false),
    column(&["ServiceCategory"], V0_5, true, false),
    column(&["ServiceName"], V0_5, true, false),
    Mandatory {
        names: &["ProviderName", "Provider"],
        versions: (V0_5, V1_2),
        not_null: true,
        sums: false,
    },
    Mandatory {
        names: &["PublisherName", "Publisher"],
        versions: (V0_5, V1_2),
        not_null: true,
        sums: false,
    },
    column(&["ServiceProviderName"], V1_3, true, false),
    // "MAY be NULL when the service does not involve deployment" (1.4).
    column(&["HostProviderName"], V1_3, false, false),
];

/// The charge categories of a version.
pub(super) fn categories(version: usize) -> &'static [&'static str] {
    match version {
        V0_5 => &["Usage", "Purchase", "Tax", "Adjustment"],
        v if v < V1_0 => &["Usage", "Purchase", "Tax", "Adjustment"],
        _ => &["Usage", "Purchase", "Tax", "Credit", "Adjustment"],
    }
}

/// Columns with allowed values; null is left to other rules.
pub(super) const VALUES: &[(&str, &[&str])] = &[
    ("ChargeFrequency", &["One-Time", "Recurring", "Usage-Based"]),
    ("PricingCategory", &["Standard", "Dynamic", "Committed", "Other"]),
    ("CommitmentDiscountCategory", &["Spend", "Usage"]),
    ("CommitmentDiscountStatus", &["Used", "Unused"]),
    ("CapacityReservationStatus", &["Used", "Unused"]),
];

/// Numeric columns beside the four costs.
pub(super) const NUMBERS: &[&str] = &[
    "ListUnitPrice",
    "ContractedUnitPrice",
    "PricingQuantity",
    "ConsumedQuantity",
    "CommitmentDiscountQuantity",
    "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost",
    "PricingCurrencyListUnitPrice",
];

/// Words that stand where nothing should.
pub(super) const NULL_WORDS: &[&str] = &[
    "not applicable",
    "n/a",
    "na",
    "none",
    "null",
    "nil",
    "-",
    "unknown",
    "unassigned",
];
