//! A call as it comes over the wire, and what goes back: text and bytes, nothing understood yet.
//!
//! Whatever carries it (a server, the command line, a test) fills in a [`WireRequest`] and sends the
//! [`WireResponse`] as it is. Not here: sockets, signatures, limits of a connection.

use billfold_core::ErrorClass;

/// Whose wire it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// QingCloud, ShanHe and the other brands of that house: `GET` or `POST` of `/iaas/`, parameters as a form.
    QingCloud,
    /// Tencent Cloud billing 2018-07-09: `POST` of `/` with JSON, or the same as a query string or form.
    Tencent,
    /// plcloud: `POST` of `/api/` with a form.
    Plcloud,
}

impl Dialect {
    /// The dialect that is spoken at a path, where one is.
    ///
    /// `/iam/` is `/iaas/` for callers whose key is that of an instance.
    pub fn of_path(path: &str) -> Option<Dialect> {
        match path {
            "/iaas" | "/iaas/" | "/iam" | "/iam/" => Some(Dialect::QingCloud),
            "/" => Some(Dialect::Tencent),
            "/api" | "/api/" => Some(Dialect::Plcloud),
            _ => None,
        }
    }
}

/// How it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// Everything in the query string.
    Get,
    /// With a body; the query string counts too.
    Post,
}

/// A call.
#[derive(Debug, Clone)]
pub struct WireRequest {
    /// Whose wire it is.
    pub dialect: Dialect,
    /// How it was sent.
    pub method: Method,
    /// The path as sent.
    pub path: String,
    /// Name and value of headers, in any case. Only `Content-Type`, `X-TC-Action`, `X-TC-Version` and
    /// `X-TC-Language` are looked at.
    pub headers: Vec<(String, String)>,
    /// The query string as sent, without the question mark.
    pub query: String,
    /// The body as sent.
    pub body: Vec<u8>,
    /// When it came, UTC microseconds. No answer needs it; without it nothing is said about the present.
    pub now: Option<i64>,
    /// The id that a Tencent answer carries. Without one it is made from the request, so that the same
    /// call gives the same bytes.
    pub request_id: Option<String>,
    /// What the caller may see; everything without it.
    pub scope: Option<Scope>,
}

impl WireRequest {
    /// A call by `GET` of the dialect's own path.
    pub fn get(dialect: Dialect, query: impl Into<String>) -> WireRequest {
        let path = match dialect {
            Dialect::QingCloud => "/iaas/",
            Dialect::Tencent => "/",
            Dialect::Plcloud => "/api/",
        };
        WireRequest {
            dialect,
            method: Method::Get,
            path: path.to_owned(),
            headers: Vec::new(),
            query: query.into(),
            body: Vec::new(),
            now: None,
            request_id: None,
            scope: None,
        }
    }

    /// A call by `POST` of the dialect's own path with a body of a kind.
    pub fn post(dialect: Dialect, content_type: &str, body: impl Into<Vec<u8>>) -> WireRequest {
        WireRequest {
            method: Method::Post,
            headers: vec![("Content-Type".to_owned(), content_type.to_owned())],
            body: body.into(),
            ..WireRequest::get(dialect, "")
        }
    }

    /// The same call with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> WireRequest {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The first header of a name, whatever its case, without blanks around it.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }
}

/// What a caller may see: charges that pass both lists. What is outside is as if it were not there,
/// and a question that names it is refused with the dialect's word for forbidden.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// The `project_id`s; all without it.
    pub projects: Option<Vec<String>>,
    /// The root users (payers); all without it.
    pub root_users: Option<Vec<String>>,
}

/// What goes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireResponse {
    /// The status of HTTP: 200 also for errors, because the vendors' clients take nothing else.
    pub status: u16,
    /// Exactly `application/json`: Tencent's client takes an error for an empty success when there is more.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
    /// What went wrong, for logs, counters and exit codes; none for an answer.
    pub fault: Option<WireFault>,
}

/// An error in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireFault {
    /// The code on the wire: `1101`, `InvalidParameterValue`, `400`.
    pub code: String,
    /// What happened, with the names of files where the wire hides them.
    pub message: String,
    /// Who must act.
    pub class: ErrorClass,
}

impl WireResponse {
    /// A body with the status and the type that all these wires have.
    pub(crate) fn json(body: Vec<u8>, fault: Option<WireFault>) -> WireResponse {
        WireResponse {
            status: 200,
            content_type: "application/json",
            body,
            fault,
        }
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_default()
    }
}
