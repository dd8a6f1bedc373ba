//! Names of resource types, and the order in which a server sends them.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// The type URL of an xDS resource. Always one of a fixed set of static strings, so copying and comparing are cheap and
/// what a client sends can never grow a table.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TypeUrl(&'static str);

impl TypeUrl {
    /// Clusters.
    pub const CDS: Self = Self("type.googleapis.com/envoy.config.cluster.v3.Cluster");
    /// Endpoints of a cluster.
    pub const EDS: Self =
        Self("type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment");
    /// Listeners.
    pub const LDS: Self = Self("type.googleapis.com/envoy.config.listener.v3.Listener");
    /// Route configurations.
    pub const RDS: Self = Self("type.googleapis.com/envoy.config.route.v3.RouteConfiguration");
    /// Secrets: certificates, keys, trust bundles.
    pub const SDS: Self =
        Self("type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret");
    /// Virtual hosts, each a resource of its own.
    pub const VHDS: Self = Self("type.googleapis.com/envoy.config.route.v3.VirtualHost");

    /// A type this crate has no constant for.
    pub const fn new(url: &'static str) -> Self {
        Self(url)
    }

    /// The full URL, as it is on the wire.
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// The message name without its package: `Cluster`, `RouteConfiguration`.
    pub fn short(self) -> &'static str {
        self.0.rsplit(['.', '/']).next().unwrap_or(self.0)
    }
}

impl PartialOrd for TypeUrl {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// That of the texts; mostly one is compared with itself.
impl Ord for TypeUrl {
    fn cmp(&self, other: &Self) -> Ordering {
        match std::ptr::eq(self.0, other.0) {
            true => Ordering::Equal,
            false => self.0.cmp(other.0),
        }
    }
}

impl fmt::Debug for TypeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}

impl fmt::Display for TypeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}

impl serde::Serialize for TypeUrl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.short())
    }
}

/// How clients ask for resources of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collection {
    /// A request that names nothing means all of them, and a state-of-the-world response carries the whole set, so that
    /// absence deletes: listeners and clusters (and, in delta only, virtual hosts).
    Whole,
    /// Always asked for by name; a state-of-the-world response may carry only what changed: endpoints, routes, secrets.
    Named,
}

/// One served type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeSpec {
    /// The type.
    pub url: TypeUrl,
    /// How it is asked for.
    pub collection: Collection,
    /// Types that its resources may require: what a client brings of this type from an earlier stream, in versions that
    /// nobody remembers, may use any of theirs. Types that they are seen to require count all the same.
    pub may_require: &'static [TypeUrl],
    /// Callers may have resources of this type that are nobody else's ([`crate::Caller::own`]).
    pub private: bool,
}

impl TypeSpec {
    /// A type that is subscribed to as a whole.
    pub const fn whole(url: TypeUrl) -> Self {
        Self {
            url,
            collection: Collection::Whole,
            may_require: &[],
            private: false,
        }
    }

    /// A type that is subscribed to by name.
    pub const fn named(url: TypeUrl) -> Self {
        Self {
            url,
            collection: Collection::Named,
            may_require: &[],
            private: false,
        }
    }

    /// The same, with the types that it may require.
    #[must_use]
    pub const fn requiring(self, types: &'static [TypeUrl]) -> Self {
        Self {
            may_require: types,
            ..self
        }
    }

    /// The same, of which callers may have their own.
    #[must_use]
    pub const fn private(self) -> Self {
        Self {
            private: true,
            ..self
        }
    }
}

/// The position of a type in its [`TypeTable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TypeIndex(u8);

impl TypeIndex {
    pub(crate) fn slot(self) -> usize {
        usize::from(self.0)
    }
}

/// The served types, in the order in which their updates are written. What refers comes after what it refers to, except
/// where the client asks for the referred only once it has seen the referrer (endpoints after clusters).
#[derive(Clone, Debug)]
pub struct TypeTable(Arc<[TypeSpec]>);

impl TypeTable {
    /// The most types a table can hold: dependencies between types are kept as a 32-bit mask.
    pub const MAX: usize = 32;

    /// A table that serves `types` in this order. A type named twice counts where it stands first; types past
    /// [`TypeTable::MAX`] are not served.
    pub fn new(types: impl IntoIterator<Item = TypeSpec>) -> Self {
        let mut kept: Vec<TypeSpec> = Vec::new();
        for spec in types {
            if kept.len() < Self::MAX && kept.iter().all(|seen| seen.url != spec.url) {
                kept.push(spec);
            }
        }
        Self(kept.into())
    }

    /// Envoy's order: clusters, endpoints, secrets, listeners, routes, virtual hosts.
    pub fn envoy() -> Self {
        Self::new([
            TypeSpec::whole(TypeUrl::CDS).requiring(&[TypeUrl::EDS, TypeUrl::SDS]),
            TypeSpec::named(TypeUrl::EDS),
            TypeSpec::named(TypeUrl::SDS).private(),
            TypeSpec::whole(TypeUrl::LDS).requiring(&[TypeUrl::CDS, TypeUrl::SDS, TypeUrl::RDS]),
            TypeSpec::named(TypeUrl::RDS).requiring(&[TypeUrl::CDS]),
            TypeSpec::whole(TypeUrl::VHDS).requiring(&[TypeUrl::CDS]),
        ])
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn indices(&self) -> impl DoubleEndedIterator<Item = TypeIndex> + use<> {
        // `new` keeps at most 32 types
        (0..self.0.len() as u8).map(TypeIndex)
    }

    pub(crate) fn index_of(&self, url: TypeUrl) -> Option<TypeIndex> {
        self.indices().find(|index| self.0[index.slot()].url == url)
    }

    pub(crate) fn index_of_str(&self, url: &str) -> Option<TypeIndex> {
        self.indices()
            .find(|index| self.0[index.slot()].url.0 == url)
    }

    pub(crate) fn url(&self, index: TypeIndex) -> TypeUrl {
        self.0[index.slot()].url
    }

    /// The types that resources of a type may require, as a bit mask.
    pub(crate) fn may_require(&self, index: TypeIndex) -> u32 {
        let required = self.0[index.slot()].may_require.iter();
        required
            .filter_map(|url| self.index_of(*url))
            .fold(0, |mask, required| mask | 1 << required.slot())
    }

    pub(crate) fn is_private(&self, index: TypeIndex) -> bool {
        self.0[index.slot()].private
    }

    pub(crate) fn collection(&self, index: TypeIndex) -> Collection {
        self.0[index.slot()].collection
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_counts_once_and_in_its_first_place() {
        let table = TypeTable::new([
            TypeSpec::whole(TypeUrl::LDS),
            TypeSpec::whole(TypeUrl::CDS),
            TypeSpec::named(TypeUrl::LDS),
        ]);
        assert_eq!(table.len(), 2);
        let listener = table.index_of_str(TypeUrl::LDS.as_str()).unwrap();
        assert_eq!(table.url(listener), TypeUrl::LDS);
        assert_eq!(table.collection(listener), Collection::Whole);
        assert!(table.index_of(TypeUrl::RDS).is_none());
    }

    #[test]
    fn short_names_are_message_names() {
        assert_eq!(TypeUrl::CDS.to_string(), "Cluster");
        assert_eq!(TypeUrl::new("example.com/a.b.Thing").short(), "Thing");
    }
}
