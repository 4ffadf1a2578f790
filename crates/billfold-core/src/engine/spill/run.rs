//! Sorted runs of groups in temporary files: writing one, reading one, and many as one.
//!
//! A group is stored as the bytes by which its key differs from the key before, its charges, and its
//! cost: some 20 bytes. All runs of a writer lie in one file, so that few files are open.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::i256;

use super::key::broken;
use crate::error::{Error, Result};
use crate::money::ExactSum;

/// Runs that are merged at once; more are merged in rounds.
const FAN_IN: usize = 256;
/// Bytes that a writer holds back.
const WRITE_BYTES: usize = 1 << 18;
/// What a reader holds of its run, at least and at most.
const READ_BYTES: std::ops::RangeInclusive<usize> = 1 << 12..=1 << 18;
/// Bytes of a record apart from its key, at most.
const HEAD_BYTES: usize = 64;

/// Makes a temporary file: open for reading and writing, empty, and gone once it is dropped.
pub type OpenTemp = Arc<dyn Fn() -> Result<File> + Send + Sync>;

#[cold]
fn cannot_write(cause: &std::io::Error) -> Error {
    Error::io("a temporary file cannot be written", cause)
        .hint("name a folder with more room with --temp, or give more memory with --memory")
}

#[cold]
fn cannot_read(cause: &std::io::Error) -> Error {
    Error::io("a temporary file cannot be read", cause)
}

/// A group of a run.
#[derive(Debug, Clone, Default)]
pub(super) struct Record {
    /// Its key, in bytes that sort.
    pub(super) key: Vec<u8>,
    /// Its charges.
    pub(super) charges: u64,
    /// Its cost.
    pub(super) cost: ExactSum,
}

/// A run of groups in the order of their keys.
#[derive(Debug, Clone)]
pub(super) struct Run {
    file: Arc<Mutex<File>>,
    start: u64,
    end: u64,
    /// Groups in it.
    pub(super) n_groups: u64,
    /// Bytes of all their keys.
    pub(super) key_bytes: u64,
}

/// Writes runs into one file.
pub(super) struct RunWriter {
    out: BufWriter<File>,
    file: Arc<Mutex<File>>,
    start: u64,
    at: u64,
    last: Vec<u8>,
    n_groups: u64,
    key_bytes: u64,
    head: Vec<u8>,
}

impl std::fmt::Debug for RunWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunWriter")
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

impl RunWriter {
    /// Begins a file.
    pub(super) fn create(open: &OpenTemp) -> Result<Self> {
        let file = open()?;
        let handle = file.try_clone().map_err(|e| cannot_write(&e))?;
        Ok(RunWriter {
            out: BufWriter::with_capacity(WRITE_BYTES, handle),
            file: Arc::new(Mutex::new(file)),
            start: 0,
            at: 0,
            last: Vec::new(),
            n_groups: 0,
            key_bytes: 0,
            head: Vec::with_capacity(HEAD_BYTES),
        })
    }

    /// Appends a group; keys come in ascending order.
    pub(super) fn push(&mut self, key: &[u8], charges: u64, cost: &ExactSum) -> Result<()> {
        let shared = self.last.iter().zip(key).take_while(|(a, b)| a == b).count();
        let rest = &key[shared..];
        self.head.clear();
        push_number(&mut self.head, shared as u64);
        push_number(&mut self.head, rest.len() as u64);
        self.write(None)?;
        self.write(Some(rest))?;
        self.head.clear();
        push_number(&mut self.head, charges);
        let (value, scale) = cost.parts();
        self.head.push(scale);
        let bytes = value.to_le_bytes();
        // Bytes that only repeat the sign are left out.
        let sign = if value.is_negative() { 0xff } else { 0 };
        let mut len = bytes
            .iter()
            .rposition(|byte| *byte != sign)
            .map_or(0, |last| last + 1);
        if len > 0 && (bytes[len - 1] ^ sign) & 0x80 != 0 {
            len += 1;
        }
        // Of nothing, the sign would be lost.
        let len = if sign == 0 { len } else { len.max(1) };
        self.head.push(len as u8);
        self.head.extend_from_slice(&bytes[..len]);
        self.write(None)?;
        self.last.truncate(shared);
        self.last.extend_from_slice(rest);
        self.n_groups += 1;
        self.key_bytes += key.len() as u64;
        Ok(())
    }

