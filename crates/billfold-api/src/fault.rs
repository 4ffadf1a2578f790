//! What went wrong, and how each dialect says it: a `ret_code` and a message in the QingCloud family,
//! `Error.Code` with a `RequestId` at Tencent, a `code` with empty `data` at plcloud.
//!
//! A [`Refusal`] is made where the fault is found, in nobody's words. Here stands which code it becomes,
//! and which kind an error of the engine is. All of them travel with the HTTP status 200.

use std::fmt;

use billfold_core::error::Printable;
use billfold_core::{Error, ErrorClass, ErrorKind};
use serde::Serialize;

use crate::wire::{Dialect, WireFault, WireResponse};

/// Characters of a value that a message shows.
const MAX_SHOWN: usize = 80;

/// A call that gets no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong.
    pub kind: RefusalKind,
    /// A sentence without a full stop; the offending value in square brackets.
    pub message: String,
    /// Who must act.
    pub class: ErrorClass,
    /// The whole error, for those who run the machine; a client never sees it.
    pub cause: Option<String>,
}

/// What can be wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// A required parameter is missing.
    Missing,
    /// The request, or a value in it, is badly formed.
    Malformed,
    /// A parameter that the action does not have.
    UnknownParameter,
    /// A value that is well formed and not allowed.
    WrongValue,
    /// Values that do not go together.
    Combination,
    /// No such action.
    UnknownAction,
    /// No such version of the interface.
    UnknownVersion,
    /// Nothing is served at this path.
    UnknownPath,
    /// A body of a type that the dialect does not read.
    ContentType,
    /// The request is too large.
    TooLarge,
    /// An unknown key or a wrong signature; the two are never told apart.
    Signature,
    /// A signature is demanded and there is none.
    Unsigned,
    /// The time stamp is too old or too new, or the call was made before.
    Expired,
    /// Not the caller's to see.
    Forbidden,
    /// No such thing.
    NotFound,
    /// The data is in a state that has no answer: unlike currencies, rows that cannot be read.
    State,
    /// A limit of the engine.
    Limit,
    /// Too many calls.
    TooMany,
    /// Nobody is free to answer.
    Busy,
    /// The data is being loaded.
    Loading,
    /// Our fault, or the machine's.
    Internal,
}

impl Refusal {
    /// A refusal.
    pub fn new(kind: RefusalKind, message: impl Into<String>) -> Refusal {
        let class = match kind {
            RefusalKind::State => ErrorClass::Conflict,
            RefusalKind::Limit | RefusalKind::TooLarge | RefusalKind::TooMany => ErrorClass::Limit,
            RefusalKind::Busy | RefusalKind::Loading => ErrorClass::Io,
            RefusalKind::Internal => ErrorClass::Bug,
            _ => ErrorClass::Usage,
        };
        Refusal {
            kind,
            message: message.into(),
            class,
            cause: None,
        }
    }

    /// A required parameter that is not there.
    pub fn missing(name: &str) -> Refusal {
        Refusal::new(RefusalKind::Missing, format!("[{name}] is required"))
    }

    /// A value that is not what it must be: `limit [abc] is not a number from 0 to 100`.
    pub fn value(kind: RefusalKind, name: &str, value: &str, is_not: &str) -> Refusal {
        Refusal::new(kind, format!("{name} [{}] {is_not}", shown(value)))
    }

