//! Catalogue G: duplicates, re-runs, overlapping exports.
