//! What the actions of the QingCloud family share: the parameters that come with every call, windows and pages.

use billfold_core::query::{Allocation, ChargeQuery};
use serde::Serialize;

use crate::call::{Call, window};
use crate::fault::{Refusal, RefusalKind};
use crate::params::Params;
use crate::params::value::{any_count, count, instant};

/// Parameters of every call, which no action looks at.
///
/// Source: QingCloud API documentation, common parameters, and what its clients send.
const COMMON: &[&str] = &[
    "action",
    "time_stamp",
    "access_key_id",
    "version",
    "signature_method",
    "signature_version",
    "signature",
    "expires",
    "req_id",
    "token",
    "zone",
    "owner",
    "console_id",
    "verbose",
    "project_id",
    "status",
    "lang",
    "duration",
    "currency",
];

/// Judges names and the version.
///
/// Errors: a name near to one of the action's; a version other than 1.
pub(crate) fn check(params: &Params, known: &[&str]) -> Result<(), Refusal> {
    params.check_names(known, COMMON)?;
    match params.one("version")? {
        None | Some("1") => Ok(()),
        Some(other) => Err(Refusal::value(
            RefusalKind::UnknownVersion,
            "version",
            other,
            "is not served; 1 is",
        )),
    }
}

/// Sets the window of `start_time` and `end_time`, where either may be missing.
///
/// The end is inside. An end on the last millisecond of a second, as the page has it, ends with that second. Of
/// any other only charges that begin at this very instant are more than in the half-open window, and they count
/// where charges are not split; where they are, an instant holds no share of them.
pub(crate) fn set_window(query: &mut ChargeQuery, params: &Params) -> Result<(), Refusal> {
    let bound = |name: &str| params.one(name)?.map(|text| instant(name, text)).transpose();
    let (start, end) = (bound("start_time")?, bound("end_time")?);
    if let (Some(start), Some(end)) = (start, end)
        && end < start
    {
        return window(("start_time", Some(start)), ("end_time", Some(end))).map(|_| ());
    }
    let end = end.map(|end| match end.rem_euclid(1_000_000) {
        999_000..=999_999 => end - end.rem_euclid(1_000_000) + 1_000_000,
        _ if query.allocation == Allocation::Start => end + 1,
        _ => end,
    });
    query.window = window(("start_time", start), ("end_time", end))?;
    Ok(())
}

/// `offset` and `limit`, which is at least 1.
pub(crate) fn page(
    call: &Call<'_>,
    params: &Params,
    default_limit: Option<usize>,
) -> Result<(usize, Option<usize>), Refusal> {
    let offset = params
        .one("offset")?
        .map(|text| any_count("offset", text))
        .transpose()?;
    let limit = params
        .one("limit")?
        .map(|text| count("limit", text, 1, call.settings.max_items as u64))
        .transpose()?;
    Ok((offset.unwrap_or(0), limit.or(default_limit)))
}

/// A body as text. Errors: a bug, which no response here can have.
pub(crate) fn body<T: Serialize>(response: &T) -> Result<Vec<u8>, Refusal> {
    serde_json::to_vec(response).map_err(|error| Refusal {
        cause: Some(error.to_string()),
        ..Refusal::new(RefusalKind::Internal, "the response could not be written")
    })
}

/// The resource group of a project, where the settings know the projects.
///
/// Errors: not found, for a project that is none of them.
pub(crate) fn known_project(call: &Call<'_>, project: &str) -> Result<Option<String>, Refusal> {
    call.check_scope("project_id", &[project])?;
    let Some(projects) = &call.settings.projects else {
        return Ok(None);
    };
    match projects.get(project) {
        Some(group) => Ok(Some(group.clone())),
        None => Err(Refusal::value(
            RefusalKind::NotFound,
            "project",
            project,
            "does not exist",
        )),
    }
}

/// The one currency that a call asks for.
pub(crate) fn settle(call: &Call<'_>, query: &mut ChargeQuery, params: &Params) -> Result<(), Refusal> {
    let currency = params.one("currency")?;
    call.settle(query, currency)
}
