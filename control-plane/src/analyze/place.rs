//! Where the fields that findings name stand in their files.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use tulle_model::ObjectId;
use tulle_source::{Place, RawObject, read_objects};

/// The places of objects, and of their fields: a file is read again when the first of its fields is asked for.
#[derive(Debug, Default)]
pub struct Places {
    objects: BTreeMap<ObjectId, Place>,
    files: HashMap<Arc<Path>, Vec<RawObject>>,
}

impl Places {
    /// The places of these objects.
    pub fn new(objects: BTreeMap<ObjectId, Place>) -> Self {
        Self {
            objects,
            files: HashMap::new(),
        }
    }

    /// Where a field of an object stands, or the nearest thing around it that is there. `None` for an object that no file
    /// holds.
    pub fn of(&mut self, object: &ObjectId, field: &str) -> Option<Place> {
        let place = self.objects.get(object)?;
        let objects = self
            .files
            .entry(Arc::clone(&place.file))
            .or_insert_with(|| {
                // One that has gone since has no fields any more.
                let text = std::fs::read_to_string(&place.file).unwrap_or_default();
                read_objects(&place.file, &text)
            });
        let raw = objects.iter().find(|raw| raw.place == *place);
        Some(raw.map_or_else(|| place.clone(), |raw| raw.locate(field)))
    }
}
