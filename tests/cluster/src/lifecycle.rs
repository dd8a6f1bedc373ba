//! A cluster's life, seen from outside.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::process::{Pid, Signal};

use crate::claim::Claim;
use crate::kubectl::Kubectl;
use crate::parts::API_SERVER;
use crate::run::{NODE, Run};
use crate::tools::Tools;
use crate::{addons, certs, cgroups, files, images, limits};

/// Names under which the multi-call program is a part of Kubernetes.
const PROGRAMS: &[&str] = &[
    "etcd",
    API_SERVER,
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
];
/// How long a busy machine may take.
const LIMIT: Duration = Duration::from_secs(180);

/// Brings the cluster up and waits until its node is ready and names resolve.
///
/// # Errors
/// It already runs, or something of it did not come up; then nothing of it is left running.
pub fn up(claim: &Claim, tools: &Tools) -> anyhow::Result<()> {
    let run = claim.run();
    anyhow::ensure!(
        !is_up(run),
        "{} already runs; take it down first",
        run.root().display()
    );
    down(claim)?;
    let brought_up = bring_up(run, tools);
    if brought_up.is_err() {
        for part in PROGRAMS.iter().chain(&["containerd", "node"]) {
            print_end(run, part);
        }
        down(claim)?;
    }
    brought_up
}

fn bring_up(run: &Run, tools: &Tools) -> anyhow::Result<()> {
    let images = images::build(tools)?;
    std::fs::create_dir_all(run.bin())?;
    for name in PROGRAMS {
        std::os::unix::fs::symlink(&tools.node, run.bin().join(name))?;
    }
    std::os::unix::fs::symlink(&tools.helm, run.bin().join("helm"))?;
    std::fs::copy(std::env::current_exe()?, run.bin().join("tulle-cluster"))?;
    certs::make(run)?;
    files::write(run)?;
    limits::raise(run)?;
    start(run)?;
    let kubectl = Kubectl::new(run);
    std::thread::scope(|scope| {
        let importing = scope.spawn(|| images::import(run, &images));
        wait("the API server", || kubectl.raw("/readyz"))?;
        wait("the node", || {
            kubectl.run(&format!(
                "wait --for=condition=Ready --timeout=5s node/{NODE}"
            ))
        })?;
        let imported = importing.join();
        imported.map_err(|_| anyhow::anyhow!("the import of images panicked"))?
    })?;
    addons::install(&kubectl)
}

/// Starts the node in namespaces of its own and writes the command that enters its network.
fn start(run: &Run) -> anyhow::Result<()> {
    let log = File::create(run.log("node"))?;
    let mut child = Command::new("unshare")
        .args(["--net", "--mount", "--propagation", "private", "--pid"])
        .args(["--fork", "--kill-child", "--mount-proc"])
        .arg(run.bin().join("tulle-cluster"))
        .arg("node")
        .arg(run.root())
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .current_dir("/")
        .process_group(0)
        .spawn()
        .context("unshare")?;
    let children = format!("/proc/{0}/task/{0}/children", child.id());
    let first: u32 = wait("the node's first process", || {
        if let Some(status) = child.try_wait()? {
            anyhow::bail!("unshare ended: {status}");
        }
        let text = std::fs::read_to_string(&children)?;
        text.trim().parse().context("no child yet")
    })?;
    std::fs::write(run.path("pid"), first.to_string())?;
    let script = format!(
        "#!/bin/sh\n\
         # Runs a command in this cluster's network, as its administrator.\n\
         export KUBECONFIG='{}' PATH='{}':\"$PATH\"\n\
         exec nsenter --net=/proc/{first}/ns/net -- \"$@\"\n",
        run.kubeconfig().display(),
        run.bin().display()
    );
    std::fs::write(run.enter(), script)?;
    std::fs::set_permissions(run.enter(), PermissionsExt::from_mode(0o755))?;
    Ok(())
}

/// The node's first process, if it runs: a process of that number that is ours.
fn first_process(run: &Run) -> Option<Pid> {
    let text = std::fs::read_to_string(run.path("pid")).ok()?;
    let pid: i32 = text.trim().parse().ok()?;
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let ours = run.root().as_os_str().as_encoded_bytes();
    command
        .split(|byte| *byte == 0)
        .any(|argument| argument == ours)
        .then(|| Pid::from_raw(pid))?
}

/// Whether the cluster runs.
pub fn is_up(run: &Run) -> bool {
    first_process(run).is_some()
}

/// Takes the cluster down and removes everything it has written; no harm if there is none.
///
/// # Errors
/// A process did not end, or a file could not be removed.
pub fn down(claim: &Claim) -> anyhow::Result<()> {
    let run = claim.run();
    if let Some(pid) = first_process(run) {
        // All others of its namespaces end with it, and their mounts.
        rustix::process::kill_process(pid, Signal::KILL)?;
        wait("the node to end", || {
            anyhow::ensure!(first_process(run).is_none(), "it still runs");
            Ok(())
        })?;
    }
    limits::restore(run)?;
    wait("its cgroups to empty", || cgroups::remove(&run.cgroup()))?;
    if run.root().exists() {
        wait("its folder to be removed", || {
            std::fs::remove_dir_all(run.root()).with_context(|| run.root().display().to_string())
        })?;
    }
    Ok(())
}

/// Stops the API server at once, as a crash does, until the returned value is dropped.
///
/// # Errors
/// It did not stop.
pub fn without_api_server(run: &Run) -> anyhow::Result<Held> {
    let hold = run.hold(API_SERVER);
    std::fs::write(&hold, "")?;
    let held = Held(hold);
    let kubectl = Kubectl::new(run);
    wait("the API server to stop", || {
        anyhow::ensure!(kubectl.raw("/livez").is_err(), "it still answers");
        Ok(())
    })?;
    Ok(held)
}

/// A part is kept stopped while this lives.
#[derive(Debug)]
pub struct Held(std::path::PathBuf);

impl Drop for Held {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn wait<T>(what: &str, mut ask: impl FnMut() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let end = Instant::now() + LIMIT;
    loop {
        match ask() {
            Ok(answer) => return Ok(answer),
            Err(error) if Instant::now() > end => {
                return Err(error.context(format!("waited {LIMIT:?} for {what}")));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

fn print_end(run: &Run, part: &str) {
    let Ok(text) = std::fs::read_to_string(run.log(part)) else {
        return;
    };
    let lines: Vec<&str> = text.lines().collect();
    eprintln!("--- end of {part}'s log");
    for line in &lines[lines.len().saturating_sub(15)..] {
        eprintln!("    {line}");
    }
}
