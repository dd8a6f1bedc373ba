//! Reverse references: kept as they are resolved, and looked up like the input.

use std::collections::{BTreeMap, BTreeSet};

use tulle_model::{Name, Str};

use crate::key::{Fact, Kind, Node};
use crate::value::{Membership, Value};

/// Who points at what.
#[derive(Debug, Default)]
pub(crate) struct Relations {
    claims: BTreeMap<(Kind, Name, Str), BTreeSet<Name>>,
    attached: BTreeMap<Name, BTreeSet<Name>>,
}

impl Relations {
    /// The members that claim a name in a mesh, sorted.
    pub(crate) fn claims(&self, kind: Kind, mesh: &Name, alias: &Str) -> Vec<Name> {
        let key = (kind, mesh.clone(), alias.clone());
        listed(self.claims.get(&key))
    }

    /// The routes that belong to a gateway, sorted.
    pub(crate) fn attached(&self, gateway: &Name) -> Vec<Name> {
        listed(self.attached.get(gateway))
    }

    /// Follows a node from one value to another; gives the lookups that changed.
    pub(crate) fn update(
        &mut self,
        node: &Node,
        old: Option<&Value>,
        new: Option<&Value>,
    ) -> Vec<Fact> {
        let mut facts = vec![];
        match node {
            Node::Membership(member) => {
                let claim = |value: Option<&Value>| match value {
                    Some(Value::Membership(Membership::In {
                        mesh,
                        alias: Some(alias),
                    })) => Some((member.kind, mesh.clone(), alias.clone())),
                    _ => None,
                };
                let (old, new) = (claim(old), claim(new));
                if old != new {
                    for (kind, mesh, alias) in shift(&mut self.claims, &member.name, old, new) {
                        facts.push(Fact::Claims(kind, mesh, alias));
                    }
                }
            }
            Node::GatewayOf(route) => {
                let gateway = |value: Option<&Value>| match value {
                    Some(Value::GatewayOf(gateway)) => gateway.clone(),
                    _ => None,
                };
                let (old, new) = (gateway(old), gateway(new));
                if old != new {
                    for gateway in shift(&mut self.attached, route, old, new) {
                        facts.push(Fact::Attached(gateway));
                    }
                }
            }
            _ => {}
        }
        facts
    }
}

fn listed(names: Option<&BTreeSet<Name>>) -> Vec<Name> {
    names.into_iter().flatten().cloned().collect()
}

/// Moves `name` from the set of `old` to that of `new`; gives the keys whose sets changed.
fn shift<K: Ord + Clone>(
    sets: &mut BTreeMap<K, BTreeSet<Name>>,
    name: &Name,
    old: Option<K>,
    new: Option<K>,
) -> Vec<K> {
    let mut changed = vec![];
    if let Some(old) = old {
        if let Some(names) = sets.get_mut(&old) {
            names.remove(name);
            if names.is_empty() {
                sets.remove(&old);
            }
        }
        changed.push(old);
    }
    if let Some(new) = new {
        sets.entry(new.clone()).or_default().insert(name.clone());
        changed.push(new);
    }
    changed
}
