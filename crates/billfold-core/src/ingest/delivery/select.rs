//! The choice by manifests: of each month the newest complete delivery, and no other file beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::error::{Error, Printable, Result};
use crate::ingest::delivery::layout::{is_id, mark};
use crate::ingest::delivery::manifest::{self, Kind, Manifest};
use crate::ingest::delivery::{Delivery, conflict, parts};
use crate::ingest::source::{Listed, NotRead, Source};

/// The deliveries of one report and month: kind, name, period and folder.
type Scope = (Kind, String, String, String);

/// Sources with their places in the tree.
struct Tree<'a> {
    sources: &'a [Source],
    paths: Vec<Vec<String>>,
    by_path: BTreeMap<String, usize>,
    /// Ids of all deliveries that some manifest names, in lower case.
    ids: BTreeSet<String>,
}

/// A file's verdict.
#[derive(Clone)]
enum Verdict {
    Listed(Listed),
    Out(String),
}

/// Leaves out what manifests say does not count, and the manifests themselves.
///
/// Errors: `conflict` (which delivery counts cannot be told, or a newer one is not complete),
/// `manifest.missing`, `manifest.size`, `manifest.syntax`.
pub fn select(sources: Vec<Source>, choice: Delivery, left_out: &mut Vec<NotRead>) -> Result<Vec<Source>> {
    if choice == Delivery::All {
        return Ok(sources);
    }
    let mut manifests = Vec::new();
    for (i, source) in sources.iter().enumerate() {
        // A pipe is never looked at twice.
        if manifest::is_named_so(source) && source.is_file() {
            manifests.extend(manifest::read(i, &sources)?);
        }
    }
    if manifests.is_empty() {
        return Ok(sources);
    }
    let tree = Tree::new(&sources, &manifests);
    let verdicts = tree.judge(&manifests, choice)?;
    let is_manifest: BTreeSet<usize> = manifests.iter().map(|m| m.source).collect();
    let mut kept = Vec::new();
    for (i, mut source) in sources.into_iter().enumerate() {
        match verdicts.get(&i) {
            _ if is_manifest.contains(&i) => {}
            Some(Verdict::Out(why)) => left_out.push(NotRead {
                source: source.name,
                why: why.clone(),
            }),
            verdict => {
                if let Some(Verdict::Listed(listed)) = verdict {
                    source.listed = Some(*listed);
                }
                kept.push(source);
            }
        }
    }
    Ok(kept)
}

impl<'a> Tree<'a> {
    fn new(sources: &'a [Source], manifests: &[Manifest]) -> Self {
        let paths: Vec<Vec<String>> = sources.iter().map(parts).collect();
        Tree {
            sources,
            by_path: paths.iter().enumerate().map(|(i, p)| (p.join("/"), i)).collect(),
            paths,
            ids: manifests
                .iter()
                .map(|m| m.id.to_lowercase())
                .filter(|id| !id.is_empty())
                .collect(),
        }
    }

    fn judge(&self, manifests: &[Manifest], choice: Delivery) -> Result<BTreeMap<usize, Verdict>> {
        let mut scopes: BTreeMap<Scope, Vec<&Manifest>> = BTreeMap::new();
        for manifest in manifests {
            let base = self.base(manifest.source).join("/");
            let scope = (
                manifest.kind,
                manifest.name.clone(),
                manifest.period.clone(),
                base,
            );
            scopes.entry(scope).or_default().push(manifest);
        }
        let mut verdicts = BTreeMap::new();
        let mut chosen = Vec::new();
        // Folder to the deliveries that were chosen for it.
        let mut regions: BTreeMap<Vec<String>, Vec<&Manifest>> = BTreeMap::new();
        for deliveries in scopes.values() {
            let counts = self.choose(deliveries, choice)?;
            for file in &counts.files {
                let idx = self
                    .find(&file.key, counts)
                    .ok_or_else(|| self.missing(&file.key, counts))?;
                self.check_size(idx, file)?;
                verdicts.insert(idx, Verdict::Listed(Listed { rows: file.rows }));
            }
            chosen.push(counts);
            for delivery in deliveries {
                let files = delivery.files.iter().filter_map(|f| self.find(&f.key, delivery));
                for base in files.chain([delivery.source]).map(|i| self.base(i)) {
                    let known = regions.entry(base.to_vec()).or_default();
                    if !known.iter().any(|m| std::ptr::eq(*m, counts)) {
                        known.push(counts);
                    }
                }
            }
        }
        one_measure(&chosen)?;
        for idx in 0..self.sources.len() {
            if let Some((base, counts)) = self.region(idx, &regions)
                && !verdicts.contains_key(&idx)
            {
                verdicts.insert(idx, self.unlisted(idx, base, counts, choice)?);
            }
        }
        Ok(verdicts)
    }

