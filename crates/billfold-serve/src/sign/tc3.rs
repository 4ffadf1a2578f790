//! Tencent's TC3-HMAC-SHA256: a keyed hash over method, query, some headers and the body's hash.
//!
//! Source: Tencent's page on signature method v3 and its Python packages. The packages sign
//! `content-type` and `host`; more headers may be signed, these two must be. The action and the time
//! stand in headers that the packages do not sign, but the time is part of what is hashed.

use std::sync::Arc;

use billfold_core::time::format_instant;

use super::encode::unhex;
use super::mac::{sha256, sha256_hex, verify_sha256};
use super::{Clock, Key, Keys, Rejection, Seal, Secret, Seen, Verified, encode};

const ALGORITHM: &str = "TC3-HMAC-SHA256";
const SERVICE: &str = "billing";
/// The body's hash stands for this where the client asks for it in `X-TC-Content-SHA256`.
const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// The `Authorization` header for a request that has the headers named, each in lower case.
///
/// `timestamp` is the text of `X-TC-Timestamp`: seconds since 1970.
/// None where a header is not there, or the time is none.
pub fn authorization(
    seen: &Seen<'_>,
    id: &str,
    secret: &Secret,
    timestamp: &str,
    signed_headers: &[&str],
) -> Option<String> {
    let date = utc_date(timestamp.parse().ok()?);
    let headers = canonical_headers(seen, signed_headers, str::to_owned)?;
    let text = to_sign(
        seen,
        &headers,
        &signed_headers.join(";"),
        seen.body,
        timestamp,
        &date,
    );
    let signature = encode::hex(&sha256(&signing_key(secret, &date), text.as_bytes()));
    let signed_headers = signed_headers.join(";");
    Some(format!(
        "{ALGORITHM} Credential={id}/{date}/{SERVICE}/tc3_request, SignedHeaders={signed_headers}, Signature={signature}"
    ))
}

/// Checks the signature of a request.
pub fn verify(seen: &Seen<'_>, keys: &Keys, clock: Clock) -> Result<Verified, Rejection> {
    let header = seen
        .header("authorization")?
        .ok_or(Rejection::Unsigned("Authorization"))?;
    let timestamp = seen
        .header("x-tc-timestamp")?
        .ok_or(Rejection::Unsigned("X-TC-Timestamp"))?;
    let claim = Claim::parse(header)?;
    // Seconds in one spelling: no sign, no blanks, no leading zeros.
    let signed_at: i64 = timestamp
        .parse()
        .ok()
        .filter(|seconds: &i64| seconds.to_string() == timestamp && *seconds >= 0)
        .ok_or(Rejection::Malformed("X-TC-Timestamp is not seconds since 1970"))?;
    let last = clock.last(signed_at)?;
    if claim.date != utc_date(signed_at) {
        return Err(Rejection::Malformed(
            "the date of the credential is not the day of X-TC-Timestamp in UTC",
        ));
    }
    let unsigned_payload = seen.header("x-tc-content-sha256")? == Some(UNSIGNED_PAYLOAD);
    if unsigned_payload && !keys.any(|key| key.unsigned_payload) {
        return Err(Rejection::Malformed("UNSIGNED-PAYLOAD is not taken here"));
    }
    let payload = if unsigned_payload {
        UNSIGNED_PAYLOAD.as_bytes()
    } else {
        seen.body
    };

    let (key, secret) = keys.find(claim.id.as_bytes());
    let signing_key = signing_key(secret, claim.date);
    let signature = unhex(claim.signature).unwrap_or_default();
    let names: Vec<&str> = claim.signed_headers.split(';').collect();
    // The vendor's page lowers the case of values, its packages take them as they are.
    let mut holds = false;
    for spell in [str::to_ascii_lowercase as fn(&str) -> String, str::to_owned] {
        let headers = canonical_headers(seen, &names, spell)
            .ok_or(Rejection::Malformed("a signed header is not there"))?;
        let text = to_sign(
            seen,
            &headers,
            claim.signed_headers,
            payload,
            timestamp,
            claim.date,
        );
        holds |= verify_sha256(&signing_key, text.as_bytes(), &signature);
    }
    match key {
        Some(key) if holds && (!unsigned_payload || key.unsigned_payload) => Ok(Verified {
            key: Arc::<Key>::clone(key),
            seal: Seal::new(claim.id.as_bytes(), claim.signature.as_bytes()),
            last,
        }),
        _ => Err(Rejection::Wrong),
    }
}

