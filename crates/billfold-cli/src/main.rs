//! The `billfold` program: the process around [`billfold_cli::main_with`].

use std::process::ExitCode;

fn main() -> ExitCode {
    billfold_cli::quiet_panics();
    let code = billfold_cli::main_with(std::env::args_os(), &mut billfold_cli::Io::process());
    ExitCode::from(code)
}
