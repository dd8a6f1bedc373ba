//! What a client asked for, of one type.

use std::sync::Arc;

use super::names::NameSet;
use crate::pool::Pool;
use crate::type_url::Collection;

/// The name that means all.
const WILDCARD: &str = "*";

/// A subscription. The legacy form, "has never named anything", is a state of its own: an empty list of names means all
/// there and nothing anywhere else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Subscription {
    /// No request yet.
    #[default]
    Unasked,
    /// Requests, and never a name in them: all.
    Legacy,
    /// Names, and maybe `*` among them.
    Named { wildcard: bool, names: NameSet },
}

/// What one request changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Names asked for in this request, also those asked for before. In state of the world, only new ones.
    pub(crate) named: Vec<Arc<str>>,
    /// Names given up, with whether they had been asked for by name.
    pub(crate) dropped: Vec<(Arc<str>, bool)>,
    pub(crate) wildcard_gained: bool,
    pub(crate) wildcard_lost: bool,
}

impl Subscription {
    pub(crate) fn is_wildcard(&self) -> bool {
        matches!(self, Self::Legacy | Self::Named { wildcard: true, .. })
    }

    pub(crate) fn covers(&self, name: &str) -> bool {
        self.is_wildcard() || self.names_it(name)
    }

    pub(crate) fn names_it(&self, name: &str) -> bool {
        matches!(self, Self::Named { names, .. } if names.contains(name))
    }

    pub(crate) fn named(&self) -> usize {
        match self {
            Self::Named { names, .. } => names.len(),
            Self::Unasked | Self::Legacy => 0,
        }
    }

    /// The length of all those names together.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Named { names, .. } => names.bytes(),
            Self::Unasked | Self::Legacy => 0,
        }
    }

    /// A delta request: names are added and taken away.
    pub(crate) fn adjust(
        &mut self,
        collection: Collection,
        subscribe: &[String],
        unsubscribe: &[String],
        intern: impl Fn(&str) -> Arc<str>,
    ) -> Asked {
        let before = self.is_wildcard();
        let mut asked = Asked::default();
        if !subscribe.is_empty() {
            let star = subscribe.iter().any(|name| name == WILDCARD);
            asked.named = subscribe
                .iter()
                .filter(|name| *name != WILDCARD)
                .map(|name| intern(name))
                .collect();
            asked.named.sort();
            asked.named.dedup();
            let (wildcard, mut names) = self.take();
            names.extend(asked.named.iter().cloned());
            *self = Self::Named {
                wildcard: wildcard || star,
                names,
            };
        } else if *self == Self::Unasked {
            *self = match collection {
                Collection::Whole => Self::Legacy,
                Collection::Named => Self::Named {
                    wildcard: false,
                    names: NameSet::default(),
                },
            };
        }
        for name in unsubscribe {
            if name == WILDCARD {
                let (_, names) = self.take();
                *self = Self::Named {
                    wildcard: false,
                    names,
                };
            } else {
                let removed = match self {
                    Self::Named { names, .. } => names.remove(name),
                    Self::Unasked | Self::Legacy => false,
                };
                asked.named.retain(|named| **named != **name);
                asked.dropped.push((intern(name), removed));
            }
        }
        asked.wildcard_gained = !before && self.is_wildcard();
        asked.wildcard_lost = before && !self.is_wildcard();
        asked
    }

    /// A state-of-the-world request: its names are all there are.
    pub(crate) fn set(
        &mut self,
        collection: Collection,
        list: &[String],
        intern: impl Fn(&str) -> Arc<str>,
    ) -> Asked {
        let before = self.is_wildcard();
        let mut asked = Asked::default();
        let never_named = matches!(self, Self::Unasked | Self::Legacy);
        if list.is_empty() && never_named && collection == Collection::Whole {
            *self = Self::Legacy;
        } else {
            let (_, old) = self.take();
            let names: NameSet = list
                .iter()
                .filter(|name| *name != WILDCARD)
                .map(|name| intern(name))
                .collect();
            asked.named = names
                .iter()
                .filter(|name| !old.contains(name))
                .cloned()
                .collect();
            asked.dropped = old
                .iter()
                .filter(|name| !names.contains(name))
                .map(|name| (name.clone(), true))
                .collect();
            *self = Self::Named {
                wildcard: list.iter().any(|name| name == WILDCARD),
                names,
            };
        }
        asked.wildcard_gained = !before && self.is_wildcard();
        asked.wildcard_lost = before && !self.is_wildcard();
        asked
    }

    /// Shares with other streams the names that they have asked for too; or those of all that many scopes hold (`layer`).
    pub(crate) fn share(&mut self, layer: &Arc<Vec<Arc<str>>>, pool: &Pool<Arc<str>>) {
        if let Self::Named { names, .. } = self {
            names.share(layer, pool);
        }
    }

    fn take(&mut self) -> (bool, NameSet) {
        match std::mem::take(self) {
            Self::Unasked => (false, NameSet::default()),
            Self::Legacy => (true, NameSet::default()),
            Self::Named { wildcard, names } => (wildcard, names),
        }
    }
}

#[cfg(test)]
mod tests;
