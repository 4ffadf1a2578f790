//! What holds for every signature: the recorded vectors, sign then verify, and no change goes unseen.

use proptest::prelude::*;

use super::*;

const NOW: i64 = 1_551_113_065;
const CLOCK: Clock = Clock {
    now: NOW,
    window: Some(300),
};
const ID: &str = "QYACCESSKEYIDEXAMPLE";
const SECRET: &str = "SECRETACCESSKEY";

fn keys() -> Keys {
    let mut key = Key::new(ID, Secret::new(SECRET));
    key.sha1 = true;
    key.token = Some(Secret::new("t0k3n"));
    let mut plain = Key::new("OTHER", Secret::new("another"));
    plain.sha1 = false;
    Keys::new(vec![key, plain]).unwrap()
}

fn at(iso: &str) -> Clock {
    let rules = billfold_core::time::TimeRules::default();
    Clock {
        now: billfold_core::time::parse_instant(iso.as_bytes(), &rules).unwrap() / 1_000_000,
        window: Some(300),
    }
}

fn encoded(text: &str) -> String {
    let mut into = String::new();
    percent_encode(text.as_bytes(), &mut into);
    into
}

fn query(parameters: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = parameters
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect();
    pairs.join("&")
}

fn get<'a>(path: &'a str, query: &'a str, headers: &'a [(String, String)]) -> Seen<'a> {
    Seen {
        method: "GET",
        path,
        query,
        headers,
        body: b"",
    }
}

/// api.md's parameters of a GetChargeSums call.
fn charge_sums(method: &'static str) -> Vec<(&'static str, &'static str)> {
    vec![
        ("access_key_id", ID),
        ("action", "GetChargeSums"),
        ("duration", "daily"),
        ("end_time", "2019-03-31T15:59:59.999Z"),
        ("group_by.1", "resource_type"),
        ("group_by.2", "zone_id"),
        ("signature_method", method),
        ("signature_version", "1"),
        ("start_time", "2019-02-28T16:00:00.000Z"),
        ("time_stamp", "2019-04-01T00:00:00Z"),
        ("user.1", "usr-abcd1234"),
        ("version", "1"),
        ("zone.1", "gd2"),
    ]
}

#[test]
fn the_vendors_own_vector_is_reproduced() {
    let parameters = [
        ("count", "1"),
        ("vxnets.1", "vxnet-0"),
        ("zone", "pek3a"),
        ("instance_type", "small_b"),
        ("signature_version", "1"),
        ("signature_method", "HmacSHA256"),
        ("instance_name", "demo"),
        ("image_id", "centos64x86a"),
        ("login_mode", "passwd"),
        ("login_passwd", "QingCloud20130712"),
        ("version", "1"),
        ("access_key_id", "QYACCESSKEYIDEXAMPLE"),
        ("action", "RunInstances"),
        ("time_stamp", "2013-08-27T14:30:10Z"),
    ];
    assert_eq!(
        qingcloud::sign(
            "GET",
            "/iaas/",
            &parameters,
            &Secret::new(SECRET),
            Method::HmacSha256
        ),
        "byjccvWIvAftaq+oublemagH3bYAlDWxxLFAzAsyslw="
    );
}

