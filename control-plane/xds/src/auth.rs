//! Who is calling: the question, not the answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use crate::scope::Scope;

/// Proves callers. Asked once per stream, before a message of it is read and before anything is allocated for it.
pub trait Authenticator: Send + Sync + 'static {
    /// Who presents `bearer`, the token of the `authorization: Bearer` header, from `peer`. Must not block.
    ///
    /// # Errors
    /// [`Denied`] where the caller is not proven. Its cause is for the log: clients get one text for all causes.
    fn authenticate(&self, bearer: Option<&str>, peer: SocketAddr) -> Result<Caller, Denied>;
}

/// A proven caller.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The resources it is served.
    pub scope: Scope,
    /// Its name for people, for instance that of its pod.
    pub name: Arc<str>,
    /// When its proof ends: its streams are closed then.
    pub expires: Option<Instant>,
}

/// A caller that is not proven.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Denied(
    /// Why, for the log. Must not contain the token.
    pub String,
);
