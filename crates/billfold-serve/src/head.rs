//! The head of a request, judged as bytes before anything else sees it.
//!
//! What two readers could take for two different requests is refused here: other line ends, folded
//! lines, lengths that are given twice, and every transfer coding, which no client of the actions
//! uses. What passes is framed by one length and is a GET or a POST of a path.

/// How large a request may be, in bytes where nothing else is said.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Of the path and query.
    pub target: usize,
    /// Of all header lines.
    pub headers: usize,
    /// How many headers.
    pub n_headers: usize,
    /// Of a body.
    pub body: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            target: 32 << 10,
            headers: 8 << 10,
            n_headers: 100,
            body: 10 << 20,
        }
    }
}

/// Bytes of a request line beside its target: method, version, blanks and line end.
const LINE_REST: usize = 32;

/// Why a head is refused, as a status of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) why: &'static str,
}

const fn refused(status: u16, why: &'static str) -> Refused {
    Refused { status, why }
}

const BAD_LINE_END: Refused = refused(400, "lines end with CR LF");

/// A head that is whole, and what follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// Bytes up to and with the empty line.
    pub(crate) len: usize,
    /// Bytes of the body.
    pub(crate) body_len: u64,
}

/// Looks for the end of a head in bytes that come piece by piece, each byte once.
#[derive(Debug, Default)]
pub(crate) struct Scanner {
    seen: usize,
    first_line_end: Option<usize>,
}

impl Scanner {
    /// The head, once it is there. `bytes` begins with the first byte of the head, at every call.
    pub(crate) fn scan(&mut self, bytes: &[u8], limits: &Limits) -> Result<Option<Head>, Refused> {
        for at in self.seen..bytes.len() {
            if bytes[at] != b'\n' {
                continue;
            }
            if at == 0 || bytes[at - 1] != b'\r' {
                return Err(BAD_LINE_END);
            }
            match self.first_line_end {
                None => self.first_line_end = Some(at + 1),
                Some(line_end) if at >= 3 && bytes[at - 3..].starts_with(b"\r\n\r\n") => {
                    let len = at + 1;
                    let body_len = judge(&bytes[..line_end - 2], &bytes[line_end..len - 2], limits)?;
                    return Ok(Some(Head { len, body_len }));
                }
                Some(_) => {}
            }
        }
        self.seen = bytes.len();
        match self.first_line_end {
            None if self.seen > limits.target + LINE_REST => {
                Err(refused(414, "the request line is too long"))
            }
            Some(line_end) if self.seen - line_end > limits.headers + 2 => {
                Err(refused(431, "the headers are too long"))
            }
            _ => Ok(None),
        }
    }
}

/// The length of the body that a request line and its header lines announce.
fn judge(line: &[u8], headers: &[u8], limits: &Limits) -> Result<u64, Refused> {
    let (method, is_1_1) = judge_line(line, limits)?;
    if headers.len() > limits.headers {
        return Err(refused(431, "the headers are too long"));
    }
    let (mut n_headers, mut n_hosts) = (0, 0);
    let mut length = None;
    for header in lines(headers) {
        n_headers += 1;
        if n_headers > limits.n_headers {
            return Err(refused(431, "too many headers"));
        }
        let (name, value) = split_header(header)?;
        match name.to_ascii_lowercase().as_slice() {
            b"host" => n_hosts += 1,
            b"transfer-encoding" => {
                return Err(refused(400, "no transfer coding is taken; send a Content-Length"));
            }
            b"content-length" => {
                if length.is_some() {
                    return Err(refused(400, "Content-Length stands there twice"));
                }
                length = Some(content_length(value)?);
            }
            b"content-encoding" if !value.eq_ignore_ascii_case(b"identity") => {
                return Err(refused(415, "a body is taken as it is, not compressed"));
            }
            _ => {}
        }
    }
    if n_hosts > 1 || (n_hosts == 0 && is_1_1) {
        return Err(refused(400, "expected one Host"));
    }
    let length = length.unwrap_or(0);
    if length > limits.body {
        return Err(refused(413, "the body is too long"));
    }
    if method == b"GET" && length > 0 {
        return Err(refused(400, "a GET has no body"));
    }
    Ok(length)
}

/// The method of a request line, and whether it is HTTP/1.1.
fn judge_line<'a>(line: &'a [u8], limits: &Limits) -> Result<(&'a [u8], bool), Refused> {
    let mut words = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(refused(400, "the request line is not METHOD path HTTP/1.1"));
    };
    let is_1_1 = match version {
        b"HTTP/1.1" => true,
        b"HTTP/1.0" => false,
        _ => return Err(refused(400, "only HTTP/1.1 and HTTP/1.0 are spoken")),
    };
    if method.is_empty() || !method.iter().all(|byte| is_token(*byte)) {
        return Err(refused(400, "the method is not a word"));
    }
    if !matches!(method, b"GET" | b"POST") {
        return Err(refused(405, "only GET and POST are taken"));
    }
    if target.first() != Some(&b'/') || !target.iter().all(u8::is_ascii_graphic) || target.contains(&b'#') {
        return Err(refused(400, "the target is not a path of printable ASCII"));
    }
    if target.len() > limits.target {
        return Err(refused(414, "the request line is too long"));
    }
    Ok((method, is_1_1))
}

