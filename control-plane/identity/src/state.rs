//! The state directory: a few small private files that outlive the process and may be shared by two.
//!
//! Only its owner may look into it (0700, files 0600). A file is replaced whole or not at all, and is on disk when `write` returns.
//! Reading-and-making happens under an advisory lock, so that of two processes the second finds what the first made.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::secret::Secret;

const LOCK: &str = "lock";
/// No file of ours comes near this.
const MAX_FILE: u64 = 1 << 20;

/// A directory that was found to be private.
#[derive(Debug, Clone)]
pub struct StateDirectory {
    path: PathBuf,
}

/// The state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Others than the owner may read or change it.
    #[error(
        "{path}: mode {mode:04o} lets others in, but private keys are kept here; run: chmod {wanted:04o} {path}"
    )]
    Open {
        /// Directory or file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// What they should be.
        wanted: u32,
    },
    /// It belongs to somebody else.
    #[error(
        "{path}: belongs to user {owner}, but this process runs as user {user}; use a directory of your own"
    )]
    Foreign {
        /// Directory or file.
        path: PathBuf,
        /// User id of its owner.
        owner: u32,
        /// User id of this process.
        user: u32,
    },
    /// The operating system says no.
    #[error("{path}: {source}")]
    Io {
        /// What was touched.
        path: PathBuf,
        /// What came back.
        source: io::Error,
    },
}

impl StateDirectory {
    /// Opens the directory, making it if it is not there.
    ///
    /// # Errors
    /// It cannot be made, is no directory, or is not private.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let error = |source| StateError::Io {
            path: path.to_owned(),
            source,
        };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(error)?;
        }
        match DirBuilder::new().mode(0o700).create(path) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(error(e)),
        }
        let metadata = fs::metadata(path).map_err(error)?;
        if !metadata.is_dir() {
            return Err(error(io::ErrorKind::NotADirectory.into()));
        }
        check_private(path, &metadata, 0o700)?;
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for whoever else is at work here, then keeps others out until the result is dropped.
    pub(crate) fn lock(&self) -> Result<Locked<'_>, StateError> {
        let path = self.path.join(LOCK);
        let error = |source| StateError::Io {
            path: path.clone(),
            source,
        };
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(error)?;
        file.lock().map_err(error)?;
        Ok(Locked {
            directory: self,
            _lock: file,
        })
    }

    /// Reads a file without the lock: replacement is atomic, so what is read is whole.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Secret<Vec<u8>>>, StateError> {
        let path = self.path.join(name);
        let error = |source| StateError::Io {
            path: path.clone(),
            source,
        };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(error(e)),
        };
        let metadata = file.metadata().map_err(error)?;
        check_private(&path, &metadata, 0o600)?;
        if metadata.len() > MAX_FILE {
            return Err(error(io::ErrorKind::FileTooLarge.into()));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0) + 1);
        io::copy(&mut io::Read::take(file, MAX_FILE), &mut bytes).map_err(error)?;
        Ok(Some(Secret::new(bytes)))
    }
}

/// The directory while nobody else works in it.
#[derive(Debug)]
pub(crate) struct Locked<'a> {
    directory: &'a StateDirectory,
    _lock: File,
}

impl Locked<'_> {
    pub(crate) fn read(&self, name: &str) -> Result<Option<Secret<Vec<u8>>>, StateError> {
        self.directory.read(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &Secret<Vec<u8>>) -> Result<(), StateError> {
        let path = self.directory.path.join(name);
        let write = || {
            let mut file = tempfile::Builder::new()
                .prefix(".new-")
                .permissions(Permissions::from_mode(0o600))
                .tempfile_in(&self.directory.path)?;
            file.write_all(bytes.expose())?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            File::open(&self.directory.path)?.sync_all()
        };
        write().map_err(|source| StateError::Io {
            path: path.clone(),
            source,
        })
    }
}

fn check_private(path: &Path, metadata: &fs::Metadata, wanted: u32) -> Result<(), StateError> {
    let user = rustix::process::geteuid().as_raw();
    if metadata.uid() != user {
        return Err(StateError::Foreign {
            path: path.to_owned(),
            owner: metadata.uid(),
            user,
        });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(StateError::Open {
            path: path.to_owned(),
            mode,
            wanted,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
