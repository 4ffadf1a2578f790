//! Catalogue K: hostile strings in our output. What of it concerns the tables of `sums` is tested there.

use crate::support::{Folder, Ran, command, command_of};

/// One of each kind of trouble, as values of a tag.
const HOSTILE: [&str; 16] = [
    "=cmd|'/c calc'!A1",
    "+1+1",
    "@SUM(1)",
    "-2+3",
    "\",\"=1+1",
    "<script>alert(1)</script>",
    "\" onmouseover=alert(1) x=\"",
    "javascript:alert(1)",
    "</script><!--",
    "\u{1b}[2J\u{1b}]52;c;AAAA\u{7}",
    "\u{202e}evil\u{200b}",
    "two\nlines\r\n",
    "王小明😀",
    "|`![x](http://e)`|",
    "_x0041_",
    "total",
];

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// A bill of two months with hostile services, and one row of a negative cost.
fn bill(folder: &Folder) -> String {
    let mut text = String::from("ChargePeriodStart,BilledCost,BillingCurrency,ServiceName\n");
    for (nth, name) in HOSTILE.iter().enumerate() {
        text += &format!("2024-03-01,{}.25,USD,{}\n", nth + 1, quoted(name));
        text += &format!("2024-04-01,-1.23,USD,{}\n", quoted(name));
    }
    for name in ["", "null", "None", "NA"] {
        text += &format!("2024-03-01,1,USD,{}\n", quoted(name));
    }
    folder.put("<b>&'bill'.csv", text)
}

fn report(options: &str) -> (Folder, Ran) {
    let folder = Folder::new();
    let path = bill(&folder);
    let ran = command(
        &format!("report --by service_name {options} {{}}").replace("  ", " "),
        &path,
    );
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    (folder, ran)
}

fn written(file: &str) -> Vec<u8> {
    let folder = Folder::new();
    let path = bill(&folder);
    write_report(&folder, &path, file)
}

fn write_report(folder: &Folder, path: &str, file: &str) -> Vec<u8> {
    let out = folder.path().join(file);
    let args = format!("report --by service_name --output {} {{}}", out.display());
    let ran = command(&args, path);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    std::fs::read(out).unwrap()
}

#[test]
fn k01_k02_a_spreadsheet_runs_no_text_and_keeps_negative_amounts() {
    let (_folder, ran) = report("--format csv --csv spreadsheet");
    for name in ["=cmd", "+1+1", "@SUM(1)", "-2+3"] {
        assert!(
            ran.stdout.contains(&format!(",\"'{name}")) || ran.stdout.contains(&format!("group,\"'{name}")),
            "{name}"
        );
    }
    assert!(ran.stdout.contains(",-1.23,"));
    assert!(!ran.stdout.contains("'-1.23"));
    let (_folder, raw) = report("--format csv");
    assert!(raw.stdout.contains("group,=cmd|'/c calc'!A1,USD,"));
}

#[test]
fn k03_every_line_has_as_many_fields_as_the_header() {
    for kind in ["raw", "spreadsheet"] {
        let (_folder, ran) = report(&format!("--format csv --csv {kind}"));
        let mut n_fields = Vec::new();
        let (mut fields, mut is_quoted) = (1, false);
        for byte in ran.stdout.bytes() {
            match byte {
                b'"' => is_quoted = !is_quoted,
                b',' if !is_quoted => fields += 1,
                b'\n' if !is_quoted => {
                    n_fields.push(fields);
                    fields = 1;
                }
                _ => {}
            }
        }
        // A row per name, four that look like nothing, the header and the total.
        assert_eq!(n_fields.len(), HOSTILE.len() + 4 + 2);
        assert!(n_fields.iter().all(|n| *n == n_fields[0]), "{n_fields:?}");
    }
}

