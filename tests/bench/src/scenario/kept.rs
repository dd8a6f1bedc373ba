//! Meshes that were written to an API server before: writing one takes longer than measuring on it.
//!
//! What is kept is etcd's folder as the API server left it, the key that signed the proxies' tokens, and the tokens. It is
//! found by everything that it was made from, so that a mesh that would be another today is made anew.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;
use xxhash_rust::xxh3::Xxh3;

use crate::data::{Object, Shape};
use crate::stack::{ApiServer, TOKENS_LAST};

/// The file of tokens, beside what an API server keeps.
pub(super) const PROXIES: &str = "proxies.jsonl";

/// A place for one mesh.
#[derive(Debug)]
pub(super) struct Kept {
    folder: PathBuf,
    /// How the folders of its predecessors are called.
    label: String,
}

impl Kept {
    /// The place below `cache` for a mesh of these objects, on the kinds in these files and folders, written to the API server
    /// whose program is `node`.
    ///
    /// # Errors
    /// The kinds cannot be read.
    pub(super) fn of(
        cache: &Path,
        node: &Path,
        shape: &Shape,
        objects: &[Object],
        kinds: &[&PathBuf],
    ) -> anyhow::Result<Self> {
        let mut sum = Xxh3::new();
        sum.update(node.as_os_str().as_encoded_bytes());
        for object in objects {
            sum.update(object.collection.as_bytes());
            sum.update(object.body.to_string().as_bytes());
        }
        for path in kinds {
            add(&mut sum, path).with_context(|| path.display().to_string())?;
        }
        let calls = match shape.calls {
            crate::data::Calls::All => "all".to_owned(),
            crate::data::Calls::Some(count) => count.to_string(),
        };
        let (proxies, services) = (shape.proxies, shape.services);
        let alike = if shape.alike { "-alike" } else { "" };
        let label = format!("{proxies}x{services}-{calls}{alike}-{}-", kinds.len());
        Ok(Self {
            folder: cache.join(format!("{label}{:016x}", sum.digest())),
            label,
        })
    }

    /// Whether it is there and its tokens are valid for long enough.
    pub(super) fn is_there(&self) -> bool {
        fs::metadata(self.folder.join(PROXIES))
            .and_then(|file| file.modified())
            .is_ok_and(|made| made.elapsed().is_ok_and(|age| age < TOKENS_LAST))
    }

    /// Puts what was kept into a new folder.
    ///
    /// # Errors
    /// There is no room for it.
    pub(super) fn put_into(&self, folder: &Path) -> anyhow::Result<()> {
        copy_all(&self.folder, folder)
            .with_context(|| format!("{} to {}", self.folder.display(), folder.display()))
    }

    /// Keeps what lies in this folder, in place of what was kept before of such a mesh.
    ///
    /// # Errors
    /// There is no room for it.
    pub(super) fn keep(&self, folder: &Path) -> anyhow::Result<()> {
        let cache = self.folder.parent().context("a folder has a parent")?;
        fs::create_dir_all(cache)?;
        for entry in fs::read_dir(cache)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(&self.label) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        // Whole or not at all: a run that is ended meanwhile leaves nothing that looks finished.
        let new = cache.join(format!(".{}", std::process::id()));
        for name in ApiServer::LASTS.into_iter().chain([PROXIES]) {
            copy_all(&folder.join(name), &new.join(name)).context(name)?;
        }
        fs::rename(&new, &self.folder)?;
        Ok(())
    }
}

/// Adds a file, or all files of a folder in the order of their names.
fn add(sum: &mut Xxh3, path: &Path) -> io::Result<()> {
    if !path.is_dir() {
        sum.update(&fs::read(path)?);
        return Ok(());
    }
    let mut inside: Vec<PathBuf> = fs::read_dir(path)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()?;
    inside.sort();
    inside.iter().try_for_each(|path| add(sum, path))
}

/// Copies a file, or a folder and all that is in it; folders on the way are made.
fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to)?;
        // etcd wants its folder for itself.
        fs::set_permissions(to, fs::metadata(from)?.permissions())?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            copy_all(&entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(from, to).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Calls, Dialect};

    #[test]
    fn what_was_kept_is_found_by_what_it_was_made_from() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let shape = |services| Shape {
            services,
            endpoints: 1,
            proxies: 1,
            calls: Calls::All,
            called_by: vec![1],
            alike: false,
        };
        fs::write(path("kinds"), "a").unwrap();
        let kept = |services| {
            let shape = shape(services);
            let objects = shape.objects(Dialect::AppMesh);
            Kept::of(
                &path("cache"),
                Path::new("node"),
                &shape,
                &objects,
                &[&path("kinds")],
            )
            .unwrap()
        };
        for name in ApiServer::LASTS.into_iter().chain([PROXIES]) {
            let file = path("run").join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, name).unwrap();
        }
        assert!(!kept(2).is_there());
        kept(2).keep(&path("run")).unwrap();
        assert!(kept(2).is_there() && !kept(3).is_there());
        kept(2).put_into(&path("next")).unwrap();
        for name in ApiServer::LASTS.into_iter().chain([PROXIES]) {
            assert_eq!(fs::read_to_string(path("next").join(name)).unwrap(), name);
        }
        fs::write(path("kinds"), "b").unwrap();
        assert!(!kept(2).is_there());
        kept(2).keep(&path("run")).unwrap();
        assert_eq!(fs::read_dir(path("cache")).unwrap().count(), 1);
    }
}
