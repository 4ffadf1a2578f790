//! ISO 4217 as data: the national currencies in use and their smallest units.
//!
//! Source: ISO 4217 list one, by the codes' decimals. Funds, metals and test codes are left out:
//! FOCUS asks for national currencies.

use super::currency::Currency;

/// Codes by the decimals of their smallest unit.
const BY_DECIMALS: &[(u8, &str)] = &[
    (
        0,
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    ),
    (
        2,
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF \
         CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL \
         HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT \
         MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB \
         SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH \
         USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG",
    ),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
];

impl Currency {
    /// Decimals of the currency's smallest unit: 2 for USD (0.01), 0 for JPY, 3 for KWD.
    ///
    /// None for what is no national currency of ISO 4217.
    pub fn decimals(self) -> Option<u8> {
        // The codes have three letters and stand apart by one space.
        BY_DECIMALS
            .iter()
            .find(|(_, codes)| codes.split(' ').any(|code| code == self.as_str()))
            .map(|(decimals, _)| *decimals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn currencies_know_their_smallest_unit() {
        for (code, decimals) in [
            ("USD", Some(2)),
            ("CNY", Some(2)),
            ("JPY", Some(0)),
            ("KWD", Some(3)),
            ("ZZZ", None),
            ("XAU", None),
        ] {
            assert_eq!(
                Currency::parse(code.as_bytes()).unwrap().decimals(),
                decimals,
                "{code}"
            );
        }
        assert_eq!(Currency::UNKNOWN.decimals(), None);
    }

    #[test]
    fn the_list_holds_each_code_once() {
        let mut codes: Vec<&str> = BY_DECIMALS
            .iter()
            .flat_map(|(_, codes)| codes.split(' '))
            .collect();
        let n_codes = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), n_codes);
        assert!(
            codes
                .iter()
                .all(|code| Currency::parse(code.as_bytes()).is_some())
        );
    }
}
