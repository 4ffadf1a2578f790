//! The routes, and the way of a call: host, body, caller, rate, a worker, the answer, a line in the log.

use std::hash::{BuildHasher as _, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::{any, get};
use axum::{Extension, Router};
use billfold_api::{Dialect, Method, Refusal, RefusalKind, WireRequest, WireResponse};
use billfold_core::time::format_instant;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::bills::Shelf;
use crate::clock::{now_micros, now_seconds};
use crate::gate::{Caller, Gate};
use crate::log::{Log, shown};
use crate::metrics::Metrics;
use crate::queue::{NoAnswer, Queue};
use crate::rate::Rate;
use crate::sign::{Seen, pairs};
use crate::slots::{Place, Slots};

/// Exactly this: Tencent's client takes an error for an empty success when there is more.
const JSON: &str = "application/json";

/// Bytes of a form in which its action is looked for.
const MAX_LOOK: usize = 16 << 10;

/// Everything that calls share.
pub(crate) struct App {
    pub(crate) gate: Gate,
    pub(crate) shelf: Shelf,
    pub(crate) queue: Queue,
    pub(crate) rate: Rate,
    pub(crate) metrics: Metrics,
    pub(crate) log: Log,
    pub(crate) slots: Arc<Slots>,
    pub(crate) ids: Ids,
    /// Connections that may linger so that their clients see a refusal.
    pub(crate) lingering: Semaphore,
}

/// The connection that a request came over.
pub(crate) struct Connection {
    pub(crate) peer: SocketAddr,
    pub(crate) place: Place,
}

/// Ids that no other request has, in the shape of a UUID.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    random: [RandomState; 2],
    next: AtomicU64,
}

impl Ids {
    fn next(&self) -> String {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        let [high, low] = [0, 1].map(|i: usize| self.random[i].hash_one(n));
        // Version 8 and the variant of RFC 9562: an id whose bits are the maker's own.
        format!(
            "{:08x}-{:04x}-8{:03x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 48 & 0x3fff | 0x8000,
            low & 0xffff_ffff_ffff
        )
    }
}

/// The routes. Nothing else exists, and no file is ever served.
pub(crate) fn routes(app: Arc<App>) -> Router {
    let mut router = Router::new();
    for path in ["/", "/iaas", "/iaas/", "/iam", "/iam/", "/api", "/api/"] {
        router = router.route(path, any(call));
    }
    router
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
        .fallback(nothing)
        .with_state(app)
}

