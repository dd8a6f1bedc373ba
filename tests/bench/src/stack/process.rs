//! A process of the bench: tied to it, its output in a log.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::process::{Pid, Signal, getppid, kill_process, set_parent_process_death_signal};

/// How long a process may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(30);

/// A running program; ended when this is dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    log: PathBuf,
    name: String,
}

impl Program {
    /// Starts a program whose output goes to `<logs>/<name>.log`. The kernel ends it when the thread ends that calls this:
    /// call it from the main thread.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(name: &str, logs: &Path, command: &Command) -> anyhow::Result<Self> {
        std::fs::create_dir_all(logs)?;
        let log = logs.join(format!("{name}.log"));
        let output = File::options().create(true).append(true).open(&log)?;
        let mut tied = Command::new(std::env::current_exe()?);
        tied.arg("tied")
            .arg(std::process::id().to_string())
            .arg(command.get_program())
            .args(command.get_args())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        if let Some(folder) = command.get_current_dir() {
            tied.current_dir(folder);
        }
        for (variable, value) in command.get_envs() {
            match value {
                Some(value) => tied.env(variable, value),
                None => tied.env_remove(variable),
            };
        }
        Ok(Self {
            child: tied.spawn().with_context(|| name.to_owned())?,
            log,
            name: name.to_owned(),
        })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has written so far.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn output(&self) -> anyhow::Result<String> {
        Ok(std::fs::read_to_string(&self.log)?)
    }

    /// Fails once it has ended, with the end of its log.
    ///
    /// # Errors
    /// It has ended.
    pub fn check(&mut self) -> anyhow::Result<()> {
        let Some(status) = self.child.try_wait()? else {
            return Ok(());
        };
        let output = self.output().unwrap_or_default();
        let lines: Vec<&str> = output.lines().collect();
        let last = lines[lines.len().saturating_sub(15)..].join("\n");
        anyhow::bail!("{} has ended ({status}):\n{last}", self.name)
    }

    /// Waits until `ready` says so.
    ///
    /// # Errors
    /// It has ended, or the time is up.
    pub async fn wait_until(
        &mut self,
        limit: Duration,
        mut ready: impl AsyncFnMut() -> bool,
    ) -> anyhow::Result<Duration> {
        let started = Instant::now();
        while !ready().await {
            self.check()?;
            anyhow::ensure!(
                started.elapsed() < limit,
                "{} is not ready after {limit:?}; its log: {}",
                self.name,
                self.log.display()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(started.elapsed())
    }

    /// Ends it at once, as a crash does.
    ///
    /// # Errors
    /// It could not be waited for.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        if self.child.try_wait()?.is_none() {
            self.child.kill()?;
            self.child.wait()?;
        }
        Ok(())
    }

    /// Asks it to end, and ends it if it does not.
    ///
    /// # Errors
    /// It could not be waited for.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let (None, Some(pid)) = (self.child.try_wait()?, pid) {
            kill_process(pid, Signal::TERM)?;
        }
        let started = Instant::now();
        while self.child.try_wait()?.is_none() {
            if started.elapsed() > GRACE {
                return self.kill();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// Ties this process to `parent`, which has started it, and becomes the program; returns only if it cannot.
///
/// # Errors
/// The parent has ended already, or the program cannot be run.
pub fn tie(parent: i32, command: &[OsString]) -> anyhow::Result<std::convert::Infallible> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have ended before the tie was made: then nobody would be told.
    let now = getppid().map(|pid| pid.as_raw_nonzero().get());
    anyhow::ensure!(now == Some(parent), "process {parent} has ended already");
    let [program, arguments @ ..] = command else {
        anyhow::bail!("no program given")
    };
    let error = Command::new(program).args(arguments).exec();
    Err(error).with_context(|| format!("cannot run {}", program.display()))
}
