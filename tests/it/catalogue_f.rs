//! Catalogue F: archives and compression.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use billfold_core::dataset::{self, Outcome, RunOptions};
use billfold_core::{Error, Result};

use crate::packs::{ZipMember, gzip, member, stored, tar, zip};
use crate::support::{Folder, ask, asking, bill, costing, failed, parquet, shared_data, shown};

fn sums(inputs: &[String]) -> Result<Outcome> {
    dataset::sums(inputs, asking("", "total"), RunOptions::default())
}

fn a_bill() -> String {
    bill(&[costing("1"), costing("2.5")])
}

/// A zip archive of these members, asked by its name and as part of a folder.
fn ask_zip(members: &[ZipMember]) -> Result<Outcome> {
    let folder = Folder::new();
    let path = folder.put("bills.zip", zip(members));
    let named = sums(&[path]);
    let found = sums(&[folder.path().display().to_string()]);
    match (&named, &found) {
        (Ok(named), Ok(found)) => assert_eq!(named.receipt.answer_sha256, found.receipt.answer_sha256),
        (Err(named), Err(found)) => assert_eq!(failed(named), failed(found)),
        other => panic!("named and found differ: {other:?}"),
    }
    named
}

#[track_caller]
fn refused(members: &[ZipMember], expected: &str, parts: &[&str]) {
    let error = ask_zip(members).map(|o| shown(&o)).unwrap_err();
    assert_says(&error, expected, parts);
}

#[track_caller]
fn assert_says(error: &Error, expected: &str, parts: &[&str]) {
    assert_eq!(failed(error), expected, "{error}");
    for part in parts {
        assert!(error.to_string().contains(part), "{part:?} is not in: {error}");
    }
}

#[test]
fn f01_a_gzip_file_cut_at_any_byte_is_refused() {
    let whole = gzip(a_bill());
    for len in (19..whole.len()).step_by(7).chain([whole.len() - 1]) {
        ask(&whole[..len]).fails("file gzip.truncated", &["bill.csv"]);
    }
}

#[test]
fn f02_a_gzip_trailer_that_does_not_fit_is_refused() {
    let whole = gzip(a_bill());
    for at in 1..=8 {
        let mut broken = whole.clone();
        let at = broken.len() - at;
        broken[at] ^= 0x10;
        ask(&broken).fails("file gzip.crc", &[]);
    }
}

#[test]
fn f03_all_members_of_a_gzip_file_count() {
    ask(&[gzip(a_bill()), gzip(format!("{}\n", costing("4")))].concat()).gives("USD 7.5 of 3");
}

#[test]
fn f04_zeros_may_follow_a_gzip_file_and_nothing_else() {
    ask(&[gzip(a_bill()), vec![0; 700]].concat()).gives("USD 3.5 of 2");
    ask(&[gzip(a_bill()), b"PADDING".to_vec()].concat()).fails("file gzip.trailing", &[]);
}

#[test]
fn f05_a_stream_that_expands_too_far_is_stopped() {
    // One mebibyte of blank lines, seventy times over, in kilobytes.
    let blank = vec![b'\n'; 1 << 20];
    let many = |first: Vec<u8>, next: &[u8]| [first, next.repeat(70)].concat();
    let gz = many(gzip(a_bill()), &gzip(&blank));
    let zst = |content: &[u8]| zstd::encode_all(content, 3).unwrap();
    let zst = many(zst(a_bill().as_bytes()), &zst(&blank));
    for bomb in [gz, zst] {
        assert!(bomb.len() < 200_000, "{} bytes are no bomb", bomb.len());
        let folder = Folder::new();
        let path = folder.put("bill.csv", &bomb);
        assert_says(
            &sums(std::slice::from_ref(&path)).unwrap_err(),
            "limit limit.expand",
            &["200 times", "--max-expand"],
        );
        if bomb.starts_with(&[0x1f, 0x8b]) {
            continue;
        }
        let options = RunOptions {
            max_expand: 100_000,
            ..RunOptions::default()
        };
        let outcome = dataset::sums(&[path], asking("", "total"), options).unwrap();
        assert_eq!(shown(&outcome), "USD 3.5 of 2");
    }
}

