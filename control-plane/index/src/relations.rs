//! Reverse references: kept as they are resolved, and looked up like the input.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use tulle_model::{Name, Str};

use crate::few::Few;
use crate::key::{Fact, Kind, Node};
use crate::value::{Membership, Named, Value};

/// The workloads and services that have a host, with the addresses of each.
type HadBy = BTreeMap<(Kind, Name), Arc<Vec<IpAddr>>>;

/// Who points at what.
#[derive(Debug, Default)]
pub(crate) struct Relations {
    claims: BTreeMap<(Kind, Name, Str), Few<Name>>,
    attached: BTreeMap<Name, Few<Name>>,
    /// By zone, the workloads for whose sake it is there.
    registries: BTreeMap<Str, Few<Name>>,
    /// By host, who has it.
    named: BTreeMap<Str, HadBy>,
    /// Something about names or zones is different; whoever looks takes it back.
    pub(crate) names_changed: bool,
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

    /// The zones of all registries.
    pub(crate) fn registries(&self) -> BTreeSet<Str> {
        self.registries.keys().cloned().collect()
    }

    /// Whether a registry has a host.
    pub(crate) fn registered(&self, host: &Str) -> bool {
        let by = self.named.get(host).into_iter().flat_map(BTreeMap::keys);
        by.into_iter().any(|(kind, _)| *kind == Kind::Workload)
    }

    /// The addresses that are answered for a host, sorted; `None`: it is not answered.
    pub(crate) fn named(&self, host: &Str) -> Option<Vec<IpAddr>> {
        self.named.get(host).map(addresses)
    }

    /// All hosts that are answered.
    pub(crate) fn all_named(&self) -> BTreeMap<Str, Vec<IpAddr>> {
        let named = self.named.iter();
        named
            .map(|(host, by)| (host.clone(), addresses(by)))
            .collect()
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
            Node::Registered(name) => {
                self.follow_name((Kind::Workload, name), old, new, &mut facts);
            }
            Node::HostName(name) => {
                self.follow_name((Kind::Service, name), old, new, &mut facts);
            }
            _ => {}
        }
        facts
    }

    fn follow_name(
        &mut self,
        (kind, name): (Kind, &Name),
        old: Option<&Value>,
        new: Option<&Value>,
        facts: &mut Vec<Fact>,
    ) {
        let (old, new) = (named(old), named(new));
        if old == new {
            return;
        }
        self.names_changed = true;
        let zone = |named: &[Named]| named.iter().find_map(|own| own.zone.clone());
        if zone(old) != zone(new) {
            shift(&mut self.registries, name, zone(old), zone(new));
            facts.push(Fact::Registries);
        }
        let key = (kind, name.clone());
        for gone in old.iter().filter(|own| !new.contains(own)) {
            if let Some(by) = self.named.get_mut(&gone.host) {
                by.remove(&key);
                if by.is_empty() {
                    self.named.remove(&gone.host);
                }
            }
            facts.push(Fact::Named(gone.host.clone()));
        }
        for come in new.iter().filter(|own| !old.contains(own)) {
            let by = self.named.entry(come.host.clone()).or_default();
            by.insert(key.clone(), come.addresses.clone());
            facts.push(Fact::Named(come.host.clone()));
        }
        if kind == Kind::Workload {
            let elsewhere = |host: &Str, of: &[Named]| of.iter().all(|own| own.host != *host);
            let hosts = old.iter().filter(|own| elsewhere(&own.host, new));
            let hosts = hosts.chain(new.iter().filter(|own| elsewhere(&own.host, old)));
            facts.extend(hosts.map(|own| Fact::Registered(own.host.clone())));
        }
    }
}

fn named(value: Option<&Value>) -> &[Named] {
    match value {
        Some(Value::Named(named)) => named,
        _ => &[],
    }
}

fn addresses(by: &HadBy) -> Vec<IpAddr> {
    let all = by.values().flat_map(|addresses| addresses.iter().copied());
    let sorted: BTreeSet<IpAddr> = all.collect();
    sorted.into_iter().collect()
}

fn listed(names: Option<&Few<Name>>) -> Vec<Name> {
    names.into_iter().flatten().cloned().collect()
}

/// Moves `name` from the set of `old` to that of `new`; gives the keys whose sets changed.
fn shift<K: Ord + Clone>(
    sets: &mut BTreeMap<K, Few<Name>>,
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
