//! The arguments of `sums` as meant: a question, the shape of its answer, and where everything goes.
//!
//! Whatever contradicts itself is refused here, before a file is opened.

use billfold_api::get_charge_sums::{Grouping, Shape};
use billfold_core::Result;
use billfold_core::charge::schema;
use billfold_core::dataset::AllowRejects;
use billfold_core::error::Printable;
use billfold_core::money::Currency;
use billfold_core::query::{ChargeQuery, Dimension, DimensionSource, Filter};
use billfold_core::time::{Window, parse_bound, parse_month, parse_period, parse_weekday, parse_zone};

use crate::args::{AnswerFormat, CsvKind, QuestionArgs, SumsArgs};
use crate::sink::Target;
use crate::usage;

/// What `sums` is to do.
#[derive(Debug)]
pub(crate) struct Request {
    /// The question.
    pub(crate) query: ChargeQuery,
    /// For the API's response: whether the question was grouped.
    pub(crate) shape: Shape,
    /// Shape of the answer.
    pub(crate) format: AnswerFormat,
    /// Who reads the CSV.
    pub(crate) csv: CsvKind,
    /// Decimals of a table.
    pub(crate) places: Option<u8>,
    /// Where the answer goes.
    pub(crate) output: Target,
    /// Where the whole receipt goes.
    pub(crate) receipt: Option<Target>,
    /// Where rejected rows go.
    pub(crate) rejects: Option<Target>,
    /// How many rejected rows still give an answer.
    pub(crate) allow_rejects: AllowRejects,
    /// What is to be said about the arguments.
    pub(crate) notes: Vec<String>,
}

impl Request {
    /// Judges the arguments.
    ///
    /// Errors: usage; a conflict for an output file that exists.
    pub(crate) fn resolve(args: &SumsArgs) -> Result<Self> {
        let format = answer_format(args.format, args.output.output.as_deref())?;
        if args.places.is_some() && format != AnswerFormat::Table {
            return Err(usage("--places rounds tables only; every other format is exact")
                .hint("leave --places out, or use --format table"));
        }
        if args.csv.is_some() && format != AnswerFormat::Csv {
            return Err(usage("--csv says what a CSV answer looks like").hint("add --format csv"));
        }
        let mut notes = Vec::new();
        let (query, shape) = query(args, format, &mut notes)?;

        let force = args.output.force;
        let target = |path: &str| Target::new(path, force);
        let output = args.output.output.as_deref().map_or(Ok(Target::Stdout), target)?;
        let receipt = args.receipt.as_deref().map(target).transpose()?;
        let rejects = args.rejects.as_deref().map(target).transpose()?;
        if rejects == Some(Target::Stdout) {
            return Err(usage("--rejects needs a file: standard output is the answer's"));
        }
        let targets = [Some(&output), receipt.as_ref(), rejects.as_ref()];
        for (i, target) in targets.iter().enumerate() {
            let is_device = matches!(target, Some(Target::Device(_)) | None);
            if !is_device && targets[..i].contains(target) {
                return Err(usage("--output, --receipt and --rejects name one file twice"));
            }
        }

        let allow_rejects = allow_rejects_of(args.allow_rejects.as_deref(), rejects.is_some())?;
        Ok(Request {
            query,
            shape,
            format,
            csv: args.csv.unwrap_or_default(),
            places: args.places,
            output,
            receipt,
            rejects,
            allow_rejects,
            notes,
        })
    }
}

