//! A bound on the memory of a process that the kernel keeps: a control group of version 1 or 2.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;

/// Where control groups of version 1 and 2 are mounted.
const VERSION_1: &str = "/sys/fs/cgroup/memory";
const VERSION_2: &str = "/sys/fs/cgroup";

static MADE: AtomicUsize = AtomicUsize::new(0);

/// A group that processes may be started in; removed when this is dropped and all of them have ended.
#[derive(Debug)]
pub struct MemoryLimit {
    folder: PathBuf,
    peak: &'static str,
}

impl MemoryLimit {
    /// A group below that of this process, whose processes may use so many bytes together.
    ///
    /// # Errors
    /// There are no such groups here, or this user may not make one.
    pub fn new(bytes: u64) -> anyhow::Result<Self> {
        let own = fs::read_to_string("/proc/self/cgroup")?;
        let (base, limit, peak) = if Path::new(VERSION_1).join("memory.limit_in_bytes").exists() {
            let own = path_of(&own, "memory").context("this process is in no memory group")?;
            (
                Path::new(VERSION_1).join(own),
                "memory.limit_in_bytes",
                "memory.max_usage_in_bytes",
            )
        } else {
            let own = path_of(&own, "").context("this process is in no control group")?;
            let base = Path::new(VERSION_2).join(own);
            // A group with processes in it cannot pass memory on, the root's excepted: its parent has to.
            let base = match base.parent() {
                Some(parent) if base != Path::new(VERSION_2) => parent.to_owned(),
                _ => base,
            };
            let control = base.join("cgroup.subtree_control");
            fs::write(&control, "+memory").with_context(|| control.display().to_string())?;
            (base, "memory.max", "memory.peak")
        };
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let folder = base.join(format!("tulle-bench-{}-{number}", std::process::id()));
        fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
        let group = Self { folder, peak };
        let file = group.folder.join(limit);
        fs::write(&file, bytes.to_string()).with_context(|| file.display().to_string())?;
        Ok(group)
    }

    /// The file that takes the ids of processes.
    pub fn processes(&self) -> PathBuf {
        self.folder.join("cgroup.procs")
    }

    /// The most that was used, bytes: what the kernel holds for the processes included.
    ///
    /// # Errors
    /// The kernel does not tell.
    pub fn peak(&self) -> anyhow::Result<u64> {
        let file = self.folder.join(self.peak);
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        Ok(text.trim().parse()?)
    }
}

impl Drop for MemoryLimit {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.folder);
    }
}

/// The path of the group that manages `controller`, relative to where that is mounted. Lines are `number:controllers:path`.
fn path_of<'a>(groups: &'a str, controller: &str) -> Option<&'a str> {
    groups.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let mut controllers = fields.next()?.split(',');
        controllers
            .any(|one| one == controller)
            .then(|| fields.next().map(|path| path.trim_start_matches('/')))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_of_a_controller() {
        let groups = "5:cpu,memory:/a/b\n1:name=systemd:/c\n0::/d\n";
        assert_eq!(path_of(groups, "memory"), Some("a/b"));
        assert_eq!(path_of(groups, ""), Some("d"));
        assert_eq!(path_of(groups, "pids"), None);
    }
}
