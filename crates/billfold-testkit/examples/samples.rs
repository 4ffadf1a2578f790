//! Writes every file of `data-samples/` anew: `cargo run -p billfold-testkit --example samples [FOLDER]`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use billfold_testkit::samples;

fn main() -> io::Result<()> {
    let folder = std::env::args().nth(1);
    let folder = Path::new(folder.as_deref().unwrap_or("data-samples"));
    for sample in samples::all() {
        let path = folder.join(sample.path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        File::create(&path)?.write_all(&sample.bytes()?)?;
        File::create(folder.join(format!("{}.totals.json", sample.path)))?.write_all(&sample.totals()?)?;
        writeln!(io::stdout(), "{} {} rows", path.display(), sample.charges.len())?;
    }
    Ok(())
}
