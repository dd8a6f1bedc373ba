//! The user's edits: noticed in the folder, and found again among the changes that the control plane served.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::control::Served;
use super::manifests;

/// Watches the folder with the manifests.
#[derive(Debug)]
pub(crate) struct Watch {
    folder: PathBuf,
    seen: BTreeMap<PathBuf, SystemTime>,
    last: Option<Change>,
}

/// A save.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// Names of the files.
    pub(crate) files: String,
    /// When it was saved.
    pub(crate) saved: SystemTime,
    /// How long after that the last proxy had taken what came of it; None before, and if nothing came of it.
    pub(crate) taken: Option<Duration>,
}

impl Watch {
    /// Watches from now on.
    pub(crate) fn new(folder: PathBuf) -> Self {
        let seen = times(&folder);
        Self {
            folder,
            seen,
            last: None,
        }
    }

    /// Looks at the folder. True if something was saved.
    pub(crate) fn look(&mut self) -> bool {
        let now = times(&self.folder);
        let new = |(path, time): &(&PathBuf, &SystemTime)| self.seen.get(*path) != Some(*time);
        let saved: Vec<(&PathBuf, &SystemTime)> = now.iter().filter(new).collect();
        let gone: Vec<&PathBuf> = self
            .seen
            .keys()
            .filter(|path| !now.contains_key(*path))
            .collect();
        if saved.is_empty() && gone.is_empty() {
            return false;
        }
        let names = saved
            .iter()
            .map(|(path, _)| *path)
            .chain(gone.iter().copied());
        let files = names
            .map(|path| file_name(path))
            .collect::<Vec<_>>()
            .join(", ");
        // When a file went, the folder changed.
        let went = (!gone.is_empty()).then(|| modified(&self.folder)).flatten();
        let times = saved.iter().map(|(_, time)| **time).chain(went);
        let time = times.max().unwrap_or_else(SystemTime::now);
        self.last = Some(Change {
            files,
            saved: time,
            taken: None,
        });
        self.seen = now;
        true
    }

    /// Learns what has been served. True if it was the last save, and had not been known to be taken.
    pub(crate) fn learn(&mut self, served: Served) -> bool {
        let Some(change) = &mut self.last else {
            return false;
        };
        if change.taken.is_some() || served.taken.is_none() || !is_of(served.saved, change.saved) {
            return false;
        }
        change.taken = served.taken;
        true
    }

    /// The last save.
    pub(crate) fn last(&self) -> Option<&Change> {
        self.last.as_ref()
    }
}

/// Whether the change that was served is the save, or a later one. The control plane tells whole milliseconds.
pub(crate) fn is_of(served: SystemTime, saved: SystemTime) -> bool {
    served + Duration::from_millis(1) > saved
}

fn times(folder: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let files = manifests::yaml_files(folder).into_iter();
    files
        .filter_map(|path| modified(&path).map(|time| (path, time)))
        .collect()
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path)
        .and_then(|metadata| metadata.modified())
        .ok()
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_save_is_noticed_once_and_timed_to_the_last_proxy_that_took_it() {
        let folder = std::env::temp_dir().join(format!("tulle-watch-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        manifests::save(&folder.join("a.yaml"), "a: 1").unwrap();
        let mut watch = Watch::new(folder.clone());
        assert!(!watch.look());
        manifests::save(&folder.join("b.yaml"), "b: 1").unwrap();
        assert!(watch.look() && !watch.look());
        let saved = watch.last().unwrap().saved;
        let taken = Some(Duration::from_millis(9));
        assert!(!watch.learn(Served {
            saved: saved - Duration::from_secs(1),
            taken
        }));
        assert!(!watch.learn(Served { saved, taken: None }));
        assert!(watch.learn(Served { saved, taken }) && !watch.learn(Served { saved, taken }));
        assert_eq!(watch.last().unwrap().taken, taken);
        fs::remove_file(folder.join("b.yaml")).unwrap();
        assert!(watch.look());
        assert_eq!(watch.last().unwrap().files, "b.yaml");
        fs::remove_dir_all(folder).unwrap();
    }
}
