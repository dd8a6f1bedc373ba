//! The verb *observe*: what the user has declared, as typed objects and their changes.
//!
//! - **Duty:** read manifest files and watch them, or watch a cluster's API server; say which objects
//!   came, changed or went, and what is wrong with them.
//! - **In:** paths of files and folders ([`FileSource`]); a client of the API server ([`KubeSource`]).
//! - **Out:** [`Batch`]es of [`Change`]s, pruned of what no room reads, each distinct from what was
//!   there before, and the [`Problem`]s that stand now. The first batch is complete before anything
//!   is given out. Beside them, for a cluster, [`Records`]: status, uid and the like, whose changes
//!   make no batch.
//! - **Must never:** interpret an object, look from one object to another, delete an object because
//!   its file is broken or half written or because the API server is away, write to a cluster, or
//!   fail on what a file or object holds.

mod change;
mod cluster;
mod file_set;
mod files;
mod manifest;
mod problem;
mod prune;

pub use change::{Batch, Change, Observed, Place};
pub use cluster::{
    KubeHealth, KubeOptions, KubeSource, KubeUpdates, Namespaced, Record, Records, Seen, Timing,
    read_object, watch_one, watch_seen,
};
pub use file_set::{Content, FileSet, MAX_FILE_BYTES};
pub use files::{FileSource, FileUpdates, StartError};
pub use manifest::raw::{RawObject, read_objects};
pub use problem::{Problem, ProblemKind, Severity};
pub use tulle_crds::{Object, ObjectKey};
