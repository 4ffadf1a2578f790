//! Texts in Markdown: every character that Markdown or HTML reads is escaped, line ends and control characters are
//! shown, and the colon of an address keeps it from becoming a link.

use billfold_core::error::Printable;

/// A text that stays text.
pub(crate) fn escaped(text: &str) -> String {
    let shown = Printable(text).to_string();
    let mut escaped = String::with_capacity(shown.len());
    for c in shown.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            // Addresses become links by themselves where these stand as they are.
            ':' => escaped.push_str("&#58;"),
            '@' => escaped.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '+' | '!' | '|' | '~'
            | '$' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    if escaped
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case("www."))
    {
        escaped.replace_range(3..4, "&#46;");
    }
    escaped.replace(" www.", " www&#46;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_makes_no_markup() {
        assert_eq!(escaped("a|b"), "a\\|b");
        assert_eq!(escaped("![x](http://e)"), "\\!\\[x\\]\\(http&#58;//e\\)");
        assert_eq!(escaped("`a`\n<b>"), "\\`a\\`\\\\n&lt;b&gt;");
        assert_eq!(escaped("www.e.com"), "www&#46;e.com");
    }
}
