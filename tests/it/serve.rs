//! The server as its clients see it: real sockets against a server in this process.
//!
//! Here are the tools, the ordinary calls, the end and the renewal of a server; `catalogue_m` has the clients
//! that mean harm.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use billfold_core::dataset::{Answered, Charges, Extent, RunOptions};
use billfold_core::engine::{Answer, ChargeRows, Facts};
use billfold_core::query::{ChargeQuery, FactsQuery, RowsQuery};
use billfold_core::store::{Store, StoreOptions};
use billfold_core::{Error, Result};
use billfold_serve::sign::{Method, Secret, Seen, qingcloud, tc3};
use billfold_serve::{Bills, Config, Handle, Loaded, start, version_of_files};

use crate::support::{Folder, command};

pub(crate) const ID: &str = "QYACCESSKEYIDEXAMPLE";
pub(crate) const SECRET: &str = "SECRETACCESSKEY";

/// A bill of two projects, in one currency.
pub(crate) const HEADER: &str = "resource_type,fee,user_id,root_user_id,zone_id,project_id,resource_id,start_time,end_time,currency,contract_id";

pub(crate) fn row(project: &str, fee: &str) -> String {
    format!("instance,{fee},usr-s,usr-r,gd2,{project},i-1,2024-03-01T00:00:00Z,2024-03-01T01:00:00Z,cny,ct-1")
}

pub(crate) fn bill_of(rows: &[String]) -> String {
    format!("{HEADER}\n{}\n", rows.join("\n"))
}

/// Bills of files, kept in memory as the command keeps them.
pub(crate) struct OfFiles(pub(crate) Vec<String>);

impl Bills for OfFiles {
    fn load(&self) -> Result<Loaded> {
        let store = Store::load(&self.0, RunOptions::default(), StoreOptions::default())?;
        Ok(Loaded {
            n_charges: store.size().n_charges,
            charges: store,
            warnings: Vec::new(),
        })
    }

    fn version(&self) -> Result<String> {
        version_of_files(&self.0)
    }
}

/// Charges that panic, or take their time, before they say that they are none.
#[derive(Clone, Default)]
pub(crate) struct Odd {
    pub(crate) panics: Arc<AtomicBool>,
    pub(crate) millis: Arc<AtomicU64>,
    pub(crate) n_asked: Arc<AtomicU64>,
}

impl Odd {
    fn answer<T>(&self) -> Result<T> {
        self.n_asked.fetch_add(1, Ordering::SeqCst);
        assert!(!self.panics.load(Ordering::SeqCst), "charges that panic");
        std::thread::sleep(Duration::from_millis(self.millis.load(Ordering::SeqCst)));
        Err(Error::usage("nothing here"))
    }
}

impl Charges for Odd {
    fn sums(&self, _: &ChargeQuery) -> Result<Answered<Answer>> {
        self.answer()
    }
    fn facts(&self, _: &FactsQuery) -> Result<Answered<Facts>> {
        self.answer()
    }
    fn rows(&self, _: &RowsQuery) -> Result<Answered<ChargeRows>> {
        self.answer()
    }
    fn extent(&self) -> Result<Extent> {
        self.answer()
    }
}

impl Bills for Odd {
    fn load(&self) -> Result<Loaded> {
        Ok(Loaded {
            charges: Arc::new(self.clone()),
            n_charges: 0,
            warnings: Vec::new(),
        })
    }

    fn version(&self) -> Result<String> {
        Ok(String::new())
    }
}

/// A server that runs until this goes, or until it is told to stop.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) handle: Handle,
    log: Arc<Mutex<String>>,
    waiter: Option<JoinHandle<()>>,
}

impl Served {
    /// Waits for its end and returns its log.
    pub(crate) fn end(&mut self) -> String {
        self.handle.stop();
        if let Some(waiter) = self.waiter.take() {
            waiter.join().unwrap();
        }
        self.log.lock().unwrap().clone()
    }

    /// Waits until a line of the log has this in it.
    pub(crate) fn waits_for(&self, part: &str) {
        let start = Instant::now();
        while !self.log.lock().unwrap().contains(part) {
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "{part}: {}",
                self.log.lock().unwrap()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.handle.stop();
    }
}

/// Starts a server on a free port.
pub(crate) fn serve(bills: impl Bills, config: Config) -> Served {
    let config = Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        ..config
    };
    let running = start(config, Arc::new(bills)).unwrap();
    let (address, handle) = (running.address, running.handle());
    let log = Arc::new(Mutex::new(String::new()));
    let waiter = std::thread::spawn({
        let log = Arc::clone(&log);
        move || {
            running
                .wait(|line| {
                    let mut log = log.lock().unwrap();
                    log.push_str(line);
                    log.push('\n');
                })
                .unwrap();
        }
    });
    Served {
        address,
        handle,
        log,
        waiter: Some(waiter),
    }
}

