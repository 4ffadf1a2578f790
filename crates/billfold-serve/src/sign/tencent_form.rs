//! Tencent's older signature: a keyed hash over method, host, path and sorted parameters, unescaped.
//!
//! Source: Tencent's page on signature method v1 and its Python packages. The parameters come as a
//! query (GET) or a form (POST). Because nothing is escaped, `a=1&b=2` and one `a` of `1&b=2` would
//! sign alike, and so would `_` and `.` in a name: what could be taken for something else is refused.

use super::{Clock, Keys, Method, Rejection, Seal, Secret, Seen, Verified, pairs};

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// Signs parameters that hold everything but `Signature`, and returns it in Base64.
pub fn sign(
    method: &str,
    host: &str,
    path: &str,
    parameters: &[(&str, &str)],
    secret: &Secret,
    with: Method,
) -> String {
    let pairs: Pairs = parameters
        .iter()
        .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
        .collect();
    with.sign(secret, &canonical(method, host, path, pairs))
}

/// Checks the signature of a request.
pub fn verify(seen: &Seen<'_>, keys: &Keys, clock: Clock) -> Result<Verified, Rejection> {
    let host = seen.header("host")?.ok_or(Rejection::Unsigned("Host"))?;
    let text = match (seen.method, seen.query) {
        ("GET", query) => query,
        (_, "") => {
            std::str::from_utf8(seen.body).map_err(|_| Rejection::Malformed("the form is not UTF-8"))?
        }
        // Only the form is signed.
        _ => return Err(Rejection::Malformed("a signed form goes without a query")),
    };
    let mut signed = pairs(text).ok_or(Rejection::Malformed("the percent-encoding is broken"))?;
    let signature = only(&signed, "Signature")?;
    let id = only(&signed, "SecretId")?;
    let timestamp = only(&signed, "Timestamp")?;
    only(&signed, "Nonce")?;
    // The vendor's default.
    let method = match only(&signed, "SignatureMethod") {
        Err(Rejection::Unsigned(_)) => b"HmacSHA1".to_vec(),
        given => given?,
    };
    let method = std::str::from_utf8(&method)
        .ok()
        .and_then(Method::parse)
        .ok_or(Rejection::Malformed(
            "SignatureMethod is neither HmacSHA256 nor HmacSHA1",
        ))?;
    if method == Method::HmacSha1 && !keys.any(|key| key.sha1) {
        return Err(Rejection::Malformed("SignatureMethod HmacSHA1 is not taken here"));
    }
    let signed_at = std::str::from_utf8(&timestamp)
        .ok()
        .and_then(|text| text.parse::<i64>().ok())
        .filter(|seconds| *seconds >= 0)
        .ok_or(Rejection::Malformed("Timestamp is not seconds since 1970"))?;
    let last = clock.last(signed_at)?;
    signed.retain(|(name, _)| name != b"Signature");
    let ambiguous = |(name, value): &(Vec<u8>, Vec<u8>)| {
        name.iter().any(|byte| b"&=_".contains(byte)) || value.contains(&b'&')
    };
    if signed.iter().any(ambiguous) {
        return Err(Rejection::Malformed(
            "this signature cannot hold & in a value, or &, = and _ in a name",
        ));
    }

    let (key, secret) = keys.find(&id);
    let text = canonical(seen.method, host, seen.path, signed);
    let holds = method.verify(secret, &text, &signature);
    match key {
        Some(key) if holds && (method == Method::HmacSha256 || key.sha1) => Ok(Verified {
            key: key.clone(),
            seal: Seal::new(&id, &signature),
            last,
        }),
        _ => Err(Rejection::Wrong),
    }
}

fn canonical(method: &str, host: &str, path: &str, mut pairs: Pairs) -> Vec<u8> {
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    let mut text = format!("{method}{host}{path}?").into_bytes();
    for (index, (name, value)) in pairs.iter().enumerate() {
        if index > 0 {
            text.push(b'&');
        }
        text.extend_from_slice(name);
        text.push(b'=');
        text.extend_from_slice(value);
    }
    text
}

/// The value of a parameter that must stand there once, and not be empty.
fn only(pairs: &[(Vec<u8>, Vec<u8>)], name: &'static str) -> Result<Vec<u8>, Rejection> {
    let mut values = pairs.iter().filter(|(n, _)| n == name.as_bytes());
    match (values.next(), values.next()) {
        (Some((_, value)), None) if !value.is_empty() => Ok(value.clone()),
        (Some(_), Some(_)) => Err(Rejection::Malformed(
            "a parameter of the signature stands there twice",
        )),
        _ => Err(Rejection::Unsigned(name)),
    }
}
