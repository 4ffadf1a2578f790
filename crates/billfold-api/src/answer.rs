//! From a call to its response: which action it is, who answers it, and the envelope of what went wrong.

use billfold_core::dataset::Charges;
use billfold_core::ingest::formats::near_names;
use sha2::{Digest, Sha256};

use crate::call::Call;
use crate::fault::{Refusal, RefusalKind, shown};
use crate::params::{Params, Tree};
use crate::settings::Settings;
use crate::wire::{Dialect, Method, WireRequest, WireResponse};
use crate::{
    get_charge_records, get_charge_sums, get_consumptions_by_query, get_consumptions_summary,
    get_project_resource_stat, get_total_estimated_consumption, tencent,
};

/// One action of the QingCloud family or of plcloud, whose parameters are names and values.
type FormAction = fn(&Call<'_>, &Params) -> Result<Vec<u8>, Refusal>;
/// One action of Tencent's, whose parameters are a tree.
type TreeAction = fn(&Call<'_>, &Tree) -> Result<tencent::Members, Refusal>;

const QINGCLOUD: &[(&str, FormAction)] = &[
    ("GetChargeSums", get_charge_sums::request::answer),
    (
        "GetTotalEstimatedConsumption",
        get_total_estimated_consumption::answer,
    ),
    ("GetProjectResourceStat", get_project_resource_stat::answer),
    ("GetChargeRecords", get_charge_records::answer),
];

const TENCENT: &[(&str, TreeAction)] = &[
    (
        "DescribeCostSummaryByResource",
        tencent::cost_summary_by_resource::answer,
    ),
    ("DescribeCostSummaryByProduct", tencent::cost_summary::by_product),
    ("DescribeCostSummaryByProject", tencent::cost_summary::by_project),
    ("DescribeCostSummaryByRegion", tencent::cost_summary::by_region),
    (
        "DescribeBillResourceSummary",
        tencent::bill_resource_summary::answer,
    ),
];

const PLCLOUD: &[(&str, FormAction)] = &[
    ("GetConsumptionsByQuery", get_consumptions_by_query::answer),
    ("GetConsumptionsSummary", get_consumptions_summary::answer),
];

/// Every action, with whose it is.
pub fn actions() -> impl Iterator<Item = (Dialect, &'static str)> {
    let qingcloud = QINGCLOUD.iter().map(|(name, _)| (Dialect::QingCloud, *name));
    let tencent = TENCENT.iter().map(|(name, _)| (Dialect::Tencent, *name));
    let plcloud = PLCLOUD.iter().map(|(name, _)| (Dialect::Plcloud, *name));
    qingcloud.chain(tencent).chain(plcloud)
}

/// Answers a call. Whatever goes wrong is told in the response; the call is the only thing looked at, and
/// signatures are not.
pub fn answer(request: &WireRequest, charges: &dyn Charges, settings: &Settings) -> WireResponse {
    let call = Call {
        request,
        charges,
        settings,
    };
    let id = request_id(request);
    let body = match request.dialect {
        Dialect::QingCloud => form(&call, QINGCLOUD),
        Dialect::Plcloud => form(&call, PLCLOUD),
        Dialect::Tencent => tree(&call, &id),
    };
    match body {
        Ok(body) => WireResponse::json(body, None),
        Err(refusal) => refusal.respond(request.dialect, &id),
    }
}

fn form(call: &Call<'_>, actions: &[(&str, FormAction)]) -> Result<Vec<u8>, Refusal> {
    let request = call.request;
    check_path(request)?;
    let mut params = Params::read(request.query.as_bytes(), call.settings)?;
    if request.method == Method::Post && !request.body.is_empty() {
        params = params.and(match (content_type(request)?, request.dialect) {
            (Body::Form, _) => Params::read(&request.body, call.settings)?,
            // Some of its actions are documented with a body of JSON.
            (Body::Json, Dialect::Plcloud) => Params::of_tree(&Tree::read(&request.body, call.settings)?)?,
            (Body::Json, _) => {
                return Err(Refusal::new(
                    RefusalKind::ContentType,
                    "[application/json] is not read here; send application/x-www-form-urlencoded",
                ));
            }
        });
    }
    let action = params.required("action")?;
    find(action, actions)?(call, &params)
}

fn tree(call: &Call<'_>, request_id: &str) -> Result<Vec<u8>, Refusal> {
    let request = call.request;
    check_path(request)?;
    let query = Params::read(request.query.as_bytes(), call.settings)?;
    let mut tree = None;
    let params = match request.method {
        Method::Get => query,
        Method::Post => match content_type(request)? {
            Body::Form => query.and(Params::read(&request.body, call.settings)?),
            Body::Json => {
                tree = Some(Tree::read(&request.body, call.settings)?);
                query
            }
        },
    };
    // The action stands in a header with the newer signature and among the parameters with the older one.
    let of_params = Tree::of_params(&params)?;
    let named = |header: &str, name: &str| -> Result<Option<String>, Refusal> {
        match request.header(header) {
            Some(value) if !value.is_empty() => Ok(Some(value.to_owned())),
            _ => params.one(name).map(|value| value.map(str::to_owned)),
        }
    };
    let action = named("X-TC-Action", "Action")?.ok_or_else(|| Refusal::missing("Action"))?;
    let answer = find(&action, TENCENT)?;
    if let Some(version) = named("X-TC-Version", "Version")?
        && version != "2018-07-09"
    {
        return Err(Refusal::value(
            RefusalKind::UnknownVersion,
            "Version",
            &version,
            "is not served; 2018-07-09 is",
        ));
    }
    tencent::enveloped(&answer(call, &tree.unwrap_or(of_params))?, request_id)
}

/// Errors: an unknown action, with the ones that there are.
fn find<A: Copy>(name: &str, actions: &[(&str, A)]) -> Result<A, Refusal> {
    if let Some((_, action)) = actions.iter().find(|(known, _)| *known == name) {
        return Ok(*action);
    }
    let near = near_names(name, actions.iter().map(|(known, _)| *known));
    let near = if near.is_empty() {
        String::new()
    } else {
        format!("; did you mean {near}?")
    };
    let known: Vec<&str> = actions.iter().map(|(known, _)| *known).collect();
    Err(Refusal::new(
        RefusalKind::UnknownAction,
        format!(
            "action [{}] is not known{near} (there are {})",
            shown(name),
            known.join(", ")
        ),
    ))
}

/// Errors: a path that belongs to no dialect, or to another one.
fn check_path(request: &WireRequest) -> Result<(), Refusal> {
    if Dialect::of_path(&request.path) == Some(request.dialect) {
        return Ok(());
    }
    Err(Refusal::value(
        RefusalKind::UnknownPath,
        "path",
        &request.path,
        "is not served",
    ))
}

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    Form,
    Json,
}

/// Errors: a type that is not read, and an encoding that is not UTF-8.
fn content_type(request: &WireRequest) -> Result<Body, Refusal> {
    let refuse = |text: &str, is_not: &str| {
        Err(Refusal::value(
            RefusalKind::ContentType,
            "Content-Type",
            text,
            is_not,
        ))
    };
    let text = request.header("Content-Type").unwrap_or_default();
    let (kind, parameters) = text.split_once(';').unwrap_or((text, ""));
    for parameter in parameters.split(';') {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = value.trim().trim_matches('"');
        if name.trim().eq_ignore_ascii_case("charset") && !value.eq_ignore_ascii_case("utf-8") {
            return refuse(text, "is in an encoding that is not read; UTF-8 is");
        }
    }
    match kind.trim().to_ascii_lowercase().as_str() {
        "application/x-www-form-urlencoded" => Ok(Body::Form),
        "application/json" => Ok(Body::Json),
        _ => refuse(
            text,
            "is not read; application/x-www-form-urlencoded and application/json are",
        ),
    }
}

/// The id of an answer: what the request carries, or one made from its text, in the shape of a UUID.
pub fn request_id(request: &WireRequest) -> String {
    if let Some(id) = &request.request_id {
        return id.clone();
    }
    let mut hash = Sha256::new();
    let action = request.header("X-TC-Action").unwrap_or_default();
    for part in [
        request.path.as_bytes(),
        action.as_bytes(),
        request.query.as_bytes(),
        &request.body,
    ] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut id = String::with_capacity(36);
    for (i, byte) in hash.finalize().iter().take(16).enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            id.push('-');
        }
        // Version 8 and the variant of RFC 9562: an id whose bits are the maker's own.
        let byte = match i {
            6 => byte & 0x0f | 0x80,
            8 => byte & 0x3f | 0x80,
            _ => *byte,
        };
        for nibble in [byte >> 4, byte & 15] {
            id.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Dialect;

    #[test]
    fn the_same_call_has_the_same_id_and_another_call_another() {
        let id = |query: &str| request_id(&WireRequest::get(Dialect::Tencent, query));
        assert_eq!(id("a=1"), id("a=1"));
        assert_ne!(id("a=1"), id("a=2"));
        assert_eq!(id("").len(), 36);
        let mut named = WireRequest::get(Dialect::Tencent, "");
        named.request_id = Some("r".into());
        assert_eq!(request_id(&named), "r");
    }
}