#[test]
fn recorded_calls_of_both_methods_and_verbs_are_reproduced() {
    for (verb, method, expected) in [
        (
            "GET",
            Method::HmacSha256,
            "SewRximUqDuQKbvDDjhNcaKfGy17ta52LOfAyIzrS/w=",
        ),
        ("GET", Method::HmacSha1, "ddJXeZkX+NCh9DG9YtJdvHCDOlw="),
        (
            "POST",
            Method::HmacSha256,
            "znLfoq0TilIJg/muNaONGukuW1UDWmoMOu7wcYftzIs=",
        ),
        ("POST", Method::HmacSha1, "2nTdypFc8f3oOVa25Eo0mLDwqXY="),
    ] {
        let parameters = charge_sums(method.as_str());
        let signature = qingcloud::sign(verb, "/iaas/", &parameters, &Secret::new(SECRET), method);
        assert_eq!(signature, expected, "{verb} {method:?}");
        let sent = format!("{}&signature={}", query(&parameters), encoded(&signature));
        let (query, body) = if verb == "GET" {
            (sent.as_str(), "")
        } else {
            ("", sent.as_str())
        };
        let seen = Seen {
            method: verb,
            path: "/iaas/",
            query,
            headers: &[],
            body: body.as_bytes(),
        };
        let verified = qingcloud::verify(&seen, &keys(), at("2019-04-01T00:00:10Z")).unwrap();
        assert_eq!(verified.key.id, ID);
    }
}

#[test]
fn m05_a_signing_time_is_taken_up_to_the_window_and_no_further() {
    let parameters = charge_sums("HmacSHA256");
    let signature = qingcloud::sign(
        "GET",
        "/iaas/",
        &parameters,
        &Secret::new(SECRET),
        Method::HmacSha256,
    );
    let sent = format!("{}&signature={}", query(&parameters), encoded(&signature));
    let seen = get("/iaas/", &sent, &[]);
    let verify = |clock| qingcloud::verify(&seen, &keys(), clock).map(|v| v.key.id.clone());
    for (now, expected) in [
        ("2019-04-01T00:05:00Z", Ok(ID.to_owned())),
        ("2019-04-01T00:05:01Z", Err(Rejection::Expired)),
        ("2019-03-31T23:55:00Z", Ok(ID.to_owned())),
        ("2019-03-31T23:54:59Z", Err(Rejection::Expired)),
    ] {
        assert_eq!(verify(at(now)), expected, "{now}");
    }
    let any = Clock {
        now: NOW,
        window: None,
    };
    assert!(verify(any).is_ok());
}

#[test]
fn expires_moves_the_end_of_the_window_by_an_hour_at_most() {
    let mut parameters = charge_sums("HmacSHA256");
    parameters.push(("expires", "2019-04-01T09:00:00Z"));
    let signature = qingcloud::sign(
        "GET",
        "/iaas/",
        &parameters,
        &Secret::new(SECRET),
        Method::HmacSha256,
    );
    let sent = format!("{}&signature={}", query(&parameters), encoded(&signature));
    let seen = get("/iaas/", &sent, &[]);
    assert!(qingcloud::verify(&seen, &keys(), at("2019-04-01T01:00:00Z")).is_ok());
    let late = qingcloud::verify(&seen, &keys(), at("2019-04-01T01:00:01Z"));
    assert_eq!(late.unwrap_err(), Rejection::Expired);
}

#[test]
fn m03_an_unknown_key_and_a_wrong_signature_are_told_alike() {
    let parameters = charge_sums("HmacSHA256");
    let clock = at("2019-04-01T00:00:00Z");
    let outcome = |parameters: &[(&str, &str)], secret: &str, change: &dyn Fn(String) -> String| {
        let signature = qingcloud::sign(
            "GET",
            "/iaas/",
            parameters,
            &Secret::new(secret),
            Method::HmacSha256,
        );
        let sent = format!("{}&signature={}", query(parameters), encoded(&change(signature)));
        qingcloud::verify(&get("/iaas/", &sent, &[]), &keys(), clock).map(|v| v.key.id.clone())
    };
    let same = |text: String| text;
    assert_eq!(outcome(&parameters, SECRET, &same), Ok(ID.to_owned()));
    assert_eq!(outcome(&parameters, "guess", &same), Err(Rejection::Wrong));
    let mut unknown = parameters.clone();
    unknown[0].1 = "NOBODY";
    assert_eq!(outcome(&unknown, SECRET, &same), Err(Rejection::Wrong));
    for change in [
        (|text: String| text[..10].to_owned()) as fn(String) -> String,
        |text| text.to_lowercase(),
        |text| text + "A",
        |text| text.replace('=', ""),
        |_| "=".to_owned(),
    ] {
        assert_eq!(outcome(&parameters, SECRET, &change), Err(Rejection::Wrong));
    }
    assert_eq!(
        outcome(&parameters, SECRET, &|_| String::new()),
        Err(Rejection::Unsigned("signature"))
    );
}

