//! Manifest files on disk: read at start, then watched.

mod inbox;
mod read;
mod scan;
mod schedule;
mod watch;
mod worker;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use tulle_runtime::mailbox::{self, Receiver};

use self::inbox::Inbox;
use self::watch::Watch;
use self::worker::Worker;
use crate::change::Batch;
use crate::manifest::raw::{RawObject, read_objects};

/// Reads manifests from files and folders.
///
/// Folders are read with all that is in them: `*.yaml`, `*.yml` and `*.json`, hidden files and
/// folders left out. A file that is named itself may have any name.
#[derive(Debug)]
pub struct FileSource;

/// Why reading cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A path that was named is not there.
    #[error("{}: no such file or folder", path.display())]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// A path that was named cannot be read.
    #[error("{}: cannot be read: {cause}", path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// The thread that watches cannot be made.
    #[error("the thread that watches the manifests cannot be started: {0}")]
    Thread(io::Error),
}

impl FileSource {
    /// Reads everything once, for use without a running control plane. Blocks while it reads.
    ///
    /// # Errors
    /// A path that is not there or cannot be read. What is wrong inside of a folder or file is a
    /// problem in the batch.
    pub fn read_once(paths: &[PathBuf]) -> Result<Batch, StartError> {
        must_be_readable(paths)?;
        Ok(Worker::new(paths, None).start())
    }

    /// Every object of every file, of whatever kind, with nothing taken out of it. Blocks while it reads.
    ///
    /// # Errors
    /// As [`FileSource::read_once`]. What is wrong inside of a folder or file is left out; `read_once` tells it.
    pub fn read_objects(paths: &[PathBuf]) -> Result<Vec<RawObject>, StartError> {
        must_be_readable(paths)?;
        let mut objects = Vec::new();
        for file in scan::scan(paths, &mut |_| {}).files.keys() {
            if let read::Reading::Bytes(bytes) = read::read(file)
                && let Ok(text) = std::str::from_utf8(&bytes)
            {
                objects.extend(read_objects(file, text));
            }
        }
        Ok(objects)
    }

    /// Reads everything, then watches it. The batch is complete: all objects of all files. Blocks
    /// while it reads.
    ///
    /// # Errors
    /// As [`FileSource::read_once`]. Watching that is impossible is no error: the files are then
    /// looked at every two seconds, and a warning stands in the batch.
    pub fn start(paths: &[PathBuf]) -> Result<(Batch, FileUpdates), StartError> {
        must_be_readable(paths)?;
        let inbox = Arc::new(Inbox::default());
        let mut worker = Worker::new(paths, Some(Watch::new(&inbox)));
        let first = worker.start();

        let (sender, receiver) = mailbox::mailbox();
        thread::Builder::new()
            .name("tulle-files".to_owned())
            .spawn({
                let inbox = Arc::clone(&inbox);
                move || worker.run(&inbox, &sender)
            })
            .map_err(StartError::Thread)?;
        Ok((first, FileUpdates { receiver, inbox }))
    }
}

/// The changes of watched files. Dropping it ends the watch.
#[derive(Debug)]
pub struct FileUpdates {
    receiver: Receiver<(), Batch>,
    inbox: Arc<Inbox>,
}

impl FileUpdates {
    /// Waits for the next batch. What changes while nobody waits melts into one batch, whose size
    /// is bounded by the number of objects. `None` if watching has ended, which it does not by
    /// itself. Safe to cancel.
    pub async fn next(&mut self) -> Option<Batch> {
        self.receiver.recv().await?.into_values().next()
    }
}

impl Drop for FileUpdates {
    fn drop(&mut self) {
        self.inbox.close();
    }
}

fn must_be_readable(paths: &[PathBuf]) -> Result<(), StartError> {
    let look = |path: &Path| {
        if path.metadata()?.is_dir() {
            path.read_dir().map(drop)
        } else {
            std::fs::File::open(path).map(drop)
        }
    };
    for path in paths {
        look(path).map_err(|cause| match cause.kind() {
            io::ErrorKind::NotFound => StartError::Missing { path: path.clone() },
            _ => StartError::Unreadable {
                path: path.clone(),
                cause,
            },
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
