//! The right to change a cluster of one name: while it is held, nobody else brings that cluster up or takes it down.

use std::fs::{File, TryLockError};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::run::Run;

/// The right itself, held until it is dropped; it ends with the process too, however that ends.
#[derive(Debug)]
pub struct Claim {
    run: Run,
    _file: File,
}

impl Claim {
    /// Takes the right, waiting no longer than `patience` for who holds it.
    ///
    /// # Errors
    /// Another process holds it; or the file by which it is held cannot be made.
    pub fn of(run: &Run, patience: Duration) -> anyhow::Result<Self> {
        let path = run.claim();
        let end = Instant::now() + patience;
        loop {
            let mut file = File::options()
                .create(true)
                .truncate(false)
                .read(true)
                .write(true)
                .open(&path)
                .with_context(|| path.display().to_string())?;
            match file.try_lock() {
                // Who held it before has taken the file away: others would make it anew and lock that.
                Ok(()) if !is_at(&file, &path) => {}
                Ok(()) => {
                    file.set_len(0)?;
                    write!(file, "{}", std::process::id())?;
                    let run = run.clone();
                    return Ok(Self { run, _file: file });
                }
                Err(TryLockError::WouldBlock) if Instant::now() < end => {
                    std::thread::sleep(Duration::from_millis(100));
                }
                Err(TryLockError::WouldBlock) => {
                    let holder = std::fs::read_to_string(&path).unwrap_or_default();
                    anyhow::bail!(
                        "process {holder} is bringing {0} up or taking it down, and two at once would destroy each other's: \
                         wait until it has ended, or name another cluster (held by a lock on {1})",
                        run.root().display(),
                        path.display()
                    );
                }
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("locking {}", path.display()));
                }
            }
        }
    }

    /// The cluster.
    pub fn run(&self) -> &Run {
        &self.run
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Before the lock goes, so that it is never somebody else's.
        let _ = std::fs::remove_file(self.run.claim());
    }
}

/// Whether a file that is open is still the one of this path.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), path.metadata()) {
        (Ok(open), Ok(there)) => (open.dev(), open.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_it_at_a_time_and_nothing_stays_behind() {
        let name = format!("tulle-claim-{}", std::process::id());
        let run = Run::in_folder(std::env::temp_dir().join(name));
        let held = Claim::of(&run, Duration::ZERO).unwrap();
        let refused = Claim::of(&run, Duration::from_millis(150)).unwrap_err();
        let holder = format!("process {} ", std::process::id());
        assert!(refused.to_string().contains(&holder), "{refused}");
        let waiting = std::thread::spawn({
            let run = run.clone();
            move || Claim::of(&run, Duration::from_secs(60)).map(drop)
        });
        drop(held);
        waiting.join().unwrap().unwrap();
        assert!(!run.claim().exists());
    }

    #[test]
    fn of_many_that_want_it_each_has_it_alone() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let name = format!("tulle-claims-{}", std::process::id());
        let run = Run::in_folder(std::env::temp_dir().join(name));
        let inside = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let held = Claim::of(&run, Duration::from_secs(60)).unwrap();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(held);
                    }
                });
            }
        });
        assert!(!run.claim().exists());
    }
}