#[test]
fn f05_an_archive_that_claims_to_expand_too_far_is_refused_unread() {
    let claims = |len| ZipMember {
        plain_len: len,
        local_plain_len: len,
        ..member("bill.csv", a_bill())
    };
    refused(&[claims(100 << 20)], "limit limit.expand", &["104857600"]);
    // Small members that are large together.
    let many: Vec<ZipMember> = (0..40)
        .map(|i| ZipMember {
            name: format!("{i}.csv"),
            local_name: format!("{i}.csv"),
            ..claims(2 << 20)
        })
        .collect();
    refused(&many, "limit limit.expand", &[]);
    // A member that claims little and holds much is stopped where its claim ends.
    let lies = ZipMember {
        plain_len: 100,
        local_plain_len: 100,
        ..member("bill.csv", bill(&vec![costing("1"); 100_000]))
    };
    refused(&[lies], "file zip.header", &["bills.zip!bill.csv", "100"]);
}

#[test]
fn f06_a_bill_that_packs_well_is_read() {
    let rows = vec![costing("1"); 20_000];
    let packed = gzip(bill(&rows));
    assert!(bill(&rows).len() / packed.len() > 150, "{}", packed.len());
    ask(&packed).gives("USD 20000 of 20000");
}

#[test]
fn f07_names_are_shown_and_never_followed() {
    let folder = Folder::new();
    let hostile = [
        "../../up.csv",
        "/etc/abs.csv",
        "C:\\x\\win.csv",
        "a\u{1b}[2J\n.csv",
    ];
    let members: Vec<ZipMember> = hostile.iter().map(|name| member(name, a_bill())).collect();
    let outcome = ask_zip(&members).unwrap();
    assert_eq!(shown(&outcome), "USD 14 of 8");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let broken = member("a\u{1b}[2J\n.csv", format!("{}x\n", a_bill()));
    let outcome = ask_zip(&[broken]).unwrap();
    let line = outcome.rejects[0].to_string();
    assert!(
        line.contains("bills.zip!a\\x1b[2J\\n.csv: record 3 (line 4)"),
        "{line}"
    );
}

#[test]
fn f07_links_and_devices_are_refused() {
    for mode in [0o120_777, 0o060_644, 0o010_644] {
        let odd = ZipMember {
            unix_mode: mode,
            ..stored("bill.csv", "/etc/passwd")
        };
        refused(&[odd], "file zip.entry", &["bill.csv"]);
    }
    for kind in [b'1', b'2', b'3', b'S'] {
        ask(&tar(&[("bill.csv", kind, b"")])).fails("file tar.entry", &["bill.csv"]);
    }
}

#[test]
fn f08_members_that_share_bytes_are_refused() {
    let twin = ZipMember {
        name: "b.csv".to_owned(),
        ..stored("a.csv", a_bill())
    };
    // The quoted overlap: the first member's content is the second one and its header.
    let inner = zip(&[stored("b.csv", a_bill())]);
    let inner = &inner[..35 + a_bill().len()];
    let outer = stored("a.csv", inner);
    let second = ZipMember {
        at: Some(35),
        ..stored("b.csv", a_bill())
    };
    refused(&[outer, second], "file zip.overlap", &["a.csv", "b.csv"]);
    let same_place = ZipMember { at: Some(0), ..twin };
    refused(&[stored("a.csv", a_bill()), same_place], "file zip.header", &[]);
}

#[test]
fn f09_two_members_of_one_name_are_refused() {
    refused(
        &[member("a.csv", a_bill()), member("a.csv", a_bill())],
        "file zip.dup",
        &["a.csv"],
    );
    refused(
        &[member("a.csv", a_bill()), member("A.CSV", a_bill())],
        "file zip.dup",
        &["A.CSV"],
    );
    let text = a_bill();
    let twice = [("a.csv", b'0', text.as_bytes()), ("a.csv", b'0', text.as_bytes())];
    ask(&tar(&twice)).fails("file tar.dup", &["a.csv"]);
}

#[test]
fn f10_a_local_header_must_say_what_the_directory_says() {
    let sound = || member("a.csv", a_bill());
    let lies = [
        ZipMember {
            local_name: "b.csv".to_owned(),
            ..sound()
        },
        ZipMember {
            local_plain_len: 7,
            ..sound()
        },
    ];
    for lie in lies {
        refused(&[lie], "file zip.header", &["a.csv"]);
    }
    // The directory alone lies about the method, the checksum, or both places about the checksum.
    let mut archive = zip(&[sound()]);
    let directory = archive.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    archive[directory + 10] = 0;
    ask(&archive).fails("file zip.header", &[]);
    let crc = ZipMember { crc: 1, ..sound() };
    refused(&[crc], "file zip.crc", &["bills.zip!a.csv"]);
}

