//! What another process uses, read from `/proc` by its id.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::{self, Nanos};

/// A process of this machine.
#[derive(Clone, Debug)]
pub struct Process {
    pid: u32,
    folder: PathBuf,
}

/// Why a process could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// Its files cannot be read: it ended, or belongs to somebody else.
    #[error("process {pid}: cannot read {file}: {error}")]
    Read {
        /// Which process.
        pid: u32,
        /// Which file of its folder in `/proc`.
        file: &'static str,
        /// Why.
        error: std::io::Error,
    },
    /// A file has another form than the kernel's manual says.
    #[error("process {pid}: {file} has no {field}")]
    Field {
        /// Which process.
        pid: u32,
        /// Which file.
        file: &'static str,
        /// What is missing in it.
        field: &'static str,
    },
}

/// A process at a moment.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Sample {
    /// The moment.
    pub at: Nanos,
    /// Resident memory, bytes (`VmRSS`).
    pub rss: u64,
    /// The most it ever was, bytes (`VmHWM`), or since [`Process::forget_peak`].
    pub peak: u64,
    /// CPU time in user mode, all threads, those that ended included; to the hundredth of a second.
    pub user: Duration,
    /// CPU time in the kernel, likewise.
    pub system: Duration,
    /// CPU time of each thread that lives, nanoseconds, exact.
    pub threads: BTreeMap<u32, Nanos>,
    /// Open file descriptors.
    pub fds: u64,
}

/// What a process used between two samples.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Time that went by.
    pub wall: Duration,
    /// CPU time in user mode, to the hundredth of a second.
    pub user: Duration,
    /// CPU time in the kernel, likewise.
    pub system: Duration,
    /// CPU time of the threads that live now, exact.
    pub exact: Duration,
}

impl Usage {
    /// CPU time: the exact one, unless threads have ended that used much.
    pub fn cpu(&self) -> Duration {
        let ticks = self.user + self.system;
        let tolerance = Duration::from_millis(30);
        if ticks > self.exact + tolerance {
            ticks
        } else {
            self.exact
        }
    }
}

impl Process {
    /// The process with this id.
    pub fn of(pid: u32) -> Self {
        Self {
            pid,
            folder: PathBuf::from(format!("/proc/{pid}")),
        }
    }

    /// Its id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    fn read(&self, file: &'static str) -> Result<String, ProcessError> {
        fs::read_to_string(self.folder.join(file)).map_err(|error| ProcessError::Read {
            pid: self.pid,
            file,
            error,
        })
    }

    /// What it uses now.
    ///
    /// # Errors
    /// Where it has ended or belongs to somebody else.
    pub fn sample(&self) -> Result<Sample, ProcessError> {
        let missing = |file, field| ProcessError::Field {
            pid: self.pid,
            file,
            field,
        };
        let status = self.read("status")?;
        let kib = |field| {
            kib(&status, field)
                .map(|kib| kib * 1024)
                .ok_or(missing("status", field))
        };
        let stat = self.read("stat")?;
        let (user, system) = ticks(&stat).ok_or(missing("stat", "utime"))?;
        Ok(Sample {
            at: clock::now(),
            rss: kib("VmRSS:")?,
            peak: kib("VmHWM:")?,
            user,
            system,
            threads: self.threads()?,
            fds: self.entries("fd")?.len() as u64,
        })
    }

    fn entries(&self, file: &'static str) -> Result<Vec<PathBuf>, ProcessError> {
        let entries = fs::read_dir(self.folder.join(file)).map_err(|error| ProcessError::Read {
            pid: self.pid,
            file,
            error,
        })?;
        // a thread or descriptor may go while they are listed
        Ok(entries.flatten().map(|entry| entry.path()).collect())
    }

    fn threads(&self) -> Result<BTreeMap<u32, Nanos>, ProcessError> {
        let threads = self.entries("task")?;
        Ok(threads
            .iter()
            .filter_map(|thread| {
                let id = thread.file_name()?.to_str()?.parse().ok()?;
                let on_cpu = fs::read_to_string(thread.join("schedstat")).ok()?;
                Some((id, on_cpu.split(' ').next()?.parse().ok()?))
            })
            .collect())
    }

    /// From now on [`Sample::peak`] is the most since now.
    ///
    /// # Errors
    /// Where it has ended or belongs to somebody else.
    pub fn forget_peak(&self) -> Result<(), ProcessError> {
        fs::write(self.folder.join("clear_refs"), "5").map_err(|error| ProcessError::Read {
            pid: self.pid,
            file: "clear_refs",
            error,
        })
    }
}

impl Sample {
    /// What was used since an earlier sample of the same process.
    pub fn since(&self, earlier: &Self) -> Usage {
        let exact = self
            .threads
            .iter()
            .map(|(id, now)| now.saturating_sub(earlier.threads.get(id).copied().unwrap_or(0)))
            .sum();
        Usage {
            wall: clock::between(earlier.at, self.at),
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
            exact: Duration::from_nanos(exact),
        }
    }
}

fn kib(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// `utime` and `stime`, fields 14 and 15 of `stat`. The command's name, the second, may contain spaces and brackets.
fn ticks(stat: &str) -> Option<(Duration, Duration)> {
    let (_, after_name) = stat.rsplit_once(") ")?;
    let mut fields = after_name.split(' ').skip(11);
    let second = rustix::param::clock_ticks_per_second();
    let mut time = || {
        let ticks: u64 = fields.next()?.parse().ok()?;
        Some(Duration::from_nanos(ticks * (1_000_000_000 / second)))
    };
    Some((time()?, time()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_itself() {
        let process = Process::of(std::process::id());
        let before = process.sample().unwrap();
        assert!(before.rss > 100_000 && before.peak >= before.rss);
        assert!(before.fds >= 3 && !before.threads.is_empty());
        let until = clock::now() + 50_000_000;
        let mut spins = 0_u64;
        while clock::now() < until {
            spins = std::hint::black_box(spins + 1);
        }
        let usage = process.sample().unwrap().since(&before);
        assert!(usage.wall >= Duration::from_millis(50));
        assert!(usage.cpu() > Duration::ZERO && usage.exact > Duration::from_millis(1));
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        let error = Process::of(u32::MAX).sample().unwrap_err();
        assert!(error.to_string().contains("process 4294967295"), "{error}");
    }

    #[test]
    fn odd_names_do_not_shift_the_fields() {
        let stat = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0";
        assert_eq!(
            ticks(stat),
            Some((Duration::from_millis(2500), Duration::from_millis(500)))
        );
        assert_eq!(ticks("7 (a) S 1"), None);
        assert_eq!(kib("VmRSS:\t  12 kB\n", "VmRSS:"), Some(12));
    }
}
