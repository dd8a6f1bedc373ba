//! From room to room: an observed object to the dialect that understands it.

use std::sync::Arc;

use tulle_model::ObjectId;
use tulle_model::fragment::Translated;
use tulle_source::{Change, ObjectKey};

/// The name under which an object is linked and reported.
pub fn object_id(key: &ObjectKey) -> ObjectId {
    let namespace = key.namespace.as_deref().unwrap_or_default();
    ObjectId::new(key.kind.group(), key.kind.as_str(), namespace, &key.name)
}

/// What a change means to the index; `None`: the object is gone.
pub fn translate(change: &Change) -> (ObjectId, Option<Arc<Translated>>) {
    let translated = change.object.as_ref().map(|observed| {
        let translated = tulle_appmesh::translate(&observed.object, &observed.unknown_fields)
            .or_else(|| tulle_kubernetes::translate(&observed.object))
            .unwrap_or_default();
        Arc::new(translated)
    });
    (object_id(&change.key), translated)
}