    /// Writes bytes, or without them the head.
    fn write(&mut self, bytes: Option<&[u8]>) -> Result<()> {
        let bytes = bytes.unwrap_or(&self.head);
        self.out.write_all(bytes).map_err(|e| cannot_write(&e))?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// Ends a run; the next group begins another one.
    pub(super) fn end_run(&mut self) -> Result<Run> {
        self.out.flush().map_err(|e| cannot_write(&e))?;
        let run = Run {
            file: Arc::clone(&self.file),
            start: self.start,
            end: self.at,
            n_groups: self.n_groups,
            key_bytes: self.key_bytes,
        };
        self.start = self.at;
        self.n_groups = 0;
        self.key_bytes = 0;
        self.last.clear();
        Ok(run)
    }
}

fn push_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

impl Run {
    /// Reads from the first group on, holding about so many bytes.
    pub(super) fn read(&self, buffer_bytes: usize) -> RunReader {
        RunReader {
            file: Arc::clone(&self.file),
            next: self.start,
            end: self.end,
            buffer: Vec::new(),
            at: 0,
            buffer_bytes: buffer_bytes.clamp(*READ_BYTES.start(), *READ_BYTES.end()),
            record: Record::default(),
        }
    }
}

/// Reads a run, group by group.
pub(super) struct RunReader {
    file: Arc<Mutex<File>>,
    /// What is to be read next of the file, and where the run ends.
    next: u64,
    end: u64,
    buffer: Vec<u8>,
    at: usize,
    buffer_bytes: usize,
    /// The group that was read last.
    pub(super) record: Record,
}

impl RunReader {
    /// Reads the next group into `record`; false behind the last one.
    pub(super) fn advance(&mut self) -> Result<bool> {
        self.have(HEAD_BYTES)?;
        if self.at == self.buffer.len() {
            return Ok(false);
        }
        let shared = self.number()? as usize;
        let n_rest = self.number()? as usize;
        self.have(n_rest + HEAD_BYTES)?;
        if shared > self.record.key.len() {
            return Err(broken());
        }
        self.record.key.truncate(shared);
        let end = self.at + n_rest;
        let rest = self.buffer.get(self.at..end).ok_or_else(broken)?;
        self.record.key.extend_from_slice(rest);
        self.at = end;
        self.record.charges = self.number()?;
        let scale = self.byte()?;
        let len = usize::from(self.byte()?);
        let bytes = self.buffer.get(self.at..self.at + len).ok_or_else(broken)?;
        let sign = if bytes.last().is_some_and(|last| last & 0x80 != 0) {
            0xff
        } else {
            0
        };
        let mut value = [sign; 32];
        value.get_mut(..len).ok_or_else(broken)?.copy_from_slice(bytes);
        self.record.cost = ExactSum::from_parts(i256::from_le_bytes(value), scale).ok_or_else(broken)?;
        self.at += len;
        Ok(true)
    }

    fn byte(&mut self) -> Result<u8> {
        let byte = *self.buffer.get(self.at).ok_or_else(broken)?;
        self.at += 1;
        Ok(byte)
    }

    fn number(&mut self) -> Result<u64> {
        let (mut number, mut shift) = (0u64, 0);
        loop {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f).checked_shl(shift).ok_or_else(broken)?;
            if byte < 0x80 {
                return Ok(number);
            }
            shift += 7;
        }
    }

    /// Has so many bytes at hand, or all that are left.
    fn have(&mut self, n: usize) -> Result<()> {
        if self.buffer.len() - self.at >= n || self.next == self.end {
            return Ok(());
        }
        self.buffer.drain(..self.at);
        self.at = 0;
        let held = self.buffer.len();
        let left = usize::try_from(self.end - self.next).unwrap_or(usize::MAX);
        let more = self.buffer_bytes.max(n).saturating_sub(held).min(left);
        self.buffer.resize(held + more, 0);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.next))
            .and_then(|_| file.read_exact(&mut self.buffer[held..]))
            .map_err(|e| cannot_read(&e))?;
        self.next += more as u64;
        Ok(())
    }
}

/// Hands out the groups of several runs in order, each once: what is the same is added up.
///
/// `memory` is what the readers may hold together. Errors: `overflow` of the key whose sum left 256 bits;
/// what `each` refuses; I/O.
pub(super) fn merge(
    mut runs: Vec<Run>,
    open: &OpenTemp,
    memory: usize,
    overflow: &dyn Fn(&[u8]) -> Error,
    each: &mut dyn FnMut(&Record) -> Result<()>,
) -> Result<()> {
    while runs.len() > FAN_IN {
        let mut out = RunWriter::create(open)?;
        let mut merged = Vec::new();
        for some in runs.chunks(FAN_IN) {
            merge_once(some, memory, overflow, &mut |record| {
                out.push(&record.key, record.charges, &record.cost)
            })?;
            merged.push(out.end_run()?);
        }
        runs = merged;
    }
    merge_once(&runs, memory, overflow, each)
}

