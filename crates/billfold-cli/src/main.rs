//! The `billfold` program: the process around [`billfold_cli::main_with`].

use std::process::ExitCode;

/// Columns come and go by the megabyte; the system's allocator gives each back to the kernel and asks anew.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    billfold_cli::quiet_panics();
    let code = billfold_cli::main_with(std::env::args_os(), &mut billfold_cli::Io::process());
    ExitCode::from(code)
}
