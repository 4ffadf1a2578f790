//! Finds where items begin and end.
//!
//! A state machine over a growing buffer: it can stop at any byte and go on when more bytes are there.
//! It checks the structure around the items in full, inside an item only that brackets match.

use std::ops::Range;

use super::Layout;
use crate::error::Error;

/// What is wrong, and at which offset of the buffer.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) error: Error,
    pub(super) at: usize,
}

type Result<T> = std::result::Result<T, Fault>;

/// Levels of brackets inside an item. serde_json has the same limit, and for the same reason.
const MAX_DEPTH: u32 = 128;

#[derive(Debug)]
pub(super) struct Splitter {
    layout: Layout,
    members: Vec<String>,
    /// The members looked for, step by step from the document.
    paths: Vec<Vec<String>>,
    /// The members that were entered on the way to one looked for.
    entered: Vec<String>,
    /// The member whose value comes next.
    name: String,
    /// The path of the last array of items that was met.
    seen: Option<String>,
    place: Place,
    value: Value,
    /// Offset up to which the buffer is read.
    at: usize,
    /// Start of an item or member name that is not complete yet.
    held: Option<usize>,
    /// The current document has had an array of items.
    has_member: bool,
    /// Any document has.
    saw_member: bool,
    items: Vec<Range<usize>>,
    spare: Option<Vec<Range<usize>>>,
}

/// What may come next, outside of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The bracket of the one array.
    Open,
    /// A top-level value, or the end.
    Top,
    /// White space only.
    Done,
    /// A member name or `}`.
    FirstName,
    Name,
    /// Inside a member name.
    InName,
    /// `:`; what the name is to us.
    Colon(Wanted),
    Member(Wanted),
    /// `,` or `}`.
    AfterMember,
    /// An item or `]`.
    FirstItem,
    Item,
    /// Inside an item.
    InItem,
    /// Inside a member's value that holds no items.
    InOther,
    /// `,` or `]`.
    AfterItem,
}

/// What a member is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wanted {
    /// An array here holds items.
    items: bool,
    /// An object here may hold such an array.
    enter: bool,
}

/// How far a value is read.
#[derive(Debug, Default)]
struct Value {
    /// Open brackets.
    depth: u32,
    /// One bit for each of them, the innermost lowest: 1 is `{`.
    braces: u128,
    in_string: bool,
    /// The last byte was a backslash inside a string.
    escaped: bool,
}

impl Splitter {
    pub(super) fn new(layout: Layout, members: &[&str]) -> Self {
        Splitter {
            layout,
            members: members.iter().map(|&name| name.to_owned()).collect(),
            paths: members
                .iter()
                .map(|path| path.split('.').map(str::to_owned).collect())
                .collect(),
            entered: Vec::new(),
            name: String::new(),
            seen: None,
            place: if layout == Layout::Array {
                Place::Open
            } else {
                Place::Top
            },
            value: Value::default(),
            at: 0,
            held: None,
            has_member: false,
            saw_member: false,
            items: Vec::new(),
            spare: None,
        }
    }

    /// The complete items since the last cut.
    pub(super) fn items(&self) -> &[Range<usize>] {
        &self.items
    }

    pub(super) fn held(&self) -> Option<usize> {
        self.held
    }

    pub(super) fn saw_member(&self) -> bool {
        self.saw_member
    }

    /// The path of the last array of items that was met.
    pub(super) fn seen(&self) -> Option<&str> {
        self.seen.as_deref()
    }

    /// Hands out the items; the buffer is about to lose its first `at` bytes.
    pub(super) fn cut(&mut self, at: usize) -> Vec<Range<usize>> {
        self.at -= at;
        self.held = self.held.map(|held| held - at);
        if self.items.is_empty() {
            return Vec::new();
        }
        std::mem::replace(&mut self.items, self.spare.take().unwrap_or_default())
    }

    pub(super) fn recycle(&mut self, mut items: Vec<Range<usize>>) {
        items.clear();
        self.spare = Some(items);
    }

    /// Reads on to the end of `bytes`, which begin where they began before (or after the last cut).
    pub(super) fn advance(&mut self, bytes: &[u8]) -> Result<()> {
        if self.layout == Layout::Lines {
            self.lines(bytes);
            return Ok(());
        }
        while self.at < bytes.len() {
            match self.place {
                Place::InName => self.name(bytes)?,
                Place::InItem | Place::InOther => self.inside(bytes)?,
                _ if is_space(bytes[self.at]) => self.at += 1,
                _ => self.between(bytes)?,
            }
        }
        Ok(())
    }

