//! What one open group holds, and what changes in it.

use std::sync::Arc;

use tulle_envoy::{Planned, called_ports, own};
use tulle_index::Index;
use tulle_model::ObjectId;
use tulle_model::linked::ProxyView;
use tulle_model::settings::Settings;
use tulle_xds::{Change, Resource, TypeUrl};

use super::cache::{Cache, Encoded};
use super::called::{ListId, Lists};
use super::group::Group;

/// A group's resources: whom it calls, which others may call alike, and the rest.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// `None`: nothing has ever been compiled for the group.
    called: Option<Arc<ListId>>,
    /// Sorted by type and name, each once, and none that is in the list.
    own: Vec<Arc<Encoded>>,
}

/// What others need to follow a view.
pub(super) struct Means<'a> {
    pub(super) settings: &'a Settings,
    pub(super) index: &'a Index,
    pub(super) lists: &'a mut Lists,
    pub(super) cache: &'a mut Cache,
}

impl Held {
    /// The list that the group holds; `None`: nothing has ever been compiled for it.
    pub(super) fn called(&self) -> Option<&Arc<ListId>> {
        self.called.as_ref()
    }

    /// What the group holds beside the list.
    pub(super) fn own(&self) -> Vec<Arc<Resource>> {
        let own = self.own.iter();
        own.map(|held| held.resource.clone()).collect()
    }

    /// The group's view is different, or is looked at for the first time. What is different beside the list comes back.
    pub(super) fn follow_view(
        &mut self,
        view: &ProxyView,
        group: &Group,
        means: Means<'_>,
    ) -> Vec<Change> {
        let Means {
            settings,
            index,
            lists,
            cache,
        } = means;
        let (id, called) = lists.of(view, index, cache);
        let mut now: Vec<Arc<Encoded>> = called_ports(view, group.capture)
            .map(|port| called.routes(&port, cache))
            .collect();
        for planned in own(view, group.capture, settings) {
            let type_url = TypeUrl::new(planned.type_url);
            // Of two under one name the first counts, and whom it calls comes first.
            if called.layer().get(type_url, &planned.name).is_none() {
                now.push(self.with(&planned).unwrap_or_else(|| cache.get(&planned)));
            }
        }
        now.sort_by(|a, b| a.key().cmp(&b.key()));
        self.called = Some(id);
        let before = std::mem::replace(&mut self.own, now);
        let gone = before.iter().filter(|held| {
            let (type_url, name) = held.key();
            self.place((type_url, name)).is_err() && called.layer().get(type_url, name).is_none()
        });
        let gone =
            gone.map(|held| Change::Remove(held.resource.type_url(), held.resource.name().clone()));
        let news = self.own.iter().filter(|held| {
            let place = before.binary_search_by(|probe| probe.key().cmp(&held.key()));
            place.is_err() || place.is_ok_and(|place| before[place].resource != held.resource)
        });
        gone.chain(news.map(|held| Change::Put(held.resource.clone())))
            .collect()
    }

    fn place(&self, wanted: (TypeUrl, &str)) -> Result<usize, usize> {
        self.own.binary_search_by(|held| held.key().cmp(&wanted))
    }

    /// What is held of a planned resource, if it is of its version.
    fn with(&self, planned: &Planned<'_>) -> Option<Arc<Encoded>> {
        let type_url = TypeUrl::new(planned.type_url);
        let held = &self.own[self.place((type_url, &planned.name)).ok()?];
        (**held.resource.version() == *planned.version).then(|| held.clone())
    }

    /// The objects from which a resource was made.
    pub(super) fn origins(&self, lists: &Lists, type_url: TypeUrl, name: &str) -> Vec<ObjectId> {
        if let Ok(place) = self.place((type_url, name)) {
            return self.own[place].origins.clone();
        }
        let called = self.called.as_ref().and_then(|id| lists.get(id));
        let origins = called.and_then(|called| called.origins(type_url, name));
        origins.unwrap_or_default().to_vec()
    }
}