/// Writes a key file that only its owner can read.
pub(crate) fn key_file(folder: &Folder, text: &str) -> std::path::PathBuf {
    let path = std::path::PathBuf::from(folder.put("keys.toml", text));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    path
}

/// A key that sees everything.
pub(crate) fn one_key() -> String {
    format!("[[key]]\nid = \"{ID}\"\nsecret = \"{SECRET}\"\n")
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    socket.set_write_timeout(Some(Duration::from_secs(30))).unwrap();
    socket
}

/// Sends bytes and returns everything that comes back until the connection ends.
pub(crate) fn exchange(address: SocketAddr, bytes: impl AsRef<[u8]>) -> String {
    let mut socket = connect(address);
    // A server that refuses early may have closed before everything was written.
    let _ = socket.write_all(bytes.as_ref());
    read_all(&mut socket)
}

pub(crate) fn read_all(socket: &mut TcpStream) -> String {
    let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
    while let Ok(n) = socket.read(&mut piece)
        && n > 0
    {
        answer.extend_from_slice(&piece[..n]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// The text of a request that closes its connection.
pub(crate) fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> String {
    let mut text = format!("{method} {target} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        text += "Host: 127.0.0.1\r\n";
    }
    for (name, value) in headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    if method == "POST" {
        let _ = write!(text, "Content-Length: {}\r\n", body.len());
    }
    text + "\r\n" + body
}

pub(crate) fn get(address: SocketAddr, target: &str) -> String {
    exchange(address, request("GET", target, &[], ""))
}

pub(crate) fn status(answer: &str) -> u16 {
    let word = answer.split(' ').nth(1);
    word.and_then(|word| word.parse().ok())
        .unwrap_or_else(|| panic!("no status: {answer:?}"))
}

pub(crate) fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

/// A call of the QingCloud family, signed now.
pub(crate) fn signed(parameters: &[(&str, &str)], secret: &str) -> String {
    let time = billfold_core::time::format_instant(now() * 1_000_000);
    let mut all = parameters.to_vec();
    all.extend([
        ("access_key_id", ID),
        ("signature_method", "HmacSHA256"),
        ("signature_version", "1"),
        ("time_stamp", &time),
        ("version", "1"),
    ]);
    let signature = qingcloud::sign("GET", "/iaas/", &all, &Secret::new(secret), Method::HmacSha256);
    all.push(("signature", &signature));
    let pairs: Vec<String> = all
        .iter()
        .map(|(name, value)| {
            let value: String = value
                .bytes()
                .map(|byte| match byte {
                    byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
                    byte => format!("%{byte:02X}"),
                })
                .collect();
            format!("{name}={value}")
        })
        .collect();
    format!("/iaas/?{}", pairs.join("&"))
}

pub(crate) const SUMS: &[(&str, &str)] = &[("action", "GetChargeSums"), ("duration", "total")];
pub(crate) const UNSIGNED_SUMS: &str = "/iaas/?action=GetChargeSums&duration=total";

#[test]
fn every_wire_is_answered_with_status_200_and_exactly_application_json() {
    let folder = Folder::new();
    let path = folder.put("bill.csv", bill_of(&[row("pj-a", "1.25"), row("pj-b", "2.5")]));
    let served = serve(OfFiles(vec![path]), Config::default());
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let json = ("Content-Type", "application/json");
    let action = ("X-TC-Action", "DescribeCostSummaryByResource");
    let month = r#"{"BeginTime":"2024-03","EndTime":"2024-03","Limit":1,"Offset":0}"#;
    for (request, expected) in [
        (request("GET", UNSIGNED_SUMS, &[], ""), r#""total_sum":"3.75""#),
        (
            request("POST", "/iaas", &[form], "action=GetChargeSums&duration=total"),
            r#""total_sum":"3.75""#,
        ),
        (
            request("GET", "/iam/?action=GetChargeSums&duration=total", &[], ""),
            r#""total_sum":"3.75""#,
        ),
        (
            request("GET", "/iaas/?action=Nothing", &[], ""),
            r#""ret_code":1101"#,
        ),
        (
            request("POST", "/", &[json, action], month),
            r#""RealTotalCost":"3.75""#,
        ),
        (
            request("POST", "/", &[json, action], "{"),
            r#""Code":"InvalidParameter"#,
        ),
        (
            request(
                "POST",
                "/api/",
                &[form],
                "action=GetConsumptionsByQuery&type=instance",
            ),
            r#""code":200"#,
        ),
        (
            request("POST", "/api/", &[form], "action=Nothing"),
            r#""code":404"#,
        ),
    ] {
        let answer = exchange(served.address, &request);
        assert_eq!(status(&answer), 200, "{answer}");
        assert!(
            answer.contains("\r\ncontent-type: application/json\r\n"),
            "{answer}"
        );
        assert!(body(&answer).contains(expected), "{request}\n{answer}");
        serde_json::from_str::<serde_json::Value>(body(&answer)).unwrap();
    }
}

#[test]
fn a_connection_is_kept_for_many_calls_and_each_answer_belongs_to_its_call() {
    let folder = Folder::new();
    let path = folder.put("bill.csv", bill_of(&[row("pj-a", "1"), row("pj-b", "2")]));
    let served = serve(OfFiles(vec![path]), Config::default());
    let mut socket = connect(served.address);
    let asked: Vec<&str> = (0..50)
        .map(|n| if n % 2 == 0 { "pj-a" } else { "pj-b" })
        .collect();
    // All at once, the last one closing.
    let mut text = String::new();
    for (n, project) in asked.iter().enumerate() {
        let close = if n + 1 == asked.len() {
            "Connection: close\r\n"
        } else {
            ""
        };
        let _ = write!(
            text,
            "GET {UNSIGNED_SUMS}&project_id={project} HTTP/1.1\r\nHost: localhost\r\n{close}\r\n"
        );
    }
    socket.write_all(text.as_bytes()).unwrap();
    let answers = read_all(&mut socket);
    let sums: Vec<&str> = answers
        .match_indices("\"total_sum\":\"")
        .map(|(at, found)| &answers[at + found.len()..=at + found.len()])
        .collect();
    let expected: Vec<&str> = asked
        .iter()
        .map(|p| if *p == "pj-a" { "1" } else { "2" })
        .collect();
    assert_eq!(sums, expected);
}

#[test]
fn l16_a_key_sees_its_projects_and_nothing_else() {
    let folder = Folder::new();
    let path = folder.put("bill.csv", bill_of(&[row("pj-a", "1.25"), row("pj-b", "2.5")]));
    let keys = key_file(&folder, &format!("{}projects = [\"pj-a\"]\n", one_key()));
    let config = Config {
        keys: Some(keys),
        ..Config::default()
    };
    let served = serve(OfFiles(vec![path]), config);
    let ask = |more: &[(&str, &str)]| {
        let parameters: Vec<(&str, &str)> = SUMS.iter().chain(more).copied().collect();
        body(&get(served.address, &signed(&parameters, SECRET))).to_owned()
    };
    assert!(ask(&[]).contains("\"total_sum\":\"1.25\""), "{}", ask(&[]));
    let other = ask(&[("project_id", "pj-b")]);
    assert!(
        !other.contains("2.5") && other.contains("\"ret_code\":1400"),
        "{other}"
    );
    assert_eq!(other, ask(&[("project_id", "pj-c")]).replace("pj-c", "pj-b"));
}

#[test]
fn tencents_limit_of_twenty_a_second_is_kept_for_each_key() {
    let folder = Folder::new();
    let path = folder.put("bill.csv", bill_of(&[row("pj-a", "1")]));
    assert_eq!(Config::default().rate, 20);
    // Fewer here, so that a slow machine cannot keep within them.
    let config = Config {
        rate: 2,
        ..Config::default()
    };
    let served = serve(OfFiles(vec![path]), config);
    let request = request(
        "POST",
        "/",
        &[
            ("Content-Type", "application/json"),
            ("X-TC-Action", "DescribeCostSummaryByResource"),
        ],
        r#"{"BeginTime":"2024-03","EndTime":"2024-03","Limit":1,"Offset":0}"#,
    );
    let start = Instant::now();
    let answers: Vec<String> = (0..60).map(|_| exchange(served.address, &request)).collect();
    let n_refused = answers
        .iter()
        .filter(|a| a.contains("RequestLimitExceeded"))
        .count();
    let n_admitted = 2 * (start.elapsed().as_secs() as usize + 2);
    assert!(n_refused > 0, "none of 60 refused");
    assert!(60 - n_refused <= n_admitted, "{n_refused} of 60, {n_admitted}");
    assert!(answers.iter().all(|answer| status(answer) == 200));
    // The other wires know no such limit.
    assert!((0..60).all(|_| get(served.address, UNSIGNED_SUMS).contains("\"ret_code\":0")));
}

#[test]
fn a_server_that_is_told_to_stop_answers_what_was_asked_and_takes_no_more() {
    let odd = Odd::default();
    odd.millis.store(700, Ordering::SeqCst);
    let mut served = serve(odd.clone(), Config::default());
    let address = served.address;
    let asked = std::thread::spawn(move || get(address, UNSIGNED_SUMS));
    let mut idle = connect(address);
    while odd.n_asked.load(Ordering::SeqCst) == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let start = Instant::now();
    served.handle.stop();
    served.waits_for("\"stopping\"");
    assert_eq!(read_all(&mut idle), "", "an idle connection ends without a word");
    assert!(asked.join().unwrap().contains("nothing here"));
    let log = served.end();
    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(log.contains("\"stopped\""));
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn bills_are_renewed_under_load_without_a_wrong_or_a_missing_answer() {
    let folder = Folder::new();
    let write = |n: u64| {
        // Every version is a multiple of its rows, so that a mixture would be neither.
        let rows: Vec<String> = (0..200)
            .map(|i| row(&format!("pj-{i}"), &n.to_string()))
            .collect();
        let new = folder.put("bill.csv.new", bill_of(&rows));
        let path = folder.path().join("bill.csv");
        std::fs::rename(new, &path).unwrap();
        path.display().to_string()
    };
    let path = write(1);
    let served = serve(OfFiles(vec![path]), Config::default());
    let address = served.address;
    let done = Arc::new(AtomicBool::new(false));
    let askers: Vec<_> = (0..3)
        .map(|_| {
            let done = Arc::clone(&done);
            std::thread::spawn(move || {
                let mut seen = Vec::new();
                while !done.load(Ordering::SeqCst) {
                    let answer = get(address, UNSIGNED_SUMS);
                    let text = body(&answer);
                    let json: serde_json::Value =
                        serde_json::from_str(text).unwrap_or_else(|_| panic!("{answer:?}"));
                    let total: u64 = json["total_sum"].as_str().unwrap().parse().unwrap();
                    assert_eq!(total % 200, 0, "{text}");
                    seen.push(total / 200);
                }
                seen
            })
        })
        .collect();
    for n in 2..=20 {
        write(n);
        served.handle.reload();
        let start = Instant::now();
        while !get(address, UNSIGNED_SUMS).contains(&format!("\"total_sum\":\"{}\"", n * 200)) {
            assert!(start.elapsed() < Duration::from_secs(30));
        }
    }
    done.store(true, Ordering::SeqCst);
    for asker in askers {
        let seen = asker.join().unwrap();
        // Time runs forward: nobody sees an older bill after a newer one.
        assert!(!seen.is_empty() && seen.is_sorted(), "{seen:?}");
    }
}

#[test]
fn a_renewal_that_fails_keeps_the_old_bill_and_is_told() {
    let folder = Folder::new();
    let path = folder.put("bill.csv", bill_of(&[row("pj-a", "1.25")]));
    let config = Config {
        poll: Some(Duration::from_millis(50)),
        ..Config::default()
    };
    let served = serve(OfFiles(vec![path]), config);
    assert!(get(served.address, "/healthz").contains("\"status\":\"ok\""));
    folder.put("bill.csv", bill_of(&[row("pj-a", "not a number")]));
    served.waits_for("rows.rejected");
    let health = get(served.address, "/healthz");
    assert!(
        health.contains("\"status\":\"stale\"") && health.contains("rows.rejected"),
        "{health}"
    );
    assert!(get(served.address, "/metrics").contains("\nbillfold_stale 1\n"));
    assert!(get(served.address, UNSIGNED_SUMS).contains("\"total_sum\":\"1.25\""));
    // Without anyone's doing it is read again when it changes again.
    folder.put("bill.csv", bill_of(&[row("pj-a", "2.5"), row("pj-b", "1")]));
    served.waits_for("\"reloaded\"");
    assert!(get(served.address, UNSIGNED_SUMS).contains("\"total_sum\":\"3.5\""));
    assert!(get(served.address, "/healthz").contains("\"status\":\"ok\""));
}

#[test]
fn keys_are_read_again_with_the_bills_and_a_broken_file_changes_nothing() {
    let folder = Folder::new();
    let path = folder.put("bill.csv", bill_of(&[row("pj-a", "1.25")]));
    let keys = key_file(&folder, &one_key());
    let config = Config {
        keys: Some(keys.clone()),
        ..Config::default()
    };
    let served = serve(OfFiles(vec![path]), config);
    let code = |secret: &str| {
        let answer = get(served.address, &signed(SUMS, secret));
        serde_json::from_str::<serde_json::Value>(body(&answer)).unwrap()["ret_code"].clone()
    };
    assert_eq!((code(SECRET), code("renewed")), (0.into(), 1200.into()));
    std::fs::write(&keys, "[[key]]\nid = 7").unwrap();
    served.handle.reload();
    served.waits_for("the key file is not as expected");
    assert_eq!((code(SECRET), code("renewed")), (0.into(), 1200.into()));
    std::fs::write(&keys, one_key().replace(SECRET, "renewed")).unwrap();
    served.handle.reload();
    let start = Instant::now();
    while code("renewed") != 0 {
        assert!(start.elapsed() < Duration::from_secs(30));
    }
    assert_eq!(code(SECRET), 1200);
}

/// A call of Tencent's over this test's bill, signed at this time.
pub(crate) fn tencent(timestamp: &str) -> String {
    let text = r#"{"BeginTime":"2024-03","EndTime":"2024-03","Limit":1,"Offset":0}"#;
    let mut headers: Vec<(String, String)> = [
        ("content-type", "application/json"),
        ("host", "127.0.0.1"),
        ("x-tc-action", "DescribeCostSummaryByResource"),
        ("x-tc-timestamp", timestamp),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    let seen = Seen {
        method: "POST",
        path: "/",
        query: "",
        headers: &headers,
        body: text.as_bytes(),
    };
    let names = ["content-type", "host"];
    let line = tc3::authorization(&seen, ID, &Secret::new(SECRET), timestamp, &names).unwrap();
    headers.push(("authorization".to_owned(), line));
    let sent: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    request("POST", "/", &sent, text)
}

#[test]
fn a_tc3_signature_is_asked_for_where_there_are_keys() {
    let folder = Folder::new();
    let path = folder.put("bill.csv", bill_of(&[row("pj-a", "1.25")]));
    let config = Config {
        keys: Some(key_file(&folder, &one_key())),
        ..Config::default()
    };
    let served = serve(OfFiles(vec![path]), config);
    let signed = tencent(&now().to_string());
    let ask = |text: &str| exchange(served.address, text);
    assert!(ask(&signed).contains("\"RealTotalCost\":\"1.25\""));
    assert!(ask(&signed.replace("\"Limit\":1", "\"Limit\":2")).contains("AuthFailure.SignatureFailure"));
    assert!(
        ask(&signed.replace("authorization:", "x-authorization:"))
            .contains("AuthFailure.InvalidAuthorization")
    );
}

#[test]
fn the_command_refuses_what_cannot_be_served_with_the_exit_code_of_its_kind() {
    let folder = Folder::new();
    let path = folder.put("bill.csv", bill_of(&[row("pj-a", "1")]));
    let open = folder.put("open.toml", one_key());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    let missing = folder.path().join("none.toml").display().to_string();
    for (options, exit, says) in [
        ("--listen 0.0.0.0:0", 2, "--keys"),
        ("--listen [::]:0", 2, "--keys"),
        ("--listen example.org:80", 2, "is not an address"),
        ("--listen 127.0.0.1", 2, "is not an address"),
        (&format!("--keys {open}"), 2, "mode 0644"),
        (&format!("--keys {missing}"), 6, "none.toml"),
        ("--window 0 --strict-replay", 2, "remembered for ever"),
        ("--timezone Mars/Base", 2, "Mars/Base"),
        ("--currency money", 2, "--currency"),
    ] {
        let ran = command(
            &format!("serve {{}} --listen 127.0.0.1:0 {options}")
                .replace("--listen 127.0.0.1:0 --listen", "--listen"),
            &path,
        );
        assert_eq!(ran.exit, exit, "{options}: {}", ran.stderr);
        assert!(ran.stderr.contains(says), "{options}: {}", ran.stderr);
        assert!(!ran.stderr.contains(SECRET), "{}", ran.stderr);
    }
    assert_eq!(command("serve - --listen 127.0.0.1:0", &path).exit, 2);
    let none = folder.path().join("none.csv").display().to_string();
    assert_eq!(command("serve {} --listen 127.0.0.1:0", &none).exit, 6);
}
