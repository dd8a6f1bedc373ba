//! What one stream sees of the store: its group's resources, its own before them, and not what was withdrawn from it.

use std::sync::Arc;

use super::{Contents, Pools};
use crate::layer::Sorted;
use crate::resource::Resource;
use crate::type_url::{Collection, TypeIndex};

/// The contents of a stream's scopes at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    group: &'a Contents,
    own: Option<&'a Contents>,
    /// Types of which this stream is to see nothing, as a bit mask.
    withdrawn: u32,
}

impl<'a> View<'a> {
    pub(crate) fn new(group: &'a Contents, own: Option<&'a Contents>, withdrawn: u32) -> Self {
        Self {
            group,
            own,
            withdrawn,
        }
    }

    /// Whether anything of any type may be sent.
    pub(crate) fn is_any_ready(&self) -> bool {
        self.group.filled() || self.own.is_some_and(Contents::filled)
    }

    /// Whether resources of this type may be sent. A caller's own do not wait for its group's, which may never come; but
    /// where a type is subscribed to as a whole, a part of it must not be taken for the whole.
    pub(crate) fn is_ready(&self, of: TypeIndex) -> bool {
        match self.own_of(of) {
            Some(own) if self.group.table.collection(of) == Collection::Named => own.filled(),
            Some(own) => own.filled() && self.group.filled(),
            None => self.group.filled(),
        }
    }

    /// Whether all that there is of this type is known. Until then nothing may be concluded from absence.
    pub(crate) fn is_whole(&self, of: TypeIndex) -> bool {
        self.is_withdrawn(of)
            || (self.group.filled() && self.own_of(of).is_none_or(Contents::filled))
    }

    /// Whether the caller may have resources of this type that are nobody else's.
    pub(crate) fn is_private(&self, of: TypeIndex) -> bool {
        self.own.is_some() && self.group.table.is_private(of)
    }

    /// The batch that last changed what this stream sees.
    pub(crate) fn batch(&self) -> u64 {
        let own = self.own.map_or(0, Contents::batch);
        self.group.batch().max(own)
    }

    pub(crate) fn get(&self, of: TypeIndex, name: &str) -> Option<&'a Arc<Resource>> {
        if self.is_withdrawn(of) {
            return None;
        }
        self.own_of(of)
            .and_then(|own| own.get(of, name))
            .or_else(|| self.group.get(of, name))
    }

    pub(crate) fn all(&self, of: TypeIndex) -> impl Iterator<Item = &'a Arc<Resource>> + use<'a> {
        let own = self.own_of(of);
        let seen = !self.is_withdrawn(of);
        let group = self.group.all(of);
        let group =
            group.filter(move |theirs| own.is_none_or(|own| own.get(of, theirs.name()).is_none()));
        let own = own.into_iter().flat_map(move |own| own.all(of));
        own.chain(group).filter(move |_| seen)
    }

    /// Whether there ever were resources of a type.
    pub(crate) fn knows(&self, of: TypeIndex) -> bool {
        self.group.knows(of) || self.own_of(of).is_some_and(|own| own.knows(of))
    }

    /// Whether resources of type `user` may require resources of type `of`.
    pub(crate) fn may_require(&self, user: TypeIndex, of: TypeIndex) -> bool {
        self.group.may_require(user, of)
    }

    /// What the group holds of a type as other groups do.
    pub(crate) fn base(&self, of: TypeIndex) -> &'a Arc<Sorted> {
        self.group.base(of)
    }

    /// What the streams of the group share.
    pub(crate) fn pools(&self, of: TypeIndex) -> &'a Pools {
        &self.group.pools[of.slot()]
    }

    /// The stored spelling of a name, so that streams share one allocation.
    pub(crate) fn intern(&self, of: TypeIndex, name: &str) -> Arc<str> {
        self.get(of, name)
            .map_or_else(|| Arc::from(name), |resource| resource.name().clone())
    }

    fn is_withdrawn(&self, of: TypeIndex) -> bool {
        self.withdrawn & (1 << of.slot()) != 0
    }

    fn own_of(&self, of: TypeIndex) -> Option<&'a Contents> {
        self.own.filter(|_| self.group.table.is_private(of))
    }
}
