//! The demo's child processes: started tied to this one, stopped in order, and cleared away at the next
//! start if a crash left any.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

/// How long a child may take to end by itself before it is killed.
const GRACE: Duration = Duration::from_secs(2);
/// How often a child that should end is looked at.
const POLL: Duration = Duration::from_millis(10);

/// The children of this process.
#[derive(Debug)]
pub(crate) struct Procs {
    /// Where a file a child tells its process id and when it started.
    notes: PathBuf,
    spawner: Spawner,
    running: Vec<Running>,
}

#[derive(Debug)]
struct Running {
    name: String,
    child: Child,
    note: PathBuf,
}

impl Procs {
    /// Children whose notes lie in the folder; those that an earlier run left there are ended first.
    pub(crate) fn new(notes: PathBuf) -> Result<Self> {
        clear_left_behind(&notes)?;
        fs::create_dir_all(&notes).with_context(|| format!("cannot make {}", notes.display()))?;
        Ok(Self {
            notes,
            spawner: Spawner::start()?,
            running: Vec::new(),
        })
    }

    /// Starts a child that ends when this process ends, in place of an earlier one of that name. What it prints
    /// goes to the log file.
    pub(crate) fn start(&mut self, name: &str, command: &[OsString], log: &Path) -> Result<()> {
        self.kill(name)?;
        self.running.retain(|running| running.name != name);
        let child = self
            .spawner
            .spawn(tied(command, log)?)
            .with_context(|| format!("cannot start {name}"))?;
        let note = self.notes.join(name);
        let started = started_at(child.id());
        // Without its note a child is still tied to this process; the note only helps after a crash.
        let _ = fs::write(
            &note,
            format!("{} {}\n", child.id(), started.unwrap_or_default()),
        );
        self.running.push(Running {
            name: name.to_owned(),
            child,
            note,
        });
        Ok(())
    }

    /// How the child ended, if it has.
    pub(crate) fn ended(&mut self, name: &str) -> Option<ExitStatus> {
        let running = self
            .running
            .iter_mut()
            .find(|running| running.name == name)?;
        running.child.try_wait().ok().flatten()
    }

    /// Kills the child at once, as `kill -9` does, and waits until it is gone.
    pub(crate) fn kill(&mut self, name: &str) -> Result<()> {
        let running = self.running.iter_mut().find(|running| running.name == name);
        running
            .map_or(Ok(()), Running::end_now)
            .with_context(|| format!("cannot kill {name}"))
    }

    /// Asks all children to end, and kills those that do not within a short time.
    pub(crate) fn stop(&mut self) {
        for running in &self.running {
            signal(&running.child, Signal::TERM);
        }
        let deadline = Instant::now() + GRACE;
        for running in &mut self.running {
            while Instant::now() < deadline && matches!(running.child.try_wait(), Ok(None)) {
                thread::sleep(POLL);
            }
            // A child that cannot be killed has ended already.
            let _ = running.end_now();
        }
        self.running.clear();
    }
}

impl Drop for Procs {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Running {
    fn end_now(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        // A note about a child that is gone harms nobody.
        let _ = fs::remove_file(&self.note);
        Ok(())
    }
}

fn signal(child: &Child, signal: Signal) {
    // An error means that it has ended already.
    let _ = kill_process(Pid::from_child(child), signal);
}

/// The command, started by way of `tulle exec-tied`.
fn tied(command: &[OsString], log: &Path) -> Result<Command> {
    // A part that is started again goes on in its log.
    let log_file = File::options()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("cannot write {}", log.display()))?;
    let errors = log_file
        .try_clone()
        .with_context(|| format!("cannot write {}", log.display()))?;
    let tulle = std::env::current_exe().context("cannot find this program's own file")?;
    let mut tied = Command::new(tulle);
    tied.args([
        "exec-tied",
        "--parent",
        &std::process::id().to_string(),
        "--",
    ])
    .args(command)
    .stdin(Stdio::null())
    .stdout(log_file)
    .stderr(errors)
    // A terminal's Ctrl-C reaches only this process, which then stops the children in order.
    .process_group(0);
    Ok(tied)
}

// === the spawner ===

type Request = (Command, mpsc::Sender<io::Result<Child>>);

/// Starts children from one thread that lives as long as they do: the kernel ends a tied process when the
/// *thread* that started it ends, and a runtime's worker threads come and go.
#[derive(Debug)]
struct Spawner(mpsc::Sender<Request>);

impl Spawner {
    fn start() -> Result<Self> {
        let (sender, receiver) = mpsc::channel::<Request>();
        thread::Builder::new()
            .name("spawner".to_owned())
            .spawn(move || {
                for (mut command, reply) in receiver {
                    // Nobody waits for the reply only when the demo is being torn down.
                    let _ = reply.send(command.spawn());
                }
            })
            .context("cannot start a thread")?;
        Ok(Self(sender))
    }

    fn spawn(&self, command: Command) -> io::Result<Child> {
        let (sender, receiver) = mpsc::channel();
        let gone = || io::Error::other("the thread that starts children is gone");
        self.0.send((command, sender)).map_err(|_| gone())?;
        receiver.recv().map_err(|_| gone())?
    }
}

// === after a crash ===

/// Ends the processes that the notes in the folder name, if they are still the same processes.
fn clear_left_behind(notes: &Path) -> Result<()> {
    let Ok(entries) = fs::read_dir(notes) else {
        return Ok(());
    };
    for entry in entries.flatten() {
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        if let Some((pid, started)) = parse_note(&text)
            && started_at(pid) == Some(started)
        {
            end_stranger(pid, started);
        }
        fs::remove_file(entry.path())
            .with_context(|| format!("cannot remove {}", entry.path().display()))?;
    }
    Ok(())
}

fn parse_note(text: &str) -> Option<(u32, u64)> {
    let (pid, started) = text.trim().split_once(' ')?;
    Some((pid.parse().ok()?, started.parse().ok()?))
}

/// Kills a process that is no child of this one, and waits a while until it is gone.
fn end_stranger(pid: u32, started: u64) {
    let Some(id) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return;
    };
    if kill_process(id, Signal::KILL).is_err() {
        return;
    }
    let deadline = Instant::now() + GRACE;
    while Instant::now() < deadline && started_at(pid) == Some(started) {
        thread::sleep(POLL);
    }
}

/// When the process started, in clock ticks since the machine did: with it a process id is unique.
/// None if there is no such process (or only its remains).
fn started_at(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; the fields after it are plain.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    // Field 22 of proc_pid_stat(5); the state is field 3.
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("tulle-procs-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn what_a_crash_left_is_ended_and_a_reused_process_id_is_spared() {
        let notes = folder("left");
        let mut left = Command::new("sleep").arg("60").spawn().unwrap();
        let mut other = Command::new("sleep").arg("60").spawn().unwrap();
        let started = started_at(left.id()).unwrap();
        fs::write(notes.join("left"), format!("{} {started}\n", left.id())).unwrap();
        fs::write(
            notes.join("other"),
            format!("{} {}\n", other.id(), started + 1_000_000),
        )
        .unwrap();
        fs::write(notes.join("rubbish"), "rubbish").unwrap();
        clear_left_behind(&notes).unwrap();
        assert!(!left.wait().unwrap().success());
        assert!(matches!(other.try_wait(), Ok(None)));
        other.kill().unwrap();
        other.wait().unwrap();
        assert_eq!(fs::read_dir(&notes).unwrap().count(), 0);
        assert_eq!(started_at(left.id()), None);
        fs::remove_dir_all(notes).unwrap();
    }
}
