//! `billfold gen`: a seeded bill to try things on, as the testkit writes it.
//!
//! Here the options become the testkit's; what is in a bill and how a file looks is decided there.

use std::io::{self, Write as _};

use billfold_core::error::Printable;
use billfold_core::money::Currency;
use billfold_core::{Error, Result};
use billfold_testkit::{
    BillSpec, Carrier, Compression, Format, Mix, Order, OutputSpec, Provider, write_bill,
};

use crate::args::GenArgs;
use crate::fault::Exit;
use crate::io::Io;
use crate::sink::{NewFile, Target, Watched};
use crate::usage;

/// Most decimals that the generator's arithmetic has.
const MAX_SCALE: u8 = 28;

/// Runs the command.
pub(crate) fn run(args: &GenArgs, io: &mut Io<'_>) -> Result<Exit> {
    let output = output(args)?;
    let bill = bill(args, output.format)?;
    let path = args.output.output.as_deref();
    let target = path.map_or(Ok(Target::Stdout), |path| Target::new(path, args.output.force))?;
    if target != Target::Stdout {
        let mut file = NewFile::create(&target)?;
        write_bill(&bill, &output, &mut file).map_err(|e| failed(&e))?;
        return file.finish().map(|()| Exit::Done);
    }
    let is_text = output.carrier != Carrier::Parquet && output.compression == Compression::None;
    if io.stdout_is_terminal && !is_text {
        return Err(usage("a terminal cannot show this file").hint("write it with --output FILE, or pipe it"));
    }
    let mut out = Watched::new(&mut *io.stdout);
    let written = write_bill(&bill, &output, &mut out).and_then(|()| out.flush());
    match written {
        Err(e) if !out.is_broken => Err(failed(&e)),
        _ => Ok(Exit::Done),
    }
}

/// The generator calls options that do not go together invalid input.
fn failed(e: &io::Error) -> Error {
    if e.kind() == io::ErrorKind::InvalidInput {
        return usage(e.to_string());
    }
    Error::io("the bill cannot be written", e)
}

fn output(args: &GenArgs) -> Result<OutputSpec> {
    let name = args.output.output.as_deref().unwrap_or("").to_lowercase();
    let (name, packed) = match name.rsplit_once('.') {
        Some((rest, "gz")) => (rest.to_owned(), Some("gzip")),
        Some((rest, "zst")) => (rest.to_owned(), Some("zstd")),
        _ => (name, None),
    };
    let carrier = match (&args.carrier, name.rsplit_once('.')) {
        (Some(carrier), _) => carrier.as_str(),
        (None, Some((_, ending @ ("json" | "ndjson" | "parquet")))) => ending,
        (None, Some((_, "jsonl"))) => "ndjson",
        (None, _) => "csv",
    };
    let compression = args.compression.as_deref().or(packed).unwrap_or("");
    let invalid = |e: billfold_testkit::SpecError| usage(e.to_string());
    let mut output = OutputSpec::parse(&args.format, carrier, compression).map_err(invalid)?;
    for text in &args.options {
        let (name, value) = name_and_value("--option", text)?;
        output.set(name, value).map_err(invalid)?;
    }
    Ok(output)
}

fn name_and_value<'a>(option: &str, text: &'a str) -> Result<(&'a str, &'a str)> {
    text.split_once('=')
        .ok_or_else(|| usage(format!("{option} `{}` is not NAME=VALUE", Printable(text))))
}

fn bill(args: &GenArgs, format: Format) -> Result<BillSpec> {
    let provider = match args.provider.as_deref() {
        Some("aws") => Provider::Aws,
        Some("qingcloud") => Provider::QingCloud,
        Some(other) => {
            return Err(usage(format!(
                "--provider `{}` is unknown; expected aws or qingcloud",
                Printable(other)
            )));
        }
        None if format == Format::QingcloudRecords => Provider::QingCloud,
        None => Provider::Aws,
    };
    let mut bill = match provider {
        Provider::Aws => BillSpec::new(args.seed),
        Provider::QingCloud => BillSpec::qingcloud(args.seed),
    };
    bill.rows = args.rows;
    if let Some(text) = &args.first_month {
        (bill.first_year, bill.first_month) = first_month(text)?;
    }
    if !args.project.is_empty() {
        bill.project_names.clone_from(&args.project);
    }
    if !args.currency.is_empty() {
        let codes = args.currency.iter().map(|text| {
            Currency::parse(text.as_bytes())
                .map(|code| code.to_string())
                .ok_or_else(|| {
                    usage(format!(
                        "--currency `{}` is not a code such as USD",
                        Printable(text)
                    ))
                })
        });
        bill.currencies = codes.collect::<Result<_>>()?;
    }
    if let Some(text) = &args.scales {
        bill.scales = scales(text)?;
    }
    let numbers = [
        (&mut bill.months, args.months),
        (&mut bill.payers, args.payers),
        (&mut bill.sub_accounts, args.sub_accounts),
        (&mut bill.projects, args.projects),
        (&mut bill.resources, args.resources),
        (&mut bill.max_tags, args.max_tags),
        (&mut bill.null_effective_percent, args.null_effective),
        (&mut bill.hostile_percent, args.hostile),
        (&mut bill.corrections, args.corrections),
        (&mut bill.edges, args.edges),
        (&mut bill.partial_hours, args.partial_hours),
    ];
    for (field, asked) in numbers {
        if let Some(number) = asked {
            *field = number;
        }
    }
    for text in &args.mix {
        set_weight(&mut bill.mix, text)?;
    }
    bill.order = match args.order.as_deref() {
        None | Some("shuffled") => Order::Shuffled,
        Some("by-time") => Order::ByTime,
        Some(other) => {
            return Err(usage(format!(
                "--order `{}` is unknown; expected shuffled or by-time",
                Printable(other)
            )));
        }
    };
    Ok(bill)
}

