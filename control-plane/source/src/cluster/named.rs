//! One object of a namespace by its name, as the collection that has at most one.

use kube::Resource;
use kube::core::NamespaceResourceScope;
use serde::de::DeserializeOwned;

use super::watch::Collection;

/// A kind whose objects lie in namespaces, read from the API server's JSON.
pub trait Namespaced:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
}

impl<K> Namespaced for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + DeserializeOwned
        + Send
        + Sync
        + 'static
{
}

/// What is watched for one object. Needs the verbs `list` and `watch` on its name alone.
pub(super) fn collection<K: Namespaced>(namespace: &str, name: &str) -> Collection {
    Collection {
        path: K::url_path(&(), Some(namespace)),
        fields: Some(format!("metadata.name={name}")),
        metadata_only: false,
    }
}