    /// The stream ends behind `bytes`.
    pub(super) fn finish(&mut self, bytes: &[u8]) -> Result<()> {
        if self.layout == Layout::Lines {
            if let Some(start) = self.held.take() {
                self.push_line(bytes, start, bytes.len());
            }
            return Ok(());
        }
        match self.place {
            Place::Top | Place::Done => Ok(()),
            Place::InItem => {
                let at = self.held.unwrap_or(bytes.len());
                Err(syntax(at, "the file ends within the item that begins here"))
            }
            place => Err(syntax(
                bytes.len(),
                &format!("the file ends where {} should stand", expected(place)),
            )),
        }
    }

    fn lines(&mut self, bytes: &[u8]) {
        // A newline cannot stand inside a JSON string, so a line is an item, good or bad.
        let mut start = self.held.unwrap_or(self.at);
        for newline in memchr::memchr_iter(b'\n', &bytes[self.at..]) {
            let end = self.at + newline;
            self.push_line(bytes, start, end);
            start = end + 1;
        }
        self.at = bytes.len();
        self.held = (start < bytes.len()).then_some(start);
    }

    fn push_line(&mut self, bytes: &[u8], mut start: usize, mut end: usize) {
        while start < end && is_space(bytes[start]) {
            start += 1;
        }
        while start < end && is_space(bytes[end - 1]) {
            end -= 1;
        }
        if start < end {
            self.items.push(start..end);
        }
    }

    /// One byte that is not white space, outside of values and names.
    fn between(&mut self, bytes: &[u8]) -> Result<()> {
        let at = self.at;
        self.at += 1;
        self.place = match (self.place, bytes[at]) {
            (Place::Open, b'[') => Place::FirstItem,
            (Place::Top, b'{') if self.layout == Layout::Documents => {
                self.has_member = false;
                Place::FirstName
            }
            (Place::Top, b'{' | b'[') if self.layout == Layout::Concatenated => self.begin_item(at),
            (Place::FirstName | Place::Name, b'"') => {
                self.held = Some(at);
                self.value = Value {
                    in_string: true,
                    ..Value::default()
                };
                Place::InName
            }
            (Place::FirstName | Place::AfterMember, b'}') if !self.entered.is_empty() => {
                self.entered.pop();
                Place::AfterMember
            }
            (Place::FirstName | Place::AfterMember, b'}') => {
                if !self.has_member {
                    const N_SHOWN: usize = 6;
                    let more = if self.members.len() > N_SHOWN { ", …" } else { "" };
                    let shown = &self.members[..self.members.len().min(N_SHOWN)];
                    let names = format!("{}{more}", shown.join(", "));
                    let error = Error::file(
                        "json.member",
                        format!("the object that ends here has no array named {names}"),
                    );
                    return Err(Fault { error, at });
                }
                Place::Top
            }
            (Place::Colon(wanted), b':') => Place::Member(wanted),
            (Place::Member(Wanted { items: true, .. }), b'[') => {
                self.has_member = true;
                self.saw_member = true;
                self.entered.push(std::mem::take(&mut self.name));
                self.seen = Some(self.entered.join("."));
                self.entered.pop();
                Place::FirstItem
            }
            (Place::Member(Wanted { enter: true, .. }), b'{') => {
                self.entered.push(std::mem::take(&mut self.name));
                Place::FirstName
            }
            (Place::Member(_), byte) if may_begin_value(byte) => {
                self.at = at;
                self.value = Value::default();
                Place::InOther
            }
            (Place::AfterMember, b',') => Place::Name,
            (Place::FirstItem | Place::AfterItem, b']') if self.layout == Layout::Array => Place::Done,
            (Place::FirstItem | Place::AfterItem, b']') => Place::AfterMember,
            (Place::FirstItem | Place::Item, byte) if may_begin_value(byte) => self.begin_item(at),
            (Place::AfterItem, b',') => Place::Item,
            (place, byte) => {
                let found = char::from(byte).escape_default();
                return Err(syntax(
                    at,
                    &format!("'{found}' stands where {} should stand", expected(place)),
                ));
            }
        };
        Ok(())
    }

    fn begin_item(&mut self, at: usize) -> Place {
        self.at = at;
        self.held = Some(at);
        self.value = Value::default();
        Place::InItem
    }

    /// Inside a member name, behind its opening quote.
    fn name(&mut self, bytes: &[u8]) -> Result<()> {
        let Some(start) = self.held else {
            return Err(syntax(self.at, "a member name without a beginning"));
        };
        let Some(end) = self.value.string_end(bytes, self.at) else {
            self.at = bytes.len();
            return Ok(());
        };
        self.at = end;
        self.held = None;
        let quoted = &bytes[start..end];
        let name = if memchr::memchr(b'\\', quoted).is_some() {
            serde_json::from_slice::<String>(quoted).unwrap_or_default()
        } else {
            String::from_utf8_lossy(&quoted[1..quoted.len() - 1]).into_owned()
        };
        let depth = self.entered.len();
        let on_the_way =
            |path: &&Vec<String>| path.starts_with(&self.entered) && path.get(depth) == Some(&name);
        let wanted = Wanted {
            items: self
                .paths
                .iter()
                .filter(on_the_way)
                .any(|path| path.len() == depth + 1),
            enter: self
                .paths
                .iter()
                .filter(on_the_way)
                .any(|path| path.len() > depth + 1),
        };
        self.name = name;
        self.place = Place::Colon(wanted);
        Ok(())
    }

