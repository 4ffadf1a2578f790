//! CSV: chunks at true record borders, and the fields of a chunk.
