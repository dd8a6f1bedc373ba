//! What a stream leaves open when it ends, for the client's next one.

use std::sync::Arc;

use super::Session;
use crate::resource::Resource;
use crate::type_url::TypeIndex;

/// What a client may have taken although no acknowledgement of it came: it was under way when the stream ended, or it
/// was the good part of what the client rejected. The client does not tell of the latter on its next stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unsure {
    resources: Vec<(TypeIndex, Arc<Resource>)>,
    /// Names of what it may have dropped, and of secrets that it may have taken.
    doubtful: Vec<(TypeIndex, Arc<str>)>,
    /// Types with anything open, as a bit mask.
    types: u32,
}

impl Unsure {
    pub(crate) fn is_empty(&self) -> bool {
        self.types == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.resources.len() + self.doubtful.len()
    }

    #[cfg(test)]
    pub(crate) fn keeps_no_resource(&self) -> bool {
        self.resources.is_empty()
    }
}

impl Session {
    /// Tells what the client's last stream left open. To be called before anything else.
    pub(crate) fn recall(&mut self, unsure: Unsure) {
        for (of, resource) in unsure.resources {
            let state = &mut self.types[of.slot()];
            let (name, version) = (resource.name().clone(), resource.version().clone());
            if let Some(other) = state.ghosts.insert(name.clone(), resource)
                && *other.version() != version
            {
                // one of two: whatever the client says it has, it may use the other
                state.doubtful.insert(name);
            }
        }
        for (of, name) in unsure.doubtful {
            self.types[of.slot()].doubtful.insert(name);
        }
        for of in self.table.indices() {
            self.types[of.slot()].unsure = unsure.types & (1 << of.slot()) != 0;
        }
    }

    /// What this stream leaves open.
    pub(crate) fn unsure(&self) -> Unsure {
        let mut unsure = Unsure::default();
        for of in self.table.indices() {
            let state = &self.types[of.slot()];
            let open = unsure.len();
            let flight = state.in_flight.as_ref();
            let fresh = flight.into_iter().flat_map(|flight| flight.fresh.iter());
            for resource in state.ghosts.values().chain(fresh) {
                if resource.is_secret() {
                    // its name is enough to send it again, and a key must not outlive its stream
                    unsure.doubtful.push((of, resource.name().clone()));
                } else {
                    unsure.resources.push((of, resource.clone()));
                }
            }
            if let Some(flight) = flight {
                let removed = flight.removed.iter().cloned();
                unsure.doubtful.extend(removed.map(|name| (of, name)));
            }
            let doubtful = state.doubtful.iter().cloned();
            unsure.doubtful.extend(doubtful.map(|name| (of, name)));
            // recalled, and this stream was too short to make use of it
            let still = !state.asked && state.unsure;
            if state.in_flight.is_some() || still || unsure.len() > open {
                unsure.types |= 1 << of.slot();
            }
        }
        unsure
    }
}
