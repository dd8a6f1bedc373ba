//! The demo's folder, and the lock that keeps demos from each other's addresses.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::fs::{FlockOperation, flock};

/// Where everything of a demo lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folder {
    root: PathBuf,
}

/// Held while a demo runs; the kernel lets it go however the demo ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _held: File,
}

impl Folder {
    /// The demo's folder at `root`, an absolute path from here on.
    pub(crate) fn new(root: &Path) -> Result<Self> {
        let root = std::path::absolute(root)
            .with_context(|| format!("no usable path: {}", root.display()))?;
        fs::create_dir_all(&root)
            .with_context(|| format!("cannot make the folder {}", root.display()))?;
        Ok(Self { root })
    }

    /// The user's YAML; it stays.
    pub(crate) fn manifests(&self) -> PathBuf {
        self.root.join("manifests")
    }

    /// Notes about running children.
    pub(crate) fn notes(&self) -> PathBuf {
        self.run().join("processes")
    }

    /// The control plane's settings document.
    pub(crate) fn config(&self) -> PathBuf {
        self.run().join("mesh-config.yaml")
    }

    /// The control plane's CA and keys.
    pub(crate) fn state(&self) -> PathBuf {
        self.run().join("state")
    }

    /// What Envoy needs, a folder a workload.
    pub(crate) fn bootstrap(&self, workload: &str) -> PathBuf {
        self.run().join("envoy").join(workload)
    }

    /// What a child printed.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.run().join("logs").join(format!("{name}.log"))
    }

    /// Makes the folder of one run anew; `notes` must have been dealt with before.
    pub(crate) fn start_run(&self) -> Result<()> {
        let run = self.run();
        if run.exists() {
            fs::remove_dir_all(&run).with_context(|| format!("cannot clear {}", run.display()))?;
        }
        let logs = run.join("logs");
        fs::create_dir_all(&logs).with_context(|| format!("cannot make {}", logs.display()))
    }

    fn run(&self) -> PathBuf {
        self.root.join("run")
    }
}

/// Takes the lock, which lies in Tulle's cache: two demos of one user would share their loopback addresses,
/// whatever their folders.
///
/// # Errors
/// Another demo holds it: the message says which.
pub(crate) fn lock(cache: &Path, folder: &Folder) -> Result<Lock> {
    fs::create_dir_all(cache).with_context(|| format!("cannot make {}", cache.display()))?;
    let path = cache.join("demo.lock");
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        let mut holder = String::new();
        // Who holds it is told for help only.
        let _ = file.read_to_string(&mut holder);
        bail!(
            "a demo is running already ({}): one at a time; end that one first",
            holder.trim()
        );
    }
    let holder = format!(
        "process {} in {}\n",
        std::process::id(),
        folder.root.display()
    );
    file.set_len(0)
        .and_then(|()| file.write_all(holder.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(Lock { _held: file })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_demo_at_a_time_and_the_next_after_it() {
        let cache = std::env::temp_dir().join(format!("tulle-lock-{}", std::process::id()));
        let folder = Folder::new(&cache.join("demo")).unwrap();
        let held = lock(&cache, &folder).unwrap();
        let refused = lock(&cache, &folder).unwrap_err().to_string();
        assert!(
            refused.contains(&format!("process {}", std::process::id())),
            "{refused}"
        );
        drop(held);
        drop(lock(&cache, &folder).unwrap());
        fs::remove_dir_all(cache).unwrap();
    }
}
