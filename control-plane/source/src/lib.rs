//! The verb *observe*: what the user has declared, as typed objects and their changes.
//!
//! - **Duty:** read manifest files, watch them, and say which objects came, changed or went, and
//!   what is wrong with the files.
//! - **In:** paths of files and folders.
//! - **Out:** [`Batch`]es of [`Change`]s, pruned of what no room reads, each distinct from what was
//!   there before, and the [`Problem`]s that stand now. The first batch is complete before anything
//!   is given out.
//! - **Must never:** interpret an object, look from one object to another, delete an object because
//!   its file is broken or half written, or fail on what a file holds.

mod change;
mod file_set;
mod files;
mod manifest;
mod problem;
mod prune;

pub use change::{Batch, Change, Observed, Place};
pub use file_set::{Content, FileSet, MAX_FILE_BYTES};
pub use files::{FileSource, FileUpdates, StartError};
pub use problem::{Problem, Severity};
pub use tulle_crds::{Object, ObjectKey};
