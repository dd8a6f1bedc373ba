//! The operating system's file watch.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use super::inbox::Inbox;

/// Watches folders, each without those below it, and puts what happens into an [`Inbox`].
#[derive(Debug)]
pub(super) struct Watch {
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
    /// What cannot be watched, and why.
    failures: BTreeMap<PathBuf, String>,
}

impl Watch {
    /// A watch of nothing yet. Failure to make one shows in [`Watch::failure`].
    pub(super) fn new(inbox: &Arc<Inbox>) -> Self {
        let inbox = Arc::clone(inbox);
        let made =
            RecommendedWatcher::new(move |event| inbox.put(event), notify::Config::default());
        let mut failures = BTreeMap::new();
        let watcher = made
            .map_err(|error| failures.insert(PathBuf::new(), explain(&error)))
            .ok();
        Self {
            watcher,
            watched: BTreeSet::new(),
            failures,
        }
    }

    /// A watch that never was, as on a machine whose limit is reached.
    #[cfg(test)]
    pub(super) fn impossible(why: &str) -> Self {
        let failures = BTreeMap::from([(PathBuf::new(), why.to_owned())]);
        Self {
            watcher: None,
            watched: BTreeSet::new(),
            failures,
        }
    }

    /// Watches a folder. Doing so again is how a folder that was made anew is watched, because the
    /// old watch went with the old folder.
    pub(super) fn add(&mut self, folder: &Path) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        match watcher.watch(folder, RecursiveMode::NonRecursive) {
            Ok(()) => {
                self.watched.insert(folder.to_owned());
                self.failures.remove(folder);
            }
            // Gone already; the folder above tells.
            Err(error) if matches!(error.kind, notify::ErrorKind::PathNotFound) => {}
            Err(error) => {
                self.failures.insert(folder.to_owned(), explain(&error));
            }
        }
    }

    /// Leaves all folders but these.
    pub(super) fn keep_only(&mut self, folders: &BTreeSet<PathBuf>) {
        self.failures
            .retain(|folder, _| folder.as_os_str().is_empty() || folders.contains(folder));
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        self.watched.retain(|folder| {
            let keep = folders.contains(folder);
            if !keep {
                // An error says that the folder, and its watch with it, is gone.
                let _ = watcher.unwatch(folder);
            }
            keep
        });
    }

    /// Why something cannot be watched, if so.
    pub(super) fn failure(&self) -> Option<(&Path, &str)> {
        self.failures
            .iter()
            .next()
            .map(|(folder, why)| (folder.as_path(), why.as_str()))
    }
}

fn explain(error: &notify::Error) -> String {
    match &error.kind {
        notify::ErrorKind::MaxFilesWatch => {
            "the limit of watches is reached (sysctl fs.inotify.max_user_watches)".to_owned()
        }
        notify::ErrorKind::Io(error) => error.to_string(),
        _ => error.to_string(),
    }
}
