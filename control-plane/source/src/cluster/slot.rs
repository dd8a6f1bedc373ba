//! Where an object of a kind is kept.

use std::borrow::Borrow;
use std::sync::Arc;

use tulle_crds::{Kind, ObjectKey};

/// An object's namespace and name as one text, `shop/front`, or `/front` for kinds of the whole cluster: there are many, and the
/// tables that hold one share it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot(Arc<str>);

impl Slot {
    /// Of a namespace and a name.
    pub(super) fn new(namespace: &str, name: &str) -> Self {
        Self(text(namespace, name).into())
    }

    /// The name of the object of a kind that is kept here.
    pub(super) fn key(&self, kind: Kind) -> ObjectKey {
        // No namespace has a slash.
        let (namespace, name) = self.0.split_once('/').unwrap_or(("", &self.0));
        ObjectKey {
            kind,
            namespace: kind.is_namespaced().then(|| namespace.to_owned()),
            name: name.to_owned(),
        }
    }
}

/// Where an object is looked for.
pub(super) fn of(key: &ObjectKey) -> String {
    text(key.namespace.as_deref().unwrap_or_default(), &key.name)
}

fn text(namespace: &str, name: &str) -> String {
    [namespace, "/", name].concat()
}

impl Borrow<str> for Slot {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_says_whose_it_is() {
        let slot = Slot::new("shop", "front");
        let key = slot.key(Kind::Pod);
        assert_eq!(key.to_string(), "Pod shop/front");
        assert_eq!(of(&key), *slot.0);
        let mesh = Slot::new("", "color").key(Kind::Mesh);
        assert_eq!((mesh.namespace, &*mesh.name), (None, "color"));
    }
}
