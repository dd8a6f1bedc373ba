//! Names: of the user's objects, of the mesh's members, of proxies.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A shared string: names are cloned everywhere and never changed.
pub type Str = Arc<str>;

/// A user's object, as findings and refusals by Envoy are reported on it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectId {
    /// API group, empty for Kubernetes' core group.
    pub group: Str,
    /// Kind, such as `VirtualRouter`.
    pub kind: Str,
    /// Namespace, empty for a cluster-scoped object.
    pub namespace: Str,
    /// `metadata.name`.
    pub name: Str,
}

impl ObjectId {
    /// Names an object; `namespace` is empty for cluster-scoped kinds.
    pub fn new(group: &str, kind: &str, namespace: &str, name: &str) -> Self {
        Self {
            group: group.into(),
            kind: kind.into(),
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{} {}", self.kind, self.name)
        } else {
            write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
        }
    }
}

/// The name of a mesh member (workload, service, router, gateway, …).
///
/// `realm` keeps the dialects' namespaces of names apart: an App Mesh VirtualService and an Istio
/// VirtualService may both be called `shop/cart`. Cluster-scoped members have an empty namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Name {
    /// The dialect whose rules made this name, such as `appmesh`.
    pub realm: Str,
    /// Namespace, or empty.
    pub namespace: Str,
    /// Name inside the namespace.
    pub name: Str,
}

impl Name {
    /// Makes a name.
    pub fn new(realm: &str, namespace: &str, name: &str) -> Self {
        Self {
            realm: realm.into(),
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            f.write_str(&self.name)
        } else {
            write!(f, "{}/{}", self.namespace, self.name)
        }
    }
}

/// The SPIFFE id of a service account.
pub fn spiffe_id(trust_domain: &str, namespace: &str, service_account: &str) -> Str {
    format!("spiffe://{trust_domain}/ns/{namespace}/sa/{service_account}").into()
}

/// What a proxy stands beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProxyKind {
    /// A workload's sidecar.
    VirtualNode,
    /// A gateway.
    VirtualGateway,
}

impl ProxyKind {
    /// The word used on the command line and in proxy tokens.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::VirtualNode => "virtualnode",
            Self::VirtualGateway => "virtualgateway",
        }
    }
}

/// A proxy group, written `virtualnode/NS/NAME` or `virtualgateway/NS/NAME`: all proxies of one
/// workload or gateway hold the same config.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProxyId {
    /// Sidecar or gateway.
    pub kind: ProxyKind,
    /// Namespace of the object.
    pub namespace: Str,
    /// Name of the object.
    pub name: Str,
}

impl fmt::Display for ProxyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.kind.as_str(), self.namespace, self.name)
    }
}

/// Why a proxy name was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyIdError(String);

impl fmt::Display for ProxyIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "proxy {:?}: expected virtualnode/NAMESPACE/NAME or virtualgateway/NAMESPACE/NAME",
            self.0
        )
    }
}

impl std::error::Error for ProxyIdError {}

impl FromStr for ProxyId {
    type Err = ProxyIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ProxyIdError(text.to_owned());
        let mut parts = text.split('/');
        let kind = match parts.next() {
            Some("virtualnode") => ProxyKind::VirtualNode,
            Some("virtualgateway") => ProxyKind::VirtualGateway,
            _ => return Err(error()),
        };
        match (parts.next(), parts.next(), parts.next()) {
            (Some(namespace), Some(name), None) if !namespace.is_empty() && !name.is_empty() => {
                Ok(Self {
                    kind,
                    namespace: namespace.into(),
                    name: name.into(),
                })
            }
            _ => Err(error()),
        }
    }
}

impl Serialize for ProxyId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ProxyId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxy_names_round_trip_and_refuse_what_is_no_name() {
        for text in ["virtualnode/shop/front", "virtualgateway/edge/in"] {
            assert_eq!(text.parse::<ProxyId>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "node/a/b",
            "virtualnode/a",
            "virtualnode//b",
            "virtualnode/a/b/c",
        ] {
            assert!(text.parse::<ProxyId>().is_err(), "{text}");
        }
    }
}