fn lines(headers: &[u8]) -> impl Iterator<Item = &[u8]> {
    // Every line feed has its carriage return before it: the scanner has seen to that.
    headers
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r\n").unwrap_or(line))
}

/// Name and value of a header line.
fn split_header(line: &[u8]) -> Result<(&[u8], &[u8]), Refused> {
    let bad = refused(400, "a header is not name: value");
    let colon = line.iter().position(|byte| *byte == b':').ok_or(bad)?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    // A blank at the start of a line would continue the one before.
    if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
        return Err(bad);
    }
    if value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        return Err(refused(400, "a header holds a control character"));
    }
    Ok((name, value.trim_ascii()))
}

fn content_length(value: &[u8]) -> Result<u64, Refused> {
    let digits = std::str::from_utf8(value).unwrap_or_default();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refused(400, "Content-Length is not a number"));
    }
    digits.parse().map_err(|_| refused(413, "the body is too long"))
}

/// A character of a method or of a header's name, as RFC 9110 has it.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &str) -> Result<Option<Head>, u16> {
        let limits = Limits::default();
        let whole = Scanner::default()
            .scan(text.as_bytes(), &limits)
            .map_err(|refused| refused.status);
        // Byte by byte it is the same head, or the same refusal, perhaps earlier.
        let mut scanner = Scanner::default();
        for end in 1..=text.len() {
            match scanner.scan(&text.as_bytes()[..end], &limits) {
                Ok(None) => {}
                other => {
                    assert_eq!(other.map_err(|refused| refused.status), whole);
                    break;
                }
            }
        }
        whole
    }

    #[test]
    fn a_head_is_found_with_the_length_of_its_body() {
        let text = "POST / HTTP/1.1\r\nHost: a\r\ncontent-length: 3 \r\nX: é\r\n\r\nabcGET";
        let head = scan(text).unwrap().unwrap();
        assert_eq!((&text[head.len..], head.body_len), ("abcGET", 3));
        assert_eq!(
            scan("GET /iaas/?a=b HTTP/1.1\r\nHost: a\r\n\r\n")
                .unwrap()
                .unwrap()
                .body_len,
            0
        );
        assert_eq!(scan("GET / HTTP/1.1\r\nHost: a\r\n\r"), Ok(None));
        assert!(scan("GET / HTTP/1.0\r\n\r\n").unwrap().is_some());
    }

    #[test]
    fn m11_what_two_readers_could_frame_differently_is_refused() {
        for head in [
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: xchunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\n",
            "POST / HTTP/1.1\nHost: a\n\n",
            "POST / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n",
            "POST / HTTP/1.1\r\n Host: a\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "POST / HTTP/1.1\r\nno colon\r\n\r\n",
            "POST / HTTP/1.1\r\nX: y\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n",
            "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        ] {
            assert_eq!(scan(head), Err(400), "{head:?}");
        }
    }

    #[test]
    fn l17_other_methods_and_other_forms_of_a_target_are_refused() {
        for (line, status) in [
            ("HEAD / HTTP/1.1", 405),
            ("PUT / HTTP/1.1", 405),
            ("TRACE / HTTP/1.1", 405),
            ("OPTIONS * HTTP/1.1", 405),
            ("CONNECT a:1 HTTP/1.1", 405),
            ("get / HTTP/1.1", 405),
            ("GET * HTTP/1.1", 400),
            ("GET http://a/ HTTP/1.1", 400),
            ("GET /a#b HTTP/1.1", 400),
            ("GET /é HTTP/1.1", 400),
            ("GET  / HTTP/1.1", 400),
            ("GET / HTTP/2.0", 400),
            ("GET / HTTP/0.9", 400),
            ("GET /", 400),
            ("G\u{1}T / HTTP/1.1", 400),
            ("", 400),
        ] {
            assert_eq!(scan(&format!("{line}\r\nHost: a\r\n\r\n")), Err(status), "{line}");
        }
    }

    #[test]
    fn m10_long_lines_many_headers_and_long_bodies_are_refused_before_they_are_read() {
        let limits = Limits::default();
        let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(limits.target));
        assert_eq!(scan(&long), Err(414));
        assert_eq!(scan(&"a".repeat(limits.target + 100)), Err(414));
        let long = format!(
            "GET /{} HTTP/1.1\r\nHost: a\r\n\r\n",
            "a".repeat(limits.target - 1)
        );
        assert!(scan(&long).is_ok());
        let header = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "a".repeat(limits.headers));
        assert_eq!(scan(&header), Err(431));
        assert_eq!(scan(&format!("{header}\r\n\r\n")), Err(431));
        let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(100));
        assert_eq!(scan(&many), Err(431));
        let enough = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(99));
        assert!(scan(&enough).is_ok());
        for length in ["10485761", "99999999999999999999999"] {
            let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
            assert_eq!(scan(&head), Err(413));
        }
    }

    #[test]
    fn m12_a_compressed_body_is_refused() {
        for (coding, expected) in [
            ("gzip", true),
            ("br", true),
            ("deflate, gzip", true),
            ("identity", false),
        ] {
            let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: {coding}\r\n\r\n");
            assert_eq!(
                scan(&head).is_err_and(|status| status == 415),
                expected,
                "{coding}"
            );
        }
    }
}
