//! Errors as the QingCloud family answers them: `{"ret_code":N,"message":"Name, sentence"}`.
//!
//! Here stands which code an error of the engine becomes. Faults of a request that never became a
//! question (a missing parameter, a bad signature) are made where the request is read.

use billfold_core::{Error, ErrorClass};
use serde::{Serialize, Serializer};

/// The error codes of the family that billfold gives.
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
    /// Our fault, or the machine's. QingCloud's SDK asks once more after it.
    InternalError = 5000,
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
            RetCode::InternalError => "InternalError",
        }
    }

    /// The code for an error of the engine, by who must act on it.
    ///
    /// What stays wrong when it is asked again (rows that cannot be read, currencies that cannot be
    /// added) must not be 5000, which clients retry; 1400 is the family's word for "not in this state".
    pub const fn of(class: ErrorClass) -> RetCode {
        match class {
            ErrorClass::Usage => RetCode::InvalidRequestMethod,
            ErrorClass::Rejected | ErrorClass::File | ErrorClass::Conflict | ErrorClass::Overflow => {
                RetCode::PermissionDenied
            }
            ErrorClass::Limit => RetCode::QuotaExceeded,
            ErrorClass::Io | ErrorClass::Bug => RetCode::InternalError,
        }
    }
}

impl Serialize for RetCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.number())
    }
}

/// The body of a failed call. It names no action, as the documents show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Why.
    pub ret_code: RetCode,
    /// `Name, sentence with [value]`.
    pub message: String,
}

impl Fault {
    /// A fault; `sentence` says what is wrong, the offending value in square brackets.
    pub fn new(ret_code: RetCode, sentence: &str) -> Fault {
        Fault {
            ret_code,
            message: format!("{}, {sentence}", ret_code.name()),
        }
    }
}

impl From<&Error> for Fault {
    /// The error's hint is left out: it names options of the command line, which a client has not.
    fn from(error: &Error) -> Fault {
        Fault::new(RetCode::of(error.kind().class()), &error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_a_code_a_name_and_a_sentence() {
        let fault = Fault::from(&Error::usage("duration [hourly] is not known").hint("see --help"));
        assert_eq!(
            serde_json::to_string(&fault).unwrap(),
            r#"{"ret_code":1101,"message":"InvalidRequestMethod, duration [hourly] is not known"}"#
        );
    }

    #[test]
    fn only_what_may_pass_by_itself_is_answered_with_a_code_that_clients_retry() {
        for class in [
            ErrorClass::Usage,
            ErrorClass::Rejected,
            ErrorClass::File,
            ErrorClass::Conflict,
            ErrorClass::Limit,
            ErrorClass::Overflow,
        ] {
            assert_ne!(RetCode::of(class), RetCode::InternalError, "{class:?}");
        }
        assert_eq!(RetCode::of(ErrorClass::Io).number(), 5000);
        assert_eq!(RetCode::of(ErrorClass::Bug).number(), 5000);
    }
}