/// The parts of an `Authorization` header.
struct Claim<'a> {
    id: &'a str,
    date: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Claim<'a> {
    fn parse(header: &'a str) -> Result<Self, Rejection> {
        let malformed = Rejection::Malformed(
            "Authorization is not TC3-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…",
        );
        let rest = header.strip_prefix(ALGORITHM).ok_or(malformed)?;
        let mut parts = rest.split(',').map(str::trim);
        let mut part = |name: &str| {
            let value = parts.next()?.strip_prefix(name)?.strip_prefix('=')?;
            (!value.is_empty()).then_some(value)
        };
        let credential = part("Credential").ok_or(malformed)?;
        let signed_headers = part("SignedHeaders").ok_or(malformed)?;
        let signature = part("Signature").ok_or(malformed)?;
        if parts.next().is_some() {
            return Err(malformed);
        }
        let mut scope = credential.split('/');
        let (Some(id), Some(date), Some(service), Some("tc3_request"), None) = (
            scope.next(),
            scope.next(),
            scope.next(),
            scope.next(),
            scope.next(),
        ) else {
            return Err(Rejection::Malformed(
                "the credential is not SecretId/date/billing/tc3_request",
            ));
        };
        if service != SERVICE {
            return Err(Rejection::Malformed(
                "the credential is for another service than billing",
            ));
        }
        let names: Vec<&str> = signed_headers.split(';').collect();
        if !names.is_sorted_by(|a, b| a < b) || names.iter().any(|name| name.is_empty()) {
            return Err(Rejection::Malformed(
                "the signed headers are not named in their order, each once",
            ));
        }
        for needed in ["content-type", "host"] {
            if !names.contains(&needed) {
                return Err(Rejection::Malformed(
                    "content-type and host must be among the signed headers",
                ));
            }
        }
        Ok(Claim {
            id,
            date,
            signed_headers,
            signature,
        })
    }
}

/// `name:value\n` for each header named; None where one is not there, or twice.
fn canonical_headers(seen: &Seen<'_>, names: &[&str], spell: impl Fn(&str) -> String) -> Option<String> {
    names.iter().try_fold(String::new(), |mut text, name| {
        let value = seen.header(name).ok()??;
        text.push_str(name);
        text.push(':');
        text.push_str(&spell(value.trim()));
        text.push('\n');
        Some(text)
    })
}

fn to_sign(
    seen: &Seen<'_>,
    headers: &str,
    names: &str,
    payload: &[u8],
    timestamp: &str,
    date: &str,
) -> String {
    let canonical = canonical_request(seen, headers, names, payload);
    let hash = sha256_hex(canonical.as_bytes());
    format!("{ALGORITHM}\n{timestamp}\n{date}/{SERVICE}/tc3_request\n{hash}")
}

fn canonical_request(seen: &Seen<'_>, headers: &str, names: &str, payload: &[u8]) -> String {
    let Seen {
        method, path, query, ..
    } = seen;
    format!(
        "{method}\n{path}\n{query}\n{headers}\n{names}\n{}",
        sha256_hex(payload)
    )
}

fn signing_key(secret: &Secret, date: &str) -> Vec<u8> {
    let key = sha256(format!("TC3{}", secret.reveal()).as_bytes(), date.as_bytes());
    sha256(&sha256(&key, SERVICE.as_bytes()), b"tc3_request")
}

/// The UTC date of an instant in seconds: `2019-02-25`.
fn utc_date(seconds: i64) -> String {
    let mut text = format_instant(seconds.saturating_mul(1_000_000));
    text.truncate(10);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample<'a>(headers: &'a [(String, String)], body: &'a [u8]) -> Seen<'a> {
        Seen {
            method: "POST",
            path: "/",
            query: "",
            headers,
            body,
        }
    }

    #[test]
    fn the_recorded_request_hashes_and_signs_as_recorded() {
        let headers = [
            ("content-type".to_owned(), "application/json".to_owned()),
            ("host".to_owned(), "127.0.0.1:8080".to_owned()),
        ];
        let body = br#"{"BeginTime": "2018-11", "EndTime": "2018-11", "Limit": 1, "Offset": 0}"#;
        let seen = sample(&headers, body);
        let names = ["content-type", "host"];
        let canonical = canonical_request(
            &seen,
            &canonical_headers(&seen, &names, str::to_owned).unwrap(),
            "content-type;host",
            body,
        );
        assert_eq!(
            sha256_hex(canonical.as_bytes()),
            "1351c5812f8f0553f109dd05d3ed58363e6bd3dbabe0799847a8d10a450b1f05"
        );
        let secret = Secret::new("SECRETEXAMPLE");
        assert_eq!(
            authorization(&seen, "AKIDEXAMPLE", &secret, "1551113065", &names).unwrap(),
            "TC3-HMAC-SHA256 Credential=AKIDEXAMPLE/2019-02-25/billing/tc3_request, \
             SignedHeaders=content-type;host, \
             Signature=a61fcb1b0bdee3f646e6f17c5a45843b8ea1386de4df11db1087eee38a5b913c"
        );
    }

    #[test]
    fn the_sample_of_the_vendors_page_hashes_as_on_the_page() {
        let headers = [
            (
                "content-type".to_owned(),
                "application/json; charset=utf-8".to_owned(),
            ),
            ("host".to_owned(), "cvm.tencentcloudapi.com".to_owned()),
            ("x-tc-action".to_owned(), "DescribeInstances".to_owned()),
        ];
        let body =
            br#"{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}"#;
        let seen = sample(&headers, body);
        for (names, expected) in [
            (
                &["content-type", "host"][..],
                "5ffe6a04c0664d6b969fab9a13bdab201d63ee709638e2749d62a09ca18d7031",
            ),
            (
                &["content-type", "host", "x-tc-action"][..],
                "7019a55be8395899b900fb5564e4200d984910f34794a27cb3fb7d10ff6a1e84",
            ),
        ] {
            let headers = canonical_headers(&seen, names, str::to_ascii_lowercase).unwrap();
            let hash = sha256_hex(canonical_request(&seen, &headers, &names.join(";"), body).as_bytes());
            assert_eq!(hash, expected);
            assert_eq!(hash, expected);
        }
    }
}
