//! The life of a server: listen, take connections, read bills and keys again, stop when told to.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use billfold_api::Settings;
use billfold_core::{Error, Result};
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{sleep, timeout};

use crate::app::{App, Connection, Ids, refusal_body, routes};
use crate::bills::{Bills, Looked, Shelf};
use crate::gate::Gate;
use crate::guard::{Guarded, Patience};
use crate::head::{Limits, Refused};
use crate::keyfile;
use crate::log::Log;
use crate::metrics::Metrics;
use crate::queue::Queue;
use crate::rate::Rate;
use crate::slots::Slots;

/// How a server runs.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Names under which clients know it, beside its addresses.
    pub hosts: Vec<String>,
    /// The file of keys. Without it nothing is checked, and only this machine can call.
    pub keys: Option<PathBuf>,
    /// Seconds that a signing time may be off; None takes any.
    pub window: Option<u32>,
    /// Whether a signature is taken once only.
    pub strict_replay: bool,
    /// Calls a second of one Tencent action by one key; 0 for any number.
    pub rate: u32,
    /// How large requests may be.
    pub limits: Limits,
    /// How long clients may take.
    pub patience: Patience,
    /// Connections at once.
    pub n_connections: usize,
    /// Questions worked on at once.
    pub n_workers: usize,
    /// Questions that may wait for a worker.
    pub max_waiting: usize,
    /// How long an answer may take, waiting included.
    pub deadline: Duration,
    /// How often the bills are looked at; None for never.
    pub poll: Option<Duration>,
    /// Whether the signals of the process stop it (TERM, INT) and read again (HUP).
    pub signals: bool,
    /// What is decided for all calls.
    pub settings: Settings,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            hosts: Vec::new(),
            keys: None,
            window: Some(300),
            strict_replay: false,
            rate: 20,
            limits: Limits::default(),
            patience: Patience::default(),
            n_connections: 64,
            n_workers: 2,
            max_waiting: 64,
            deadline: Duration::from_secs(30),
            poll: None,
            signals: false,
            settings: Settings::default(),
        }
    }
}

/// A server that runs.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// Lines of its log; the end of them is the end of the server.
    pub log: Receiver<String>,
    handle: Handle,
    thread: JoinHandle<()>,
}

/// What a server can be told.
#[derive(Debug, Clone)]
pub struct Handle {
    stop: watch::Sender<bool>,
    reload: mpsc::Sender<()>,
}

impl Handle {
    /// Takes no more connections, answers what was asked, ends.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Reads bills and keys again, changed or not.
    pub fn reload(&self) {
        // One that waits already is enough.
        let _ = self.reload.try_send(());
    }
}

impl Running {
    /// What it can be told, also while someone waits for it.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Hands every line of the log on until the server has ended.
    ///
    /// Errors: `bug` where its thread panicked.
    pub fn wait(self, mut on_line: impl FnMut(&str)) -> Result<()> {
        for line in &self.log {
            on_line(&line);
        }
        self.thread
            .join()
            .map_err(|_| Error::bug("the thread of the server panicked"))
    }
}

/// Starts a server: it listens, and the bills were read, when this returns.
///
/// Errors: `usage` for keys that are wrong or missing, `io` where it cannot listen, and whatever keeps the
/// bills from being read.
pub fn start(config: Config, bills: Arc<dyn Bills>) -> Result<Running> {
    let keys = config.keys.as_deref().map(keyfile::read).transpose()?;
    let gate = Gate::new(
        config.listen,
        config.hosts.clone(),
        keys,
        config.window,
        config.strict_replay,
    )?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(config.n_workers + 2)
        .thread_name("billfold-serve")
        .enable_all()
        .build()
        .map_err(|e| Error::io("the threads of the server cannot be started", &e))?;
    let listener = {
        let _in_runtime = runtime.enter();
        listen(config.listen).map_err(|e| Error::io(format!("cannot listen on {}", config.listen), &e))?
    };
    let address = listener
        .local_addr()
        .map_err(|e| Error::io("the address of the socket cannot be read", &e))?;
    let (shelf, warnings) = Shelf::open(bills, config.settings.clone())?;

    let (log, lines) = Log::new();
    for warning in &warnings {
        log.say("warn", "bills", &[("message", warning.as_str().into())]);
    }
    let app = Arc::new(App {
        gate,
        shelf,
        queue: Queue::new(config.n_workers, config.max_waiting, config.deadline),
        rate: Rate::new(config.rate),
        metrics: Metrics::default(),
        log,
        slots: Slots::new(config.n_connections),
        ids: Ids::default(),
        lingering: Semaphore::new(config.n_connections),
    });
    let (stop, stopped) = watch::channel(false);
    let (reload, reloads) = mpsc::channel(1);
    let handle = Handle { stop, reload };
    if config.signals {
        // Before the first connection, so that no signal takes the process unprepared.
        let _in_runtime = runtime.enter();
        signals(&handle)?;
    }
    let told = handle.clone();
    let thread = std::thread::Builder::new()
        .name("billfold-serve".into())
        .spawn(move || {
            runtime.block_on(serve(config, listener, app, stopped, reloads));
            // A question that is being worked on has had its time.
            runtime.shutdown_timeout(Duration::from_secs(1));
            drop(told);
        })
        .map_err(|e| Error::io("the thread of the server cannot be started", &e))?;
    Ok(Running {
        address,
        log: lines,
        handle,
        thread,
    })
}

