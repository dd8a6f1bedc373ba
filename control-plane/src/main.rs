//! The `tulle` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    tulle_control_plane::cli::run()
}
