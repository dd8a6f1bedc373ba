//! `tulle exec-tied`: becomes another program that the kernel ends when the one that started it ends,
//! however that ends. So a demo that is killed leaves no Envoy behind.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Arguments of the hidden command `exec-tied`.
#[derive(Debug, clap::Args)]
pub struct ExecTied {
    /// Process id of the one that starts it
    #[arg(long, value_name = "PID")]
    parent: i32,
    /// The program and its arguments
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND"
    )]
    command: Vec<OsString>,
}

/// Ties this process to its parent and becomes the program; returns only if it cannot.
///
/// # Errors
/// The parent is gone already, or the program cannot be run.
#[cfg(target_os = "linux")]
pub fn exec_tied(args: ExecTied) -> Result<u8> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};

    set_parent_process_death_signal(Some(Signal::KILL))
        .context("cannot tie the process to its parent")?;
    // The parent may have ended before the tie was made: then nobody would be told.
    let parent = getppid().map(|pid| pid.as_raw_nonzero().get());
    if parent != Some(args.parent) {
        bail!("process {} has ended already", args.parent);
    }
    become_program(args.command)
}

/// Only Linux can tie a process to its parent.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn exec_tied(args: ExecTied) -> Result<u8> {
    let _ = (become_program, args.parent, args.command);
    bail!("only Linux can tie a process to its parent")
}

fn become_program(command: Vec<OsString>) -> Result<u8> {
    let [program, arguments @ ..] = command.as_slice() else {
        bail!("no program given")
    };
    let error = Command::new(program).args(arguments).exec();
    Err(error).with_context(|| format!("cannot run {}", program.display()))
}
