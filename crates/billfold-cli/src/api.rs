//! `billfold api`: calls of the vendors' actions, answered from the bill's files without a server.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use billfold_api::{Dialect, Method, WireRequest, WireResponse, actions, answer, end_of_data};
use billfold_core::charge::schema;
use billfold_core::dataset::{Charges, Files};
use billfold_core::error::Printable;

use billfold_core::store::Store;
use billfold_core::{Error, Result};

use crate::answers::settings;
use crate::args::{ApiArgs, WireDialect};
use crate::fault::{Exit, Reporter};
use crate::io::Io;
use crate::request::allow_rejects_of;
use crate::sink::{Target, write_report};
use crate::{lookup, source, usage};

/// Requests that are read at most; a call over the wire has at most ten.
const MAX_REQUEST_BYTES: u64 = 64 << 20;

/// Runs the command.
pub(crate) fn run(args: &ApiArgs, io: &mut Io<'_>, reporter: Reporter) -> Result<Exit> {
    let path = args.output.output.as_deref();
    let target = path.map_or(Ok(Target::Stdout), |path| Target::new(path, args.output.force))?;
    let mut settings = settings(&args.answers)?;
    let (mut options, notes) = source::options(&args.source)?;
    for note in notes {
        reporter.warning(io, &note);
    }
    options.allow_rejects = allow_rejects_of(args.allow_rejects.as_deref(), false)?;
    options.lookups = lookup::load(&args.lookups, settings.zone, args.source.encoding.as_deref())?;
    options.aliases = lookup::aliases(&args.lookups, &[])?;
    options.aliases.check(settings.tag_key.as_deref())?;

    let (requests, paths): (Vec<WireRequest>, &[String]) = if args.batch {
        let text = read_all(std::io::stdin().lock(), "standard input")?;
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let requests = lines
            .map(|line| line_request(line, args))
            .collect::<Result<_>>()?;
        (requests, &args.source.paths)
    } else {
        let [request, paths @ ..] = args.source.paths.as_slice() else {
            return Err(usage("no request"));
        };
        if paths.is_empty() {
            return Err(usage("a request and no bill").hint(
                "write: billfold api 'action=GetChargeSums&duration=total' PATH…; --batch reads requests from standard input",
            ));
        }
        if request == "-" && paths.iter().any(|path| path == "-") {
            return Err(usage("- cannot be the request and the bill"));
        }
        let text = match request.strip_prefix('@') {
            Some(path) => read_file(path)?,
            None if request == "-" => read_all(std::io::stdin().lock(), "standard input")?,
            None => request.clone(),
        };
        (
            vec![wire_request(text.trim(), &headers(&args.header)?, args)],
            paths,
        )
    };
    if args.batch && paths.iter().any(|path| path == "-") {
        return Err(usage(
            "--batch reads the requests from standard input, and - would read the bill from there",
        ));
    }

    // One scan answers any number of questions, and standard input cannot be read twice.
    let store: Arc<Store>;
    let files: Files;
    let charges: &dyn Charges = if args.batch || paths.iter().any(|path| path == "-") {
        let mut keep = settings.store_options();
        keep.columns.push("row_id".to_owned());
        keep.columns.extend(requests.iter().flat_map(grouped_by));
        store = Store::load(paths, options, keep)?;
        if settings.as_of.is_none() {
            // The same for all of them.
            settings.as_of = end_of_data(store.as_ref(), &settings)?;
        }
        store.as_ref()
    } else {
        files = Files::new(paths.to_vec(), options);
        &files
    };
    let mut worst = Exit::Done;
    let mut causes = Vec::new();
    write_report(io, &target, |out| {
        for request in &requests {
            let response = answer(request, charges, &settings);
            out.write_all(&response.body)?;
            out.write_all(b"\n")?;
            if let Some((exit, cause)) = told(&response) {
                worst = if worst == Exit::Done { exit } else { worst };
                causes.extend(cause);
            }
        }
        Ok(())
    })?;
    for cause in causes {
        reporter.warning(io, &cause);
    }
    Ok(worst)
}

/// The columns of the schema that a request groups by, which the actions' own questions need not know.
fn grouped_by(request: &WireRequest) -> Vec<String> {
    let pairs = request.query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .filter(|(name, _)| name.starts_with("group_by"))
        .filter_map(|(_, value)| schema::canonical_name(value))
        .filter(|name| *name != schema::BILLING_CURRENCY)
        .map(str::to_owned)
        .collect()
}

/// The exit of an error, and what the response does not say of it.
fn told(response: &WireResponse) -> Option<(Exit, Option<String>)> {
    let fault = response.fault.as_ref()?;
    let is_said = response.text().contains(&fault.message);
    Some((Exit::of(fault.class), (!is_said).then(|| fault.message.clone())))
}

/// A line of a batch: a request as on the command line, or an object `{"request": …, "headers": {…}}`.
fn line_request(line: &str, args: &ApiArgs) -> Result<WireRequest> {
    let mut known = headers(&args.header)?;
    let line = line.trim();
    if line.starts_with('{')
        && let Ok(serde_json::Value::Object(members)) = serde_json::from_str(line)
        && let Some(request) = members.get("request")
    {
        if let Some(serde_json::Value::Object(more)) = members.get("headers") {
            known.extend(
                more.iter()
                    .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))),
            );
        }
        let text = match request {
            serde_json::Value::String(text) => text.clone(),
            body => body.to_string(),
        };
        return Ok(wire_request(&text, &known, args));
    }
    Ok(wire_request(line, &known, args))
}