    /// Inside an item or another value.
    fn inside(&mut self, bytes: &[u8]) -> Result<()> {
        let Some(end) = self.value.end(bytes, self.at)? else {
            self.at = bytes.len();
            return Ok(());
        };
        self.at = end;
        if self.place == Place::InOther {
            self.place = Place::AfterMember;
            return Ok(());
        }
        let start = self.held.take().unwrap_or(end);
        self.items.push(start..end);
        self.place = if self.layout == Layout::Concatenated {
            Place::Top
        } else {
            Place::AfterItem
        };
        Ok(())
    }
}

impl Value {
    /// Offset after the value that goes on at `at`, or None when it goes on behind `bytes`.
    fn end(&mut self, bytes: &[u8], mut at: usize) -> Result<Option<usize>> {
        loop {
            if self.in_string {
                let Some(end) = self.string_end(bytes, at) else {
                    return Ok(None);
                };
                at = end;
                if self.depth == 0 {
                    return Ok(Some(at));
                }
            }
            let marks = if self.depth == 0 { &WORD_ENDS } else { &BRACKETS };
            let Some(offset) = bytes[at..].iter().position(|&byte| marks[byte as usize]) else {
                return Ok(None);
            };
            at += offset;
            match bytes[at] {
                b'"' => self.in_string = true,
                open @ (b'{' | b'[') => {
                    if self.depth == MAX_DEPTH {
                        let message = format!("a value is nested deeper than {MAX_DEPTH} levels");
                        return Err(Fault {
                            error: Error::limit("limit.depth", message),
                            at,
                        });
                    }
                    self.depth += 1;
                    self.braces = self.braces << 1 | u128::from(open == b'{');
                }
                close @ (b'}' | b']') if self.depth > 0 => {
                    if (self.braces & 1 == 1) != (close == b'}') {
                        return Err(syntax(at, "a bracket closes another kind of bracket"));
                    }
                    self.depth -= 1;
                    self.braces >>= 1;
                    if self.depth == 0 {
                        return Ok(Some(at + 1));
                    }
                }
                // A number or word outside brackets ends before whatever is not part of it.
                _ if self.depth == 0 => return Ok(Some(at)),
                _ => {}
            }
            at += 1;
        }
    }

    /// Offset after the closing quote of the string that goes on at `at`, or None when it goes on behind
    /// `bytes`.
    fn string_end(&mut self, bytes: &[u8], mut at: usize) -> Option<usize> {
        loop {
            if self.escaped {
                if at >= bytes.len() {
                    return None;
                }
                self.escaped = false;
                at += 1;
            }
            at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
            if bytes[at] == b'"' {
                self.in_string = false;
                return Some(at + 1);
            }
            self.escaped = true;
            at += 1;
        }
    }
}

/// What matters inside brackets.
const BRACKETS: [bool; 256] = marks(b"\"{}[]");

/// What matters in a value that has opened no bracket: also whatever ends a number or word.
const WORD_ENDS: [bool; 256] = marks(b"\"{}[], \t\r\n:");

const fn marks(bytes: &[u8]) -> [bool; 256] {
    let mut marks = [false; 256];
    let mut i = 0;
    while i < bytes.len() {
        marks[bytes[i] as usize] = true;
        i += 1;
    }
    marks
}

pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn may_begin_value(byte: u8) -> bool {
    matches!(byte, b'{' | b'[' | b'"' | b'-') || byte.is_ascii_alphanumeric()
}

fn expected(place: Place) -> &'static str {
    match place {
        Place::Open => "[",
        Place::Top => "an object",
        Place::Done => "nothing more",
        Place::FirstName => "a member name or }",
        Place::Name => "a member name",
        Place::InName => "the end of a member name",
        Place::Colon(_) => "a colon",
        Place::Member(_) => "a value",
        Place::AfterMember => "a comma or }",
        Place::FirstItem => "an item or ]",
        Place::Item => "an item",
        Place::InItem | Place::InOther => "the end of a value",
        Place::AfterItem => "a comma or ]",
    }
}

fn syntax(at: usize, message: &str) -> Fault {
    Fault {
        error: Error::file("json.syntax", message),
        at,
    }
}