#[test]
fn f10_content_that_is_cut_or_broken_is_refused() {
    let mut cut = member("a.csv", bill(&vec![costing("1"); 9000]));
    cut.packed.truncate(cut.packed.len() / 2);
    refused(&[cut], "file zip.truncated", &["a.csv"]);
    let mut broken = member("a.csv", bill(&vec![costing("1"); 9000]));
    broken.packed[0] = 0xff;
    refused(&[broken], "file zip.corrupt", &["a.csv"]);
    // The archive itself: cut at any place, or with something behind it.
    let whole = zip(&[member("a.csv", a_bill())]);
    for len in (262..whole.len()).step_by(11) {
        ask(&whole[..len]).fails("file zip.corrupt", &[]);
    }
    ask(&[whole, b"x".to_vec()].concat()).fails("file zip.corrupt", &[]);
}

#[test]
fn f11_more_members_than_the_limit_are_refused() {
    // The end record alone says so; nothing of the directory is read.
    let mut archive = zip(&[member("a.csv", a_bill())]);
    let end = archive.len() - 22;
    let at = archive.len() as u64;
    let mut wide = b"PK\x06\x06".to_vec();
    wide.extend(44u64.to_le_bytes());
    wide.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for number in [100_001u64, 100_001, 4_600_046, 0] {
        wide.extend(number.to_le_bytes());
    }
    let mut locator = b"PK\x06\x07\0\0\0\0".to_vec();
    locator.extend((at - 22).to_le_bytes());
    locator.extend(1u32.to_le_bytes());
    archive.splice(end..end, [wide, locator].concat());
    ask(&archive).fails("limit limit.entries", &["100001"]);
}

#[test]
fn f11_a_zip64_archive_is_read() {
    let wide = ZipMember {
        wide: true,
        ..member("a.csv", a_bill())
    };
    assert_eq!(shown(&ask_zip(&[wide]).unwrap()), "USD 3.5 of 2");
}

#[test]
fn f11_an_archive_inside_an_archive_is_named_and_not_opened() {
    let inner = zip(&[member("b.csv", a_bill())]);
    let inner_tar = gzip(tar(&[("c.csv", b'0', a_bill().as_bytes())]));
    let outcome = ask_zip(&[
        member("a.csv", a_bill()),
        member("inner.zip", inner),
        member("inner.tar.gz", inner_tar),
    ])
    .unwrap();
    assert_eq!(shown(&outcome), "USD 3.5 of 2");
    for name in ["bills.zip!inner.zip", "bills.zip!inner.tar.gz"] {
        let told = outcome
            .warnings
            .iter()
            .any(|w| w.contains(name) && w.contains("which is not read"));
        assert!(told, "{name}: {:?}", outcome.warnings);
    }
}

#[test]
fn f12_an_encrypted_member_is_refused() {
    let secret = ZipMember {
        flags: 1,
        ..member("a.csv", a_bill())
    };
    refused(&[secret], "file zip.encrypted", &["a.csv"]);
}

#[test]
fn f13_members_that_are_no_bills_are_left_out_and_listed() {
    let outcome = ask_zip(&[
        member("bills/a.csv", a_bill()),
        stored("bills/", ""),
        member("README", "these are bills"),
        member("notes.txt", "x,y\n1,2\n"),
        member("manifest.json", "{\"version\": 3}"),
        member("bills/.DS_Store", [0, 0, 0, 1]),
        member("__MACOSX/bills/._a.csv", a_bill()),
    ])
    .unwrap();
    assert_eq!(shown(&outcome), "USD 3.5 of 2");
    let told = outcome.warnings.join("\n");
    for name in ["README", "notes.txt", "manifest.json", ".DS_Store"] {
        assert!(told.contains(name), "{name} is not in:\n{told}");
    }
    let left_out: Vec<&str> = outcome
        .receipt
        .left_out
        .iter()
        .map(|l| l.source.as_ref())
        .collect();
    assert!(
        left_out
            .iter()
            .any(|l| l.ends_with("bills.zip!__MACOSX/bills/._a.csv"))
    );
    let nothing = sums(&[Folder::new().put("x.zip", zip(&[member("README", "x")]))]);
    assert!(nothing.is_err());
}

