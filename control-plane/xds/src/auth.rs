//! Who is calling: the question, not the answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::BoxFuture;

use crate::scope::Scope;

/// Proves callers. Asked for proof once per call, before a message of it is read and before anything is allocated for it.
pub trait Authenticator: Send + Sync + 'static {
    /// Who presents `bearer`, the token of the `authorization: Bearer` header, from `peer`.
    ///
    /// # Errors
    /// [`Denied`] where the caller is not proven. Its cause is for the log: clients get one text for all causes.
    fn authenticate<'a>(
        &'a self,
        bearer: Option<&'a str>,
        peer: SocketAddr,
    ) -> BoxFuture<'a, Result<Caller, Denied>>;

    /// Whether the proof of a caller still holds. Asked once, when its stream is among those that
    /// [`crate::Server::disconnect`] ends: a caller may have been disconnected between its proof and then.
    fn still(&self, caller: &Caller) -> bool {
        let _ = caller;
        true
    }
}

/// A proven caller.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The resources it is served.
    pub scope: Scope,
    /// A scope of resources that are its alone: they come before those of the same name in `scope`. Only of private types
    /// ([`crate::TypeSpec::private`]).
    pub own: Option<Scope>,
    /// Its name for people, for instance that of its pod.
    pub name: Arc<str>,
    /// When its proof ends: its streams are closed then.
    pub expires: Option<Instant>,
    /// What it may do.
    pub role: Role,
}

/// What a caller may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Subscribe to resources.
    #[default]
    Proxy,
    /// Make the calls of [`crate::PeerCalls`].
    Peer,
}

/// A caller that is not proven.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Denied(
    /// Why, for the log. Must not contain the token.
    pub String,
);
