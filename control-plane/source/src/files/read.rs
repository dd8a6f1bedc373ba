//! Reading one file, with a bound on its size.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::file_set::{Content, MAX_FILE_BYTES};

/// What was read of a file.
#[derive(Debug)]
pub(super) enum Reading {
    Bytes(Vec<u8>),
    Gone,
    TooLarge(u64),
    Unreadable(String),
}

impl Reading {
    /// For [`crate::FileSet::apply`].
    pub(super) fn content(&self) -> Content<'_> {
        match self {
            Self::Bytes(bytes) => Content::Bytes(bytes),
            Self::Gone => Content::Gone,
            Self::TooLarge(bytes) => Content::TooLarge(*bytes),
            Self::Unreadable(why) => Content::Unreadable(why),
        }
    }

    /// Whether a save that is under way may look like this: the file is away for a moment, or cut
    /// to nothing before it is written anew.
    pub(super) fn may_be_a_save_under_way(&self) -> bool {
        match self {
            Self::Bytes(bytes) => bytes.iter().all(u8::is_ascii_whitespace),
            Self::Gone => true,
            Self::TooLarge(_) | Self::Unreadable(_) => false,
        }
    }
}

/// Reads a file.
pub(super) fn read(path: &Path) -> Reading {
    match try_read(path) {
        Ok(reading) => reading,
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Reading::Gone,
            _ => Reading::Unreadable(error.to_string()),
        },
    }
}

fn try_read(path: &Path) -> io::Result<Reading> {
    let metadata = path.metadata()?;
    if !metadata.is_file() {
        // A pipe would wait for ever.
        let why = if metadata.is_dir() {
            return Ok(Reading::Gone);
        } else {
            "not a regular file"
        };
        return Ok(Reading::Unreadable(why.to_owned()));
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Ok(Reading::TooLarge(metadata.len()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    // It may have grown since.
    File::open(path)?
        .take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)?;
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    Ok(if size > MAX_FILE_BYTES {
        Reading::TooLarge(size)
    } else {
        Reading::Bytes(bytes)
    })
}