/// A socket that many clients may knock at at once.
fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    const KNOCKING: u32 = 1024;
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // A server that is started again takes its port over from connections that are still ending.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(KNOCKING)
}

/// Turns the signals of the process into what the handle can be told.
#[cfg(unix)]
fn signals(handle: &Handle) -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).map_err(|e| Error::io("signals cannot be listened to", &e));
    let (mut term, mut int, mut hup) = (
        listen(SignalKind::terminate())?,
        listen(SignalKind::interrupt())?,
        listen(SignalKind::hangup())?,
    );
    let handle = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = term.recv() => handle.stop(),
                _ = int.recv() => handle.stop(),
                _ = hup.recv() => handle.reload(),
            }
        }
    });
    Ok(())
}

/// Elsewhere only the interrupt of the console is known.
#[cfg(not(unix))]
fn signals(handle: &Handle) -> Result<()> {
    let handle = handle.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            handle.stop();
        }
    });
    Ok(())
}

/// Takes connections until it is told to stop, then waits for those that are there.
async fn serve(
    config: Config,
    listener: TcpListener,
    app: Arc<App>,
    mut stopped: watch::Receiver<bool>,
    reloads: mpsc::Receiver<()>,
) {
    let snapshot = app.shelf.current();
    app.log.say(
        "info",
        "listening",
        &[
            (
                "address",
                listener
                    .local_addr()
                    .map(|a| a.to_string())
                    .unwrap_or_default()
                    .into(),
            ),
            ("charges", snapshot.n_charges.into()),
            ("keys", config.keys.is_some().into()),
        ],
    );
    drop(snapshot);
    let reloader = tokio::spawn(keep_fresh(Arc::clone(&app), config.clone(), reloads));
    let routes = routes(Arc::clone(&app));
    // Every connection holds a sender; the receiver sees the last one go.
    let (alive, mut gone) = mpsc::channel::<()>(1);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((socket, peer)) => {
                let taking = take(socket, peer, &app, &config, routes.clone(), stopped.clone());
                let alive = alive.clone();
                tokio::spawn(async move {
                    taking.await;
                    drop(alive);
                });
            }
            Err(error) => {
                // Too many open files, most of all: it passes when connections end.
                app.log
                    .say("error", "accept", &[("message", error.to_string().into())]);
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    app.log.say("info", "stopping", &[]);
    reloader.abort();
    drop(alive);
    let _ = timeout(config.deadline + Duration::from_secs(1), gone.recv()).await;
    app.log.say("info", "stopped", &[]);
}

/// One connection, from its place to its end.
fn take(
    socket: TcpStream,
    peer: SocketAddr,
    app: &Arc<App>,
    config: &Config,
    routes: Router,
    stopped: watch::Receiver<bool>,
) -> impl Future<Output = ()> + Send + use<> {
    // Entered here and not in the task: a place is taken in the order of the connections.
    let place = app.slots.enter();
    let app = Arc::clone(app);
    let (limits, patience) = (config.limits, config.patience);
    async move {
        let socket = Arc::new(socket);
        let refused = match place {
            None => Some(Refused {
                status: 503,
                why: "all connections are in use",
            }),
            Some(place) => {
                let slot = Arc::clone(&place.slot);
                let connection = Arc::new(Connection { peer, place });
                let (guarded, verdict) =
                    Guarded::new(Arc::clone(&socket), Arc::clone(&slot), limits, patience);
                let routes = TowerToHyperService::new(routes);
                let service = service_fn({
                    let connection = Arc::clone(&connection);
                    move |mut request: hyper::Request<hyper::body::Incoming>| {
                        request.extensions_mut().insert(Arc::clone(&connection));
                        routes.call(request)
                    }
                });
                let was_wanted = converse(guarded, service, &slot.wanted, stopped, limits).await;
                if was_wanted {
                    Some(Refused {
                        status: 503,
                        why: "the connection was needed for another client",
                    })
                } else {
                    verdict.get()
                }
            }
        };
        if let Some(refused) = refused {
            app.metrics.refused(refused.status);
            app.log.say(
                "warn",
                "refused",
                &[
                    ("peer", peer.to_string().into()),
                    ("status", refused.status.into()),
                    ("why", refused.why.into()),
                ],
            );
        }
        end(socket, refused, limits, &app.lingering).await;
    }
}

/// Answers requests until the connection ends. True where its place was needed.
async fn converse<S>(
    guarded: Guarded,
    service: S,
    wanted: &tokio::sync::Notify,
    mut stopped: watch::Receiver<bool>,
    limits: Limits,
) -> bool
where
    S: hyper::service::Service<hyper::Request<hyper::body::Incoming>, Response = axum::response::Response>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let connection = http1::Builder::new()
        // The guard has its own, from the first byte on.
        .header_read_timeout(None)
        .max_headers(limits.n_headers + 1)
        .max_buf_size((limits.target + limits.headers + 1024).max(8192))
        .serve_connection(TokioIo::new(guarded), service);
    tokio::pin!(connection);
    let mut stopping = false;
    loop {
        tokio::select! {
            // Errors of a connection are its client's: it left, or the guard ended it.
            _ = connection.as_mut() => return false,
            () = wanted.notified() => return true,
            _ = stopped.wait_for(|stop| *stop), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// Writes a refusal and closes. So that the client sees it, what it still sends is read for a moment: a
/// socket that is closed with bytes unread takes back what was written. Few linger so at once.
async fn end(socket: Arc<TcpStream>, refused: Option<Refused>, limits: Limits, lingering: &Semaphore) {
    const MOMENT: Duration = Duration::from_secs(2);
    // The library and its guard are gone by now; where they are not, dropping closes.
    let (Some(mut socket), Some(refused)) = (Arc::into_inner(socket), refused) else {
        return;
    };
    // What is written here fits the buffer of any socket: one attempt, no waiting.
    let _ = socket.try_write(&refusal_text(refused));
    let Ok(_permit) = lingering.try_acquire() else {
        return;
    };
    let linger = async {
        let _ = socket.shutdown().await;
        let mut left = limits.body.saturating_add(1 << 20);
        let mut scrap = vec![0; 16 << 10];
        while let Ok(n) = socket.read(&mut scrap).await
            && n > 0
            && left > 0
        {
            left = left.saturating_sub(n as u64);
        }
    };
    let _ = timeout(MOMENT, linger).await;
}

fn refusal_text(refused: Refused) -> Vec<u8> {
    let body = refusal_body(refused.why);
    let status =
        axum::http::StatusCode::from_u16(refused.status).unwrap_or(axum::http::StatusCode::BAD_REQUEST);
    let allow = if refused.status == 405 {
        "allow: GET, POST\r\n"
    } else {
        ""
    };
    let mut text = format!(
        "HTTP/1.1 {} {}\r\ncontent-type: application/json\r\n{allow}x-content-type-options: nosniff\r\n\
         cache-control: no-store\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        refused.status,
        status.canonical_reason().unwrap_or_default(),
        body.len()
    )
    .into_bytes();
    text.extend_from_slice(&body);
    text
}

/// Reads bills and keys again when told to, and the bills when they changed.
async fn keep_fresh(app: Arc<App>, config: Config, mut reloads: mpsc::Receiver<()>) {
    loop {
        let look = async {
            match config.poll {
                Some(poll) => sleep(poll).await,
                None => std::future::pending().await,
            }
        };
        let told = tokio::select! {
            told = reloads.recv() => {
                if told.is_none() {
                    return;
                }
                true
            }
            () = look => false,
        };
        let app = Arc::clone(&app);
        let keys = config.keys.clone().filter(|_| told);
        let work = move || {
            if let Some(path) = keys {
                match keyfile::read(&path) {
                    Ok(keys) => {
                        app.log.say("info", "keys", &[("keys", keys.n_keys().into())]);
                        app.gate.replace_keys(keys);
                    }
                    Err(error) => app
                        .log
                        .say("error", "keys", &[("message", error.to_string().into())]),
                }
            }
            let looked = if told {
                app.shelf.reload()
            } else {
                app.shelf.look()
            };
            tell(&app.log, looked);
        };
        // Whatever panics in it, the next look comes.
        let _ = tokio::task::spawn_blocking(work).await;
    }
}

fn tell(log: &Log, looked: Looked) {
    match looked {
        Looked::Same => {}
        Looked::New {
            n_charges,
            millis,
            warnings,
        } => {
            for warning in warnings {
                log.say("warn", "bills", &[("message", warning.into())]);
            }
            log.say(
                "info",
                "reloaded",
                &[("charges", n_charges.into()), ("millis", millis.into())],
            );
        }
        Looked::Failed(error) => log.say(
            "error",
            "reload",
            &[
                ("code", error.kind().code().into()),
                ("message", error.to_string().into()),
            ],
        ),
    }
}
