//! JSON: items of NDJSON, arrays and record sets.
