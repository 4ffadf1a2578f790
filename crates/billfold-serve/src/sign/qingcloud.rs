//! The signature of the QingCloud family: a keyed hash over method, path and sorted parameters.
//!
//! Source: QingCloud's signature page, and the Python and Go packages, which differ in spelling: the
//! hash is checked over the decoded pairs, and a second time over the query as it was sent, because
//! some clients sign one and send the other. Version 2 goes with a token of the same key.

use billfold_core::time::{TimeRules, parse_instant};

use super::{
    Clock, Keys, Method, Rejection, Seal, Secret, Seen, Verified, pairs, percent_encode, same_secret,
};

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// Most seconds that `expires` may lie after `time_stamp`; what goes further is cut to it.
const MAX_EXPIRES: i64 = 3600;

/// Signs parameters that hold everything but `signature`, and returns it in Base64.
///
/// `path` is the path as it will be sent, such as `/iaas/`.
pub fn sign(method: &str, path: &str, parameters: &[(&str, &str)], secret: &Secret, with: Method) -> String {
    let pairs: Pairs = parameters
        .iter()
        .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
        .collect();
    with.sign(secret, canonical(method, path, &pairs).as_bytes())
}

/// Checks the signature of a request.
pub fn verify(seen: &Seen<'_>, keys: &Keys, clock: Clock) -> Result<Verified, Rejection> {
    let form = if seen.method == "POST" {
        std::str::from_utf8(seen.body).map_err(|_| Rejection::Malformed("the form is not UTF-8"))?
    } else {
        ""
    };
    let broken = Rejection::Malformed("the percent-encoding is broken");
    let mut signed = pairs(seen.query).ok_or(broken)?;
    signed.extend(pairs(form).ok_or(broken)?);
    let signature = only(&signed, "signature")?;
    let id = only(&signed, "access_key_id")?;
    let method = only(&signed, "signature_method")?;
    let version = only(&signed, "signature_version")?;
    let time_stamp = only(&signed, "time_stamp")?;
    signed.retain(|(name, _)| name != b"signature");

    let method = std::str::from_utf8(&method)
        .ok()
        .and_then(Method::parse)
        .ok_or(Rejection::Malformed(
            "signature_method is neither HmacSHA256 nor HmacSHA1",
        ))?;
    if method == Method::HmacSha1 && !keys.any(|key| key.sha1) {
        return Err(Rejection::Malformed(
            "signature_method HmacSHA1 is not taken here",
        ));
    }
    let token = match version.as_slice() {
        b"1" => None,
        b"2" => Some(only(&signed, "token")?),
        _ => return Err(Rejection::Malformed("signature_version is neither 1 nor 2")),
    };
    let last = last_instant(&signed, &time_stamp, clock)?;

    let (key, secret) = keys.find(&id);
    let text = canonical(seen.method, seen.path, &signed);
    let mut holds = method.verify(secret, text.as_bytes(), &signature);
    if !holds && let Some(as_sent) = as_sent(seen.query, form) {
        let text = format!("{}\n{}\n{as_sent}", seen.method, seen.path);
        holds = method.verify(secret, text.as_bytes(), &signature);
    }
    if let Some(token) = token {
        let expected = key.and_then(|key| key.token.as_ref());
        holds &= same_secret(expected.unwrap_or(secret), &token) && expected.is_some();
    }
    match key {
        Some(key) if holds && (method == Method::HmacSha256 || key.sha1) => Ok(Verified {
            key: key.clone(),
            seal: Seal::new(&id, &signature),
            last,
        }),
        _ => Err(Rejection::Wrong),
    }
}

/// Method, path, and the pairs sorted by name in the one spelling. Pairs of one name keep their order.
fn canonical(method: &str, path: &str, pairs: &[(Vec<u8>, Vec<u8>)]) -> String {
    let mut sorted: Vec<&(Vec<u8>, Vec<u8>)> = pairs.iter().collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    let mut text = format!("{method}\n{path}\n");
    for (index, (name, value)) in sorted.into_iter().enumerate() {
        if index > 0 {
            text.push('&');
        }
        percent_encode(name, &mut text);
        text.push('=');
        percent_encode(value, &mut text);
    }
    text
}

/// What was sent before a signature that stands last, where all parameters came in one text.
fn as_sent<'a>(query: &'a str, form: &'a str) -> Option<&'a str> {
    let ((text, "") | ("", text)) = (query, form) else {
        return None;
    };
    let (before, signature) = text.rsplit_once("&signature=")?;
    (!signature.contains('&')).then_some(before)
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

/// The last instant at which the request is taken: the end of the window, or `expires` where it says more.
fn last_instant(pairs: &[(Vec<u8>, Vec<u8>)], time_stamp: &[u8], clock: Clock) -> Result<i64, Rejection> {
    let signed_at = seconds(time_stamp).ok_or(Rejection::Malformed(
        "time_stamp is not a time such as 2024-03-01T00:00:00Z",
    ))?;
    let expires = match pairs.iter().find(|(name, _)| name == b"expires") {
        None => return clock.last(signed_at),
        Some((_, value)) => seconds(value).ok_or(Rejection::Malformed(
            "expires is not a time such as 2024-03-01T00:00:00Z",
        ))?,
    };
    let Some(window) = clock.window.map(i64::from) else {
        return Ok(i64::MAX);
    };
    let last = expires.min(signed_at.saturating_add(MAX_EXPIRES));
    if clock.now > last || signed_at.saturating_sub(window) > clock.now {
        return Err(Rejection::Expired);
    }
    Ok(last)
}

fn seconds(text: &[u8]) -> Option<i64> {
    // The signature's own shape only: a zone is named, and it is UTC.
    if text.last() != Some(&b'Z') {
        return None;
    }
    let instant = parse_instant(text, &TimeRules::default()).ok()?;
    Some(instant.div_euclid(1_000_000))
}