/// The format asked for, or the one that the ending of the output file names.
fn answer_format(asked: Option<AnswerFormat>, output: Option<&str>) -> Result<AnswerFormat> {
    if let Some(format) = asked {
        return Ok(format);
    }
    let ending = output
        .map(std::path::Path::new)
        .and_then(|path| path.extension())
        .map(|ending| ending.to_string_lossy().to_lowercase());
    match ending.as_deref() {
        None | Some("txt") => Ok(AnswerFormat::Table),
        Some("csv") => Ok(AnswerFormat::Csv),
        Some("json") => Ok(AnswerFormat::Json),
        Some("ndjson" | "jsonl") => Ok(AnswerFormat::Ndjson),
        Some("parquet") => Ok(AnswerFormat::Parquet),
        Some("arrow" | "ipc" | "feather") => Ok(AnswerFormat::Arrow),
        Some(other) => Err(
            usage(format!("no format is known by the ending .{}", Printable(other)))
                .hint("add --format table, csv, json, ndjson, parquet, arrow or api"),
        ),
    }
}

fn query(args: &SumsArgs, format: AnswerFormat, notes: &mut Vec<String>) -> Result<(ChargeQuery, Shape)> {
    let mut shape = Shape::Grouped;
    let mut query = question(&args.question, &args.duration, notes, |query| {
        if query.by.is_empty() && format == AnswerFormat::Api {
            let grouping = Grouping::parse::<&str>(&[])?;
            (query.by, shape) = (grouping.by, grouping.shape);
        }
        Ok(())
    })?;
    query.order = args.sort.parse()?;
    query.top = args.top;
    query.offset = args.offset;
    query.limit = args.limit;
    query.fill = args.fill;
    Ok((query, shape))
}

/// A question without its order; `regroup` may change the dimensions before `--set` names their sources.
pub(crate) fn question(
    args: &QuestionArgs,
    duration: &str,
    notes: &mut Vec<String>,
    regroup: impl FnOnce(&mut ChargeQuery) -> Result<()>,
) -> Result<ChargeQuery> {
    let mut query = ChargeQuery::total();
    query.granularity = duration.parse()?;
    query.zone = parse_zone(&args.timezone)?;
    query.week_start = parse_weekday(&args.week_start)?;
    query.fiscal_start = parse_month(&args.fiscal_start)?;
    query.window = match &args.window.period {
        Some(period) => parse_period(period, query.calendar())?,
        None => {
            let bound = |text: &String| parse_bound(text, query.zone);
            Window::new(
                args.window.start.as_ref().map(bound).transpose()?,
                args.window.end.as_ref().map(bound).transpose()?,
            )?
        }
    };
    query.clock = args.window.clock.parse()?;
    query.metric = args.window.metric.parse()?;
    query.allocation = args.allocate.parse()?;
    query.filter = Filter::parse_all(args.filter.iter().map(String::as_str))?;
    if !args.by.is_empty() {
        query.by = Dimension::parse_list(&args.by.join(","))?;
    }
    regroup(&mut query)?;
    apply_sets(&mut query, &args.set, notes)?;
    Ok(query)
}

/// `--set NAME=SOURCE`, all at once: none of them reads what another one wrote.
fn apply_sets(query: &mut ChargeQuery, texts: &[String], notes: &mut Vec<String>) -> Result<()> {
    let (known, default_currency) = sets(texts)?;
    query.default_currency = default_currency;
    for (name, source) in &known {
        let wanted = DimensionSource::Column(name.clone());
        let conditions = query.filter.conditions.iter().map(|c| &c.dimension);
        if !query.by.iter().chain(conditions).any(|d| d.source == wanted) {
            notes.push(format!(
                "--set {name} changes nothing: the question does not name it"
            ));
        }
        query.set(name, source);
    }
    Ok(())
}

/// Columns with their sources, and the currency of files that name none.
pub(crate) type Sets = (Vec<(String, DimensionSource)>, Option<Currency>);

