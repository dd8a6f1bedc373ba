//! The input: every fragment, in tables by what it declares.

pub(crate) mod change;
pub(crate) mod part;
mod pods;
pub(crate) mod table;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tulle_model::fragment::{
    BackendGroup, EndpointSlice, Fragment, Gateway, GatewayRoute, KubeService, Mesh, Namespace,
    Node, Pod, Router, Service, Translated, Workload,
};
use tulle_model::{Name, ObjectId, ProxyId, Str};

use self::part::{Header, MemberPart};
use self::pods::PodPlaces;
use self::table::{Entry, Held, Table};
use crate::few::Few;
use crate::key::{self, Fact, Kind, Member};

/// All fragments.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    objects: HashMap<ObjectId, Arc<Entry>>,
    pub(crate) meshes: Table<Mesh>,
    pub(crate) namespaces: Table<Namespace>,
    pub(crate) workloads: Table<Workload>,
    pub(crate) services: Table<Service>,
    pub(crate) routers: Table<Router>,
    pub(crate) gateways: Table<Gateway>,
    pub(crate) gateway_routes: Table<GatewayRoute>,
    pub(crate) groups: Table<BackendGroup>,
    pub(crate) kube_services: Table<KubeService>,
    pub(crate) slices: Table<EndpointSlice>,
    pub(crate) pods: Table<Pod>,
    pub(crate) nodes: Table<Node>,
    pod_places: PodPlaces,
    /// Whom a proxy name may mean; several only if realms share a name, then the first counts.
    pub(crate) proxies: BTreeMap<ProxyId, Few<Name>>,
    /// By service of a registry, the workloads that name it.
    pub(crate) registrants: BTreeMap<key::Service, Few<Name>>,
}

impl Facts {
    /// Puts an object in the place of what was known of it; gives back what that was, or `None` if
    /// both are equal and nothing was done.
    pub(crate) fn replace(
        &mut self,
        id: &ObjectId,
        translated: Option<Arc<Translated>>,
    ) -> Option<Replaced> {
        let old = self.objects.get(id).cloned();
        let same = match (&old, &translated) {
            (None, None) => true,
            (Some(old), Some(new)) => Arc::ptr_eq(&old.translated, new) || old.translated == *new,
            _ => false,
        };
        if same {
            return None;
        }
        if let Some(old) = &old {
            self.edit(old, false);
        }
        match &translated {
            Some(translated) => {
                let entry = Arc::new(Entry {
                    id: id.clone(),
                    translated: translated.clone(),
                });
                self.edit(&entry, true);
                self.objects.insert(id.clone(), entry);
            }
            None => {
                self.objects.remove(id);
            }
        }
        Some(Replaced {
            old: old.map(|entry| entry.translated.clone()),
            new: translated,
        })
    }

    fn edit(&mut self, entry: &Arc<Entry>, add: bool) {
        for (at, fragment) in entry.translated.fragments.iter().enumerate() {
            match fragment {
                Fragment::Mesh(part) => self.meshes.edit(part, entry, at, add),
                Fragment::Namespace(part) => self.namespaces.edit(part, entry, at, add),
                Fragment::Workload(part) => self.workloads.edit(part, entry, at, add),
                Fragment::Service(part) => self.services.edit(part, entry, at, add),
                Fragment::Router(part) => self.routers.edit(part, entry, at, add),
                Fragment::Gateway(part) => self.gateways.edit(part, entry, at, add),
                Fragment::GatewayRoute(part) => self.gateway_routes.edit(part, entry, at, add),
                Fragment::BackendGroup(part) => self.groups.edit(part, entry, at, add),
                Fragment::KubeService(part) => self.kube_services.edit(part, entry, at, add),
                Fragment::EndpointSlice(part) => self.slices.edit(part, entry, at, add),
                Fragment::Pod(part) => self.pods.edit(part, entry, at, add),
                Fragment::Node(part) => self.nodes.edit(part, entry, at, add),
            }
        }
    }

    /// A member's place.
    pub(crate) fn header(&self, member: &Member) -> Option<Header> {
        fn of<T: MemberPart>(table: &Table<T>, name: &Name) -> Option<Header> {
            Header::of(table.rows(name))
        }
        let name = &member.name;
        match member.kind {
            Kind::Workload => of(&self.workloads, name),
            Kind::Service => of(&self.services, name),
            Kind::Router => of(&self.routers, name),
            Kind::Gateway => of(&self.gateways, name),
            Kind::GatewayRoute => of(&self.gateway_routes, name),
            Kind::BackendGroup => of(&self.groups, name),
        }
    }

    /// The objects that a lookup of single things finds, rivals for one name included. Lookups by
    /// selector and the like find objects that need not matter to whoever asks: they give none.
    pub(crate) fn objects_of(&self, fact: &Fact) -> Vec<&ObjectId> {
        match fact {
            Fact::Mesh(name) => self.meshes.objects(name),
            Fact::Namespace(name) | Fact::NamespaceMtls(name) => self.namespaces.objects(name),
            Fact::Header(member) | Fact::Member(member) => {
                let name = &member.name;
                match member.kind {
                    Kind::Workload => self.workloads.objects(name),
                    Kind::Service => self.services.objects(name),
                    Kind::Router => self.routers.objects(name),
                    Kind::Gateway => self.gateways.objects(name),
                    Kind::GatewayRoute => self.gateway_routes.objects(name),
                    Kind::BackendGroup => self.groups.objects(name),
                }
            }
            Fact::KubeService(service) => self.kube_services.objects(service),
            Fact::Slices(service) => {
                let slices = self.slices_of(service);
                slices.map(|slice| &slice.entry().id).collect()
            }
            Fact::MeshKnown(_)
            | Fact::MeshSelectors
            | Fact::ServicesIn(..)
            | Fact::GatewaySelectors
            | Fact::Proxy(_)
            | Fact::Pods(..)
            | Fact::PodsAt(_)
            | Fact::PodsOf(_)
            | Fact::Registrants(_)
            | Fact::Zone(_)
            | Fact::Claims(..)
            | Fact::Attached(_)
            | Fact::ImplicitRetry
            | Fact::PlainDns
            | Fact::ClusterDomain
            | Fact::TrustDomain
            | Fact::Mtls
            | Fact::Names
            | Fact::Registries
            | Fact::Registered(_)
            | Fact::Named(_) => vec![],
        }
    }

    /// The slices of a Kubernetes Service, sorted by name.
    pub(crate) fn slices_of(
        &self,
        service: &ObjectId,
    ) -> impl Iterator<Item = &Held<EndpointSlice>> {
        let slices = self.slices.range((service.clone(), Str::from(""))..);
        slices
            .take_while(move |((of, _), _)| of == service)
            .map(|(_, slice)| slice)
    }

    /// The services of a namespace, by name.
    pub(crate) fn services_in(&self, realm: &Str, namespace: &Str) -> Vec<Name> {
        let first = Name::new(realm, namespace, "");
        self.services
            .range(first..)
            .map(|(name, _)| name)
            .take_while(|name| name.realm == *realm && name.namespace == *namespace)
            .cloned()
            .collect()
    }
}

/// What an object was and what it is now; the two differ.
pub(crate) struct Replaced {
    pub(crate) old: Option<Arc<Translated>>,
    pub(crate) new: Option<Arc<Translated>>,
}
