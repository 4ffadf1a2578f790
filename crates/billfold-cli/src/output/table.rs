//! In the making.

use std::io::{self, Write};

use billfold_core::engine::Answer;

/// How a table looks.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TableOptions {
    /// Decimals.
    pub(crate) places: Option<u8>,
    /// Colours.
    pub(crate) color: bool,
    /// Columns of the terminal.
    pub(crate) width: Option<usize>,
}

/// Writes the table.
pub(crate) fn write(answer: &Answer, options: &TableOptions, out: &mut dyn Write) -> io::Result<()> {
    let _ = (options.places, options.color, options.width);
    billfold_core::engine::write_csv(answer, out)
}
