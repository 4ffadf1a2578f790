//! Who may call: names of this host, origins, signatures and tokens, and each dialect's word for a refusal.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::{Mutex, PoisonError, RwLock};

use billfold_api::{Dialect, Refusal, RefusalKind, Scope};
use billfold_core::{Error, Result};

use crate::sign::{Clock, Key, Keys, Rejection, Replays, Seen, Verified, qingcloud, tc3, tencent_form};

/// Signatures that are remembered with [`crate::Config::strict_replay`].
const MAX_REPLAYS: usize = 100_000;

/// The checks before a call is looked at.
#[derive(Debug)]
pub(crate) struct Gate {
    keys: RwLock<Option<Arc<Keys>>>,
    window: Option<u32>,
    replays: Option<Mutex<Replays>>,
    listens: SocketAddr,
    hosts: Vec<String>,
}

/// Who calls.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The id of its key; empty where no keys are asked for.
    pub(crate) id: String,
    /// What it may see; everything without it.
    pub(crate) scope: Option<Scope>,
}

impl Gate {
    /// The checks of a server that listens here.
    ///
    /// Errors: `usage` where others could reach it and no keys are asked for, and where a signature would be
    /// taken once only and at any time.
    pub(crate) fn new(
        listens: SocketAddr,
        hosts: Vec<String>,
        keys: Option<Keys>,
        window: Option<u32>,
        strict_replay: bool,
    ) -> Result<Gate> {
        if keys.is_none() && !listens.ip().is_loopback() {
            return Err(Error::usage(format!(
                "--listen {listens} can be reached from other machines, and no keys are asked for"
            ))
            .hint("add --keys FILE, or listen on 127.0.0.1"));
        }
        if strict_replay && window.is_none() {
            return Err(Error::usage(
                "a signature that is taken at any time would have to be remembered for ever",
            )
            .hint("give --window some seconds with --strict-replay"));
        }
        Ok(Gate {
            keys: RwLock::new(keys.map(Arc::new)),
            window,
            replays: strict_replay.then(|| Mutex::new(Replays::new(MAX_REPLAYS))),
            listens,
            hosts,
        })
    }

    /// Puts other keys in the place of those in use.
    pub(crate) fn replace_keys(&self, keys: Keys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(keys));
    }

    /// Whether the request was meant for this server, and not sent by a page of another one.
    ///
    /// A name that someone else's server of names points here (DNS rebinding) is not one of ours.
    pub(crate) fn admits_host(&self, headers: &[(String, String)]) -> bool {
        let value = |name: &str| {
            let found = headers.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.as_str())
        };
        let origin = value("origin").map(|origin| {
            let (_, host) = origin.split_once("://").unwrap_or_default();
            host
        });
        // The oldest HTTP has no Host, and no browser speaks it.
        value("host").is_none_or(|host| self.is_ours(host)) && origin.is_none_or(|host| self.is_ours(host))
    }

    fn is_ours(&self, host: &str) -> bool {
        let name = without_port(host);
        if self.hosts.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            return true;
        }
        let address = name.trim_start_matches('[').trim_end_matches(']');
        match address.parse::<IpAddr>() {
            // An address cannot be rebound. On loopback none but loopback's own can have been meant.
            Ok(address) if self.listens.ip().is_loopback() => address.is_loopback(),
            Ok(address) => self.listens.ip().is_unspecified() || address == self.listens.ip(),
            Err(_) => self.listens.ip().is_loopback() && name.eq_ignore_ascii_case("localhost"),
        }
    }

    /// Who calls. Without keys nothing is checked and everything is shown.
    pub(crate) fn caller(&self, dialect: Dialect, seen: &Seen<'_>, now: i64) -> Result<Caller, Refusal> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(keys) = keys else {
            return Ok(Caller {
                id: String::new(),
                scope: None,
            });
        };
        let clock = Clock {
            now,
            window: self.window,
        };
        let verified = match dialect {
            Dialect::QingCloud => qingcloud::verify(seen, &keys, clock),
            Dialect::Tencent => verify_tencent(seen, &keys, clock),
            Dialect::Plcloud => return of_token(seen, &keys).map(|key| caller(&key)),
        };
        let verified = verified.and_then(|verified| self.first_time(verified, now));
        verified
            .map(|verified| caller(&verified.key))
            .map_err(|rejection| refusal(rejection, dialect))
    }

    fn first_time(&self, verified: Verified, now: i64) -> Result<Verified, Rejection> {
        if let Some(replays) = &self.replays {
            let mut replays = replays.lock().unwrap_or_else(PoisonError::into_inner);
            replays.take(&verified, now)?;
        }
        Ok(verified)
    }
}

fn caller(key: &Key) -> Caller {
    let scope = Scope {
        projects: key.projects.clone(),
        root_users: key.root_users.clone(),
    };
    Caller {
        id: key.id.clone(),
        scope: (scope != Scope::default()).then_some(scope),
    }
}

