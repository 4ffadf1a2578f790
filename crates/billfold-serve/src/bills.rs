//! Which charges are answered from, and how they are put in the place of others while answers go on.
//!
//! A [`Snapshot`] never changes. A new one is made beside the one in use and takes its place in one
//! step; whoever is being answered keeps the one it began with. When the new one cannot be made, the old
//! one stays and the failure shows in `/healthz` and `/metrics`.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use billfold_api::Settings;
use billfold_core::dataset::Charges;
use billfold_core::ingest::source::expand;
use billfold_core::{Error, Result};

use crate::clock::now_micros;

/// Where charges come from.
pub trait Bills: Send + Sync + 'static {
    /// Reads everything.
    ///
    /// Errors: whatever keeps the bills from being read.
    fn load(&self) -> Result<Loaded>;

    /// A text that changes when the bills do; cheap enough to be asked every few seconds.
    ///
    /// Errors: where the bills cannot be looked at.
    fn version(&self) -> Result<String>;
}

/// Charges that were read.
pub struct Loaded {
    /// What answers.
    pub charges: Arc<dyn Charges + Send + Sync>,
    /// How many there are.
    pub n_charges: u64,
    /// What is odd and not wrong.
    pub warnings: Vec<String>,
}

/// The names, sizes and times of files, for [`Bills::version`].
///
/// Errors: where there is no file, or one cannot be looked at.
pub fn version_of_files(inputs: &[String]) -> Result<String> {
    let mut text = String::new();
    for source in expand(inputs)? {
        let name = source.name.to_string();
        let meta =
            std::fs::metadata(&name).map_err(|e| Error::io(format!("{name} cannot be looked at"), &e))?;
        let changed = meta
            .modified()
            .ok()
            .and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok())
            .map_or(0, |since| since.as_nanos());
        let _ = writeln!(text, "{name}\0{}\0{changed}", meta.len());
    }
    Ok(text)
}

/// Charges as they were at one time.
pub(crate) struct Snapshot {
    /// What answers.
    pub(crate) charges: Arc<dyn Charges + Send + Sync>,
    /// How it answers: the settings of the server, with room for what is found out about these charges.
    pub(crate) settings: Settings,
    /// How many charges there are.
    pub(crate) n_charges: u64,
    /// Counts up from 1.
    pub(crate) generation: u64,
    /// When it took its place, UTC microseconds.
    pub(crate) since: i64,
    version: String,
}

/// The snapshot in use, and how the last attempt at another one went.
pub(crate) struct Shelf {
    bills: Arc<dyn Bills>,
    settings: Settings,
    current: RwLock<Arc<Snapshot>>,
    reloading: Mutex<Attempts>,
    told: Mutex<Told>,
}

/// What is told of reloads.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    pub(crate) n_done: u64,
    pub(crate) n_failed: u64,
    /// The code of what the last one failed for; none after one that did not. The log has the rest.
    pub(crate) failure: Option<&'static str>,
}

#[derive(Debug, Default)]
struct Attempts {
    /// The version seen at the last look, where it is not the one in use.
    seen: Option<String>,
    /// The version that could not be read.
    failed: Option<String>,
}

/// What a look at the bills came to.
#[derive(Debug)]
pub(crate) enum Looked {
    /// Nothing is new, or what is new is still being written.
    Same,
    /// A new snapshot is in its place.
    New {
        n_charges: u64,
        millis: u64,
        warnings: Vec<String>,
    },
    /// The old one stays.
    Failed(Error),
}

impl Shelf {
    /// Reads the bills for the first time.
    pub(crate) fn open(bills: Arc<dyn Bills>, settings: Settings) -> Result<(Shelf, Vec<String>)> {
        let (loaded, version) = read(&*bills)?;
        let warnings = loaded.warnings;
        let snapshot = Snapshot {
            settings: of_its_own(&settings),
            charges: loaded.charges,
            n_charges: loaded.n_charges,
            generation: 1,
            since: now_micros(),
            version,
        };
        let shelf = Shelf {
            bills,
            settings,
            current: RwLock::new(Arc::new(snapshot)),
            reloading: Mutex::default(),
            told: Mutex::default(),
        };
        Ok((shelf, warnings))
    }

    /// The snapshot in use.
    pub(crate) fn current(&self) -> Arc<Snapshot> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// How reloads went.
    pub(crate) fn told(&self) -> Told {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks whether the bills changed, and reads them when they did and have come to rest: when two looks
    /// in a row see the same. What failed is tried again when it changes.
    pub(crate) fn look(&self) -> Looked {
        let mut attempts = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let version = match self.bills.version() {
            Ok(version) => version,
            // The same failure is told once.
            Err(error) => {
                let text = error.to_string();
                if attempts.failed.as_deref() == Some(&text) {
                    return Looked::Same;
                }
                attempts.failed = Some(text);
                return self.failed(error);
            }
        };
        if version == self.current().version {
            *attempts = Attempts::default();
            self.told.lock().unwrap_or_else(PoisonError::into_inner).failure = None;
            return Looked::Same;
        }
        if attempts.failed.as_ref() == Some(&version) {
            return Looked::Same;
        }
        if attempts.seen.as_ref() != Some(&version) {
            attempts.seen = Some(version);
            return Looked::Same;
        }
        self.replace(&mut attempts)
    }

    /// Reads the bills again, changed or not.
    pub(crate) fn reload(&self) -> Looked {
        let mut attempts = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        self.replace(&mut attempts)
    }

    fn replace(&self, attempts: &mut Attempts) -> Looked {
        let start = Instant::now();
        match read(&*self.bills) {
            Ok((loaded, version)) => {
                let snapshot = Snapshot {
                    settings: of_its_own(&self.settings),
                    charges: loaded.charges,
                    n_charges: loaded.n_charges,
                    generation: self.current().generation + 1,
                    since: now_micros(),
                    version,
                };
                let old = std::mem::replace(
                    &mut *self.current.write().unwrap_or_else(PoisonError::into_inner),
                    Arc::new(snapshot),
                );
                // What it held is given back outside the lock.
                drop(old);
                *attempts = Attempts::default();
                let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
                told.n_done += 1;
                told.failure = None;
                Looked::New {
                    n_charges: loaded.n_charges,
                    millis: start.elapsed().as_millis() as u64,
                    warnings: loaded.warnings,
                }
            }
            Err(error) => {
                attempts.failed = self.bills.version().ok();
                self.failed(error)
            }
        }
    }

    fn failed(&self, error: Error) -> Looked {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.n_failed += 1;
        told.failure = Some(error.kind().code());
        Looked::Failed(error)
    }
}

/// The settings for one snapshot: its charges never change, so that their end is found once.
fn of_its_own(settings: &Settings) -> Settings {
    Settings {
        found: Some(Arc::default()),
        ..settings.clone()
    }
}

/// Reads the bills as they are at one time.
fn read(bills: &dyn Bills) -> Result<(Loaded, String)> {
    const TRIES: usize = 3;
    for _ in 0..TRIES {
        let before = bills.version()?;
        let loaded = bills.load()?;
        if bills.version()? == before {
            return Ok((loaded, before));
        }
    }
    Err(Error::new(billfold_core::ErrorKind::Io(format!(
        "the bills changed while they were read, {TRIES} times"
    )))
    .hint("move whole files into place"))
}