/// The members of a zip, unpacked.
fn members(zip: &[u8]) -> Vec<(String, String)> {
    use std::io::Read as _;
    let mut found = Vec::new();
    let u16_at = |at: usize| usize::from(u16::from_le_bytes([zip[at], zip[at + 1]]));
    let u32_at = |at: usize| u32::from_le_bytes(zip[at..at + 4].try_into().unwrap()) as usize;
    // The central directory: where each member is and how long.
    let end = (0..zip.len() - 21)
        .rev()
        .find(|&at| u32_at(at) == 0x0605_4b50)
        .unwrap();
    let mut at = u32_at(end + 16);
    while u32_at(at) == 0x0201_4b50 {
        let (packed, name_len) = (u32_at(at + 20), u16_at(at + 28));
        let name = String::from_utf8(zip[at + 46..at + 46 + name_len].to_vec()).unwrap();
        let local = u32_at(at + 42);
        let data = local + 30 + u16_at(local + 26) + u16_at(local + 28);
        let mut text = Vec::new();
        match u16_at(at + 10) {
            0 => text.extend_from_slice(&zip[data..data + packed]),
            _ => {
                let mut reader = flate2::read::DeflateDecoder::new(&zip[data..data + packed]);
                reader.read_to_end(&mut text).unwrap();
            }
        }
        found.push((name, String::from_utf8_lossy(&text).into_owned()));
        at += 46 + name_len + u16_at(at + 30) + u16_at(at + 32);
    }
    found
}

#[test]
fn k04_a_workbook_holds_no_formula_and_the_same_bytes_every_time() {
    let folder = Folder::new();
    let path = bill(&folder);
    let first = write_report(&folder, &path, "a.xlsx");
    assert_eq!(first, write_report(&folder, &path, "b.xlsx"));
    let members = members(&first);
    let sheets: Vec<_> = members
        .iter()
        .filter(|(name, _)| name.starts_with("xl/worksheets/sheet"))
        .collect();
    assert_eq!(sheets.len(), 2, "one currency and the receipt");
    for (name, sheet) in &sheets {
        assert!(!sheet.contains("<f>") && !sheet.contains("<f "), "{name}");
    }
    // The printed numbers are the numbers.
    assert!(sheets[0].1.contains("<v>-1.23</v>"));
    let (_, texts) = members
        .iter()
        .find(|(name, _)| name == "xl/sharedStrings.xml")
        .unwrap();
    assert!(
        texts.contains("=cmd|'/c calc'!A1") && texts.contains("_x005F_x0041_"),
        "{texts}"
    );
    assert!(!texts.contains('\u{1b}') && texts.contains("\\x1b"));
    let mut long = String::from("ChargePeriodStart,BilledCost,BillingCurrency,ServiceName\n");
    long += &format!("2024-03-01,1,USD,{}\n", "x".repeat(40_000));
    let path = folder.put("long.csv", long);
    let out = folder.path().join("long.xlsx");
    let ran = command(
        &format!("report --by service_name -o {} {{}}", out.display()),
        &path,
    );
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    let workbook = self::members(&std::fs::read(out).unwrap());
    assert!(workbook.iter().any(|(_, text)| text.contains("… (cut)")));
}

