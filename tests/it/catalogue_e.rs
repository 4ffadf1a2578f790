//! Catalogue E: Parquet.

mod raw;

use raw::{RawColumn, RawFile};

use crate::support::{ask, shown, failed};

#[test]
fn e00_probe() {
    let say = |what: &str, bytes: &[u8]| match ask(bytes).named("bill.parquet").run() {
        Ok(o) => eprintln!("PROBE {what}: {}", if o.answer.is_some() { shown(&o) } else { "none".into() }),
        Err(e) => eprintln!("PROBE {what}: {} | {e} | {:?}", failed(&e), e.hint_text()),
    };
    let with = |f: &dyn Fn(&mut RawFile)| { let mut r = RawFile::sound(); f(&mut r); r.bytes() };
    let sound = RawFile::sound().bytes();
    say("sound", &sound);
    let n = sound.len();
    for len in 0..=11 { say(&format!("first {len}"), &sound[..len]); }
    for len in [12, 40, n/2, n-9, n-8, n - 4, n-1] { say(&format!("cut {len}/{n}"), &sound[..len]); }
    let mut b = sound.clone(); b[..4].copy_from_slice(b"XXXX"); say("no head", &b);
    let mut b = sound.clone(); b[n-4..].copy_from_slice(b"XXXX"); say("no tail", &b);
    let mut b = sound.clone(); b[..4].copy_from_slice(b"PARE");b[n-4..].copy_from_slice(b"PARE"); say("PARE", &b);
    let mut b = sound.clone(); b[n-4..].copy_from_slice(b"PARE"); say("PARE tail", &b);
    let mut b = sound.clone(); b[..4].copy_from_slice(b"XXXX");b[n-4..].copy_from_slice(b"XXXX"); say("no both", &b);
    for l in [0u32, 1, 7, n as u32 - 11, n as u32 - 12, n as u32 - 8, n as u32, 1<<31, u32::MAX] {
        let mut b = sound.clone(); b[n-8..n-4].copy_from_slice(&l.to_le_bytes()); say(&format!("footer {l}"), &b);
    }
    say("E06", &with(&|r| { r.n_group = 1_000_000_000; r.n_rows = 1_000_000_000; }));
    say("E06b", &with(&|r| { r.n_group = 1_000_000_000; r.n_rows = 1_000_000_000; for c in &mut r.columns { c.n_column = 1_000_000_000; } }));
    say("E06c", &with(&|r| { r.n_group = 1_000_000_000; r.n_rows = 1_000_000_000; for c in &mut r.columns { c.n_column = 1_000_000_000; c.n_values = 1_000_000_000; } }));
    say("E07 file", &with(&|r| { r.n_rows = 4; }));
    say("E07 neg", &with(&|r| { r.n_rows = -4; r.n_group=-4; }));
    say("E07 group 2", &with(&|r| { r.n_group = 2; r.n_rows = 2; }));
    say("E07 group 4", &with(&|r| { r.n_group = 4; r.n_rows = 4; }));
    say("E07 page fewer", &with(&|r| { r.columns[1].n_values = 2; }));
    say("E07 page fewer c", &with(&|r| { r.columns[1].n_values = 2; r.columns[1].n_column = 2; }));
    say("E07 page more", &with(&|r| { r.columns[1].n_values = 4; }));
    say("E07 page more dict", &with(&|r| { r.columns[2].n_values = 4; }));
    say("E07 page neg", &with(&|r| { r.columns[2].n_values = -4; }));
    say("E07 columns 4", &with(&|r| { r.columns[2].n_column = 4; r.columns[0].n_column=9 }));
    say("E09 unc", &with(&|r| { r.columns[1].plain_len = Some(i64::from(i32::MAX)); }));
    for codec in 1..9 {
        say(&format!("E09 codec {codec}"), &with(&|r| { r.columns[1].codec = codec; r.columns[1].plain_len = Some(i64::from(i32::MAX)); }));
        say(&format!("codec {codec}"), &with(&|r| { r.columns[1].codec = codec; r.crc = false; }));
    }
    say("E10 index", &with(&|r| { r.columns[2].page[2] = 7; }));
    say("E10 unused index", &with(&|r| { r.columns[2].page[9] = 7; }));
    for w in [0, 1, 7, 9, 31, 32, 33, 254, 255] {
        say(&format!("E10 width {w}"), &with(&|r| { r.columns[2].page[0] = w; }));
    }
    say("E10 no dict", &with(&|r| { r.columns[2].dictionary = None; }));
    say("E10 dict more", &with(&|r| { r.columns[2].n_dictionary = 5; }));
    say("E10 dict fewer", &with(&|r| { r.columns[3].n_dictionary = 1; }));
    say("E11", &with(&|r| { r.columns[0] = RawColumn::texts("ChargePeriodStart", &[&b"2024-03-01"[..], b"\xff\xfe", b"2024-03-01"]); }));
    say("E11 dict", &with(&|r| { r.columns[2] = RawColumn::coded("BillingCurrency", &["USD"], [0; 8], 3); r.columns[2].dictionary = Some(b"\x03\0\0\0U\xffD".to_vec()); }));
    say("E12", &with(&|r| { r.metadata = vec![("ARROW:schema".into(), "@@@ not base64".into())]; }));
    say("E13 version", &with(&|r| { r.version = 99; }));
    say("E13 physical", &with(&|r| { r.columns[1].physical = 77; }));
    say("E13 encoding", &with(&|r| { r.columns[1].encoding = 77; }));
    say("E13 encoding 1", &with(&|r| { r.columns[1].encoding = 1; }));
    say("E13 encoding 4", &with(&|r| { r.columns[1].encoding = 4; }));
    for d in [1, 31, 200, 1000, 3000] { say(&format!("E14 {d}"), &with(&|r| r.depth = d)); }
    let (b, pages) = RawFile::sound().write();
    let mut k = b.clone(); k[pages[1].start] ^= 1; say("E08", &k);
}
