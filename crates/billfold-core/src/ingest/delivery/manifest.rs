//! Manifests: what a provider says that a delivery holds.

use serde::Deserialize;
use serde_json::Value;
use std::io::Read;

use crate::error::{Error, Result};
use crate::ingest::delivery::layout::{instant, is_range};
use crate::ingest::delivery::parts;
use crate::ingest::source::Source;

/// Bytes that a manifest may have.
const MAX_BYTES: u64 = 64 << 20;

/// Who wrote a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// AWS, legacy Cost and Usage Report: `assemblyId`, `reportKeys`.
    AwsReport,
    /// AWS Data Exports (CUR 2.0, FOCUS): `executionId`, `dataFiles`.
    AwsExport,
    /// Azure Cost Management exports: `runInfo`, `blobs`.
    Azure,
}

/// A manifest, read.
#[derive(Debug)]
pub(super) struct Manifest {
    /// Index of its source.
    pub source: usize,
    pub kind: Kind,
    /// Name of the report or export, and what else tells it from its neighbours.
    pub name: String,
    /// The period that it is about, as far as it is said beside the path.
    pub period: String,
    /// Assembly, execution or run.
    pub id: String,
    /// Sorts by time, where that is known.
    pub order: Option<String>,
    pub files: Vec<File>,
    /// Azure: the scope whose cost it is, and which cost (`ActualCost`, `AmortizedCost`, …).
    pub measure: Option<(String, String)>,
}

/// A file that a manifest names.
#[derive(Debug)]
pub(super) struct File {
    /// Key in the bucket or container.
    pub key: String,
    pub bytes: Option<u64>,
    pub rows: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(default)]
    assembly_id: Option<String>,
    #[serde(default)]
    report_name: Option<String>,
    #[serde(default)]
    report_keys: Option<Vec<String>>,
    #[serde(default)]
    billing_period: Option<Value>,
    #[serde(default)]
    execution_id: Option<String>,
    #[serde(default)]
    export_name: Option<String>,
    #[serde(default)]
    data_files: Option<Vec<Value>>,
    #[serde(default)]
    run_info: Option<RunInfo>,
    #[serde(default)]
    export_config: Option<Value>,
    #[serde(default)]
    blobs: Option<Vec<Blob>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RunInfo {
    #[serde(default)]
    run_id: String,
    #[serde(default)]
    submitted_time: String,
    #[serde(default)]
    start_date: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Blob {
    #[serde(rename = "blobName")]
    name: String,
    #[serde(default)]
    byte_count: Option<u64>,
    #[serde(default)]
    data_row_count: Option<u64>,
}

/// Whether a file is named like a manifest.
pub(super) fn is_named_so(source: &Source) -> bool {
    parts(source)
        .last()
        .is_some_and(|name| name.ends_with("-Manifest.json") || name.eq_ignore_ascii_case("manifest.json"))
}

/// Reads a manifest; None for a file of that name that is about something else.
///
/// Errors: `manifest.syntax` for what is no JSON.
pub(super) fn read(source: usize, sources: &[Source]) -> Result<Option<Manifest>> {
    let found = &sources[source];
    let named = |e: Error| e.in_source(&found.name);
    let mut text = Vec::new();
    let raw = found.open_raw()?;
    raw.take(MAX_BYTES + 1)
        .read_to_end(&mut text)
        .map_err(|e| named(Error::io("cannot be read", &e)))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(named(Error::limit(
            "limit.manifest",
            "the manifest is longer than 64 MiB",
        )));
    }
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    let broken = |e: &serde_json::Error| {
        named(
            Error::file("manifest.syntax", format!("not a readable manifest: {e}"))
                .hint("fetch it again; without it nothing says which files of the delivery count"),
        )
    };
    // Other tools have manifests, too: what has none of the members is no manifest of a delivery.
    let value: Value = serde_json::from_slice(text).map_err(|e| broken(&e))?;
    let ours = ["reportKeys", "dataFiles", "blobs"]
        .iter()
        .any(|m| value.get(m).is_some());
    if !ours {
        return Ok(None);
    }
    let wire: Wire = serde_json::from_value(value).map_err(|e| broken(&e))?;
    Ok(of_wire(wire, source, &parts(found)))
}

fn of_wire(wire: Wire, source: usize, path: &[String]) -> Option<Manifest> {
    let file_name = path.last().map(String::as_str).unwrap_or_default();
    let stem = file_name.strip_suffix("-Manifest.json").unwrap_or_default();
    let plain = |key: String| File {
        key,
        bytes: None,
        rows: None,
    };
    let time_of = |id: &str| {
        let folders = path.iter().rev().skip(1);
        instant(id).or_else(|| folders.take(2).find_map(|folder| instant(folder)))
    };
    if let Some(keys) = wire.report_keys {
        let start = wire
            .billing_period
            .as_ref()
            .and_then(|p| p.get("start")?.as_str());
        let id = wire.assembly_id.unwrap_or_default();
        let start = start.map(|s| s.chars().filter(char::is_ascii_digit).take(8).collect());
        let folder = || path.iter().rev().find(|p| is_range(p)).map(|p| p[..8].to_owned());
        return Some(Manifest {
            source,
            kind: Kind::AwsReport,
            name: wire.report_name.unwrap_or_else(|| stem.to_owned()),
            period: start.or_else(folder).unwrap_or_default(),
            order: time_of(&id),
            id,
            files: keys.into_iter().map(plain).collect(),
            measure: None,
        });
    }
    if let Some(files) = wire.data_files {
        let id = wire.execution_id.unwrap_or_default();
        let key = |file: Value| match file {
            Value::String(key) => Some(key),
            Value::Object(members) => ["s3Uri", "path", "key", "file"]
                .iter()
                .find_map(|m| members.get(*m)?.as_str().map(str::to_owned)),
            _ => None,
        };
        return Some(Manifest {
            source,
            kind: Kind::AwsExport,
            name: wire.export_name.unwrap_or_else(|| stem.to_owned()),
            period: path
                .iter()
                .rev()
                .find_map(|p| p.strip_prefix("BILLING_PERIOD="))
                .unwrap_or_default()
                .to_owned(),
            order: time_of(&id),
            id,
            files: files
                .into_iter()
                .map(key)
                .map(|k| plain(k.unwrap_or_default()))
                .collect(),
            measure: None,
        });
    }
    let (run, blobs) = (wire.run_info?, wire.blobs?);
    let config = wire.export_config.unwrap_or_default();
    let said = |member: &str| config.get(member).and_then(Value::as_str).unwrap_or_default();
    Some(Manifest {
        source,
        kind: Kind::Azure,
        // One scope may be exported as actual and as amortised cost under names of their own.
        name: format!("{} {} {}", said("exportName"), said("resourceId"), said("type")),
        period: run
            .start_date
            .chars()
            .filter(char::is_ascii_digit)
            .take(8)
            .collect(),
        order: instant(&run.submitted_time).or_else(|| time_of(&run.run_id)),
        id: run.run_id,
        files: blobs
            .into_iter()
            .map(|blob| File {
                key: blob.name,
                bytes: blob.byte_count,
                rows: blob.data_row_count,
            })
            .collect(),
        measure: Some((said("resourceId").to_owned(), said("type").to_owned())),
    })
}
