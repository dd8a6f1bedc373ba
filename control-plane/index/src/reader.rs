//! The only way from a computation to the input and to other nodes: whatever it reads, found or not,
//! is registered as a dependency in the same step.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use tulle_model::endpoint::EndpointSetId;
use tulle_model::fragment::{
    BackendGroup, EndpointSlice, Gateway, GatewayRoute, KubeService, Mesh, Pod, Router, Service,
    Workload,
};
use tulle_model::linked;
use tulle_model::policy::{DiscoveryMode, MtlsMode};
use tulle_model::selector::{Labels, Selector};
use tulle_model::settings::Names;
use tulle_model::{Finding, Name, ObjectId, ProxyId, Str};

use crate::engine::{Engine, SlotId};
use crate::facts::change::member_kind;
use crate::facts::part::Header;
use crate::facts::table::Held;
use crate::key::{self, Fact, Kind, Member, Node};
use crate::shared::Shares;
use crate::value::{Membership, Reach, RouterPort, Server, ServicePorts, Source, Standing, Value};

/// The label that every namespace bears.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// Reads on behalf of one node.
pub(crate) struct Reader<'e> {
    engine: &'e mut Engine,
    stage: u8,
    deps: Vec<SlotId>,
    findings: Vec<Finding>,
}

impl<'e> Reader<'e> {
    pub(crate) fn new(engine: &'e mut Engine, stage: u8) -> Self {
        Self {
            engine,
            stage,
            deps: vec![],
            findings: vec![],
        }
    }

    /// What was read, and what was found (sorted, each once).
    pub(crate) fn finish(mut self) -> (Vec<SlotId>, Vec<Finding>) {
        self.findings.sort_unstable();
        self.findings.dedup();
        (self.deps, self.findings)
    }

    /// Says something about an object.
    pub(crate) fn report(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    fn note(&mut self, fact: Fact) {
        let slot = self.engine.fact_slot(fact);
        self.deps.push(slot);
    }

    fn member(&mut self, kind: Kind, name: &Name) {
        self.note(Fact::Member(Member::new(kind, name)));
    }
}

/// Lookups in the input.
impl Reader<'_> {
    pub(crate) fn implicit_retry(&mut self) -> bool {
        self.note(Fact::ImplicitRetry);
        self.engine.settings.implicit_retry
    }

    /// How workloads are found where neither they nor their mesh says it.
    pub(crate) fn discovery_mode(&mut self) -> DiscoveryMode {
        self.note(Fact::PlainDns);
        match self.engine.settings.plain_dns {
            true => DiscoveryMode::Dns,
            false => DiscoveryMode::Endpoints,
        }
    }

    pub(crate) fn cluster_domain(&mut self) -> String {
        self.note(Fact::ClusterDomain);
        self.engine.settings.cluster_domain.clone()
    }

    pub(crate) fn trust_domain(&mut self) -> String {
        self.note(Fact::TrustDomain);
        self.engine.settings.trust_domain.clone()
    }

    /// How far traffic is secured where nobody says it; `None`: nothing can be secured.
    pub(crate) fn mtls(&mut self) -> Option<MtlsMode> {
        self.note(Fact::Mtls);
        self.engine.settings.mtls
    }

    /// What becomes of names that the cluster's DNS does not know.
    pub(crate) fn names(&mut self) -> Names {
        self.note(Fact::Names);
        self.engine.settings.names.clone()
    }

    /// The zones of all registries.
    pub(crate) fn registries(&mut self) -> BTreeSet<Str> {
        self.note(Fact::Registries);
        self.engine.relations.registries()
    }

    /// Whether a registry has a host.
    pub(crate) fn registered(&mut self, host: &Str) -> bool {
        self.note(Fact::Registered(host.clone()));
        self.engine.relations.registered(host)
    }