fn first_month(text: &str) -> Result<(i64, u32)> {
    let parsed = text.split_once('-').and_then(|(year, month)| {
        let digits = |part: &str, n| part.len() == n && part.bytes().all(|b| b.is_ascii_digit());
        (digits(year, 4) && digits(month, 2)).then_some(())?;
        Some((year.parse::<i64>().ok()?, month.parse::<u32>().ok()?))
    });
    // A hundred years of months and a year's commitment stay inside the years that text can name.
    parsed
        .filter(|(year, month)| (1900..=9800).contains(year) && (1..=12).contains(month))
        .ok_or_else(|| {
            usage(format!("--first-month `{}` is not a month", Printable(text)))
                .hint("write 2024-01; the years 1900 to 9800 are known")
        })
}

fn scales(text: &str) -> Result<(u8, u8)> {
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    let range = from.parse().ok().zip(to.parse().ok());
    range
        .filter(|(from, to)| from <= to && *to <= MAX_SCALE)
        .ok_or_else(|| {
            usage(format!(
                "--scales `{}` is not a range of decimals",
                Printable(text)
            ))
            .hint("write 4..11, fewest first, at most 28")
        })
}

fn set_weight(mix: &mut Mix, text: &str) -> Result<()> {
    let (kind, weight) = name_and_value("--mix", text)?;
    let field = match kind {
        "hourly" => &mut mix.hourly,
        "committed" => &mut mix.committed,
        "daily" => &mut mix.daily,
        "monthly" => &mut mix.monthly,
        "yearly" => &mut mix.yearly,
        "commitment" => &mut mix.commitment,
        "refund" => &mut mix.refund,
        "credit" => &mut mix.credit,
        "tax" => &mut mix.tax,
        "zero" => &mut mix.zero,
        _ => {
            return Err(usage(format!("--mix `{}` is not a kind of row", Printable(kind))).hint(
                "write hourly, committed, daily, monthly, yearly, commitment, refund, credit, tax or zero",
            ));
        }
    };
    *field = weight
        .parse()
        .map_err(|_| usage(format!("--mix weight `{}` is not a number", Printable(weight))))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command};
    use clap::Parser as _;

    fn specs(line: &str) -> Result<(BillSpec, OutputSpec)> {
        let words = ["billfold", "gen"].into_iter().chain(line.split_whitespace());
        let Command::Gen(args) = Cli::try_parse_from(words).unwrap().command else {
            panic!("not gen")
        };
        let output = output(&args)?;
        Ok((bill(&args, output.format)?, output))
    }

    #[test]
    fn the_ending_names_carrier_and_compression() {
        let (_, output) = specs("--output a/b.ndjson.GZ").unwrap();
        assert_eq!(
            (output.carrier, output.compression),
            (Carrier::Ndjson, Compression::Gzip)
        );
        let (_, output) = specs("--output a.parquet --compression zstd:3").unwrap();
        assert_eq!(
            (output.carrier, output.compression),
            (Carrier::Parquet, Compression::Zstd)
        );
        let (_, output) = specs("--carrier json").unwrap();
        assert_eq!(
            (output.carrier, output.compression),
            (Carrier::Json, Compression::None)
        );
    }

    #[test]
    fn a_format_brings_its_providers_words() {
        let (bill, _) = specs("--format qingcloud-records --rows 7 --seed 3 --mix tax=5").unwrap();
        assert_eq!(bill.provider, Provider::QingCloud);
        assert_eq!((bill.rows, bill.seed, bill.mix.tax), (7, 3, 5));
        assert_eq!(bill.currencies, ["CNY"]);
    }

    #[test]
    fn what_no_bill_can_be_is_refused() {
        for line in [
            "--format focus-9",
            "--carrier xml",
            "--carrier csv --compression snappy",
            "--option quoting",
            "--option colour=red",
            "--provider acme",
            "--first-month 2024-13",
            "--first-month 24-1",
            "--scales 5..4",
            "--scales 0..29",
            "--currency dollar",
            "--mix fun=1",
            "--mix tax=-1",
            "--order random",
        ] {
            assert!(specs(line).is_err(), "{line}");
        }
    }
}