fn merge_once(
    runs: &[Run],
    memory: usize,
    overflow: &dyn Fn(&[u8]) -> Error,
    each: &mut dyn FnMut(&Record) -> Result<()>,
) -> Result<()> {
    let buffer_bytes = memory / runs.len().max(1);
    let mut heap = Vec::with_capacity(runs.len());
    for run in runs {
        let mut reader = run.read(buffer_bytes);
        if reader.advance()? {
            heap.push(reader);
        }
    }
    for at in (0..heap.len() / 2).rev() {
        sink(&mut heap, at);
    }
    let mut group = Record::default();
    while let Some(first) = heap.first() {
        group.key.clone_from(&first.record.key);
        group.charges = 0;
        group.cost = ExactSum::ZERO;
        let mut is_first = true;
        while let Some(first) = heap.first_mut()
            && first.record.key == group.key
        {
            group.charges += first.record.charges;
            if is_first {
                group.cost = first.record.cost;
                is_first = false;
            } else {
                group
                    .cost
                    .add(&first.record.cost)
                    .map_err(|_| overflow(&group.key))?;
            }
            if !first.advance()? {
                heap.swap_remove(0);
            }
            sink(&mut heap, 0);
        }
        each(&group)?;
    }
    Ok(())
}

/// Lets a reader sink below those of lesser keys.
fn sink(heap: &mut [RunReader], mut at: usize) {
    loop {
        let mut least = at;
        for child in [2 * at + 1, 2 * at + 2] {
            if child < heap.len() && heap[child].record.key < heap[least].record.key {
                least = child;
            }
        }
        if least == at {
            return;
        }
        heap.swap(at, least);
        at = least;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::spill::testing::temp;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn cost() -> impl Strategy<Value = ExactSum> {
        let value = prop_oneof![
            (-300i128..300).prop_map(i256::from_i128),
            any::<i128>().prop_map(i256::from_i128),
        ];
        (value, 0u8..=9).prop_filter_map("no sum", |(value, scale)| ExactSum::from_parts(value, scale))
    }

    proptest! {
        #[test]
        fn runs_merge_into_the_sums_of_their_groups(
            runs in prop::collection::vec(
                prop::collection::btree_map(prop::collection::vec(0u8..3, 0..6), (0u64..1 << 40, cost()), 0..12), 0..9),
            memory in 0usize..1 << 13,
        ) {
            let mut expected: BTreeMap<Vec<u8>, (u64, ExactSum)> = BTreeMap::new();
            let mut out = RunWriter::create(&temp()).unwrap();
            let mut written = Vec::new();
            for run in &runs {
                for (key, (charges, cost)) in run {
                    out.push(key, *charges, cost).unwrap();
                    let group = expected.entry(key.clone()).or_default();
                    group.0 += charges;
                    group.1.add(cost).unwrap();
                }
                written.push(out.end_run().unwrap());
            }
            let mut found = Vec::new();
            merge(written, &temp(), memory, &|_| unreachable!(), &mut |record| {
                found.push((record.key.clone(), (record.charges, record.cost)));
                Ok(())
            }).unwrap();
            prop_assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn more_runs_than_are_merged_at_once_and_keys_larger_than_a_buffer() {
        let mut out = RunWriter::create(&temp()).unwrap();
        let long = vec![7u8; 300_000];
        let mut runs = Vec::new();
        for nth in 0..2 * FAN_IN as u64 + 3 {
            out.push(&nth.to_be_bytes(), 1, &ExactSum::ZERO).unwrap();
            out.push(&long, 2, &ExactSum::from_parts(i256::MINUS_ONE, 0).unwrap())
                .unwrap();
            runs.push(out.end_run().unwrap());
        }
        let mut n = 0;
        let mut last = Record::default();
        merge(runs, &temp(), 1 << 20, &|_| unreachable!(), &mut |record| {
            n += 1;
            last = record.clone();
            Ok(())
        })
        .unwrap();
        assert_eq!(n, 2 * FAN_IN + 4);
        assert_eq!(last.key, long);
        assert_eq!(last.charges, 4 * FAN_IN as u64 + 6);
        assert_eq!(last.cost.to_string(), format!("-{}", 2 * FAN_IN + 3));
    }

    #[test]
    fn a_sum_that_leaves_256_bits_names_its_key() {
        let mut out = RunWriter::create(&temp()).unwrap();
        let top = ExactSum::from_parts(i256::MAX, 0).unwrap();
        let mut runs = Vec::new();
        for _ in 0..2 {
            out.push(b"the key", 1, &top).unwrap();
            runs.push(out.end_run().unwrap());
        }
        let told = |key: &[u8]| Error::usage(String::from_utf8_lossy(key));
        let error = merge(runs, &temp(), 0, &told, &mut |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("the key"), "{error}");
    }
}
