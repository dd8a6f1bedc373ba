//! What every sidecar on a network of namespaces has, whoever configures it: redirected traffic, and a user of its own.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::netns::Host;
use crate::process::{Process, output, wait_for};
use crate::{programs, stats};

/// The user that Envoy runs as; its own traffic is not redirected.
pub(crate) const ENVOY_USER: &str = "1337";

/// Redirects what leaves the host, and what comes in at `ports`.
pub(crate) fn redirect(host: &Host, ports: &[u16]) {
    let mut capture = host.command(programs::tulle());
    capture.args(["capture", "--ignore-uid", ENVOY_USER]);
    if !ports.is_empty() {
        let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
        capture.args(["--app-ports", &ports.join(",")]);
    }
    output(&mut capture, b"");
}

/// Starts an Envoy as that user and waits until it is ready; `work` holds the program, `more` are further arguments.
pub(crate) fn envoy(
    host: &Host,
    work: &Path,
    name: &str,
    config: &Path,
    log: &Path,
    more: &[&str],
) -> Process {
    let mut command: Command = host.command("setpriv");
    command
        .args(["--reuid", ENVOY_USER, "--regid", ENVOY_USER])
        .arg("--clear-groups")
        .arg(programs::envoy_in(work))
        .arg("-c")
        .arg(config)
        .args(["--use-dynamic-base-id", "--concurrency", "1", "-l", "info"])
        .args(more);
    let envoy = Process::start(&mut command, log);
    wait_for(
        &format!("{name} to be ready"),
        Duration::from_secs(30),
        || stats::admin(host, "/ready"),
    );
    envoy
}