#[test]
fn k05_k06_k07_a_page_obeys_nothing_that_a_bill_says() {
    let page = String::from_utf8(written("a.html")).unwrap();
    let head = page.split("<style>").next().unwrap();
    assert!(head.contains("default-src 'none'; script-src 'sha256-"), "{head}");
    // Two scripts and the data: nothing of the bill opened or ended one.
    assert_eq!(page.matches("<script").count(), 3);
    assert_eq!(page.matches("</script>").count(), 3);
    // What stands outside of the library is searched for what a bill could have brought in.
    let library = page.find("</script><script>").unwrap();
    let ours = &page[..library];
    for trouble in [
        "<script>alert",
        "onmouseover=alert(1) x=\"",
        "<!--",
        "<a ",
        "<img",
        "foreignObject",
        "\u{1b}",
        "\u{202e}",
        "\u{2028}",
        "http://",
        "https://",
        "<b>&'bill'",
    ] {
        assert!(
            !ours.contains(trouble) || trouble == "http://" && !ours.contains("href"),
            "{trouble}"
        );
    }
    assert!(ours.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(ours.contains("&quot; onmouseover=alert(1) x=&quot;"));
    assert!(ours.contains("\\u003c/script\\u003e\\u003c!--"));
    assert!(!ours.contains(" src=") && !ours.contains("@import") && !ours.contains("url("));
}

#[test]
fn k08_k09_k10_k11_a_row_of_a_table_is_one_line_that_steers_nothing() {
    let (_folder, ran) = report("");
    assert!(
        ran.stdout.chars().all(|c| c == '\n' || !c.is_control()),
        "{}",
        ran.stdout
    );
    assert!(!ran.stdout.contains(['\u{202e}', '\u{200b}']));
    assert!(ran.stdout.contains("\\x1b[2J") && ran.stdout.contains("two\\nlines\\r\\n"));
    let (_folder, long) = report("--format markdown");
    assert!(long.stdout.chars().all(|c| c == '\n' || !c.is_control()));
}

#[test]
fn k09_a_thousand_accents_take_the_place_of_one_letter() {
    let folder = Folder::new();
    let zalgo = format!("e{}", "\u{301}".repeat(1_000));
    let family = "👨\u{200d}👩\u{200d}👧";
    let path = folder.put(
        "bill.csv",
        format!(
            "ChargePeriodStart,BilledCost,BillingCurrency,ServiceName\n2024-03-01,1,USD,{zalgo}\n2024-03-01,2,USD,{family}\n2024-03-01,3,USD,plain\n"
        ),
    );
    for args in [
        "report --by service_name --duration total --show none {}",
        "sums --by service_name --sort -cost --places 2 {}",
        "anomalies --by service_name {}",
    ] {
        let ran = command(args, &path);
        assert_eq!(ran.exit, 0, "{}", ran.stderr);
        // Joiners are invisible and shown; nothing is longer than the letters and their escapes.
        assert!(!ran.stdout.contains('\u{200d}'), "{}", ran.stdout);
    }
    // Elsewhere the name is the name.
    let ran = command("report --by service_name --format json {}", &path);
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let names: Vec<_> = document["tables"][0]["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["by"]["service_name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["plain".to_owned(), family.to_owned(), zalgo]);
}

#[test]
fn k11_numbers_stand_below_each_other_beside_wide_letters() {
    use unicode_width::UnicodeWidthStr as _;
    let folder = Folder::new();
    let path = folder.put(
        "bill.csv",
        "ChargePeriodStart,BilledCost,BillingCurrency,ServiceName\n2024-03-01,1.25,USD,王小明\n2024-03-01,100.5,USD,😀\n2024-03-01,3,USD,ｗｉｄｅ\n2024-03-01,3,USD,narrow\n",
    );
    for args in [
        "report --by service_name --duration total --show none {}",
        "report --by service_name --duration total --measure cost {}",
        "forecast --by service_name {}",
        "sums --by service_name {}",
    ] {
        let ran = command(args, &path);
        assert_eq!(ran.exit, 0, "{}", ran.stderr);
        let lines: Vec<&str> = ran.stdout.lines().collect();
        let head = lines
            .iter()
            .position(|line| line.starts_with("service_name"))
            .unwrap();
        let widths: Vec<usize> = lines[head + 1..]
            .iter()
            .take(4)
            .map(|line| line.trim_end().width())
            .collect();
        assert!(
            widths.windows(2).all(|w| w[0] == w[1]),
            "{args}: {widths:?}\n{}",
            ran.stdout
        );
    }
}

#[test]
fn k12_json_is_json() {
    let (_folder, ran) = report("--format json");
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let rows = document["tables"][0]["rows"].as_array().unwrap();
    for name in HOSTILE {
        assert!(
            rows.iter().any(|row| row["by"]["service_name"] == name),
            "{name:?}"
        );
    }
}

#[test]
fn k13_markdown_makes_no_markup() {
    let (_folder, ran) = report("--format markdown");
    assert!(
        ran.stdout.contains("\\|\\`\\!\\[x\\]\\(http&#58;//e\\)\\`\\|"),
        "{}",
        ran.stdout
    );
    assert!(!ran.stdout.contains("<script>"));
}

/// What other programs would run, look up or fill in.
const COMMANDS: [&str; 9] = [
    "'; DROP TABLE charges; --",
    "1' OR '1'='1",
    "*)(uid=*))(|(uid=*",
    "$(touch pwned)",
    "`touch pwned`",
    "%s%s%n%x",
    "{0}{{}}${jndi:ldap://x/a}",
    "{{7*7}}",
    "| touch pwned",
];

#[test]
fn k14_what_other_programs_would_run_is_plain_text() {
    let folder = Folder::new();
    let mut text = String::from("ChargePeriodStart,BilledCost,BillingCurrency,ServiceName\n");
    for (nth, name) in COMMANDS.iter().enumerate() {
        text += &format!("2024-03-01,{}.5,USD,{}\n", nth + 1, quoted(name));
    }
    let path = folder.put("%s $(touch pwned) bill.csv", text);
    let run = |args: &[&str]| {
        let all: Vec<&str> = args.iter().copied().chain([path.as_str()]).collect();
        let ran = command_of(&all);
        assert_eq!(ran.exit, 0, "{args:?}: {}", ran.stderr);
        ran.stdout
    };
    for command in ["sums", "report", "anomalies", "forecast"] {
        let out = run(&[command, "--by", "service_name", "--format", "json"]);
        let document: serde_json::Value = serde_json::from_str(&out).unwrap();
        let all = document.to_string();
        for name in COMMANDS {
            let wanted = serde_json::to_string(name).unwrap();
            // The only day of the bill has no day before it, so nothing is odd about it.
            assert!(
                command == "anomalies" || all.contains(&wanted),
                "{command}: {name}"
            );
        }
    }
    let csv = run(&["report", "--by", "service_name", "--format", "csv"]);
    let table = run(&["report", "--by", "service_name"]);
    let sql = run(&["sql", "select service_name from charges", "--format", "csv"]);
    for name in COMMANDS {
        assert!(csv.contains(&format!("group,{name},")), "{name}: {csv}");
        assert!(table.contains(name) && sql.contains(name), "{name}");
        // As a value of a filter, of a statement and of a parameter it is compared, and nothing else.
        let filter = format!("service_name={}", name.replace('\\', "\\\\").replace(',', "\\,"));
        let one = run(&["sums", "--filter", &filter, "--format", "csv"]);
        assert_eq!(one.lines().count(), 2, "{name}: {one}");
        let statement = format!(
            "select count(*) as n from charges where service_name = '{}'",
            name.replace('\'', "''")
        );
        assert_eq!(run(&["sql", &statement, "--format", "csv"]), "n\n1\n", "{name}");
    }
    let wrong = command_of(&["sums", "%s%n $(touch pwned).csv"]);
    assert!(
        wrong.stderr.contains("%s%n $(touch pwned).csv"),
        "{}",
        wrong.stderr
    );
    assert!(!std::path::Path::new("pwned").exists() && !folder.path().join("pwned").exists());
}

#[test]
fn k04_a_table_longer_than_a_sheet_is_refused_and_control_characters_are_shown() {
    use billfold_report::{Cell, Column, Grid, GridRow, RowKind, xlsx};
    let row = |text: &str| GridRow {
        kind: RowKind::Plain,
        cells: vec![Cell::Text(text.to_owned())],
    };
    let grid = |rows| Grid {
        columns: vec![Column::text("name")],
        rows,
        ..Grid::default()
    };
    let long = grid(vec![row("x"); 1_048_576]);
    let refused = xlsx::write_grid(&long, &mut Vec::new()).unwrap_err();
    assert_eq!(refused.kind().code(), "limit.sheet");
    assert!(refused.hint_text().is_some_and(|hint| hint.contains("csv")));
    let mut bytes = Vec::new();
    let odd: String = (0u8..32).map(char::from).collect();
    xlsx::write_grid(&grid(vec![row(&odd), row("_x0041_"), row("=1+1")]), &mut bytes).unwrap();
    let members = members(&bytes);
    let (_, texts) = members
        .iter()
        .find(|(name, _)| name == "xl/sharedStrings.xml")
        .unwrap();
    assert!(
        texts.chars().all(|c| !c.is_control() || c == '\n' || c == '\r'),
        "{texts:?}"
    );
    assert!(texts.contains("_x005F_x0041_") && texts.contains("=1+1"));
    assert!(members.iter().all(|(_, text)| !text.contains("<f>")));
}

/// The first sheet of a workbook as LibreOffice reads it, in CSV; None where it is not installed.
fn read_by_libreoffice(folder: &Folder, workbook: &std::path::Path) -> Option<String> {
    let program = ["soffice", "libreoffice"].into_iter().find(|name| {
        let there = std::process::Command::new(name).arg("--version").output();
        there.is_ok_and(|output| output.status.success())
    })?;
    let profile = format!("-env:UserInstallation=file://{}/profile", folder.path().display());
    let ran = std::process::Command::new(program)
        .args([&profile, "--headless", "--convert-to", "csv", "--outdir"])
        .arg(folder.path())
        .arg(workbook)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    Some(std::fs::read_to_string(workbook.with_extension("csv")).unwrap())
}

#[test]
fn k04_libreoffice_reads_the_numbers_of_the_report() {
    let folder = Folder::new();
    let path = bill(&folder);
    write_report(&folder, &path, "sheet.xlsx");
    let Some(sheet) = read_by_libreoffice(&folder, &folder.path().join("sheet.xlsx")) else {
        eprintln!("left out: no LibreOffice here to read the workbook");
        return;
    };
    let csv = command(
        "report --by service_name --places 2 --show none --format csv {}",
        &path,
    )
    .stdout;
    // The names are told by their amounts, which are all different: 1.25 to 16.25, and -1.23 beside each.
    for nth in 1..=HOSTILE.len() {
        assert!(csv.contains(&format!(",{nth}.25,-1.23,")), "{csv}");
        assert!(sheet.contains(&format!(",{nth}.25,-1.23,")), "{sheet}");
    }
    assert!(sheet.contains("=cmd|'/c calc'!A1"), "{sheet}");
}

#[test]
fn k15_names_like_total_and_nothing_are_groups_of_their_own() {
    let (_folder, ran) = report("--format csv");
    for line in [
        "group,total,",
        "group,null,",
        "group,None,",
        "group,NA,",
        "group,,",
        "total,,USD,",
    ] {
        assert!(ran.stdout.lines().any(|l| l.starts_with(line)), "{line}");
    }
    let (_folder, table) = report("");
    assert!(table.stdout.contains("\n\"\" "));
}

/// The page as a browser has it after its scripts ran.
fn drawn(path: &std::path::Path) -> Option<String> {
    let browser = ["chromium", "google-chrome"].into_iter().find(|name| {
        let there = std::process::Command::new(name).arg("--version").output();
        there.is_ok_and(|output| output.status.success())
    })?;
    let output = std::process::Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--virtual-time-budget=4000",
            "--dump-dom",
        ])
        .arg(format!("file://{}", path.display()))
        .output()
        .unwrap();
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn k05_a_browser_draws_the_page_and_runs_nothing_of_the_bill() {
    let folder = Folder::new();
    let path = bill(&folder);
    let out = folder.path().join("page.html");
    let ran = command(
        &format!("report --by service_name -o {} {{}}", out.display()),
        &path,
    );
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    let Some(page) = drawn(&out) else {
        eprintln!("left out: no chromium here to look at the page");
        return;
    };
    // Both charts are there, drawn by the library under the page's own policy, and the script counted the rows.
    assert_eq!(page.matches("class=\"chart\"").count(), 2);
    assert!(page.matches("<path ").count() > 20, "no charts");
    assert!(page.contains(&format!("{} rows</span>", HOSTILE.len() + 4)));
    assert_eq!(page.matches("<script").count(), 3);
}

