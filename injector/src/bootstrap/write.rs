//! Putting the files on disk so that an Envoy that watches them never sees half of one.

use std::fs::{DirBuilder, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::{BOOTSTRAP_FILE, BootstrapFiles, ROOT_FILE, ROOT_SDS_FILE, TOKEN_FILE, TOKEN_SDS_FILE};

/// A file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct WriteError {
    /// File or folder.
    pub path: PathBuf,
    /// What the operating system says.
    pub source: io::Error,
}

/// Writes the files into a folder, making it (0700) if it is not there. The token can be read by its owner only.
///
/// Each file is replaced in one step and the bootstrap comes last, so that whatever it names is there before it.
///
/// # Errors
/// The folder or a file cannot be written; what was there before is then still whole.
pub fn write(directory: &Path, files: &BootstrapFiles) -> Result<(), WriteError> {
    let error = |path: &Path| {
        let path = path.to_owned();
        move |source| WriteError { path, source }
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(error(directory))?;
    for (name, contents, mode) in [
        (ROOT_FILE, &files.root_pem, 0o644),
        (TOKEN_FILE, &files.token, 0o600),
        (ROOT_SDS_FILE, &files.root_sds, 0o644),
        (TOKEN_SDS_FILE, &files.token_sds, 0o644),
        (BOOTSTRAP_FILE, &files.bootstrap, 0o644),
    ] {
        let path = directory.join(name);
        replace(directory, &path, contents.as_bytes(), mode).map_err(error(&path))?;
    }
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(error(directory))
}

fn replace(directory: &Path, path: &Path, contents: &[u8], mode: u32) -> io::Result<()> {
    let mut file = tempfile::Builder::new()
        .prefix(".new-")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(directory)?;
    file.write_all(contents)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
