//! What must be known of a Parquet file before the decoder may see it: how deep its columns nest, and what
//! a page claims to unpack to.
//!
//! The decoder builds its schema by recursion and allocates what a page header claims, so that a small
//! damaged file could end the process. Only that is looked at here, in the compact protocol of Thrift; what
//! cannot be read is left to the decoder to refuse.

/// Groups around a column that are still read. Real bills have at most four.
pub(crate) const MAX_DEPTH: usize = 64;

/// Structs and lists in each other in what is passed over, as deep as the decoder follows them.
const MAX_NESTING: usize = 64;

const STOP: u8 = 0;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

/// Most groups around one column, by the schema of a footer; None where the footer cannot be read.
pub(crate) fn schema_depth(footer: &[u8]) -> Option<usize> {
    let mut rest = Compact(footer);
    let mut deepest = 0;
    let mut id = 0;
    while let Some(kind) = rest.field(&mut id)? {
        if id == 2 && kind == LIST {
            deepest = deepest.max(rest.depth_of_list()?);
        } else {
            rest.skip(kind, 0)?;
        }
    }
    Some(deepest)
}

/// Bytes of a page, unpacked and packed, as its header claims them; None where that is no header.
pub(crate) fn page_sizes(header: &[u8]) -> Option<(u64, u64)> {
    let mut rest = Compact(header);
    let (mut plain, mut packed) = (None, None);
    let mut id = 0;
    while let Some(kind) = rest.field(&mut id)? {
        match id {
            2 => plain = u64::try_from(rest.int()?).ok(),
            3 => packed = u64::try_from(rest.int()?).ok(),
            _ => rest.skip(kind, 0)?,
        }
        if let (Some(plain), Some(packed)) = (plain, packed) {
            return Some((plain, packed));
        }
    }
    None
}

/// Bytes still to be read.
struct Compact<'a>(&'a [u8]);

impl Compact<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn int(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// The next field's type, its id in `id`; an inner None at the end of the struct.
    #[expect(clippy::option_option, reason = "unreadable and ended are two things")]
    fn field(&mut self, id: &mut i64) -> Option<Option<u8>> {
        let head = self.byte()?;
        let kind = head & 0x0f;
        if kind == STOP {
            return Some(None);
        }
        *id = match head >> 4 {
            0 => self.int()?,
            delta => id.checked_add(i64::from(delta))?,
        };
        Some(Some(kind))
    }

    /// Type and number of the items of a list.
    fn list(&mut self) -> Option<(u8, u64)> {
        let head = self.byte()?;
        let n = match head >> 4 {
            15 => self.varint()?,
            n => u64::from(n),
        };
        Some((head & 0x0f, n))
    }

    fn skip(&mut self, kind: u8, depth: usize) -> Option<()> {
        match kind {
            // Truth values of a field stand in its type.
            1 | 2 => Some(()),
            3 => self.byte().map(drop),
            4..=6 => self.varint().map(drop),
            7 => self.take(8),
            8 => {
                let len = self.varint()?;
                self.take(usize::try_from(len).ok()?)
            }
            LIST | 10 if depth < MAX_NESTING => {
                let (item, n) = self.list()?;
                // The decoder takes truth values of a list for nothing, and this must see what it sees.
                let n = if item <= 2 { 0 } else { n };
                for _ in 0..n {
                    self.skip(item, depth + 1)?;
                }
                Some(())
            }
            11 if depth < MAX_NESTING => {
                let n = self.varint()?;
                let kinds = if n > 0 { self.byte()? } else { 0 };
                for _ in 0..n {
                    let before = self.0.len();
                    self.skip(kinds >> 4, depth + 1)?;
                    self.skip(kinds & 0x0f, depth + 1)?;
                    if self.0.len() == before {
                        break;
                    }
                }
                Some(())
            }
            13 => self.take(16),
            STRUCT if depth < MAX_NESTING => {
                let mut id = 0;
                while let Some(kind) = self.field(&mut id)? {
                    self.skip(kind, depth + 1)?;
                }
                Some(())
            }
            _ => None,
        }
    }

    fn take(&mut self, len: usize) -> Option<()> {
        self.0 = self.0.get(len..)?;
        Some(())
    }

    /// The schema is a list in which each element says how many of the next ones are inside it.
    fn depth_of_list(&mut self) -> Option<usize> {
        let (STRUCT, n) = self.list()? else { return None };
        let mut open: Vec<i64> = Vec::new();
        let mut deepest = 0;
        for _ in 0..n {
            let mut id = 0;
            let mut children = 0;
            while let Some(kind) = self.field(&mut id)? {
                if id == 5 && (4..=6).contains(&kind) {
                    children = self.int()?;
                } else {
                    self.skip(kind, 0)?;
                }
            }
            if let Some(left) = open.last_mut() {
                *left -= 1;
            }
            if children > 0 {
                open.push(children);
                // The root is no group around a column.
                deepest = deepest.max(open.len() - 1);
                if deepest > MAX_DEPTH {
                    return Some(deepest);
                }
            }
            while open.last() == Some(&0) {
                open.pop();
            }
        }
        Some(deepest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A schema of elements with these numbers of children, under version 1.
    fn footer(children: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x15, 2, 0x19, 0xfc, children.len() as u8];
        for n in children {
            bytes.extend([0x48, 1, b'x', 0x15, n * 2, 0]);
        }
        bytes.push(0);
        bytes
    }

    #[test]
    fn depth_counts_the_groups_around_a_column() {
        assert_eq!(schema_depth(&footer(&[2, 0, 0])), Some(0));
        assert_eq!(schema_depth(&footer(&[2, 1, 1, 0, 0])), Some(2));
        assert_eq!(schema_depth(&footer(&[3, 1, 0, 1, 0, 1, 1, 0])), Some(2));
        assert_eq!(schema_depth(&footer(&[1; 100])), Some(MAX_DEPTH + 1));
    }

    #[test]
    fn no_bytes_break_the_look_before_the_decoder() {
        let whole = footer(&[2, 1, 1, 0, 0]);
        for len in 0..whole.len() {
            assert_eq!(schema_depth(&whole[..len]), None);
            for bit in 0..8 {
                let mut broken = whole.clone();
                broken[len] ^= 1 << bit;
                let _ = (schema_depth(&broken), page_sizes(&broken));
            }
        }
        // Structs in structs, and lists in lists, without end.
        for byte in [0x1c, 0x19] {
            assert_eq!(schema_depth(&vec![byte; 1 << 20]), None);
        }
    }

    #[test]
    fn a_page_header_says_how_large_the_page_is() {
        assert_eq!(page_sizes(&[0x15, 0, 0x15, 0x80, 2, 0x15, 20]), Some((128, 10)));
        assert_eq!(page_sizes(b"\x10\x01\0\0PAR1"), None);
    }
}
