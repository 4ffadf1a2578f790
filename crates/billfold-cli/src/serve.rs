//! `billfold serve`: the vendors' billing actions over HTTP, from bills in memory or from files.
//!
//! The server itself is `billfold_serve`; here are its arguments as meant, and where its log goes.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use billfold_core::Result;
use billfold_core::dataset::{Charges as _, Files, RunOptions};
use billfold_core::error::Printable;
use billfold_core::store::{Store, StoreOptions};
use billfold_core::time::Tz;
use billfold_serve::{Bills, Config, Loaded, version_of_files};

use crate::answers::settings;
use crate::args::LookupArgs;
use crate::args::serve::ServeArgs;
use crate::fault::{Exit, Reporter};
use crate::io::Io;
use crate::lookup;
use crate::request::allow_rejects_of;
use crate::source;
use crate::usage;

/// Runs the command until a signal ends it.
pub(crate) fn run(args: &ServeArgs, io: &mut Io<'_>, reporter: Reporter) -> Result<Exit> {
    let (mut options, notes) = source::options(&args.source)?;
    options.allow_rejects = allow_rejects_of(args.allow_rejects.as_deref(), false)?;
    for note in &notes {
        reporter.warning(io, note);
    }
    let config = config(args)?;
    if args.source.paths.iter().any(|path| path == "-") {
        return Err(usage("standard input cannot be read again").hint("name files, folders or globs"));
    }
    lookup::aliases(&args.lookups, &[])?.check(config.settings.tag_key.as_deref())?;
    let bills = OfPaths {
        paths: args.source.paths.clone(),
        options: Mutex::new(options),
        lookups: args.lookups.clone(),
        encoding: args.source.encoding.clone(),
        zone: config.settings.zone,
        store: (!args.scan).then(|| config.settings.store_options()),
    };
    let running = billfold_serve::start(config, Arc::new(bills))?;
    running.wait(|line| {
        // What stderr refuses cannot be told to anyone.
        let _ = writeln!(io.stderr, "{line}");
        let _ = io.stderr.flush();
    })?;
    Ok(Exit::Done)
}

fn config(args: &ServeArgs) -> Result<Config> {
    let seconds = |n: u32| Duration::from_secs(n.into());
    Ok(Config {
        listen: address(&args.listen)?,
        hosts: args.host.clone(),
        keys: args.keys.clone(),
        window: (args.window > 0).then_some(args.window),
        strict_replay: args.strict_replay,
        rate: args.rate,
        n_connections: args.connections as usize,
        n_workers: args.workers as usize,
        max_waiting: args.queue as usize,
        deadline: seconds(args.deadline),
        poll: (args.poll > 0).then(|| seconds(args.poll)),
        signals: true,
        settings: settings(&args.answers)?,
        ..Config::default()
    })
}

/// An address with a port. A name is looked up once, and must stand for this machine's loopback.
fn address(text: &str) -> Result<SocketAddr> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let of_name = text
        .strip_prefix("localhost:")
        .and_then(|_| text.to_socket_addrs().ok())
        .and_then(|mut addresses| addresses.find(|address| address.ip().is_loopback()));
    of_name.ok_or_else(|| {
        usage(format!(
            "--listen `{}` is not an address and a port",
            Printable(text)
        ))
        .hint("write 127.0.0.1:8080, [::1]:8080 or localhost:8080")
    })
}

/// Bills in files, folders and globs.
struct OfPaths {
    paths: Vec<String>,
    options: Mutex<RunOptions<'static>>,
    /// Tables are read with the bills, and looked at like them.
    lookups: LookupArgs,
    encoding: Option<String>,
    zone: Tz,
    /// What is kept in memory; None where the files are read for every question.
    store: Option<StoreOptions>,
}

impl OfPaths {
    fn options(&self) -> Result<RunOptions<'static>> {
        let mut options = self
            .options
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .again();
        options.lookups = lookup::load(&self.lookups, self.zone, self.encoding.as_deref())?;
        options.aliases = lookup::aliases(&self.lookups, &[])?;
        Ok(options)
    }
}

impl Bills for OfPaths {
    fn load(&self) -> Result<Loaded> {
        if let Some(kept) = &self.store {
            let store = Store::load(&self.paths, self.options()?, kept.clone())?;
            return Ok(Loaded {
                n_charges: store.size().n_charges,
                charges: store,
                warnings: Vec::new(),
            });
        }
        let files = Files::new(self.paths.clone(), self.options()?);
        // The files are looked at once, so that what cannot be read is told now.
        let n_charges = files.extent()?.n_charges;
        Ok(Loaded {
            n_charges,
            charges: Arc::new(files),
            warnings: Vec::new(),
        })
    }

    fn version(&self) -> Result<String> {
        let mut files = self.paths.clone();
        files.extend(lookup::specs(&self.lookups)?.into_iter().map(|spec| spec.path));
        files.extend(self.lookups.aliases.clone());
        version_of_files(&files)
    }
}
