//! The words of the answers in the two languages of the service: Chinese, and English where the call asks for it.

use crate::wire::WireRequest;

/// Language of the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Chinese,
    English,
}

impl Language {
    /// That of the header `X-TC-Language`: `zh-CN`, which it is without one, or `en-US`.
    pub(super) fn of(request: &WireRequest) -> Language {
        match request.header("X-TC-Language") {
            Some(language) if language.to_ascii_lowercase().starts_with("en") => Language::English,
            _ => Language::Chinese,
        }
    }

    fn word(self, chinese: &'static str, english: &'static str) -> &'static str {
        match self {
            Language::Chinese => chinese,
            Language::English => english,
        }
    }

    /// What a resource without a name is called.
    pub(super) fn unnamed(self) -> &'static str {
        self.word("未命名", "Unnamed")
    }

    /// Code and name of a way to pay.
    pub(super) fn pay_mode(self, is_reserved: bool) -> (&'static str, &'static str) {
        if is_reserved {
            ("prePay", self.word("包年包月", "Monthly subscription"))
        } else {
            ("postPay", self.word("按量计费", "Pay-as-you-go"))
        }
    }

    /// Code and name of a kind of region, whichever of them a bill holds.
    pub(super) fn region_type(self, text: &str) -> (String, String) {
        let (code, name) = match text {
            "domestic" | "国内" => ("domestic", self.word("国内", "Domestic")),
            "international" | "国际" => ("international", self.word("国际", "International")),
            other => (other, other),
        };
        (code.to_owned(), name.to_owned())
    }

    /// Name of an instance type; one that is not known is its own name.
    pub(super) fn instance_type(self, code: &str) -> &str {
        match code {
            "exclusiveSale" => self.word("包销实例", "Exclusive sale instance"),
            "riDeduct" => self.word("预留实例抵扣", "RI deduction"),
            "spDeduct" => self.word("节省计划抵扣", "Savings plan deduction"),
            "SpotInstance" | "spot" => self.word("竞价实例", "Spot instance"),
            other => other,
        }
    }
}
