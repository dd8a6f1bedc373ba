//! From room to room: an observed object to the dialect that understands it.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use tulle_crds::Kind;
use tulle_model::fragment::Translated;
use tulle_model::{ObjectId, Str};
use tulle_source::{Change, ObjectKey};

/// Group and name of each kind, shared by all its objects.
static KINDS: LazyLock<BTreeMap<Kind, (Str, Str)>> = LazyLock::new(|| {
    let kinds = Kind::ALL.into_iter();
    kinds
        .map(|kind| (kind, (kind.group().into(), kind.as_str().into())))
        .collect()
});

/// The name under which an object is linked and reported.
pub fn object_id(key: &ObjectKey) -> ObjectId {
    let (group, kind) = &KINDS[&key.kind];
    ObjectId {
        group: group.clone(),
        kind: kind.clone(),
        namespace: key.namespace.as_deref().unwrap_or_default().into(),
        name: key.name.as_str().into(),
    }
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