    /// The delivery that counts.
    fn choose<'m>(&self, deliveries: &[&'m Manifest], choice: Delivery) -> Result<&'m Manifest> {
        // A delivery may be told twice: in its own folder, and above all of them.
        let mut by_id: BTreeMap<&str, &'m Manifest> = BTreeMap::new();
        for manifest in deliveries {
            let known = by_id.entry(manifest.id.as_str()).or_insert(manifest);
            if self.is_top(manifest) {
                *known = manifest;
            }
        }
        let list = || {
            let shown: Vec<String> = by_id.values().map(|m| self.shown(m)).collect();
            shown.join(", ")
        };
        let newest = by_id.values().copied().max_by(|a, b| a.order.cmp(&b.order));
        let Some(newest) = newest else {
            return Err(Error::bug("a scope without a delivery"));
        };
        let known = by_id.values().all(|m| m.order.is_some())
            && by_id.values().filter(|m| m.order == newest.order).count() == 1;
        let tops: Vec<&'m Manifest> = by_id.values().copied().filter(|m| self.is_top(m)).collect();
        match tops.as_slice() {
            [top] => {
                let newer = top.order.is_some() && by_id.values().any(|m| m.order > top.order);
                match (newer, choice) {
                    (false, _) => Ok(top),
                    (true, Delivery::Newest) => Ok(newest),
                    (true, _) => Err(conflict(format!(
                        "the manifest of {} names {}, but a newer delivery is here: {}",
                        newest.period,
                        self.shown(top),
                        list()
                    ))),
                }
            }
            [] if by_id.len() == 1 => Ok(newest),
            // AWS says which assembly counts in the manifest above them; without it a guess is not ours.
            [] if known && (newest.kind != Kind::AwsReport || choice == Delivery::Newest) => Ok(newest),
            _ => Err(conflict(format!(
                "{} deliveries of {}, and nothing says which one counts: {}",
                by_id.len(),
                newest.period,
                list()
            ))),
        }
    }

    /// Whether a manifest lies above the folders of the deliveries.
    fn is_top(&self, manifest: &Manifest) -> bool {
        self.base(manifest.source).len() == self.paths[manifest.source].len().saturating_sub(1)
    }

    fn shown(&self, manifest: &Manifest) -> String {
        let name = Printable(&self.sources[manifest.source].name).to_string();
        format!("{} ({name})", Printable(&manifest.id))
    }

    /// The folders of a file without those that mark its delivery.
    fn base(&self, idx: usize) -> &[String] {
        let path = &self.paths[idx];
        let folders = &path[..path.len().saturating_sub(1)];
        let mut n = folders.len();
        while n > 0 && (self.ids.contains(&folders[n - 1].to_lowercase()) || mark(folders, n - 1).is_some()) {
            n -= 1;
        }
        &folders[..n]
    }

    /// The folder that deliveries lie in and that this file is of, and the deliveries that count there.
    fn region<'r, 'm>(
        &self,
        idx: usize,
        regions: &'r BTreeMap<Vec<String>, Vec<&'m Manifest>>,
    ) -> Option<(usize, &'r [&'m Manifest])> {
        let path = &self.paths[idx];
        let (folder, above) = path
            .split_last()?
            .1
            .split_last()
            .map(|(f, above)| (f.as_str(), above))?;
        let base = self.base(idx);
        if let Some(counts) = regions.get(base) {
            return Some((base.len(), counts));
        }
        // In a copy that begins below the month nothing but the manifest beside it says what an id is.
        let counts = regions.get(above).filter(|_| is_id(folder))?;
        Some((above.len(), counts))
    }

    /// The source that a manifest's key means: the longest tail of the key that lies below some folder
    /// above the manifest, because a copy of a bucket may begin at any of its folders.
    fn find(&self, key: &str, manifest: &Manifest) -> Option<usize> {
        let key = key.split_once("://").map_or(key, |(_, path)| path);
        let wanted: Vec<&str> = key.split('/').filter(|part| !part.is_empty()).collect();
        let path = &self.paths[manifest.source];
        let folders = &path[..path.len().saturating_sub(1)];
        for first in 0..wanted.len() {
            let tail = wanted[first..].join("/");
            let alone = first + 1 == wanted.len();
            // A bare name may be that of another delivery's file, so it counts beside the manifest only,
            // and only where the key has no delivery in front of it.
            let delivery = first.checked_sub(1).map(|i| wanted[i].to_lowercase());
            if alone && delivery.is_some_and(|d| self.ids.contains(&d)) {
                return None;
            }
            let lowest = if alone { folders.len() } else { 0 };
            for n in (lowest..=folders.len()).rev() {
                let place = folders[..n].iter().map(String::as_str).chain([tail.as_str()]);
                let place = place.collect::<Vec<_>>().join("/");
                if let Some(idx) = self.by_path.get(&place) {
                    return Some(*idx);
                }
            }
        }
        None
    }

    fn missing(&self, key: &str, manifest: &Manifest) -> Error {
        Error::file(
            "manifest.missing",
            format!("the manifest names {}, which is not here", Printable(key)),
        )
        .in_source(&self.sources[manifest.source].name)
        .hint("copy the delivery whole, with the folders that it has in the bucket")
    }

    fn check_size(&self, idx: usize, file: &manifest::File) -> Result<()> {
        let source = &self.sources[idx];
        // Whether a provider counts packed or plain bytes of a packed file is not documented.
        let extension = Path::new(&file.key)
            .extension()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let packed = ["gz", "zip", "zst"].iter().any(|e| extension == *e);
        match (file.bytes, source.len_bytes()) {
            (Some(stated), Some(found)) if stated != found && !packed => Err(Error::file(
                "manifest.size",
                format!("the file has {found} bytes, its manifest says {stated}"),
            )
            .in_source(&source.name)
            .hint("fetch the file again")),
            _ => Ok(()),
        }
    }

    /// What a file is that lies among deliveries and is in none that counts.
    fn unlisted(&self, idx: usize, base: usize, counts: &[&Manifest], choice: Delivery) -> Result<Verdict> {
        let path = &self.paths[idx];
        let folders = &path[..path.len().saturating_sub(1)];
        let marks = &folders[base..];
        let order = (base..folders.len()).find_map(|i| mark(folders, i)?.order);
        let newest = counts.iter().filter_map(|m| m.order.as_ref()).max();
        if order
            .as_ref()
            .zip(newest)
            .is_some_and(|(order, newest)| order > newest)
        {
            if choice == Delivery::Sure {
                return Err(conflict(
                    "this file is of a newer delivery than the manifest names; it is not complete".to_owned(),
                )
                .in_source(&self.sources[idx].name));
            }
            return Ok(Verdict::Out("of a delivery that is not complete".to_owned()));
        }
        let ids: Vec<String> = counts.iter().map(|m| Printable(&m.id).to_string()).collect();
        let of_chosen = marks
            .iter()
            .any(|m| counts.iter().any(|c| c.id.eq_ignore_ascii_case(m)));
        let why = if marks.is_empty() || of_chosen {
            "not listed in the manifest".to_owned()
        } else {
            format!("superseded by delivery {}", ids.join(", "))
        };
        Ok(Verdict::Out(why))
    }
}

/// Refuses one scope's actual and amortised cost of one month: they are the same money twice.
fn one_measure(chosen: &[&Manifest]) -> Result<()> {
    let mut seen: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for manifest in chosen {
        let Some((scope, measure)) = &manifest.measure else {
            continue;
        };
        let Some(month) = manifest.period.get(..6).filter(|_| !scope.is_empty()) else {
            continue;
        };
        let known = seen.entry((scope, month)).or_insert(measure);
        if *known != measure {
            return Err(conflict(format!(
                "{known} and {measure} of one scope and month are the same money twice"
            ))
            .hint("name the folder of one of them"));
        }
    }
    Ok(())
}
