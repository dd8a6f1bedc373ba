//! Proving pods: projected service-account tokens, checked without asking the API server each time.
//!
//! In: the token that a pod's kubelet keeps fresh in a file (audience [`AUDIENCE`]). Out: the pod and service account that it
//! is bound to. The cluster's own keys, which it publishes for this purpose, prove it; where they may not be read the API server
//! is asked (TokenReview), each token at most once a minute. Nothing is said of whether the pod is there, nor what it may do.
//!
//! Reading the keys needs `get` on `/openid/v1/jwks` and `/.well-known/openid-configuration`, which a cluster grants every
//! service account (ClusterRole `system:service-account-issuer-discovery`); the question needs `create tokenreviews`.

mod claims;
mod keys;
mod review;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jsonwebtoken::errors::ErrorKind;
use kube::Client;

use crate::api::ApiError;
use crate::fault::TokenFault;
use claims::{Claims, Shape};
use keys::{Found, Key, KeySet};
use review::Reviews;

pub use crate::token::AUDIENCE;

/// Longer tokens are not even looked at. A cluster's own have 1 to 2 KiB.
const MAX_LENGTH: usize = 16 * 1024;
/// How far our clock and the API server's may be apart.
const LEEWAY: Duration = Duration::from_secs(10);

/// What a good token proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's service account.
    pub service_account: String,
    /// Which service account of that name.
    pub service_account_uid: String,
    /// The pod.
    pub pod_name: String,
    /// Which pod of that name.
    pub pod_uid: String,
    /// The node it was scheduled to, where the cluster says so (1.30 and later).
    pub node: Option<String>,
    /// When the token ends. What it opened should not last much longer.
    pub expires: SystemTime,
}

/// A token proves nothing, or that cannot be told now.
///
/// The variants are for logs and never contain the token. To its bearer all but the temporary ones should look the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Not bound to a pod, as projected tokens are.
    #[error("token not bound to a pod")]
    Unbound,
    /// What it says of its bearer does not fit together.
    #[error("token contradicts itself")]
    Subject,
    /// The API server does not accept it.
    #[error("token refused by the API server")]
    Refused,
    /// The cluster's keys cannot be had, nor can the API server be asked.
    #[error("tokens cannot be checked now: {0}")]
    Unavailable(ApiError),
    /// More questions to the API server are waiting than is healthy.
    #[error("too many tokens wait to be checked")]
    Busy,
    /// The token itself is to be refused.
    #[error(transparent)]
    Token(#[from] TokenFault),
}

impl ProofError {
    /// Whether the same token may be good a little later: the bearer should come again.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Busy)
    }
}

/// Checks tokens. One per process.
pub struct ProjectedTokens {
    keys: KeySet,
    reviews: Arc<Reviews>,
}

impl ProjectedTokens {
    /// Begins to fetch the cluster's keys and keeps them fresh until dropped. Must be called within a runtime.
    pub fn start(client: Client) -> Arc<Self> {
        Arc::new(Self {
            keys: KeySet::start(client.clone()),
            reviews: Arc::new(Reviews::new(client)),
        })
    }

    /// What a token proves at the time `now`.
    ///
    /// Takes a fraction of a millisecond, longer only where a key is not known yet or the API server has to be asked; no call
    /// outlasts the API client's patience of ten seconds by much.
    ///
    /// # Errors
    /// Why it proves nothing.
    pub async fn verify(&self, token: &str, now: SystemTime) -> Result<Verified, ProofError> {
        let shape = Shape::of(token)?;
        match self.keys.find(shape.key_id()).await {
            Found::Key { issuer, key } => local(&shape, &issuer, &key)?.verified(now),
            Found::Unknown => Err(ProofError::Token(TokenFault::UnknownKey)),
            Found::Unreadable => self.reviews.review(&shape, now).await,
            Found::Unavailable(error) => Err(ProofError::Unavailable(error)),
        }
    }
}

impl fmt::Debug for ProjectedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProjectedTokens").finish_non_exhaustive()
    }
}

/// The claims of a token whose signature holds and that was issued by `issuer`.
fn local(shape: &Shape<'_>, issuer: &str, key: &Key) -> Result<Claims, ProofError> {
    if shape.algorithm() != Some(key.algorithm) {
        return Err(TokenFault::Algorithm.into());
    }
    let mut validation = jsonwebtoken::Validation::new(key.algorithm);
    // Times, audience and issuer are looked at by `Claims`, against the caller's clock.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let claims = jsonwebtoken::decode::<Claims>(shape.token(), &key.key, &validation)
        .map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature => ProofError::Token(TokenFault::Signature),
            ErrorKind::InvalidAlgorithm => ProofError::Token(TokenFault::Algorithm),
            _ => ProofError::Token(TokenFault::Malformed),
        })?
        .claims;
    if claims.issuer() != issuer {
        return Err(TokenFault::Issuer.into());
    }
    Ok(claims)
}

#[cfg(test)]
mod tests;
