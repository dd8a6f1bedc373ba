//! From edited tables to the lookups that now give something else.

use tulle_model::fragment::{Pod, Workload};
use tulle_model::{Name, ProxyId, ProxyKind};

use super::Facts;
use super::part::{Header, MemberPart, Part};
use super::table::{Change, Held};
use crate::key::{Fact, Kind, Member, Node};
use crate::registry;

/// What a batch of edits means for whoever looked something up.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// Lookups that give something else.
    pub(crate) facts: Vec<Fact>,
    /// Pods that came, went or changed: lookups by selector ask these.
    pub(crate) pods: Vec<Change<Pod>>,
    /// Nodes that are wanted for their own sake from now on (`true`) or no longer.
    pub(crate) roots: Vec<(Node, bool)>,
}

impl Facts {
    /// Sums up the edits since the last call.
    pub(crate) fn effects(&mut self) -> Effects {
        let mut effects = Effects::default();
        self.mesh_effects(&mut effects);
        self.member_effects(&mut effects);
        self.kubernetes_effects(&mut effects);
        effects
    }

    fn mesh_effects(&mut self, effects: &mut Effects) {
        for change in self.meshes.changes() {
            let (before, after) = (change.before.first(), change.after.first());
            effects.facts.push(Fact::Mesh(change.key.clone()));
            if before.is_some() != after.is_some() {
                effects.facts.push(Fact::MeshKnown(change.key.clone()));
            }
            if before.map(|mesh| &mesh.namespaces) != after.map(|mesh| &mesh.namespaces) {
                effects.facts.push(Fact::MeshSelectors);
            }
        }
        for change in self.namespaces.changes() {
            let (before, after) = (change.before.first(), change.after.first());
            if before.and_then(|own| own.mtls) != after.and_then(|own| own.mtls) {
                effects.facts.push(Fact::NamespaceMtls(change.key.clone()));
            }
            effects.facts.push(Fact::Namespace(change.key));
        }
    }

    fn member_effects(&mut self, effects: &mut Effects) {
        for change in self.workloads.changes() {
            let proxy = proxy_id(ProxyKind::VirtualNode, &change.key);
            self.proxy_effects(&proxy, &change, effects);
            self.registry_effects(&change, effects);
            effects.member(&change, |name| vec![Node::Registered(name)]);
        }
        for change in self.gateways.changes() {
            let proxy = proxy_id(ProxyKind::VirtualGateway, &change.key);
            self.proxy_effects(&proxy, &change, effects);
            let selectors = |row: Option<&Held<_>>| {
                row.map(|gateway: &Held<tulle_model::fragment::Gateway>| {
                    (gateway.namespaces.clone(), gateway.routes.clone())
                })
            };
            if selectors(change.before.first()) != selectors(change.after.first()) {
                effects.facts.push(Fact::GatewaySelectors);
            }
            effects.member(&change, |_| vec![]);
        }
        for change in self.services.changes() {
            if change.came_or_went() {
                let place = (change.key.realm.clone(), change.key.namespace.clone());
                effects.facts.push(Fact::ServicesIn(Box::new(place)));
            }
            effects.member(&change, |name| {
                vec![Node::ServicePorts(name.clone()), Node::HostName(name)]
            });
        }
        for change in self.routers.changes() {
            effects.member(&change, |name| vec![Node::RouterPorts(name)]);
        }
        for change in self.gateway_routes.changes() {
            effects.member(&change, |name| vec![Node::GatewayOf(name)]);
        }
        for change in self.groups.changes() {
            effects.member(&change, |name| vec![Node::Group(name)]);
        }
    }

    fn registry_effects(&mut self, change: &Change<Workload>, effects: &mut Effects) {
        let service = |rows: &[Held<Workload>]| rows.first().and_then(|own| registry::service(own));
        let (before, after) = (service(&change.before), service(&change.after));
        if before == after {
            return;
        }
        if let Some(before) = before {
            if let Some(names) = self.registrants.get_mut(&before) {
                names.remove(&change.key);
                if names.is_empty() {
                    self.registrants.remove(&before);
                }
            }
            effects.facts.push(Fact::Registrants(Box::new(before)));
        }
        if let Some(after) = after {
            let names = self.registrants.entry(after.clone()).or_default();
            names.insert(change.key.clone());
            effects.facts.push(Fact::Registrants(Box::new(after)));
        }
    }

    fn proxy_effects<T: MemberPart>(
        &mut self,
        proxy: &ProxyId,
        change: &Change<T>,
        effects: &mut Effects,
    ) {
        if !change.came_or_went() {
            return;
        }
        let names = self.proxies.entry(proxy.clone()).or_default();
        if change.after.is_empty() {
            names.remove(&change.key);
        } else {
            names.insert(change.key.clone());
        }
        let wanted = !names.is_empty();
        if !wanted {
            self.proxies.remove(proxy);
        }
        effects.facts.push(Fact::Proxy(proxy.clone()));
        effects.roots.push((Node::View(proxy.clone()), wanted));
    }

    fn kubernetes_effects(&mut self, effects: &mut Effects) {
        for change in self.kube_services.changes() {
            effects.facts.push(Fact::KubeService(change.key));
        }
        for change in self.slices.changes() {
            let (service, _) = change.key;
            effects.facts.push(Fact::Slices(service));
        }
        for change in self.nodes.changes() {
            let zone = |row: Option<&Held<_>>| {
                row.and_then(|node: &Held<tulle_model::fragment::Node>| node.zone.clone())
            };
            if zone(change.before.first()) != zone(change.after.first()) {
                effects.facts.push(Fact::Zone(change.key));
            }
        }
        effects.pods = self.pods.changes();
        for change in &effects.pods {
            effects.facts.extend(self.pod_places.follow(change));
        }
    }
}

impl Effects {
    fn member<T: MemberPart>(&mut self, change: &Change<T>, own: impl Fn(Name) -> Vec<Node>) {
        let member = Member::new(T::KIND, &change.key);
        if Header::of(&change.before) != Header::of(&change.after) {
            self.facts.push(Fact::Header(member.clone()));
        }
        if change.before.first() != change.after.first() {
            self.facts.push(Fact::Member(member.clone()));
        }
        if change.came_or_went() {
            let wanted = !change.after.is_empty();
            let common = [
                Node::Membership(member.clone()),
                Node::Standing(member.clone()),
            ];
            let nodes = common.into_iter().chain(own(change.key.clone()));
            self.roots.extend(nodes.map(|node| (node, wanted)));
        }
    }
}

impl<T: Part> Change<T> {
    fn came_or_went(&self) -> bool {
        self.before.is_empty() != self.after.is_empty()
    }
}

fn proxy_id(kind: ProxyKind, name: &Name) -> ProxyId {
    ProxyId::new(kind, &name.namespace, &name.name)
}

/// The kind of member that a kind of proxy stands for.
pub(crate) fn member_kind(kind: ProxyKind) -> Kind {
    match kind {
        ProxyKind::VirtualNode => Kind::Workload,
        ProxyKind::VirtualGateway => Kind::Gateway,
    }
}
