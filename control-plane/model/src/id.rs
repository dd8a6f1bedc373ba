//! Names: of the user's objects, of the mesh's members, of proxies.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::interned::{Interned, Pooled, order};
use crate::pool::Pool;

/// A shared string: names are cloned everywhere and never changed.
pub type Str = Arc<str>;

static STRINGS: Pool<str> = Pool::new();
static OBJECTS: Pool<ObjectParts> = Pool::new();
static NAMES: Pool<NameParts> = Pool::new();
static PROXIES: Pool<ProxyParts> = Pool::new();

/// A string of which others have an equal one: all of them hold the same. For words that many objects say, such as namespaces,
/// labels and zones; asking costs more than making a string.
pub fn shared(text: &str) -> Str {
    STRINGS.one(text, |known| known == text, || text.into())
}

/// A user's object, as findings and refusals by Envoy are reported on it. Equal ones share what they hold: there are many of each.
pub type ObjectId = Interned<ObjectParts>;

/// What an [`ObjectId`] says.
#[derive(Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ObjectParts {
    /// API group, empty for Kubernetes' core group.
    pub group: Str,
    /// Kind, such as `VirtualRouter`.
    pub kind: Str,
    /// Namespace, empty for a cluster-scoped object.
    pub namespace: Str,
    /// `metadata.name`.
    pub name: Str,
}

impl Interned<ObjectParts> {
    /// Names an object; `namespace` is empty for cluster-scoped kinds.
    pub fn new(group: &str, kind: &str, namespace: &str, name: &str) -> Self {
        let asked = (group, kind, namespace, name);
        let is = |known: &ObjectParts| {
            asked == (&*known.group, &*known.kind, &*known.namespace, &*known.name)
        };
        let make = || ObjectParts {
            group: shared(group),
            kind: shared(kind),
            namespace: shared(namespace),
            name: shared(name),
        };
        Self::one(&asked, is, make)
    }
}

impl Pooled for ObjectParts {
    fn pool() -> &'static Pool<Self> {
        &OBJECTS
    }

    fn interned(&self) -> ObjectId {
        ObjectId::new(&self.group, &self.kind, &self.namespace, &self.name)
    }
}

impl PartialOrd for ObjectParts {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ObjectParts {
    fn cmp(&self, other: &Self) -> Ordering {
        order(&self.group, &other.group)
            .then_with(|| order(&self.kind, &other.kind))
            .then_with(|| order(&self.namespace, &other.namespace))
            .then_with(|| order(&self.name, &other.name))
    }
}

impl fmt::Display for ObjectParts {
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
/// VirtualService may both be called `shop/cart`. Cluster-scoped members have an empty namespace. Equal names share what they
/// hold: each is in many places.
pub type Name = Interned<NameParts>;

/// What a [`Name`] says.
#[derive(Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NameParts {
    /// The dialect whose rules made this name, such as `appmesh`.
    pub realm: Str,
    /// Namespace, or empty.
    pub namespace: Str,
    /// Name inside the namespace.
    pub name: Str,
}

impl Interned<NameParts> {
    /// Makes a name.
    pub fn new(realm: &str, namespace: &str, name: &str) -> Self {
        let asked = (realm, namespace, name);
        let is = |known: &NameParts| asked == (&*known.realm, &*known.namespace, &*known.name);
        let make = || NameParts {
            realm: shared(realm),
            namespace: shared(namespace),
            name: shared(name),
        };
        Self::one(&asked, is, make)
    }
}

impl Pooled for NameParts {
    fn pool() -> &'static Pool<Self> {
        &NAMES
    }

    fn interned(&self) -> Name {
        Name::new(&self.realm, &self.namespace, &self.name)
    }
}

impl PartialOrd for NameParts {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for NameParts {
    fn cmp(&self, other: &Self) -> Ordering {
        order(&self.realm, &other.realm)
            .then_with(|| order(&self.namespace, &other.namespace))
            .then_with(|| order(&self.name, &other.name))
    }
}

impl fmt::Display for NameParts {
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
/// workload or gateway hold the same config. Equal ones share what they hold.
pub type ProxyId = Interned<ProxyParts>;

/// What a [`ProxyId`] says.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct ProxyParts {
    /// Sidecar or gateway.
    pub kind: ProxyKind,
    /// Namespace of the object.
    pub namespace: Str,
    /// Name of the object.
    pub name: Str,
}

impl Interned<ProxyParts> {
    /// Names the proxies of an object.
    pub fn new(kind: ProxyKind, namespace: &str, name: &str) -> Self {
        let asked = (kind, namespace, name);
        let is = |known: &ProxyParts| asked == (known.kind, &*known.namespace, &*known.name);
        let make = || ProxyParts {
            kind,
            namespace: shared(namespace),
            name: shared(name),
        };
        Self::one(&asked, is, make)
    }
}

impl Pooled for ProxyParts {
    fn pool() -> &'static Pool<Self> {
        &PROXIES
    }

    fn interned(&self) -> ProxyId {
        ProxyId::new(self.kind, &self.namespace, &self.name)
    }
}

impl PartialOrd for ProxyParts {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ProxyParts {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.kind.cmp(&other.kind))
            .then_with(|| order(&self.namespace, &other.namespace))
            .then_with(|| order(&self.name, &other.name))
    }
}

impl fmt::Display for ProxyParts {
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

impl FromStr for Interned<ProxyParts> {
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
                Ok(Self::new(kind, namespace, name))
            }
            _ => Err(error()),
        }
    }
}

/// As it is written.
impl Serialize for ProxyParts {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Interned<ProxyParts> {
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
    fn equal_names_hold_the_same_and_no_more_than_a_pointer() {
        let object = || ObjectId::new("", "Pod", "shop", "front-1");
        assert!(std::ptr::eq(&*object(), &*object()));
        let name = || Name::new("appmesh", "shop", "front-1");
        assert!(std::ptr::eq(&*name(), &*name()));
        assert!(Arc::ptr_eq(&name().name, &object().name));
        let proxy = || -> ProxyId { "virtualnode/shop/front".parse().unwrap() };
        assert!(std::ptr::eq(&*proxy(), &*proxy()));
        let sizes = (
            size_of::<ObjectId>(),
            size_of::<Name>(),
            size_of::<ProxyId>(),
        );
        assert_eq!(sizes, (8, 8, 8));
        let back: ObjectId =
            serde_json::from_str(&serde_json::to_string(&object()).unwrap()).unwrap();
        assert_eq!(back, object());
    }

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