/// A bill with hostile tags: keys, values, and resources that lack the tag.
fn tagged(folder: &Folder) -> String {
    let mut text = String::from("ChargePeriodStart,BilledCost,BillingCurrency,ResourceId,Tags\n");
    for name in HOSTILE {
        let tags = serde_json::json!({ name: "x", "team": name }).to_string();
        text += &format!("2024-03-01,1,USD,{},{}\n", quoted(name), quoted(&tags));
        text += &format!("2024-03-01,-1.23,USD,{},\n", quoted(name));
    }
    folder.put("tagged.csv", text)
}

#[test]
fn k01_k03_k08_k10_k12_k13_no_tag_steers_a_report_on_tags() {
    let folder = Folder::new();
    let path = tagged(&folder);
    let told = |options: &str| {
        let ran = command(
            &format!("tags --key team --top 50 {options} {{}}").replace("  ", " "),
            &path,
        );
        assert_eq!(ran.exit, 0, "{}", ran.stderr);
        ran.stdout
    };
    for text in [told(""), told("--format markdown")] {
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text}");
        assert!(!text.contains(['\u{202e}', '\u{200b}']));
    }
    let markdown = told("--format markdown");
    assert!(markdown.contains("\\|\\`\\!\\[x\\]\\(http&#58;//e\\)\\`\\|") && !markdown.contains("<script>"));
    let document: serde_json::Value = serde_json::from_str(&told("--format json")).unwrap();
    let resources = document["untagged"][0]["resources"].as_array().unwrap();
    for name in HOSTILE {
        assert!(resources.iter().any(|row| row["resource_id"] == name), "{name:?}");
    }
    let sheet = told("--format csv --csv spreadsheet");
    assert!(
        sheet.contains("untagged,team,\"'=cmd|") && sheet.contains(",-1.23,") && !sheet.contains("'-1.23")
    );
    assert!(told("--format csv").contains("untagged,team,=cmd|'/c calc'!A1,"));
}