    /// The addresses that Tulle's DNS server answers for a host, sorted; `None`: it does not answer it.
    pub(crate) fn named(&mut self, host: &Str) -> Option<Vec<IpAddr>> {
        self.note(Fact::Named(host.clone()));
        self.engine.relations.named(host)
    }

    pub(crate) fn mesh_known(&mut self, name: &Name) -> bool {
        self.note(Fact::MeshKnown(name.clone()));
        self.engine.facts.meshes.get(name).is_some()
    }

    pub(crate) fn mesh(&mut self, name: &Name) -> Option<Held<Mesh>> {
        self.note(Fact::Mesh(name.clone()));
        self.engine.facts.meshes.get(name)
    }

    /// The meshes of a realm that select a namespace with these labels, sorted.
    pub(crate) fn meshes_selecting(&mut self, realm: &Str, labels: &Labels) -> Vec<Name> {
        self.note(Fact::MeshSelectors);
        let meshes = self.engine.facts.meshes.iter();
        meshes
            .filter(|(name, _)| name.realm == *realm)
            .filter(|(_, mesh)| selects(mesh.namespaces.as_ref(), labels))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// A namespace's labels; one that is not known has its name alone.
    pub(crate) fn namespace_labels(&mut self, namespace: &Str) -> Labels {
        self.note(Fact::Namespace(namespace.clone()));
        let known = self.engine.facts.namespaces.get(namespace);
        let mut labels = known.map_or_else(Labels::new, |known| known.labels.clone());
        if labels.get(NAMESPACE_NAME).is_none() {
            labels.insert(NAMESPACE_NAME.into(), namespace.clone());
        }
        labels
    }

    /// What a namespace says of mTLS, and the object that says it.
    pub(crate) fn namespace_mtls(&mut self, namespace: &Str) -> Option<(MtlsMode, ObjectId)> {
        self.note(Fact::NamespaceMtls(namespace.clone()));
        let namespace = self.engine.facts.namespaces.get(namespace)?;
        Some((namespace.mtls?, namespace.object.clone()))
    }

    pub(crate) fn header(&mut self, member: &Member) -> Option<Header> {
        self.note(Fact::Header(member.clone()));
        self.engine.facts.header(member)
    }

    pub(crate) fn workload(&mut self, name: &Name) -> Option<Held<Workload>> {
        self.member(Kind::Workload, name);
        self.engine.facts.workloads.get(name)
    }

    pub(crate) fn service(&mut self, name: &Name) -> Option<Held<Service>> {
        self.member(Kind::Service, name);
        self.engine.facts.services.get(name)
    }

    pub(crate) fn router(&mut self, name: &Name) -> Option<Held<Router>> {
        self.member(Kind::Router, name);
        self.engine.facts.routers.get(name)
    }

    pub(crate) fn gateway(&mut self, name: &Name) -> Option<Held<Gateway>> {
        self.member(Kind::Gateway, name);
        self.engine.facts.gateways.get(name)
    }

    pub(crate) fn gateway_route(&mut self, name: &Name) -> Option<Held<GatewayRoute>> {
        self.member(Kind::GatewayRoute, name);
        self.engine.facts.gateway_routes.get(name)
    }

    pub(crate) fn group(&mut self, name: &Name) -> Option<Held<BackendGroup>> {
        self.member(Kind::BackendGroup, name);
        self.engine.facts.groups.get(name)
    }

    /// The services of a namespace, sorted.
    pub(crate) fn services_in(&mut self, realm: &Str, namespace: &Str) -> Vec<Name> {
        let place = Box::new((realm.clone(), namespace.clone()));
        self.note(Fact::ServicesIn(place));
        self.engine.facts.services_in(realm, namespace)
    }

    /// The gateways of a realm that select a route with these labels in a namespace with those, sorted.
    pub(crate) fn gateways_selecting(
        &mut self,
        realm: &Str,
        namespace: &Labels,
        route: &Labels,
    ) -> Vec<Name> {
        self.note(Fact::GatewaySelectors);
        let gateways = self.engine.facts.gateways.iter();
        gateways
            .filter(|(name, _)| name.realm == *realm)
            .filter(|(_, gateway)| selects(gateway.namespaces.as_ref(), namespace))
            .filter(|(_, gateway)| gateway.routes.matches(route))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// The member that a proxy stands for.
    pub(crate) fn proxy(&mut self, id: &ProxyId) -> Option<Member> {
        self.note(Fact::Proxy(id.clone()));
        let name = self.engine.facts.proxies.get(id)?.iter().next()?;
        Some(Member::new(member_kind(id.kind), name))
    }

    pub(crate) fn kube_service(
        &mut self,
        namespace: &Str,
        name: &Str,
    ) -> Option<Held<KubeService>> {
        let service = key::kube_service(namespace, name);
        let found = self.engine.facts.kube_services.get(&service);
        self.note(Fact::KubeService(service));
        found
    }

    /// The slices of a Kubernetes Service, sorted by name.
    pub(crate) fn slices(&mut self, namespace: &Str, service: &Str) -> Vec<Held<EndpointSlice>> {
        let service = key::kube_service(namespace, service);
        self.note(Fact::Slices(service.clone()));
        self.engine.facts.slices_of(&service).cloned().collect()
    }

    /// The pods of a namespace that a selector fits, sorted by name.
    pub(crate) fn pods(&mut self, namespace: &Str, selector: &Selector) -> Vec<Held<Pod>> {
        let selector = Arc::new(selector.clone());
        self.note(Fact::Pods(namespace.clone(), selector.clone()));
        self.engine.selected_pods(namespace, &selector)
    }

    /// The pods that have an address, sorted by namespace and name. Of what they say only identity may
    /// be looked at, as nothing else is followed.
    pub(crate) fn pods_at(&mut self, ip: IpAddr) -> Vec<Held<Pod>> {
        self.note(Fact::PodsAt(ip));
        self.engine.facts.pods_at(ip)
    }

    /// The pods into which a proxy was put, sorted by namespace and name. Of what they say only identity
    /// may be looked at, as nothing else is followed.
    pub(crate) fn pods_of(&mut self, proxy: &ProxyId) -> Vec<Held<Pod>> {
        self.note(Fact::PodsOf(proxy.clone()));
        self.engine.facts.pods_of(proxy)
    }

    /// The workloads whose pods a registry's service holds, sorted.
    pub(crate) fn registrants(&mut self, service: &key::Service) -> Vec<Name> {
        self.note(Fact::Registrants(Box::new(service.clone())));
        let names = self.engine.facts.registrants.get(service);
        names.into_iter().flatten().cloned().collect()
    }

    /// A machine's zone.
    pub(crate) fn zone(&mut self, node: &Str) -> Option<Str> {
        self.note(Fact::Zone(node.clone()));
        self.engine.facts.nodes.get(node)?.zone.clone()
    }

    /// The members that claim a name inside a mesh, sorted; the first one has it.
    pub(crate) fn claims(&mut self, kind: Kind, mesh: &Name, alias: &Str) -> Vec<Name> {
        self.note(Fact::Claims(kind, mesh.clone(), alias.clone()));
        self.engine.relations.claims(kind, mesh, alias)
    }

    /// The routes that belong to a gateway, sorted by name.
    pub(crate) fn attached(&mut self, gateway: &Name) -> Vec<Name> {
        self.note(Fact::Attached(gateway.clone()));
        self.engine.relations.attached(gateway)
    }
}

macro_rules! nodes {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty),*) -> $value:ty = $node:expr, $variant:ident;)*) => {
        /// Reads of other nodes.
        impl Reader<'_> {$(
            $(#[$doc])*
            pub(crate) fn $name(&mut self, $($argument: $type),*) -> $value {
                match self.node($node) {
                    Value::$variant(value) => value.clone(),
                    other => unreachable!("{} node holds {other:?}", stringify!($variant)),
                }
            }
        )*}
    };
}