#[test]
fn m07_sha1_is_taken_from_a_key_that_allows_it_and_from_no_other() {
    let clock = at("2019-04-01T00:00:00Z");
    let mut parameters = charge_sums("HmacSHA1");
    parameters[0].1 = "OTHER";
    let signature = qingcloud::sign(
        "GET",
        "/iaas/",
        &parameters,
        &Secret::new("another"),
        Method::HmacSha1,
    );
    let sent = format!("{}&signature={}", query(&parameters), encoded(&signature));
    let seen = get("/iaas/", &sent, &[]);
    assert_eq!(
        qingcloud::verify(&seen, &keys(), clock).unwrap_err(),
        Rejection::Wrong
    );
    let none = Keys::new(vec![Key::new("OTHER", Secret::new("another"))]).unwrap();
    let told = qingcloud::verify(&seen, &none, clock).unwrap_err();
    assert!(matches!(told, Rejection::Malformed(text) if text.contains("HmacSHA1")));
}

#[test]
fn m08_every_missing_field_of_a_signature_is_told_and_none_makes_a_call_unsigned() {
    let clock = at("2019-04-01T00:00:00Z");
    let parameters = charge_sums("HmacSHA256");
    for field in [
        "access_key_id",
        "signature_method",
        "signature_version",
        "time_stamp",
    ] {
        let fewer: Vec<(&str, &str)> = parameters
            .iter()
            .copied()
            .filter(|(name, _)| *name != field)
            .collect();
        let signature = qingcloud::sign("GET", "/iaas/", &fewer, &Secret::new(SECRET), Method::HmacSha256);
        let sent = format!("{}&signature={}", query(&fewer), encoded(&signature));
        let told = qingcloud::verify(&get("/iaas/", &sent, &[]), &keys(), clock).unwrap_err();
        assert_eq!(told, Rejection::Unsigned(field));
    }
    let unsigned = query(&parameters);
    let told = qingcloud::verify(&get("/iaas/", &unsigned, &[]), &keys(), clock).unwrap_err();
    assert_eq!(told, Rejection::Unsigned("signature"));
}

#[test]
fn version_2_goes_with_the_token_of_the_key() {
    let clock = at("2019-04-01T00:00:00Z");
    for (token, expected) in [("t0k3n", Ok(ID.to_owned())), ("t0k3", Err(Rejection::Wrong))] {
        let mut parameters = charge_sums("HmacSHA256");
        parameters[7].1 = "2";
        parameters.push(("token", token));
        let signature = qingcloud::sign(
            "GET",
            "/iam/",
            &parameters,
            &Secret::new(SECRET),
            Method::HmacSha256,
        );
        let sent = format!("{}&signature={}", query(&parameters), encoded(&signature));
        let outcome = qingcloud::verify(&get("/iam/", &sent, &[]), &keys(), clock).map(|v| v.key.id.clone());
        assert_eq!(outcome, expected);
    }
}

#[test]
fn a_query_signed_as_it_was_sent_is_taken_too() {
    // Clients of the family exist that sign the names unescaped and blanks as they stand.
    let clock = at("2019-04-01T00:00:00Z");
    let raw = format!(
        "zone[0]=gd2&user=a+b&access_key_id={ID}&signature_method=HmacSHA256&signature_version=1&time_stamp=2019-04-01T00:00:00Z"
    );
    let text = format!("GET\n/iaas\n{raw}");
    let signature = Method::HmacSha256.sign(&Secret::new(SECRET), text.as_bytes());
    let sent = format!("{raw}&signature={}", encoded(&signature));
    assert!(qingcloud::verify(&get("/iaas", &sent, &[]), &keys(), clock).is_ok());
    // As sent means all of it: a form beside the query is no part of that text.
    let with_form = Seen {
        method: "POST",
        body: b"zone.1=x",
        ..get("/iaas", &sent, &[])
    };
    assert!(qingcloud::verify(&with_form, &keys(), clock).is_err());
}

