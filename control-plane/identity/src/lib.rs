//! Who is who: the certificate authority, the certificate of the xDS port, and the tokens by which proxies prove themselves.
//!
//! Duty: make, keep and check keys, certificates and tokens. In: a trust domain; from files a state directory (or none: then
//! everything lives and dies with the process) and claims; in a cluster a Secret, the cluster's published keys, and what proxies
//! hold. Out: certificates for ports and workloads, what is to be trusted, tokens, verified claims.
//! It must never hand a private key or a token to a log, an error or a debug page, nor decide what a proxy that proved itself may
//! see; it knows no pods.

mod api;
pub mod authority;
pub mod ca;
pub mod cluster;
mod fault;
mod hash;
pub mod issuer;
pub mod projected;
pub mod secret;
pub mod serving;
pub mod snapshot;
pub mod spiffe;
pub mod state;
pub mod svid;
#[cfg(test)]
mod testing;
pub mod token;
mod verify;

use std::path::Path;
use std::sync::Arc;

pub use api::ApiError;
pub use authority::{Authority, AuthorityError};
pub use ca::{Evidence, RotationPolicy, TrustBundle};
pub use cluster::{ClusterAuthority, Keeper, KeeperInputs};
pub use fault::TokenFault;
pub use issuer::{Generation, Issuer, Leaf, LeafRequest, Window};
pub use projected::{ProjectedTokens, ProofError, Verified};
pub use secret::Secret;
pub use serving::{ServingCertificate, ServingNames};
pub use snapshot::{AuthoritySource, Snapshot};
pub use spiffe::{SpiffeId, SpiffeIdError, TrustDomain, TrustDomainError};
pub use state::{StateDirectory, StateError};
pub use svid::{Svid, SvidPolicy, SvidVersion};
pub use token::{ProxyClaims, TokenError, TokenIssuer};

/// Everything that file mode needs, opened together.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The local certificate authority.
    pub authority: Arc<Authority>,
    /// Signs and verifies proxy tokens.
    pub tokens: Arc<TokenIssuer>,
}

/// Keys and certificates cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The state directory is not usable.
    #[error(transparent)]
    State(#[from] StateError),
    /// The certificate authority is not usable.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The keys for tokens are not usable.
    #[error(transparent)]
    Token(#[from] TokenError),
}

impl Identity {
    /// Whether a control plane has kept its identity in this folder.
    pub fn is_kept_in(state: &Path) -> bool {
        state.join(authority::FILE).is_file()
    }

    /// Opens the identity kept in `state`, making what is not there yet; without `state` a new one in memory.
    ///
    /// Two processes may do so at once: both get the same keys.
    ///
    /// # Errors
    /// The directory is open to others or cannot be used, or what lies in it is damaged or of another trust domain.
    pub fn open(state: Option<&Path>, trust_domain: &TrustDomain) -> Result<Self, IdentityError> {
        let state = state.map(StateDirectory::open).transpose()?;
        Ok(Self {
            authority: Arc::new(Authority::open(state.as_ref(), trust_domain)?),
            tokens: Arc::new(TokenIssuer::open(state, trust_domain)?),
        })
    }
}