    /// The response in a dialect.
    pub fn respond(&self, dialect: Dialect, request_id: &str) -> WireResponse {
        let (code, body) = match dialect {
            Dialect::QingCloud => {
                let code = RetCode::of(self.kind);
                let body = to_json(&QingCloudFault {
                    ret_code: code.number(),
                    message: &format!("{}, {}", code.name(), self.message),
                });
                (code.number().to_string(), body)
            }
            Dialect::Tencent => {
                let code = tencent_code(self.kind);
                let body = to_json(&TencentFault {
                    response: TencentFaultBody {
                        error: TencentError {
                            code,
                            message: &format!("{}.", self.message),
                        },
                        request_id,
                    },
                });
                (code.to_owned(), body)
            }
            Dialect::Plcloud => {
                let code = plcloud_code(self.kind);
                let body = to_json(&PlcloudFault {
                    message: &self.message,
                    code,
                    data: [],
                });
                (code.to_string(), body)
            }
        };
        let fault = WireFault {
            code,
            message: self.cause.as_ref().unwrap_or(&self.message).clone(),
            class: self.class,
        };
        WireResponse::json(body, Some(fault))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<Error> for Refusal {
    /// The error's hint is left out: it names options of the command line, which a client has not.
    ///
    /// What stays wrong when it is asked again must not get a code that clients retry. Files are not
    /// named: a caller of an action has no business with paths of the machine.
    fn from(error: Error) -> Refusal {
        let class = error.kind().class();
        let kind = match class {
            ErrorClass::Usage => RefusalKind::WrongValue,
            ErrorClass::Rejected | ErrorClass::File | ErrorClass::Conflict | ErrorClass::Overflow => {
                RefusalKind::State
            }
            ErrorClass::Limit => RefusalKind::Limit,
            ErrorClass::Io | ErrorClass::Bug => RefusalKind::Internal,
        };
        let message = match error.kind() {
            ErrorKind::Usage(message) | ErrorKind::Conflict(message) | ErrorKind::Limit { message, .. } => {
                message.clone()
            }
            ErrorKind::RowsRejected { .. } | ErrorKind::Overflow { .. } => error.to_string(),
            ErrorKind::File { code, .. } => format!("the bill cannot be read [{code}]"),
            _ => "the question could not be answered".to_owned(),
        };
        Refusal {
            kind,
            message,
            class,
            cause: Some(error.to_string()),
        }
    }
}

/// A value as a message shows it: control characters escaped, cut where it is long.
pub(crate) fn shown(value: &str) -> String {
    let cut: String = value.chars().take(MAX_SHOWN).collect();
    let more = if cut.len() < value.len() { "…" } else { "" };
    format!("{}{more}", Printable(&cut))
}

fn to_json<T: Serialize>(fault: &T) -> Vec<u8> {
    // Strings and numbers alone: nothing in it can fail.
    serde_json::to_vec(fault).unwrap_or_default()
}

/// The error codes of the QingCloud family that billfold gives.
///
/// The numbers are from QingCloud's table of error codes. Of the names, `AuthFailure` and
/// `PermissionDenied` stand in documents and recorded answers; the table itself gives none, so the
/// others are ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum RetCode {
    /// A required parameter is missing, or a value is badly formed.
    InvalidRequestFormat = 1100,
    /// An unknown action, or a value that the action does not know.
    InvalidRequestMethod = 1101,
    /// An unknown access key, or a wrong signature.
    AuthFailure = 1200,
    /// The time stamp of the request is too old.
    RequestExpired = 1300,
    /// What is asked for may not be, or cannot be in the state that the data is in.
    PermissionDenied = 1400,
    /// Nothing by that id.
    ResourceNotFound = 2100,
    /// A limit was reached.
    QuotaExceeded = 2500,
    /// Nothing at this path.
    InvalidModule = 3300,
    /// Our fault, or the machine's. QingCloud's SDK asks once more after it.
    InternalError = 5000,
    /// Nobody is free. QingCloud's SDK asks once more after it.
    ServerBusy = 5100,
    /// The data is being loaded.
    Updating = 5300,
}

impl RetCode {
    /// The number on the wire.
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// The word that a message begins with.
    pub const fn name(self) -> &'static str {
        match self {
            RetCode::InvalidRequestFormat => "InvalidRequestFormat",
            RetCode::InvalidRequestMethod => "InvalidRequestMethod",
            RetCode::AuthFailure => "AuthFailure",
            RetCode::RequestExpired => "RequestExpired",
            RetCode::PermissionDenied => "PermissionDenied",
            RetCode::ResourceNotFound => "ResourceNotFound",
            RetCode::QuotaExceeded => "QuotaExceeded",
            RetCode::InvalidModule => "InvalidModule",
            RetCode::InternalError => "InternalError",
            RetCode::ServerBusy => "ServerBusy",
            RetCode::Updating => "Updating",
        }
    }

    /// The code for a refusal.
    pub const fn of(kind: RefusalKind) -> RetCode {
        match kind {
            RefusalKind::Missing
            | RefusalKind::Malformed
            | RefusalKind::UnknownParameter
            | RefusalKind::ContentType => RetCode::InvalidRequestFormat,
            RefusalKind::WrongValue
            | RefusalKind::Combination
            | RefusalKind::UnknownAction
            | RefusalKind::UnknownVersion => RetCode::InvalidRequestMethod,
            RefusalKind::UnknownPath => RetCode::InvalidModule,
            RefusalKind::Signature | RefusalKind::Unsigned => RetCode::AuthFailure,
            RefusalKind::Expired => RetCode::RequestExpired,
            // Not 5000, which clients retry: 1400 is the family's word for "not in this state".
            RefusalKind::Forbidden | RefusalKind::State => RetCode::PermissionDenied,
            RefusalKind::NotFound => RetCode::ResourceNotFound,
            RefusalKind::TooLarge | RefusalKind::Limit | RefusalKind::TooMany => RetCode::QuotaExceeded,
            RefusalKind::Busy => RetCode::ServerBusy,
            RefusalKind::Loading => RetCode::Updating,
            RefusalKind::Internal => RetCode::InternalError,
        }
    }
}