#[test]
fn k05_k08_k09_k15_no_group_leaves_its_place_in_junit() {
    let folder = Folder::new();
    let path = bill(&folder);
    let args = "check-budget --by service_name --limit 3 --format junit {}";
    let ran = command(args, &path);
    assert_eq!(ran.exit, 1, "{}", ran.stderr);
    let found = crate::budgets::elements(&ran.stdout);
    let cases: Vec<_> = found.iter().filter(|(name, _)| name == "testcase").collect();
    // Every name in March and all but the four that look like nothing in April.
    assert_eq!(cases.len(), HOSTILE.len() * 2 + 4);
    let elements: std::collections::BTreeSet<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        elements.into_iter().collect::<Vec<_>>(),
        ["failure", "testcase", "testsuite", "testsuites"]
    );
    for name in [
        "service_name=<script>alert(1)</script> 2024-03 USD",
        "service_name= 2024-03 USD",
    ] {
        let is_named = |attributes: &[(String, String)]| attributes.iter().any(|(_, value)| value == name);
        assert!(cases.iter().any(|(_, attributes)| is_named(attributes)), "{name}");
    }
    // As text, each finding is one line.
    let ran = command("check-budget --by service_name --limit 3 {}", &path);
    assert!(
        ran.stdout.chars().all(|c| c == '\n' || !c.is_control()),
        "{}",
        ran.stdout
    );
    assert_eq!(ran.stdout.lines().count(), cases.len() + 3);
}