/// What `--set` gives.
///
/// Errors: usage, for a column given twice, and for one that is read and set.
pub(crate) fn sets(texts: &[String]) -> Result<Sets> {
    let mut known: Vec<(String, DimensionSource)> = Vec::new();
    for text in texts {
        let (name, source) = parse_set(text)?;
        if known.iter().any(|(earlier, _)| *earlier == name) {
            return Err(usage(format!("--set gives {} twice", Printable(&name))));
        }
        known.push((name, source));
    }
    for (_, source) in &known {
        if let DimensionSource::Column(column) = source
            && known.iter().any(|(name, _)| name == column)
        {
            return Err(
                usage(format!("--set reads {} and sets it as well", Printable(column)))
                    .hint("name where the values come from in the files"),
            );
        }
    }
    let at = known
        .iter()
        .position(|(name, _)| name == schema::BILLING_CURRENCY);
    let default_currency = at.map(|at| currency(&known.remove(at).1)).transpose()?;
    Ok((known, default_currency))
}

fn parse_set(text: &str) -> Result<(String, DimensionSource)> {
    let malformed = || {
        usage(format!("--set `{}` is not NAME=SOURCE", Printable(text)))
            .hint("write project_id=tag:team, project_id=user_id or project_id=text:VALUE")
    };
    let (name, source) = text.split_once('=').ok_or_else(malformed)?;
    let DimensionSource::Column(name) = Dimension::parse(name)?.source else {
        return Err(usage(format!(
            "--set cannot give {}: only columns are set",
            Printable(name)
        )));
    };
    let source = match source.strip_prefix("text:") {
        Some(value) => DimensionSource::Text(value.to_owned()),
        None if source.is_empty() => return Err(malformed()),
        None => Dimension::parse(source)?.source,
    };
    Ok((name, source))
}

pub(crate) fn currency(source: &DimensionSource) -> Result<Currency> {
    let code = match source {
        DimensionSource::Text(code) => Currency::parse(code.as_bytes()),
        _ => None,
    };
    code.ok_or_else(|| {
        usage("the currency of files that name none is one code")
            .hint("write --set billing_currency=text:USD")
    })
}

/// `--set billing_currency=text:CODE`, for commands that set nothing else.
pub(crate) fn default_currency(sets: &[String]) -> Result<Option<Currency>> {
    let mut found = None;
    for text in sets {
        let (name, source) = parse_set(text)?;
        if name != schema::BILLING_CURRENCY {
            return Err(usage(format!(
                "--set {} is for sums; here it names the currency",
                Printable(&name)
            ))
            .hint("write --set billing_currency=text:USD"));
        }
        if found.replace(currency(&source)?).is_some() {
            return Err(usage("--set gives billing_currency twice"));
        }
    }
    Ok(found)
}

/// What `--allow-rejects` says; without it any number where `--rejects` takes them, else none.
pub(crate) fn allow_rejects_of(text: Option<&str>, are_written: bool) -> Result<AllowRejects> {
    match (text, are_written) {
        (Some(text), _) => allow_rejects(text),
        (None, true) => Ok(AllowRejects::All),
        (None, false) => Ok(AllowRejects::None),
    }
}

