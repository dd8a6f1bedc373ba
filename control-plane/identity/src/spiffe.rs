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

/// The text is no SPIFFE identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no SPIFFE identity, such as spiffe://cluster.local/ns/shop/sa/front")]
pub struct SpiffeIdError(String);

impl SpiffeId {
    /// The longest that SPIFFE allows.
    const MAX_LENGTH: usize = 2048;

    /// The whole URI.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it names a workload of this domain.
    pub fn is_in(&self, trust_domain: &TrustDomain) -> bool {
        self.0
            .strip_prefix("spiffe://")
            .and_then(|rest| rest.strip_prefix(trust_domain.as_str()))
            .is_some_and(|path| path.starts_with('/'))
    }
}

impl FromStr for SpiffeId {
    type Err = SpiffeIdError;

    /// Reads an identity, by the rules of the SPIFFE ID specification (2.1 to 2.3).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || SpiffeIdError(text.chars().take(256).collect());
        let rest = text.strip_prefix("spiffe://").ok_or_else(error)?;
        let (domain, path) = match rest.split_once('/') {
            Some((domain, path)) => (domain, Some(path)),
            None => (rest, None),
        };
        let fits = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
        let segment = |s: &str| !matches!(s, "" | "." | "..") && s.bytes().all(fits);
        if text.len() <= Self::MAX_LENGTH
            && domain.parse::<TrustDomain>().is_ok()
            && path.is_none_or(|path| path.split('/').all(segment))
        {
            Ok(Self(text.to_owned()))
        } else {
            Err(error())
        }
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

    #[test]
    fn identities_follow_spiffe() {
        let domain = TrustDomain::default();
        for good in [
            "spiffe://cluster.local/ns/shop/sa/front",
            "spiffe://cluster.local/A_b-c.d",
        ] {
            let id: SpiffeId = good.parse().unwrap();
            assert_eq!(id.as_str(), good);
            assert!(id.is_in(&domain));
        }
        assert!("spiffe://cluster.local".parse::<SpiffeId>().is_ok());
        for foreign in [
            "spiffe://cluster.local",
            "spiffe://cluster.local.evil/ns/a/sa/b",
            "spiffe://cluster.loca/ns/a/sa/b",
        ] {
            assert!(!foreign.parse::<SpiffeId>().unwrap().is_in(&domain));
        }
        let long = format!("spiffe://a/{}", "x".repeat(2048));
        for bad in [
            "",
            "https://cluster.local/ns/a/sa/b",
            "spiffe:///ns/a/sa/b",
            "spiffe://Cluster.local/ns",
            "spiffe://a:8080/ns",
            "spiffe://u@a/ns",
            "spiffe://a/",
            "spiffe://a/ns/",
            "spiffe://a//ns",
            "spiffe://a/./ns",
            "spiffe://a/../ns",
            "spiffe://a/n%20s",
            "spiffe://a/ns?x=y",
            "spiffe://a/ns#x",
            long.as_str(),
        ] {
            assert!(bad.parse::<SpiffeId>().is_err(), "{bad}");
        }
    }
}