#[test]
fn f14_zstd_frames_are_read_as_they_claim_or_refused() {
    let whole = zstd::encode_all(a_bill().as_bytes(), 3).unwrap();
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4][..], &whole].concat();
    ask(&skippable).gives("USD 3.5 of 2");
    ask(&whole[..whole.len() - 3]).fails("file zstd.truncated", &[]);
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    std::io::Write::write_all(&mut encoder, a_bill().as_bytes()).unwrap();
    let mut summed = encoder.finish().unwrap();
    let last = summed.len() - 1;
    summed[last] ^= 1;
    ask(&summed).fails("file zstd.crc", &[]);
    // A frame header that asks for a window of two gibibytes.
    let window = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 1, 0, 0];
    ask(&window).fails("limit limit.window", &[]);
}

#[test]
fn f15_the_first_bytes_are_believed_and_a_lying_ending_is_told() {
    let packed = gzip(a_bill());
    for (name, bytes, note) in [
        (
            "bill.csv.gz",
            a_bill().into_bytes(),
            "named as if it were gzip, but is not packed",
        ),
        (
            "bill.csv",
            packed.clone(),
            "named as if it were not packed, but is gzip",
        ),
        (
            "bill.zst",
            packed.clone(),
            "named as if it were zstd, but is gzip",
        ),
        ("bill.csv", zip(&[member("a.csv", a_bill())]), ""),
    ] {
        let outcome = ask(&bytes).named(name).gives("USD 3.5 of 2");
        let told = outcome.warnings.iter().any(|w| w.contains("named as if"));
        assert_eq!(told, !note.is_empty(), "{name}: {:?}", outcome.warnings);
        assert!(
            outcome.warnings.iter().all(|w| w.ends_with(note)),
            "{:?}",
            outcome.warnings
        );
    }
}

#[test]
fn f16_what_is_not_read_is_refused_by_its_type() {
    for (head, name) in [
        (&b"\xfd7zXZ\x00"[..], "xz"),
        (b"BZh91AY", "bzip2"),
        (b"7z\xbc\xaf\x27\x1c", "7z"),
        (b"%PDF-1.7", "PDF"),
        (b"Obj\x01", "Avro"),
    ] {
        let mut bytes = head.to_vec();
        bytes.resize(600, b' ');
        ask(&bytes).fails("file type.unsupported", &[name]);
    }
    let sheet = zip(&[
        member("[Content_Types].xml", "<Types/>"),
        member("xl/sheet1.xml", "<sheet/>"),
    ]);
    ask(&sheet)
        .named("bill.xlsx")
        .fails("file type.unsupported", &["xlsx"]);
}

#[test]
fn f16_tar_archives_are_read_plain_and_packed() {
    let (first, second) = (a_bill(), bill(&[costing("4")]));
    // A long name, as GNU writes it.
    let long = format!("{}/b.csv", "folder".repeat(30));
    let long_name = format!("{long}\0");
    let archive = tar(&[
        ("folder/", b'5', b""),
        ("folder/a.csv", b'0', first.as_bytes()),
        ("././@LongLink", b'L', long_name.as_bytes()),
        ("cut", b'0', second.as_bytes()),
        ("README", b'0', b"text"),
    ]);
    let packed = [
        archive.clone(),
        gzip(&archive),
        zstd::encode_all(archive.as_slice(), 3).unwrap(),
    ];
    for bytes in packed {
        let outcome = ask(&bytes).named("bills.tar").gives("USD 7.5 of 3");
        let names: Vec<&str> = outcome
            .receipt
            .sources
            .iter()
            .map(|s| s.source.as_ref())
            .collect();
        assert!(names[0].ends_with("bills.tar!folder/a.csv"), "{names:?}");
        assert!(names[1].ends_with(&long), "{names:?}");
    }
    // Cut between two members it would look whole but for its end mark.
    ask(&archive[..512 * 3]).fails("file tar.truncated", &[]);
    let mut broken = archive.clone();
    broken[520] ^= 1;
    ask(&broken).fails("file tar.corrupt", &[]);
    let mut whole = gzip(&archive);
    let last = whole.len() - 6;
    whole[last] ^= 1;
    ask(&whole).fails("file gzip.crc", &[]);
}