/// Tencent's code for a refusal; from its tables of common and of billing error codes.
pub const fn tencent_code(kind: RefusalKind) -> &'static str {
    match kind {
        RefusalKind::Missing => "MissingParameter",
        RefusalKind::Malformed | RefusalKind::Combination => "InvalidParameter",
        RefusalKind::UnknownParameter => "UnknownParameter",
        RefusalKind::WrongValue => "InvalidParameterValue",
        RefusalKind::UnknownAction => "InvalidAction",
        RefusalKind::UnknownVersion => "NoSuchVersion",
        RefusalKind::UnknownPath | RefusalKind::ContentType => "InvalidRequest",
        RefusalKind::TooLarge => "RequestSizeLimitExceeded",
        RefusalKind::Signature => "AuthFailure.SignatureFailure",
        RefusalKind::Unsigned => "AuthFailure.InvalidAuthorization",
        RefusalKind::Expired => "AuthFailure.SignatureExpire",
        RefusalKind::Forbidden => "UnauthorizedOperation",
        RefusalKind::NotFound => "ResourceNotFound",
        RefusalKind::State => "FailedOperation",
        RefusalKind::Limit => "LimitExceeded",
        RefusalKind::TooMany => "RequestLimitExceeded",
        RefusalKind::Busy => "ServiceUnavailable",
        RefusalKind::Loading => "FailedOperation.SummaryDataNotReady",
        RefusalKind::Internal => "InternalError",
    }
}

/// plcloud's `code`, which is a status of HTTP in the body.
pub const fn plcloud_code(kind: RefusalKind) -> u16 {
    match kind {
        RefusalKind::Missing
        | RefusalKind::Malformed
        | RefusalKind::UnknownParameter
        | RefusalKind::WrongValue
        | RefusalKind::Combination
        | RefusalKind::UnknownVersion => 400,
        RefusalKind::Signature | RefusalKind::Unsigned | RefusalKind::Expired => 401,
        RefusalKind::Forbidden => 403,
        RefusalKind::UnknownAction | RefusalKind::UnknownPath | RefusalKind::NotFound => 404,
        RefusalKind::State => 409,
        RefusalKind::TooLarge | RefusalKind::Limit => 413,
        RefusalKind::ContentType => 415,
        RefusalKind::TooMany => 429,
        RefusalKind::Internal => 500,
        RefusalKind::Busy | RefusalKind::Loading => 503,
    }
}

/// It names no action, as the documents show it.
#[derive(Serialize)]
struct QingCloudFault<'a> {
    ret_code: u16,
    message: &'a str,
}

#[derive(Serialize)]
struct TencentFault<'a> {
    #[serde(rename = "Response")]
    response: TencentFaultBody<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TencentFaultBody<'a> {
    error: TencentError<'a>,
    // Without it Tencent's client knows no error but a missing key.
    request_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TencentError<'a> {
    code: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
struct PlcloudFault<'a> {
    message: &'a str,
    code: u16,
    data: [u8; 0],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dialect_says_it_in_its_own_envelope() {
        let refusal = Refusal::value(RefusalKind::WrongValue, "duration", "hourly", "is not known");
        for (dialect, body) in [
            (
                Dialect::QingCloud,
                r#"{"ret_code":1101,"message":"InvalidRequestMethod, duration [hourly] is not known"}"#,
            ),
            (
                Dialect::Tencent,
                r#"{"Response":{"Error":{"Code":"InvalidParameterValue","Message":"duration [hourly] is not known."},"RequestId":"r-1"}}"#,
            ),
            (
                Dialect::Plcloud,
                r#"{"message":"duration [hourly] is not known","code":400,"data":[]}"#,
            ),
        ] {
            let response = refusal.respond(dialect, "r-1");
            assert_eq!(response.text(), body);
            assert_eq!(
                (response.status, response.content_type),
                (200, "application/json")
            );
        }
    }

    #[test]
    fn only_what_may_pass_by_itself_is_answered_with_a_code_that_clients_retry() {
        for error in [
            Error::usage("x"),
            Error::file("csv.empty", "x"),
            Error::limit("limit.groups", "x"),
            Error::new(ErrorKind::Conflict("x".into())),
            Error::new(ErrorKind::RowsRejected {
                n_rejected: 1,
                n_read: 2,
            }),
            Error::new(ErrorKind::Overflow { group: "g".into() }),
        ] {
            let code = RetCode::of(Refusal::from(error).kind).number();
            assert!(![5000, 5100].contains(&code), "{code}");
        }
        assert_eq!(
            RetCode::of(Refusal::from(Error::bug("x")).kind),
            RetCode::InternalError
        );
    }

    #[test]
    fn a_long_value_is_cut_and_a_control_character_escaped() {
        let refusal = Refusal::value(RefusalKind::Malformed, "zone", &"é\n".repeat(100), "is wrong");
        assert!(refusal.message.len() < 300 && !refusal.message.contains('\n'));
        assert!(refusal.message.ends_with("…] is wrong"));
    }
}