/// `N`, or `P%` with up to four decimals.
fn allow_rejects(text: &str) -> Result<AllowRejects> {
    let malformed = || {
        usage(format!(
            "--allow-rejects `{}` is neither a number nor a percentage",
            Printable(text)
        ))
        .hint("write 10, 1% or 0.25% (at most 4 decimals)")
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let Some(percent) = text.strip_suffix('%') else {
        if text.is_empty() || !digits(text) {
            return Err(malformed());
        }
        return text.parse().map(AllowRejects::Count).map_err(|_| malformed());
    };
    let (whole, fraction) = percent.split_once('.').unwrap_or((percent, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.len() > 4 || !digits(whole) || !digits(fraction) {
        return Err(malformed());
    }
    // 1% is 10,000 in a million, so four decimals are a whole number of them.
    let per_million: u64 = format!("{whole}{fraction:0<4}")
        .parse()
        .map_err(|_| malformed())?;
    if per_million > 1_000_000 {
        return Err(malformed());
    }
    Ok(AllowRejects::PerMillion(per_million))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command};
    use clap::Parser as _;

    fn resolve(line: &str) -> Result<Request> {
        let words = ["billfold", "sums", "x.csv"]
            .into_iter()
            .chain(line.split_whitespace());
        let Command::Sums(args) = Cli::try_parse_from(words).unwrap().command else {
            panic!("not sums")
        };
        Request::resolve(&args)
    }

    #[test]
    fn percentages_are_exact() {
        for (text, expected) in [
            ("0", AllowRejects::Count(0)),
            ("12", AllowRejects::Count(12)),
            ("1%", AllowRejects::PerMillion(10_000)),
            ("0.0001%", AllowRejects::PerMillion(1)),
            ("2.5%", AllowRejects::PerMillion(25_000)),
            ("100%", AllowRejects::PerMillion(1_000_000)),
        ] {
            assert_eq!(allow_rejects(text).unwrap(), expected, "{text}");
        }
        for bad in [
            "",
            "%",
            "-1",
            "+1",
            "1.5",
            ".5%",
            "1.%",
            "0.00001%",
            "101%",
            "x",
            "99999999999999999999999",
        ] {
            assert!(allow_rejects(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_ending_of_the_output_names_the_format() {
        for (ending, format) in [
            ("csv", AnswerFormat::Csv),
            ("JSON", AnswerFormat::Json),
            ("jsonl", AnswerFormat::Ndjson),
            ("parquet", AnswerFormat::Parquet),
            ("arrow", AnswerFormat::Arrow),
            ("txt", AnswerFormat::Table),
        ] {
            assert_eq!(
                answer_format(None, Some(&format!("a/b.{ending}"))).unwrap(),
                format
            );
        }
        assert!(answer_format(None, Some("a.xlsx")).is_err());
        assert_eq!(
            answer_format(Some(AnswerFormat::Json), Some("a.xlsx")).unwrap(),
            AnswerFormat::Json
        );
        assert_eq!(answer_format(None, None).unwrap(), AnswerFormat::Table);
    }

    #[test]
    fn a_set_moves_dimension_and_filter() {
        let request = resolve("--by project_id --filter project=a --set project=tag:team").unwrap();
        let team = DimensionSource::TagKey("team".into());
        assert_eq!(request.query.by[0].source, team);
        assert_eq!(request.query.by[0].name, "project_id");
        assert_eq!(request.query.filter.conditions[0].dimension.source, team);
        assert!(request.notes.is_empty());

        let request = resolve("--by zone_id --set project_id=text:x=y").unwrap();
        assert_eq!(request.notes.len(), 1);

        let request = resolve("--set billing_currency=text:rmb").unwrap();
        assert_eq!(request.query.default_currency, Currency::parse(b"CNY"));
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for line in [
            "--set project_id",
            "--set project_id=",
            "--set tag:x=tag:y",
            "--set billing_currency=text:dollar",
            "--set billing_currency=tag:cur",
            "--set project_id=user_id --set user_id=tag:a",
            "--set project=tag:a --set project_id=tag:b",
            "--places 2 --format csv",
            "--csv spreadsheet",
            "--start 2024-03-01 --end 2024-02-01",
            "--duration fortnightly",
            "--timezone CST",
            "--by a --by a",
            "--output nowhere/at/all.csv",
            "--receipt ./same.json --output same.json",
            "--receipt -",
            "--rejects -",
        ] {
            assert!(resolve(line).is_err(), "{line}");
        }
    }

    #[test]
    fn an_ungrouped_api_question_is_grouped_by_the_root_user() {
        let request = resolve("--format api").unwrap();
        assert_eq!(request.query.by[0].name, "root_user_id");
        assert_eq!(request.shape, Shape::Ungrouped);
        assert_eq!(
            resolve("--format api --by zone_id").unwrap().shape,
            Shape::Grouped
        );
        assert!(resolve("--format json").unwrap().query.by.is_empty());
    }
}
