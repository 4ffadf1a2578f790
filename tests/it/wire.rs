//! Calls of the vendors' actions in tests: a bill, a request, the response as JSON.

use billfold_api::{Dialect, Settings, WireRequest, WireResponse, answer};
use billfold_core::dataset::{Charges, Files, RunOptions};
use billfold_core::store::Store;
use serde_json::Value;

use crate::support::workspace;

/// A bill of `data-samples/`.
pub(crate) fn sample(name: &str) -> String {
    workspace().join("data-samples").join(name).display().to_string()
}

/// The charges of a file, read anew for each question.
pub(crate) fn files(path: &str) -> Files {
    let options = RunOptions {
        threads: Some(1),
        allow_empty: true,
        ..RunOptions::default()
    };
    Files::new(vec![path.to_owned()], options)
}

/// The charges of a file in memory, as a server keeps them.
pub(crate) fn store(path: &str) -> std::sync::Arc<Store> {
    let options = RunOptions {
        threads: Some(1),
        allow_empty: true,
        ..RunOptions::default()
    };
    Store::load(&[path.to_owned()], options, Settings::default().store_options()).unwrap()
}

/// A response as JSON, after what every response promises: a status, a type, an envelope of its dialect.
#[track_caller]
pub(crate) fn read(dialect: Dialect, response: &WireResponse) -> Value {
    assert_eq!(
        (response.status, response.content_type),
        (200, "application/json")
    );
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    let has_fault = match dialect {
        Dialect::QingCloud => body["ret_code"] != 0,
        Dialect::Tencent => {
            assert!(body["Response"]["RequestId"].is_string(), "{body}");
            !body["Response"]["Error"].is_null()
        }
        Dialect::Plcloud => {
            assert!(body["data"].is_array(), "{body}");
            body["code"] != 200
        }
    };
    assert_eq!(has_fault, response.fault.is_some(), "{body}");
    body
}

/// What a call comes to.
#[track_caller]
pub(crate) fn call(request: &WireRequest, charges: &dyn Charges, settings: &Settings) -> Value {
    read(request.dialect, &answer(request, charges, settings))
}

/// What a call of the QingCloud family comes to.
#[track_caller]
pub(crate) fn qingcloud(query: &str, charges: &dyn Charges) -> Value {
    call(
        &WireRequest::get(Dialect::QingCloud, query),
        charges,
        &Settings::default(),
    )
}

/// What a call of plcloud comes to.
#[track_caller]
pub(crate) fn plcloud(form: &str, charges: &dyn Charges) -> Value {
    call(
        &WireRequest::post(Dialect::Plcloud, "application/x-www-form-urlencoded", form),
        charges,
        &Settings::default(),
    )
}

/// A call of Tencent's by its newer way.
pub(crate) fn tencent_request(action: &str, body: &str) -> WireRequest {
    WireRequest::post(Dialect::Tencent, "application/json", body).with_header("X-TC-Action", action)
}

/// What a call of Tencent's comes to, without the envelope.
#[track_caller]
pub(crate) fn tencent(action: &str, body: &str, charges: &dyn Charges) -> Value {
    call(&tencent_request(action, body), charges, &Settings::default())["Response"].take()
}