fn headers(texts: &[String]) -> Result<Vec<(String, String)>> {
    let header = |text: &String| {
        let at = text.find([':', '=']).filter(|at| *at > 0).ok_or_else(|| {
            usage(format!("--header `{}` is not NAME=VALUE", Printable(text)))
                .hint("write --header X-TC-Action=DescribeCostSummaryByResource")
        })?;
        Ok((text[..at].trim().to_owned(), text[at + 1..].trim().to_owned()))
    };
    texts.iter().map(header).collect()
}

/// A request out of its text: a URL, a path with a query, a body of JSON, or names and values.
fn wire_request(text: &str, headers: &[(String, String)], args: &ApiArgs) -> WireRequest {
    let has = |name: &str| headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
    let mut request = if text.starts_with('{') {
        let is_plcloud = !has("X-TC-Action") && text.contains("\"action\"");
        let dialect = if is_plcloud {
            Dialect::Plcloud
        } else {
            Dialect::Tencent
        };
        WireRequest::post(dialect, "application/json", text)
    } else {
        let (path, query) = located(text);
        let dialect = path
            .and_then(Dialect::of_path)
            .unwrap_or_else(|| dialect_of(query, has("X-TC-Action")));
        let mut request = WireRequest::get(dialect, query);
        if let Some(path) = path {
            path.clone_into(&mut request.path);
        }
        request
    };
    if let Some(dialect) = args.dialect {
        request.dialect = match dialect {
            WireDialect::Qingcloud => Dialect::QingCloud,
            WireDialect::Tencent => Dialect::Tencent,
            WireDialect::Plcloud => Dialect::Plcloud,
        };
        request.path = WireRequest::get(request.dialect, "").path;
    }
    if request.method == Method::Post && has("Content-Type") {
        request.headers.clear();
    }
    request.headers.extend(headers.iter().cloned());
    request
}

/// Path and query of a URL or of a path with a query; no path where there is none.
fn located(text: &str) -> (Option<&str>, &str) {
    let rest = match text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
    {
        Some(rest) => &rest[rest.find(['/', '?']).unwrap_or(rest.len())..],
        None if text.starts_with('/') || text.starts_with('?') => text,
        None => return (None, text),
    };
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let query = query.split('#').next().unwrap_or_default();
    (Some(if path.is_empty() { "/" } else { path }), query)
}

/// Whose action it is; QingCloud's, where nobody's is named, who then says so.
fn dialect_of(query: &str, has_action_header: bool) -> Dialect {
    let named = |name: &str| {
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    };
    if has_action_header || named("Action").is_some() {
        return Dialect::Tencent;
    }
    named("action")
        .and_then(|name| actions().find(|(_, known)| *known == name))
        .map_or(Dialect::QingCloud, |(dialect, _)| dialect)
}

fn read_file(path: &str) -> Result<String> {
    let name: Arc<str> = path.into();
    let file = File::open(path).map_err(|e| Error::io("the request cannot be read", &e).in_source(&name))?;
    read_all(file, path)
}

fn read_all(input: impl Read, name: &str) -> Result<String> {
    let name: Arc<str> = name.into();
    let mut bytes = Vec::new();
    input
        .take(MAX_REQUEST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| Error::io("the request cannot be read", &e).in_source(&name))?;
    if bytes.len() as u64 > MAX_REQUEST_BYTES {
        return Err(Error::limit(
            "limit.request",
            format!("requests have at most {MAX_REQUEST_BYTES} bytes"),
        )
        .in_source(&name));
    }
    String::from_utf8(bytes).map_err(|_| usage("a request is UTF-8").in_source(&name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command};
    use clap::Parser as _;

    fn parsed(text: &str, options: &[&str]) -> WireRequest {
        let words: Vec<&str> = ["billfold", "api", text, "x.csv"]
            .iter()
            .chain(options)
            .copied()
            .collect();
        let Command::Api(args) = Cli::try_parse_from(words).unwrap().command else {
            panic!("not api")
        };
        wire_request(text, &headers(&args.header).unwrap(), &args)
    }

    #[test]
    fn a_request_is_a_url_a_path_a_query_or_a_body() {
        for (text, options, dialect, path, query) in [
            (
                "action=GetChargeSums&duration=total",
                &[][..],
                Dialect::QingCloud,
                "/iaas/",
                "action=GetChargeSums&duration=total",
            ),
            (
                "https://api.shanhe.com/iaas/?action=X",
                &[],
                Dialect::QingCloud,
                "/iaas/",
                "action=X",
            ),
            ("/iaas?action=X#top", &[], Dialect::QingCloud, "/iaas", "action=X"),
            (
                "https://billing.tencentcloudapi.com?Action=X",
                &[],
                Dialect::Tencent,
                "/",
                "Action=X",
            ),
            (
                "Limit=1",
                &["--header", "X-TC-Action: Y"],
                Dialect::Tencent,
                "/",
                "Limit=1",
            ),
            (
                "action=GetConsumptionsByQuery",
                &[],
                Dialect::Plcloud,
                "/api/",
                "action=GetConsumptionsByQuery",
            ),
            (
                "action=Nobodys",
                &["--dialect", "plcloud"],
                Dialect::Plcloud,
                "/api/",
                "action=Nobodys",
            ),
            (
                "{\"Limit\":1}",
                &["--header=X-TC-Action=Y"],
                Dialect::Tencent,
                "/",
                "",
            ),
            ("{\"action\":\"X\"}", &[], Dialect::Plcloud, "/api/", ""),
        ] {
            let request = parsed(text, options);
            assert_eq!(
                (request.dialect, request.path.as_str(), request.query.as_str()),
                (dialect, path, query),
                "{text}"
            );
            assert_eq!(request.method == Method::Post, text.starts_with('{'));
        }
    }
}
