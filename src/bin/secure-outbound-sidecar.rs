//! The library as a process of another user: `docs/sidecar.md`.

use std::process::ExitCode;

fn main() -> ExitCode {
    secure_outbound::sidecar::run(std::env::args_os().skip(1))
}