#[test]
fn a_damaged_archive_never_gives_another_sum_and_never_panics() {
    let rows: Vec<String> = (0..60).map(|i| costing(&format!("0.{i:02}7"))).collect();
    let zipped = zip(&[member("a.csv", bill(&rows)), stored("b.csv", a_bill())]);
    let text = a_bill();
    let tarred = gzip(tar(&[("a.csv", b'0', text.as_bytes()), ("README", b'0', b"x")]));
    // A fixed sequence of places and bits.
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let folder = Folder::new();
    for whole in [zipped, tarred] {
        let path = folder.put("whole.bin", &whole);
        let sound = shown(&sums(&[path]).unwrap());
        let mut n_refused = 0;
        for _ in 0..500 {
            let mut broken = whole.clone();
            let at = next() as usize % broken.len();
            broken[at] ^= 1 << (next() % 8);
            let path = folder.put("broken.bin", &broken);
            match sums(&[path]) {
                Ok(outcome) => assert_eq!(shown(&outcome), sound, "bit of byte {at}"),
                Err(error) => {
                    assert_ne!(failed(&error), "bug bug", "byte {at}: {error}");
                    n_refused += 1;
                }
            }
        }
        assert!(n_refused > 350, "only {n_refused} of 500 were refused");
    }
}

#[test]
fn a_table_inside_an_archive_is_refused() {
    for log in ["t/_delta_log/0.json", "t/metadata/v1.metadata.json", ".hoodie/x"] {
        let members = [member("t/part-0.csv", a_bill()), member(log, "{}")];
        refused(&members, "file type.table", &["table"]);
    }
}

#[test]
fn members_of_an_archive_may_be_packed_and_in_any_carrier() {
    let text = |values: &[&str]| Arc::new(StringArray::from(values.to_vec())) as ArrayRef;
    let table = parquet(&[
        (
            "ChargePeriodStart",
            text(&["2024-03-01T00:00:00Z", "2024-03-02T00:00:00Z"]),
        ),
        ("BilledCost", text(&["8", "16"])),
        ("BillingCurrency", text(&["USD", "USD"])),
    ]);
    let line = "{\"ChargePeriodStart\":\"2024-03-01\",\"BillingCurrency\":\"USD\",\"BilledCost\":32}\n";
    let outcome = ask_zip(&[
        member("a.csv.gz", gzip(a_bill())),
        stored("b.parquet", &table),
        member("c.parquet", &table),
        member("d.ndjson", line),
    ])
    .unwrap();
    assert_eq!(shown(&outcome), "USD 83.5 of 7");
}

#[test]
fn a_real_zip_holds_what_the_file_beside_it_holds() {
    let Some(data) = shared_data() else { return };
    let folder = data.join("keboola-cur/tests/mock_data");
    for (packed, plain) in [
        (
            "cur_1_0/MockTestReport-00001.csv.zip",
            "cur_1_0/sample_billing_data.csv",
        ),
        (
            "cur_2_0/MockTestReportV2-00001.csv.gz",
            "cur_2_0/sample_billing_data_v2.csv",
        ),
    ] {
        let ask = |name: &str, by: &str| {
            let path = folder.join(name).display().to_string();
            dataset::sums(&[path], asking(by, "daily"), RunOptions::default()).unwrap()
        };
        for by in ["", "sub_account_id,service_name", "region_id"] {
            let (packed, plain) = (ask(packed, by), ask(plain, by));
            assert_eq!(packed.receipt.answer_sha256, plain.receipt.answer_sha256);
            assert!(packed.receipt.rows.read > 0);
        }
        let oracle = std::fs::read(folder.join(format!("{plain}.oracle.json"))).unwrap();
        let oracle: serde_json::Value = serde_json::from_slice(&oracle).unwrap();
        let column = oracle["roles"]["cost"][0].as_str().unwrap();
        let total = oracle["cost_columns"][column]["sum"].as_str().unwrap();
        let answer = ask(packed, "").answer.unwrap();
        assert_eq!(answer.totals.iter().next().unwrap().1.to_string(), total);
    }
}
