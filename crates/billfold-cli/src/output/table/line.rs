//! One line of a table: text that cannot steer a terminal, padded to its width on the screen.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

use billfold_core::error::Printable;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::layout::{GAP, Layout, around_point};

/// How a text stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Bold,
    Dim,
}

/// A line in the making. Spaces wait for the text after them, so that no line ends in one.
pub(crate) struct Line {
    text: String,
    /// Spaces that wait.
    gap: usize,
    color: bool,
    /// Whether a style lasts to the end of the line.
    open: bool,
}

impl Line {
    pub(crate) fn new(color: bool) -> Line {
        Line {
            text: String::new(),
            gap: 0,
            color,
            open: false,
        }
    }

    /// Begins a style that lasts to the end of the line.
    pub(crate) fn open(&mut self, style: Style) {
        if self.color {
            self.text.push_str(code(style));
            self.open = true;
        }
    }

    /// A text on the left of its column, cut with `…` where the column is narrower.
    pub(crate) fn text(&mut self, text: &str, width: usize, style: Style) {
        let cut = cut(text, width);
        self.push(&cut, style);
        self.gap += width.saturating_sub(width_of(&cut)) + GAP;
    }

    /// A text on the right of its column, never cut.
    pub(crate) fn right(&mut self, text: &str, width: usize) {
        self.gap += width.saturating_sub(width_of(text));
        self.push(text, Style::Plain);
        self.gap += GAP;
    }

    /// A cost with its point in the place of all points.
    pub(super) fn cost(&mut self, cost: &str, layout: &Layout) {
        let (whole, fraction) = around_point(cost);
        self.gap += layout.cost().saturating_sub(whole + layout.fraction);
        self.push(cost, Style::Plain);
        self.gap += layout.fraction.saturating_sub(fraction) + GAP;
    }

    /// A count on the right of its column.
    pub(super) fn count(&mut self, count: u64, width: usize) {
        let digits = count.checked_ilog10().unwrap_or_default() as usize + 1;
        self.gap += width.saturating_sub(digits);
        self.spaces();
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{count}");
        self.gap += GAP;
    }

    /// A number on the right of its column, `tail` columns away from its end, where longer fractions end.
    #[cfg(feature = "report")]
    pub(crate) fn number(&mut self, text: &str, width: usize, tail: usize) {
        self.right(text, width.saturating_sub(tail));
        self.gap += tail;
    }

    /// A text that belongs to no column, in the style of the line.
    #[cfg(feature = "report")]
    pub(crate) fn whole(&mut self, text: &str) {
        self.push(text, Style::Plain);
    }

    /// A remark that belongs to no column.
    pub(crate) fn note(&mut self, text: &str) {
        self.push(text, Style::Dim);
    }

    /// Writes the line and begins the next.
    pub(crate) fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.open {
            self.text.push_str(RESET);
        }
        self.text.push('\n');
        let written = out.write_all(self.text.as_bytes());
        self.text.clear();
        self.gap = 0;
        self.open = false;
        written
    }

    fn push(&mut self, text: &str, style: Style) {
        if text.is_empty() {
            return;
        }
        self.spaces();
        if self.color && style != Style::Plain {
            self.text.push_str(code(style));
            self.text.push_str(text);
            self.text.push_str(RESET);
        } else {
            self.text.push_str(text);
        }
    }

    fn spaces(&mut self) {
        self.text.extend(std::iter::repeat_n(' ', self.gap));
        self.gap = 0;
    }
}

const RESET: &str = "\u{1b}[0m";

fn code(style: Style) -> &'static str {
    match style {
        Style::Plain => "",
        Style::Bold => "\u{1b}[1m",
        Style::Dim => "\u{1b}[2m",
    }
}

/// A text as it may be shown: what steers a terminal or reorders a line is escaped.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(Printable(text).to_string())
    }
}

/// A value as it is shown: as [`shown`], and an empty one as `""`.
pub(crate) fn shown_value(value: &str) -> Cow<'_, str> {
    match value {
        "" => Cow::Borrowed(r#""""#),
        r#""""# => Cow::Borrowed(r#"\"\""#),
        value => shown(value),
    }
}

/// Columns of the screen that a shown text takes.
pub(crate) fn width_of(text: &str) -> usize {
    if is_plain(text) {
        text.len()
    } else {
        UnicodeWidthStr::width(text)
    }
}

/// Printable ASCII, of which every byte takes one column: most texts, so it is asked first.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// The text, or as much of it as leaves room for a `…`.
fn cut(text: &str, width: usize) -> Cow<'_, str> {
    if width_of(text) <= width {
        return Cow::Borrowed(text);
    }
    let mut room = width.saturating_sub(1);
    let end = text
        .char_indices()
        .find(|(_, c)| match room.checked_sub(most_columns(*c)) {
            Some(left) => {
                room = left;
                false
            }
            None => true,
        })
        .map_or(text.len(), |(at, _)| at);
    Cow::Owned(format!("{}…", &text[..end]))
}

/// The most columns that a character can add to a text, whatever stands before it.
fn most_columns(c: char) -> usize {
    match c {
        // Variation selectors can turn the character before them into a wide one.
        '\u{fe00}'..='\u{fe0f}' => 1,
        c => c.width().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_text_is_never_wider_than_its_column() {
        for text in [
            "abcdefgh",
            "计算服务费用",
            "❤\u{fe0f}❤\u{fe0f}❤\u{fe0f}❤\u{fe0f}❤\u{fe0f}",
            "a计b算c服d",
        ] {
            for width in 1..8 {
                let cut = cut(text, width);
                assert!(width_of(&cut) <= width, "{cut} in {width}");
                assert!(cut.ends_with('…'));
            }
        }
        assert_eq!(cut("计算服务", 6), "计算…");
        assert_eq!(cut("计算服务", 8), "计算服务");
    }

    #[test]
    fn a_line_never_ends_in_a_space() {
        let mut line = Line::new(false);
        let mut out = Vec::new();
        line.text("a", 9, Style::Plain);
        line.text("", 9, Style::Plain);
        line.end(&mut out).unwrap();
        assert_eq!(out, b"a\n");
    }
}
