//! What the API server has on record of an object.

use serde_json::Value;
use tulle_model::{ObjectId, Str};

/// The parts of an object that its spec does not say.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// `metadata.uid`: an object made anew under an old name has another.
    pub uid: Str,
    /// `metadata.resourceVersion`.
    pub resource_version: Str,
    /// `metadata.finalizers`.
    pub finalizers: Vec<Str>,
    /// It is being deleted.
    pub deleting: bool,
    /// `status`; null where there is none.
    pub status: Value,
}

/// Where records are looked up, such as the source's table. Called often: it must not wait.
pub trait Records: Send + Sync + 'static {
    /// The newest record that is known; `None` if there is no such object.
    fn record(&self, object: &ObjectId) -> Option<Record>;
}

impl<F: Fn(&ObjectId) -> Option<Record> + Send + Sync + 'static> Records for F {
    fn record(&self, object: &ObjectId) -> Option<Record> {
        self(object)
    }
}