fn tc3_headers(host: &str, timestamp: i64) -> Vec<(String, String)> {
    [
        ("host", host),
        ("content-type", "application/json"),
        ("x-tc-action", "DescribeCostSummaryByResource"),
        ("x-tc-timestamp", &timestamp.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

fn tc3_signed(body: &[u8], timestamp: i64, names: &[&str]) -> Vec<(String, String)> {
    let mut headers = tc3_headers("127.0.0.1:8080", timestamp);
    let seen = tc3_seen(&headers, body);
    let line = tc3::authorization(&seen, ID, &Secret::new(SECRET), &timestamp.to_string(), names).unwrap();
    headers.push(("authorization".to_owned(), line));
    headers
}

fn tc3_seen<'a>(headers: &'a [(String, String)], body: &'a [u8]) -> Seen<'a> {
    Seen {
        method: "POST",
        path: "/",
        query: "",
        headers,
        body,
    }
}

fn tc3_outcome(headers: &[(String, String)], body: &[u8]) -> Result<String, Rejection> {
    tc3::verify(&tc3_seen(headers, body), &keys(), CLOCK).map(|v| v.key.id.clone())
}

#[test]
fn m05_a_tc3_time_is_taken_within_299_seconds_and_refused_at_301() {
    for (timestamp, expected) in [
        (NOW + 299, Ok(ID.to_owned())),
        (NOW - 299, Ok(ID.to_owned())),
        (NOW + 301, Err(Rejection::Expired)),
        (NOW - 301, Err(Rejection::Expired)),
    ] {
        let headers = tc3_signed(b"{}", timestamp, &["content-type", "host"]);
        assert_eq!(tc3_outcome(&headers, b"{}"), expected, "{}", timestamp - NOW);
    }
    for bad in [
        "",
        "now",
        "1e9",
        "+1551113065",
        "9223372036854775807",
        "9223372036854775808",
        "-1",
        "01551113065",
    ] {
        let mut headers = tc3_signed(b"{}", NOW, &["content-type", "host"]);
        headers[3].1 = bad.to_owned();
        assert!(tc3_outcome(&headers, b"{}").is_err(), "{bad}");
    }
    let mut headers = tc3_signed(b"{}", NOW, &["content-type", "host"]);
    headers[4].1 = headers[4].1.replace("2019-02-25", "2019-02-26");
    assert!(matches!(
        tc3_outcome(&headers, b"{}"),
        Err(Rejection::Malformed(_))
    ));
}

#[test]
fn m04_a_signed_header_left_out_twice_or_in_another_order_is_refused() {
    let names = ["content-type", "host", "x-tc-action"];
    let signed = tc3_signed(b"{}", NOW, &names);
    assert_eq!(tc3_outcome(&signed, b"{}"), Ok(ID.to_owned()));
    assert_eq!(tc3_outcome(&signed, b"{ }"), Err(Rejection::Wrong));
    for index in 0..signed.len() {
        let mut fewer = signed.clone();
        fewer.remove(index);
        assert!(tc3_outcome(&fewer, b"{}").is_err(), "without {}", signed[index].0);
        let mut twice = signed.clone();
        twice.push(signed[index].clone());
        assert!(tc3_outcome(&twice, b"{}").is_err(), "twice {}", signed[index].0);
    }
    let change = |from: &str, to: &str| {
        let mut headers = signed.clone();
        headers[4].1 = headers[4].1.replace(from, to);
        tc3_outcome(&headers, b"{}")
    };
    for (from, to) in [
        ("content-type;host;x-tc-action", "host;content-type;x-tc-action"),
        ("content-type;host;x-tc-action", "content-type;host"),
        ("content-type;host;x-tc-action", "x-tc-action"),
        (
            "content-type;host;x-tc-action",
            "content-type;host;x-tc-action;x-tc-action",
        ),
        (
            "content-type;host;x-tc-action",
            "content-type;host;x-tc-action;zzz",
        ),
        ("content-type;host;x-tc-action", "Content-Type;Host;X-TC-Action"),
        ("TC3-HMAC-SHA256", "TC3-HMAC-SHA1"),
        ("/billing/", "/cvm/"),
        ("/tc3_request", "/tc3_request/x"),
        (ID, "NOBODY"),
        (ID, "OTHER"),
        ("Signature=", "Signature="),
    ] {
        assert_eq!(change(from, to).is_ok(), from == to, "{from} {to}");
    }
    let mut upper = signed.clone();
    let (head, signature) = upper[4].1.rsplit_once('=').unwrap();
    upper[4].1 = format!("{head}={}", signature.to_uppercase());
    assert_eq!(tc3_outcome(&upper, b"{}"), Err(Rejection::Wrong));
}

#[test]
fn a_body_that_is_not_signed_is_taken_from_a_key_that_allows_it() {
    let mut headers = tc3_headers("127.0.0.1:8080", NOW);
    headers.push(("x-tc-content-sha256".to_owned(), "UNSIGNED-PAYLOAD".to_owned()));
    let seen = tc3_seen(&headers, b"UNSIGNED-PAYLOAD");
    let names = ["content-type", "host"];
    let line = tc3::authorization(&seen, ID, &Secret::new(SECRET), &NOW.to_string(), &names).unwrap();
    headers.push(("authorization".to_owned(), line));
    assert!(matches!(
        tc3_outcome(&headers, b"{}"),
        Err(Rejection::Malformed(_))
    ));
    let mut key = Key::new(ID, Secret::new(SECRET));
    key.unsigned_payload = true;
    let keys = Keys::new(vec![key]).unwrap();
    assert!(tc3::verify(&tc3_seen(&headers, b"{}"), &keys, CLOCK).is_ok());
}

#[test]
fn the_recorded_form_of_the_older_tencent_signature_verifies() {
    // The recorded call of the Python package; its secret is that of the recording.
    let form = "BeginTime=2018-11&EndTime=2018-11&Limit=1&Offset=0&Conditions.RegionIds.0=1\
        &Action=DescribeCostSummaryByResource&Nonce=5478398699790857644&Timestamp=1551113065\
        &Version=2018-07-09&SecretId=QYACCESSKEYIDEXAMPLE&SignatureMethod=HmacSHA256&Language=zh-CN";
    let decoded: Vec<(String, String)> = pairs(form)
        .unwrap()
        .into_iter()
        .map(|(n, v)| (String::from_utf8(n).unwrap(), String::from_utf8(v).unwrap()))
        .collect();
    let parameters: Vec<(&str, &str)> = decoded.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let signature = tencent_form::sign(
        "POST",
        "127.0.0.1:1",
        "/",
        &parameters,
        &Secret::new(SECRET),
        Method::HmacSha256,
    );
    let body = format!("{form}&Signature={}", encoded(&signature));
    let headers = [("host".to_owned(), "127.0.0.1:1".to_owned())];
    let seen = Seen {
        method: "POST",
        path: "/",
        query: "",
        headers: &headers,
        body: body.as_bytes(),
    };
    assert!(tencent_form::verify(&seen, &keys(), CLOCK).is_ok());
    // Unescaped, a value with & would read like two parameters.
    let joined = body.replace("&EndTime=", "%26EndTime%3D");
    let seen = Seen {
        body: joined.as_bytes(),
        ..seen
    };
    assert!(matches!(
        tencent_form::verify(&seen, &keys(), CLOCK),
        Err(Rejection::Malformed(_))
    ));
}

fn word() -> impl Strategy<Value = String> {
    // Names of parameters, none of the signature's own.
    "[a-z]{1,4}(\\.[0-9]{1,2})?".prop_map(|name| format!("p{name}"))
}

fn value() -> impl Strategy<Value = String> {
    "[ -~é中]{0,12}"
}

/// Replaces one character of a text by another.
fn changed(text: &str, at: usize) -> String {
    let at = at % text.chars().count().max(1);
    let mut chars: Vec<char> = text.chars().collect();
    match chars.get_mut(at) {
        Some(c) => *c = if *c == 'x' { 'y' } else { 'x' },
        None => chars.push('x'),
    }
    chars.into_iter().collect()
}

proptest! {
    #[test]
    fn p32_qingcloud_what_is_signed_verifies_and_any_change_is_refused(
        extra in proptest::collection::vec((word(), value()), 0..6),
        post in any::<bool>(),
        sha1 in any::<bool>(),
        which in any::<usize>(),
        at_char in any::<usize>(),
    ) {
        let method = if sha1 { Method::HmacSha1 } else { Method::HmacSha256 };
        let verb = if post { "POST" } else { "GET" };
        let mut parameters: Vec<(&str, &str)> = extra.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        parameters.extend(charge_sums(method.as_str()));
        let signature = qingcloud::sign(verb, "/iaas/", &parameters, &Secret::new(SECRET), method);
        parameters.push(("signature", &signature));
        let clock = at("2019-04-01T00:00:00Z");
        let outcome = |verb: &str, path: &str, parameters: &[(&str, &str)], keys: &Keys, clock: Clock| {
            let sent = query(parameters);
            let (query, body) = if verb == "POST" { ("", sent.as_str()) } else { (sent.as_str(), "") };
            let seen = Seen { method: verb, path, query, headers: &[], body: body.as_bytes() };
            qingcloud::verify(&seen, keys, clock).is_ok()
        };
        prop_assert!(outcome(verb, "/iaas/", &parameters, &keys(), clock));
        // Each part once: method, path, a name, a value, a parameter more or less, the key, the time.
        let refused = !outcome(if post { "GET" } else { "POST" }, "/iaas/", &parameters, &keys(), clock);
        prop_assert!(refused);
        prop_assert!(!outcome(verb, &changed("/iaas/", at_char), &parameters, &keys(), clock));
        let index = which % parameters.len();
        let (name, value) = parameters[index];
        let (other_name, other_value) = (changed(name, at_char), changed(value, at_char));
        let mut other = parameters.clone();
        other[index] = (&other_name, value);
        prop_assert!(!outcome(verb, "/iaas/", &other, &keys(), clock), "{name} renamed");
        other[index] = (name, &other_value);
        prop_assert!(!outcome(verb, "/iaas/", &other, &keys(), clock), "{name} changed");
        other.remove(index);
        prop_assert!(!outcome(verb, "/iaas/", &other, &keys(), clock), "{name} left out");
        let mut other = parameters.clone();
        other.insert(index, ("zone.2", "pek3a"));
        prop_assert!(!outcome(verb, "/iaas/", &other, &keys(), clock));
        let other_key = Keys::new(vec![Key { sha1: true, ..Key::new(ID, Secret::new("guess")) }]).unwrap();
        prop_assert!(!outcome(verb, "/iaas/", &parameters, &other_key, clock));
        let refused = !outcome(verb, "/iaas/", &parameters, &keys(), Clock { now: clock.now + 301, ..clock });
        prop_assert!(refused);
    }

    #[test]
    fn p32_tc3_what_is_signed_verifies_and_any_change_is_refused(
        body in proptest::collection::vec(any::<u8>(), 1..64),
        action in any::<bool>(),
        at_char in any::<usize>(),
    ) {
        let names: &[&str] = if action { &["content-type", "host", "x-tc-action"] } else { &["content-type", "host"] };
        let headers = tc3_signed(&body, NOW, names);
        prop_assert_eq!(tc3_outcome(&headers, &body), Ok(ID.to_owned()));
        for name in names.iter().chain(&["x-tc-timestamp", "authorization"]) {
            let mut other = headers.clone();
            let header = other.iter_mut().find(|(n, _)| n == name).unwrap();
            header.1 = changed(&header.1, at_char);
            prop_assert!(tc3_outcome(&other, &body).is_err(), "{} changed", name);
        }
        let mut other = body.clone();
        let index = at_char % other.len();
        other[index] ^= 1;
        prop_assert_eq!(tc3_outcome(&headers, &other), Err(Rejection::Wrong));
        let outcome = |seen: &Seen<'_>, keys: &Keys, clock| tc3::verify(seen, keys, clock).is_ok();
        let seen = tc3_seen(&headers, &body);
        let refused = !outcome(&Seen { method: "GET", ..seen }, &keys(), CLOCK);
        prop_assert!(refused);
        let refused = !outcome(&Seen { path: "/api/", ..seen }, &keys(), CLOCK);
        prop_assert!(refused);
        let refused = !outcome(&Seen { query: "a=1", ..seen }, &keys(), CLOCK);
        prop_assert!(refused);
        let other_key = Keys::new(vec![Key::new(ID, Secret::new("guess"))]).unwrap();
        prop_assert!(!outcome(&seen, &other_key, CLOCK));
        let refused = !outcome(&seen, &keys(), Clock { now: NOW - 301, ..CLOCK });
        prop_assert!(refused);
    }

    #[test]
    fn p32_tencent_form_what_is_signed_verifies_and_any_change_is_refused(
        extra in proptest::collection::vec((word(), "[ -%'-~é中]{0,12}"), 0..6),
        sha1 in any::<bool>(),
        which in any::<usize>(),
        at_char in any::<usize>(),
    ) {
        let method = if sha1 { Method::HmacSha1 } else { Method::HmacSha256 };
        let now = NOW.to_string();
        let mut parameters: Vec<(&str, &str)> = extra.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        parameters.extend([
            ("Action", "DescribeCostSummaryByResource"),
            ("Nonce", "7"),
            ("SecretId", ID),
            ("SignatureMethod", method.as_str()),
            ("Timestamp", &now),
        ]);
        let signature =
            tencent_form::sign("POST", "127.0.0.1:1", "/", &parameters, &Secret::new(SECRET), method);
        parameters.push(("Signature", &signature));
        let headers = [("host".to_owned(), "127.0.0.1:1".to_owned())];
        let outcome = |headers: &[(String, String)], path: &str, parameters: &[(&str, &str)]| {
            let body = query(parameters);
            let seen = Seen { method: "POST", path, query: "", headers, body: body.as_bytes() };
            tencent_form::verify(&seen, &keys(), CLOCK).is_ok()
        };
        prop_assert!(outcome(&headers, "/", &parameters));
        prop_assert!(!outcome(&[("host".to_owned(), "127.0.0.1:2".to_owned())], "/", &parameters));
        prop_assert!(!outcome(&headers, "/x", &parameters));
        let index = which % parameters.len();
        let (name, value) = parameters[index];
        let (other_name, other_value) = (changed(name, at_char), changed(value, at_char));
        let mut other = parameters.clone();
        other[index] = (&other_name, value);
        prop_assert!(!outcome(&headers, "/", &other), "{name} renamed");
        other[index] = (name, &other_value);
        prop_assert!(!outcome(&headers, "/", &other), "{name} changed");
        other.remove(index);
        prop_assert!(!outcome(&headers, "/", &other), "{name} left out");
    }
}
