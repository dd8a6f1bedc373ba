//! Finds the manifest files under the named paths, and what has to be watched to learn of their
//! changes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// More links than this in one path are a loop, as for the kernel.
const MOST_LINKS: usize = 40;
/// Deepest folder under a named one.
const DEEPEST: usize = 64;

/// What a look at all named paths found. Paths are *real* where no part of them is a link.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// The manifest files, by the names that they were found by.
    pub(super) files: BTreeMap<Arc<Path>, Found>,
    /// Names of the manifest files by their real paths.
    pub(super) by_real_path: BTreeMap<PathBuf, Arc<Path>>,
    /// Real paths of the folders that are read.
    pub(super) folders: BTreeSet<PathBuf>,
    /// Real places of links and of named paths: what happens there may change everything.
    pub(super) points: BTreeSet<PathBuf>,
    /// Whether a named path is not there.
    pub(super) missing: bool,
    /// Folders that cannot be read, and why.
    pub(super) unreadable: Vec<(Arc<Path>, String)>,
}

/// A manifest file that was found.
#[derive(Debug)]
pub(super) struct Found {
    /// Real path.
    pub(super) real: PathBuf,
    /// Tells without reading whether the file may have changed.
    pub(super) stamp: Stamp,
}

/// What the file system says of a file's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
    identity: (u64, u64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let identity = {
            use std::os::unix::fs::MetadataExt;
            let changed = metadata.ctime().wrapping_mul(1_000_000_000);
            (
                metadata.ino(),
                changed.wrapping_add(metadata.ctime_nsec()).unsigned_abs(),
            )
        };
        #[cfg(not(unix))]
        let identity = (0, 0);
        Self {
            size: metadata.len(),
            modified: metadata.modified().ok(),
            identity,
        }
    }

    /// Whether the file was last written to within this time, or may have been. A clock that is
    /// ahead does not count.
    pub(super) fn younger_than(&self, age: Duration) -> bool {
        match self
            .modified
            .map(|modified| SystemTime::now().duration_since(modified))
        {
            Some(Ok(since)) => since < age,
            Some(Err(_)) => false,
            None => true,
        }
    }
}

/// Looks at all named paths. `watch` is told each real folder before it is looked into, so that
/// nothing can happen in between unseen.
pub(super) fn scan(named: &[PathBuf], watch: &mut dyn FnMut(&Path)) -> Scan {
    let mut scanner = Scanner {
        scan: Scan::default(),
        watch,
    };
    for path in named {
        scanner.named(path);
    }
    scanner.scan
}

/// Whether a name in a folder is that of a manifest. Hidden files and those that editors make for
/// a moment are not.
pub(super) fn is_manifest_name(name: &Path) -> bool {
    let extension = name.extension().and_then(|extension| extension.to_str());
    !is_hidden(name) && matches!(extension, Some("yaml" | "yml" | "json"))
}

/// Whether a file or folder is passed over because of its name.
pub(super) fn is_hidden(name: &Path) -> bool {
    let name = name.as_os_str().as_encoded_bytes();
    name.starts_with(b".") || name.starts_with(b"#") || name.ends_with(b"~")
}

struct Scanner<'a> {
    scan: Scan,
    watch: &'a mut dyn FnMut(&Path),
}

impl Scanner<'_> {
    fn named(&mut self, path: &Path) {
        let real = self.resolve(path);
        match real.and_then(|real| Some((fs::metadata(&real).ok()?, real))) {
            Some((metadata, real)) if metadata.is_dir() => self.folder(path, &real, 0),
            Some((metadata, real)) => self.file(path, real, &metadata),
            None => self.scan.missing = true,
        }
    }

    fn folder(&mut self, name: &Path, real: &Path, depth: usize) {
        // A folder inside of itself by a link, or one that was already read by another name.
        if depth > DEEPEST || !self.scan.folders.insert(real.to_owned()) {
            return;
        }
        (self.watch)(real);
        let mut entries = match entries(real) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => {
                self.scan.unreadable.push((name.into(), error.to_string()));
                return;
            }
        };
        entries.sort();
        for (entry, is_link) in entries {
            let entry_name = Path::new(&entry);
            if is_hidden(entry_name) {
                continue;
            }
            let path = name.join(entry_name);
            let real = if is_link {
                match self.resolve(&real.join(entry_name)) {
                    Some(real) => real,
                    None => continue,
                }
            } else {
                real.join(entry_name)
            };
            match fs::metadata(&real) {
                Ok(metadata) if metadata.is_dir() => self.folder(&path, &real, depth + 1),
                Ok(metadata) if metadata.is_file() && is_manifest_name(entry_name) => {
                    self.file(&path, real, &metadata);
                }
                // Gone since, or of no interest.
                _ => {}
            }
        }
    }

    fn file(&mut self, name: &Path, real: PathBuf, metadata: &Metadata) {
        if self.scan.by_real_path.contains_key(&real) {
            return;
        }
        let name: Arc<Path> = name.into();
        self.scan
            .by_real_path
            .insert(real.clone(), Arc::clone(&name));
        let stamp = Stamp::of(metadata);
        self.scan.files.insert(name, Found { real, stamp });
    }

    /// The real path, if it is there. Every link on the way, and the path itself, become points,
    /// and the folders that hold them are watched.
    fn resolve(&mut self, path: &Path) -> Option<PathBuf> {
        let path = std::path::absolute(path).ok()?;
        let mut rest: VecDeque<OsString> = parts(&path);
        let mut real = PathBuf::new();
        let mut links = 0;
        while let Some(part) = rest.pop_front() {
            match Path::new(&part).components().next() {
                Some(Component::ParentDir) => {
                    real.pop();
                    continue;
                }
                Some(Component::CurDir) | None => continue,
                Some(Component::RootDir | Component::Prefix(_)) => {
                    real.push(&part);
                    continue;
                }
                Some(Component::Normal(_)) => {}
            }
            let next = real.join(&part);
            let is_link = fs::symlink_metadata(&next).is_ok_and(|metadata| metadata.is_symlink());
            if is_link || rest.is_empty() {
                (self.watch)(&real);
                self.scan.points.insert(next.clone());
            }
            if is_link {
                links += 1;
                if links > MOST_LINKS {
                    return None;
                }
                let target = fs::read_link(&next).ok()?;
                if target.is_absolute() {
                    real = PathBuf::new();
                }
                for part in parts(&target).into_iter().rev() {
                    rest.push_front(part);
                }
            } else {
                real = next;
            }
        }
        real.exists().then_some(real)
    }
}

fn parts(path: &Path) -> VecDeque<OsString> {
    path.components()
        .map(|component| component.as_os_str().to_owned())
        .collect()
}

/// Names in a folder, and whether each is a link.
fn entries(folder: &Path) -> io::Result<Vec<(OsString, bool)>> {
    fs::read_dir(folder)?
        .map(|entry| {
            let entry = entry?;
            let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            Ok((entry.file_name(), is_link))
        })
        .collect()
}

#[cfg(test)]
mod tests;
