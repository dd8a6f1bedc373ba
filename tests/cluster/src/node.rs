//! What runs inside: the first process of the node's namespaces. It starts the parts, starts one again that ends,
//! and keeps a part stopped while its hold file exists. When it ends, the kernel ends every process of the node
//! and takes its mounts and its network with it.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::process::{Pid, Signal, WaitOptions};

use crate::command::run_words;
use crate::parts::{Part, parts};
use crate::run::Run;
use crate::{cgroups, network};

const TICK: Duration = Duration::from_millis(50);
/// A part that ends at once is not started more often than this.
const RESTART: Duration = Duration::from_secs(1);

/// Runs the node until this process is killed.
///
/// # Errors
/// The namespaces could not be prepared.
pub fn serve(run: &Run) -> anyhow::Result<()> {
    anyhow::ensure!(
        std::process::id() == 1,
        "the node runs as the first process of its own namespaces: start it with `up`"
    );
    prepare_mounts(run)?;
    network::make()?;
    cgroups::make(&run.cgroup())?;
    let mut supervisor = Supervisor {
        run: run.clone(),
        running: BTreeMap::new(),
        not_before: BTreeMap::new(),
    };
    let parts = parts(run);
    loop {
        supervisor.reap()?;
        for part in &parts {
            supervisor.tend(part)?;
        }
        std::thread::sleep(TICK);
    }
}

/// `/run` is the node's own; what is written to `/var` lands in the run folder.
fn prepare_mounts(run: &Run) -> anyhow::Result<()> {
    run_words("mount -t tmpfs -o mode=755,size=64m tmpfs /run")?;
    std::fs::create_dir_all("/run/netns")?;
    std::fs::create_dir_all("/run/lock")?;
    let root = run.root().display();
    run_words(&format!(
        "mount -t overlay overlay -o lowerdir=/var,upperdir={root}/var-upper,workdir={root}/var-work /var"
    ))?;
    Ok(())
}

struct Supervisor {
    run: Run,
    running: BTreeMap<&'static str, Pid>,
    not_before: BTreeMap<&'static str, Instant>,
}

impl Supervisor {
    /// Buries every process that has ended: parts, and those that lost their parents.
    fn reap(&mut self) -> anyhow::Result<()> {
        loop {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) => {
                    let ended = self.running.iter().find(|(_, known)| **known == pid);
                    if let Some((name, _)) = ended {
                        let name = *name;
                        self.running.remove(name);
                        self.not_before.insert(name, Instant::now() + RESTART);
                        eprintln!("{name} ended: {status:?}");
                    }
                }
                Ok(None) | Err(rustix::io::Errno::CHILD) => return Ok(()),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error).context("waiting for processes"),
            }
        }
    }

    fn tend(&mut self, part: &Part) -> anyhow::Result<()> {
        let held = self.run.hold(part.name).exists();
        if let Some(pid) = self.running.get(part.name) {
            if held {
                rustix::process::kill_process(*pid, Signal::KILL)?;
            }
            return Ok(());
        }
        let waits = self
            .not_before
            .get(part.name)
            .is_some_and(|moment| Instant::now() < *moment);
        if held || waits || !part.after.is_none_or(listens) {
            return Ok(());
        }
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.run.log(part.name))?;
        let child = part
            .command(&self.run)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .with_context(|| part.name.to_owned())?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        self.running.insert(part.name, pid.context("a process id")?);
        Ok(())
    }
}

fn listens(address: &str) -> bool {
    let Ok(address) = address.parse::<SocketAddr>() else {
        return false;
    };
    TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok()
}