/// The newer signature where there is one, and the older one else.
fn verify_tencent(seen: &Seen<'_>, keys: &Keys, clock: Clock) -> Result<Verified, Rejection> {
    if seen.headers.iter().any(|(name, _)| name == "authorization") {
        return tc3::verify(seen, keys, clock);
    }
    match tencent_form::verify(seen, keys, clock) {
        Err(Rejection::Unsigned(_)) => Err(Rejection::Unsigned("Authorization")),
        outcome => outcome,
    }
}

/// plcloud's pages show the session of a browser and no signature; here a token of the key stands in for it.
fn of_token(seen: &Seen<'_>, keys: &Keys) -> Result<Arc<Key>, Refusal> {
    let mut tokens = seen.headers.iter().filter(|(name, _)| name == "authorization");
    let (Some((_, value)), None) = (tokens.next(), tokens.next()) else {
        return Err(Refusal::new(
            RefusalKind::Unsigned,
            "[Authorization] is required: Bearer and the token of a key",
        ));
    };
    let token = value.strip_prefix("Bearer ").unwrap_or_default().trim();
    keys.of_token(token.as_bytes())
        .ok_or_else(|| Refusal::new(RefusalKind::Signature, "the token is not right"))
}

/// A rejection in the words of a dialect. Nothing in them tells whether a key exists.
fn refusal(rejection: Rejection, dialect: Dialect) -> Refusal {
    let (kind, message) = match rejection {
        Rejection::Unsigned(what) => (
            RefusalKind::Unsigned,
            format!("the request is not signed: [{what}] is required"),
        ),
        Rejection::Malformed(why) => (
            RefusalKind::Unsigned,
            format!("the signature cannot be read: {why}"),
        ),
        Rejection::Wrong if dialect == Dialect::Tencent => (
            RefusalKind::Signature,
            "The provided credentials could not be validated. Please check your signature is correct"
                .to_owned(),
        ),
        Rejection::Wrong => (
            RefusalKind::Signature,
            "the access key or the signature is not right".to_owned(),
        ),
        Rejection::Expired => (
            RefusalKind::Expired,
            "the time of the signature is too far from now".to_owned(),
        ),
        Rejection::Replayed => (RefusalKind::Expired, "this signature was used before".to_owned()),
        Rejection::ReplaysFull => (
            RefusalKind::TooMany,
            "too many signatures at once; ask again later".to_owned(),
        ),
    };
    Refusal::new(kind, message)
}

/// A host without its port: `a:1`, `[::1]:1`.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign::Secret;

    fn gate(listens: &str, hosts: &[&str], with_keys: bool) -> Result<Gate> {
        let keys = with_keys.then(|| Keys::new(vec![Key::new("a", Secret::new("b"))]).unwrap());
        let hosts = hosts.iter().map(|&host| host.to_owned()).collect();
        Gate::new(listens.parse().unwrap(), hosts, keys, Some(300), false)
    }

    #[test]
    fn m01_without_keys_only_loopback_is_listened_on() {
        for (listens, open) in [
            ("127.0.0.1:80", true),
            ("[::1]:80", true),
            ("0.0.0.0:80", false),
            ("[::]:80", false),
            ("192.168.0.7:80", false),
        ] {
            assert_eq!(gate(listens, &[], false).is_ok(), open, "{listens}");
            assert!(gate(listens, &[], true).is_ok());
        }
    }

    #[test]
    fn m02_a_host_or_an_origin_that_is_not_ours_is_refused() {
        let admits =
            |gate: &Gate, name: &str, value: &str| gate.admits_host(&[(name.to_owned(), value.to_owned())]);
        let local = gate("127.0.0.1:8080", &[], false).unwrap();
        for ours in [
            "127.0.0.1:8080",
            "127.0.0.1",
            "localhost:8080",
            "LOCALHOST",
            "[::1]:8080",
            "127.0.0.2:1",
        ] {
            assert!(admits(&local, "host", ours), "{ours}");
            assert!(admits(&local, "origin", &format!("http://{ours}")), "{ours}");
        }
        for theirs in [
            "evil.example",
            "evil.example:8080",
            "192.168.0.7",
            "0.0.0.0:8080",
            "",
            ":8080",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "127.0.0.1@evil.example",
            "localhost:8080:evil",
            "[::1",
            "null",
        ] {
            if theirs != "[::1" {
                assert!(!admits(&local, "host", theirs), "{theirs}");
            }
            assert!(!admits(&local, "origin", theirs), "{theirs}");
        }
        let open = gate("0.0.0.0:8080", &["billing.example"], true).unwrap();
        for (host, ours) in [
            ("billing.example", true),
            ("Billing.Example:8080", true),
            ("10.0.0.1:8080", true),
            ("evil.example", false),
            ("localhost", false),
        ] {
            assert_eq!(admits(&open, "host", host), ours, "{host}");
        }
    }
}