/// A request as [`Seen`] wants it, owned.
struct Owned {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Owned {
    fn seen(&self) -> Seen<'_> {
        Seen {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
            body: &self.body,
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The action, where it is one that there is; for limits and counters.
    fn action(&self, dialect: Dialect) -> &'static str {
        let known = |name: &str| {
            billfold_api::actions()
                .find(|(whose, action)| *whose == dialect && *action == name)
                .map(|(_, action)| action)
        };
        let parameter = if dialect == Dialect::Tencent {
            "Action"
        } else {
            "action"
        };
        let named = |text: &str| {
            let (_, value) = pairs(text)?
                .into_iter()
                .find(|(name, _)| name == parameter.as_bytes())?;
            known(std::str::from_utf8(&value).ok()?)
        };
        let of_header = (dialect == Dialect::Tencent)
            .then(|| self.header("x-tc-action").and_then(known))
            .flatten();
        // No signed call is known yet: only so much of a form is looked at for the sake of a counter.
        let form = self.body.get(..MAX_LOOK.min(self.body.len())).unwrap_or_default();
        of_header
            .or_else(|| named(&self.query))
            .or_else(|| named(std::str::from_utf8(form).unwrap_or_default()))
            .unwrap_or("other")
    }
}

async fn call(
    State(app): State<Arc<App>>,
    Extension(connection): Extension<Arc<Connection>>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let headers: Vec<(String, String)> = parts
        .headers
        .iter()
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    let mut owned = Owned {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers,
        body: Vec::new(),
    };
    if !app.gate.admits_host(&owned.headers) {
        return refused(
            &app,
            &connection,
            &owned,
            403,
            "this host or origin is not known here",
        );
    }
    let Some(dialect) = Dialect::of_path(&owned.path) else {
        return refused(&app, &connection, &owned, 404, "there is nothing here");
    };
    // Its length was judged with the head.
    match body.collect().await {
        Ok(body) => owned.body = body.to_bytes().to_vec(),
        Err(_) => return refused(&app, &connection, &owned, 400, "the body ended early"),
    }
    let busy = connection.place.busy();
    let start = Instant::now();
    let id = app.ids.next();
    let action = owned.action(dialect);
    let (caller, response) = match checked(&app, dialect, action, &owned) {
        Err(refusal) => (None, refusal.respond(dialect, &id)),
        Ok(caller) => {
            let response = ask(&app, dialect, &owned, &caller, &id).await;
            (Some(caller), response)
        }
    };
    let micros = start.elapsed().as_micros() as u64;
    tell(
        &app,
        &connection,
        &owned,
        dialect,
        action,
        caller.as_ref(),
        &id,
        &response,
        micros,
    );
    drop(busy);
    respond(response.status, response.content_type, response.body)
}

/// Who calls, and whether it may now.
fn checked(app: &App, dialect: Dialect, action: &'static str, owned: &Owned) -> Result<Caller, Refusal> {
    let caller = app.gate.caller(dialect, &owned.seen(), now_seconds())?;
    // Tencent's limit, for its own actions; the other wires document none.
    if dialect == Dialect::Tencent && !app.rate.admits(&caller.id, action, now_micros()) {
        return Err(Refusal::new(
            RefusalKind::TooMany,
            "too many calls of this action in a second; ask again later",
        ));
    }
    Ok(caller)
}

/// The answer, from a worker.
async fn ask(app: &Arc<App>, dialect: Dialect, owned: &Owned, caller: &Caller, id: &str) -> WireResponse {
    let request = WireRequest {
        dialect,
        method: if owned.method == "POST" {
            Method::Post
        } else {
            Method::Get
        },
        path: owned.path.clone(),
        headers: owned.headers.clone(),
        query: owned.query.clone(),
        body: owned.body.clone(),
        now: Some(now_micros()),
        request_id: Some(id.to_owned()),
        scope: caller.scope.clone(),
    };
    let work = {
        let app = Arc::clone(app);
        move || {
            let snapshot = app.shelf.current();
            billfold_api::answer(&request, &*snapshot.charges, &snapshot.settings)
        }
    };
    match app.queue.run(work).await {
        Ok(response) => response,
        Err(NoAnswer::Full) => {
            Refusal::new(RefusalKind::Busy, "too many questions wait; ask again later").respond(dialect, id)
        }
        Err(NoAnswer::Late) => {
            Refusal::new(RefusalKind::Limit, "the answer takes too long; ask for less").respond(dialect, id)
        }
        Err(NoAnswer::Broken) => {
            let message = format!("the answer failed; the log knows more under [{id}]");
            let mut response = Refusal::new(RefusalKind::Internal, message).respond(dialect, id);
            response.status = 500;
            response
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "a line of the log names them all once")]
fn tell(
    app: &App,
    connection: &Connection,
    owned: &Owned,
    dialect: Dialect,
    action: &'static str,
    caller: Option<&Caller>,
    id: &str,
    response: &WireResponse,
    micros: u64,
) {
    let word = match dialect {
        Dialect::QingCloud => "qingcloud",
        Dialect::Tencent => "tencent",
        Dialect::Plcloud => "plcloud",
    };
    let code = response.fault.as_ref().map_or("0", |fault| fault.code.as_str());
    app.metrics.call(word, action, code, micros);
    let level = if response.status == 200 { "info" } else { "error" };
    app.log.say(
        level,
        "call",
        &[
            ("id", id.into()),
            ("peer", connection.peer.to_string().into()),
            ("method", owned.method.as_str().into()),
            ("path", shown(&owned.path)),
            ("agent", shown(owned.header("user-agent").unwrap_or_default())),
            ("dialect", word.into()),
            ("action", action.into()),
            ("key", caller.map_or(Value::Null, |caller| shown(&caller.id))),
            ("status", response.status.into()),
            ("code", code.into()),
            (
                "message",
                response
                    .fault
                    .as_ref()
                    .map_or(Value::Null, |fault| shown(&fault.message)),
            ),
            ("bytes", response.body.len().into()),
            ("micros", micros.into()),
        ],
    );
}

/// A request that is not looked at any further.
fn refused(app: &App, connection: &Connection, owned: &Owned, status: u16, why: &'static str) -> Response {
    app.metrics.refused(status);
    app.log.say(
        "warn",
        "refused",
        &[
            ("peer", connection.peer.to_string().into()),
            ("method", owned.method.as_str().into()),
            ("path", shown(&owned.path)),
            ("status", status.into()),
            ("why", why.into()),
        ],
    );
    respond(status, JSON, refusal_body(why))
}

/// The body of a refusal that belongs to no dialect.
pub(crate) fn refusal_body(why: &str) -> Vec<u8> {
    json!({ "error": why }).to_string().into_bytes()
}

fn respond(status: u16, content_type: &'static str, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The parts of a request that a refusal names.
fn named(request: &Request) -> Owned {
    Owned {
        method: request.method().as_str().to_owned(),
        path: request.uri().path().to_owned(),
        query: String::new(),
        headers: request
            .headers()
            .iter()
            .map(|(name, value)| {
                (
                    name.as_str().to_owned(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .collect(),
        body: Vec::new(),
    }
}

async fn nothing(
    State(app): State<Arc<App>>,
    Extension(connection): Extension<Arc<Connection>>,
    request: Request,
) -> Response {
    refused(&app, &connection, &named(&request), 404, "there is nothing here")
}

async fn health(
    State(app): State<Arc<App>>,
    Extension(connection): Extension<Arc<Connection>>,
    request: Request,
) -> Response {
    let owned = named(&request);
    if !app.gate.admits_host(&owned.headers) {
        return refused(
            &app,
            &connection,
            &owned,
            403,
            "this host or origin is not known here",
        );
    }
    let (snapshot, told) = (app.shelf.current(), app.shelf.told());
    let body = json!({
        "status": if told.failure.is_some() { "stale" } else { "ok" },
        "charges": snapshot.n_charges,
        "generation": snapshot.generation,
        "since": format_instant(snapshot.since),
        "reload_failure": told.failure,
    });
    respond(200, JSON, body.to_string().into_bytes())
}

async fn metrics(
    State(app): State<Arc<App>>,
    Extension(connection): Extension<Arc<Connection>>,
    request: Request,
) -> Response {
    let owned = named(&request);
    if !app.gate.admits_host(&owned.headers) {
        return refused(
            &app,
            &connection,
            &owned,
            403,
            "this host or origin is not known here",
        );
    }
    let (snapshot, told) = (app.shelf.current(), app.shelf.told());
    let since = u64::try_from(snapshot.since.div_euclid(1_000_000)).unwrap_or_default();
    let text = app.metrics.text(&[
        (
            "billfold_charges",
            "Charges that are answered from.",
            "gauge",
            snapshot.n_charges,
        ),
        (
            "billfold_generation",
            "Which reading of the bills is answered from.",
            "gauge",
            snapshot.generation,
        ),
        (
            "billfold_loaded_timestamp_seconds",
            "When the bills were read.",
            "gauge",
            since,
        ),
        (
            "billfold_reloads_done_total",
            "Readings that took the place of others.",
            "counter",
            told.n_done,
        ),
        (
            "billfold_reloads_failed_total",
            "Readings that failed.",
            "counter",
            told.n_failed,
        ),
        (
            "billfold_stale",
            "Whether the last reading failed.",
            "gauge",
            told.failure.is_some().into(),
        ),
        (
            "billfold_connections",
            "Connections.",
            "gauge",
            app.slots.n_taken() as u64,
        ),
        (
            "billfold_waiting",
            "Questions that wait for a worker.",
            "gauge",
            app.queue.n_waiting() as u64,
        ),
        (
            "billfold_log_lines_left_out_total",
            "Lines of the log that nobody took.",
            "counter",
            app.log.n_left_out(),
        ),
    ]);
    respond(200, "text/plain; version=0.0.4", text.into_bytes())
}
