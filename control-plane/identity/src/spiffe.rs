//! SPIFFE names, as far as we make them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The domain in which identities are issued and believed, such as `cluster.local`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrustDomain(Arc<str>);

/// The text is no trust domain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "trust domain {0:?}: use 1 to 255 lower-case letters, digits, dots, dashes and underscores, such as cluster.local"
)]
pub struct TrustDomainError(String);

impl TrustDomain {
    /// The name without `spiffe://`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The identity of the domain itself, which its certificate authority bears.
    pub fn id(&self) -> SpiffeId {
        SpiffeId(format!("spiffe://{self}"))
    }

    /// The identity of a service account: `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`.
    ///
    /// Both parts are Kubernetes names (letters, digits, `-`, `.`), so they are valid path segments as they are.
    pub fn service_account(&self, namespace: &str, name: &str) -> SpiffeId {
        SpiffeId(format!("spiffe://{self}/ns/{namespace}/sa/{name}"))
    }
}

impl Default for TrustDomain {
    fn default() -> Self {
        Self("cluster.local".into())
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TrustDomain {
    type Err = TrustDomainError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-_".contains(&b);
        if (1..=255).contains(&text.len()) && text.bytes().all(fits) {
            Ok(Self(text.into()))
        } else {
            Err(TrustDomainError(text.to_owned()))
        }
    }
}

/// A SPIFFE identity, `spiffe://…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpiffeId(String);

impl SpiffeId {
    /// The whole URI.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_domains_follow_spiffe() {
        for good in ["cluster.local", "a", "prod_1.example-x.org"] {
            assert_eq!(good.parse::<TrustDomain>().unwrap().as_str(), good);
        }
        let long = "a".repeat(256);
        for bad in ["", "Cluster.local", "a/b", "a:1", "ü", "a b", long.as_str()] {
            assert!(bad.parse::<TrustDomain>().is_err(), "{bad}");
        }
        let domain = TrustDomain::default();
        assert_eq!(domain.id().as_str(), "spiffe://cluster.local");
        assert_eq!(
            domain.service_account("tulle-system", "tulle").as_str(),
            "spiffe://cluster.local/ns/tulle-system/sa/tulle"
        );
    }
}
