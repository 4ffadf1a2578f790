//! The keys that may ask, and what each may see. Secrets stay out of every text that is made of them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use billfold_core::error::Printable;
use billfold_core::{Error, Result};
use serde::Deserialize;

/// Most characters of an id or a secret.
const MAX_LEN: usize = 256;
/// Most keys of a file.
const MAX_KEYS: usize = 10_000;

/// A text that nothing shows.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Takes a text as a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// One access key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// What requests name it by: QingCloud's `access_key_id`, Tencent's `SecretId`.
    pub id: String,
    /// What requests are signed with.
    pub secret: Secret,
    /// Goes with signature version 2, and with requests to `/api/`, which have no signature.
    #[serde(default)]
    pub token: Option<Secret>,
    /// Whether `HmacSHA1` is taken.
    #[serde(default)]
    pub sha1: bool,
    /// Whether a TC3 signature may leave the body out (`UNSIGNED-PAYLOAD`).
    #[serde(default)]
    pub unsigned_payload: bool,
    /// The values of `project_id` that it may see; all without it.
    #[serde(default)]
    pub projects: Option<Vec<String>>,
    /// The root users (payers) that it may see; all without it.
    #[serde(default)]
    pub root_users: Option<Vec<String>>,
}

impl Key {
    /// A key that sees everything, signs with HMAC-SHA-256 and has no token.
    pub fn new(id: impl Into<String>, secret: Secret) -> Key {
        Key {
            id: id.into(),
            secret,
            token: None,
            sha1: false,
            unsigned_payload: false,
            projects: None,
            root_users: None,
        }
    }
}

/// All keys.
#[derive(Debug, Clone)]
pub struct Keys {
    by_id: BTreeMap<String, Arc<Key>>,
    /// Stands in for the secret of an id that is not there, so that the same work is done.
    decoy: Secret,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    key: Vec<Key>,
}

impl Keys {
    /// Reads a key file.
    ///
    /// Errors: `usage`, with the line where there is one and never with the text of the file.
    pub fn parse(toml: &str) -> Result<Keys> {
        let file: File = toml::from_str(toml).map_err(|error| {
            // The library's message quotes the line, in which a secret may stand.
            let line = error.span().map(|span| {
                let before = toml.get(..span.start).unwrap_or_default();
                format!(", line {}", before.matches('\n').count() + 1)
            });
            Error::usage(format!(
                "the key file is not as expected{}: {}",
                line.unwrap_or_default(),
                without_quotes(error.message())
            ))
            .hint("expected tables [[key]] with id, secret and, as needed, token, sha1, unsigned_payload, projects, root_users")
        })?;
        Keys::new(file.key)
    }

    /// These keys.
    ///
    /// Errors: `usage` for no key, an empty id or secret, one that is too long, an id that stands there twice.
    pub fn new(keys: Vec<Key>) -> Result<Keys> {
        if keys.is_empty() || keys.len() > MAX_KEYS {
            return Err(Error::usage(format!(
                "the key file has {} keys; expected 1 to {MAX_KEYS}",
                keys.len()
            )));
        }
        let mut by_id = BTreeMap::new();
        for (index, key) in keys.into_iter().enumerate() {
            let nth = index + 1;
            for (what, text) in [("id", key.id.as_str()), ("secret", key.secret.reveal())] {
                if text.is_empty() || text.len() > MAX_LEN {
                    return Err(Error::usage(format!(
                        "key {nth} of the key file: its {what} has {} bytes; expected 1 to {MAX_LEN}",
                        text.len()
                    )));
                }
            }
            if key.token.as_ref().is_some_and(|token| token.reveal().is_empty()) {
                return Err(Error::usage(format!(
                    "key {nth} of the key file: its token is empty"
                )));
            }
            let id = key.id.clone();
            if by_id.insert(id.clone(), Arc::new(key)).is_some() {
                return Err(Error::usage(format!(
                    "the key file names \"{}\" twice",
                    Printable(&id)
                )));
            }
        }
        Ok(Keys {
            by_id,
            decoy: Secret::new("a secret that signs nothing"),
        })
    }

    /// The key of an id, and the secret to check with, which is a decoy where there is no such key.
    pub(super) fn find(&self, id: &[u8]) -> (Option<&Arc<Key>>, &Secret) {
        let key = std::str::from_utf8(id).ok().and_then(|id| self.by_id.get(id));
        (key, key.map_or(&self.decoy, |key| &key.secret))
    }

    /// Whether any key takes this.
    pub(super) fn any(&self, allows: impl Fn(&Key) -> bool) -> bool {
        self.by_id.values().any(|key| allows(key))
    }

    /// The key that has this token. Every key is looked at, whichever it is.
    pub(crate) fn of_token(&self, token: &[u8]) -> Option<Arc<Key>> {
        let mut found = None;
        for key in self.by_id.values() {
            if let Some(secret) = &key.token
                && super::same_secret(secret, token)
            {
                found = Some(Arc::clone(key));
            }
        }
        found
    }

    /// How many there are.
    pub fn n_keys(&self) -> usize {
        self.by_id.len()
    }
}

/// A message without what it quotes.
fn without_quotes(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default();
    let mut kept = String::new();
    for (index, part) in first.split(['"', '`']).enumerate() {
        kept.push_str(if index % 2 == 0 { part } else { "…" });
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
[[key]]
id = "QY1"
secret = "s3cr3t-one"
projects = ["pj-1"]

[[key]]
id = "AKID2"
secret = "s3cr3t-two"
token = "t0k3n"
sha1 = true
"#;

    #[test]
    fn a_key_file_is_a_list_of_keys_with_what_each_may_see() {
        let keys = Keys::parse(FILE).unwrap();
        assert_eq!(keys.n_keys(), 2);
        let one = &keys.by_id["QY1"];
        assert_eq!(one.projects.as_deref().unwrap(), ["pj-1"]);
        assert!(!one.sha1 && !one.unsigned_payload && one.root_users.is_none());
        assert_eq!(keys.of_token(b"t0k3n").unwrap().id, "AKID2");
        assert!(keys.of_token(b"t0k3").is_none() && keys.of_token(b"").is_none());
    }

    #[test]
    fn no_text_made_of_keys_shows_a_secret() {
        let shown = format!("{:?}", Keys::parse(FILE).unwrap());
        assert!(!shown.contains("s3cr3t") && !shown.contains("t0k3n"), "{shown}");
    }

    #[test]
    fn a_key_file_that_cannot_be_read_is_told_without_its_text() {
        for bad in [
            "",
            "[[key]]\nid = \"a\"\nsecret = s3cr3t\n",
            "[[key]]\nid = \"a\"\nsecret = \"s3cr3t\"\n\"s3cr3t\" = 1\n",
            "[[key]]\nid = \"a\"\nsecret = 31337\n",
            "[[key]]\nid = \"a\"\nsecret = \"\"\n",
            "[[key]]\nid = \"a\"\nsecret = \"s3cr3t\"\n[[key]]\nid = \"a\"\nsecret = \"s3cr3t\"\n",
            "[[key]]\nid = \"a\"\nsecret = \"s3cr3t\"\ntoken = \"\"\n",
        ] {
            let error = Keys::parse(bad).unwrap_err();
            assert!(!error.to_string().contains("s3cr3t"), "{error}");
            assert!(!error.to_string().contains("31337"), "{error}");
        }
    }
}