nodes! {
    /// The meshes that select a namespace, sorted.
    selected(realm: &Str, namespace: &Str) -> Arc<Vec<Name>> =
        Node::Selected(Box::new((realm.clone(), namespace.clone()))), Selected;
    /// The mesh that a member belongs to.
    membership(member: &Member) -> Membership = Node::Membership(member.clone()), Membership;
    /// Whether a member may be referred to.
    standing(member: &Member) -> Standing = Node::Standing(member.clone()), Standing;
    /// How far a mesh's traffic in a namespace is secured.
    mode(mesh: &Name, namespace: &Str) -> MtlsMode =
        Node::Mode { mesh: mesh.clone(), namespace: namespace.clone() }, Mode;
    /// The ports on which a workload's proxies take mutual TLS.
    mtls_ports(proxy: &ProxyId) -> Arc<BTreeSet<u16>> = Node::MtlsPorts(proxy.clone()), MtlsPorts;
    /// Who may answer behind a set of endpoints, sorted.
    identities(workload: &Name, set: &EndpointSetId) -> Arc<Vec<Str>> =
        Node::Identities(Box::new((workload.clone(), set.clone()))), Identities;
    /// What clients need to know of a workload.
    server(name: &Name) -> Option<Arc<Server>> = Node::Server(name.clone()), Server;
    /// How the addresses of a workload's listener are found.
    source(workload: &Name, port: u16) -> Option<Arc<Source>> =
        Node::Source { workload: workload.clone(), port }, Source;
    /// A router's ports, sorted.
    router_ports(name: &Name) -> Option<Arc<Vec<RouterPort>>> =
        Node::RouterPorts(name.clone()), RouterPorts;
    /// The ports on which a service is called.
    service_ports(name: &Name) -> Option<Arc<ServicePorts>> =
        Node::ServicePorts(name.clone()), ServicePorts;
    /// A service's routes on one port.
    host_routes(service: &Name, port: u16) -> Option<Arc<linked::HostRoutes>> =
        Node::HostRoutes { service: service.clone(), port }, HostRoutes;
    /// The addresses that a host name is known to have, sorted.
    host_addresses(host: &Str) -> Arc<Vec<IpAddr>> = Node::HostAddresses(host.clone()), HostAddresses;
    /// A service on all its ports.
    reach(service: &Name) -> Option<Arc<Vec<Reach>>> = Node::Reach(service.clone()), Reach;
    /// The services of a mesh that a namespace holds.
    everything(mesh: &Name, namespace: &Str) -> Option<Arc<Vec<Name>>> =
        Node::Everything { mesh: mesh.clone(), namespace: namespace.clone() }, Group;
    /// The services of a backend group.
    group_services(name: &Name) -> Option<Arc<Vec<Name>>> = Node::Group(name.clone()), Group;
    /// A gateway route on one of its gateway's ports.
    linked_gateway_route(route: &Name, port: u16) -> Option<Arc<linked::GatewayRoute>> =
        Node::GatewayRoute { route: route.clone(), port }, GatewayRoute;
}

impl Reader<'_> {
    fn node(&mut self, node: Node) -> &Value {
        debug_assert!(node.stage() < self.stage, "{node:?} is of no lower stage");
        let slot = self.engine.node_slot(node);
        self.deps.push(slot);
        self.engine.slot_value(slot)
    }

    /// What views have alike; nothing that could be depended on.
    pub(crate) fn shares(&mut self) -> &mut Shares {
        &mut self.engine.shares
    }

    /// Keeps an endpoint set in being without reading it: endpoints change on a lane of their own.
    pub(crate) fn hold(&mut self, set: &EndpointSetId) {
        let slot = self
            .engine
            .node_slot_later(Node::Endpoints(Box::new(set.clone())));
        self.deps.push(slot);
    }
}

fn selects(selector: Option<&Selector>, labels: &Labels) -> bool {
    selector.is_some_and(|selector| selector.matches(labels))
}
