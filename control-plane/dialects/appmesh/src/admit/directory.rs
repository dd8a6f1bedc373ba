//! What admission has to know of the rest of the cluster.

use std::collections::BTreeMap;

use tulle_crds::{Kind, Object, ObjectKey};
use tulle_model::ObjectId;
use tulle_model::selector::{Labels, Selector};

use crate::field::Field;
use crate::report::Report;
use crate::selector::{selector, selector_or_everything};

/// What the cluster holds, as of now.
pub trait Directory {
    /// The labels of a namespace; `None` where it is not known.
    fn namespace_labels(&self, namespace: &str) -> Option<&Labels>;
    /// Every Mesh, in the order of names.
    fn meshes(&self) -> Vec<&MeshRecord>;
    /// Every VirtualGateway of every namespace, in the order of namespaces and names.
    fn gateways(&self) -> Vec<&GatewayRecord>;
    /// The addresses that pods have.
    fn ip_family(&self) -> IpFamily {
        IpFamily::V4
    }
}

/// A family of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IpFamily {
    /// IPv4, alone or first.
    #[default]
    V4,
    /// IPv6, alone or first.
    V6,
}

/// A Mesh, as far as admission looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeshRecord {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Namespaces whose objects join it; `None` selects nothing.
    pub namespaces: Option<Selector>,
    /// Whether it is being deleted.
    pub terminating: bool,
}

/// A VirtualGateway, as far as admission looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayRecord {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Namespaces whose routes may attach; `None` selects nothing.
    pub namespaces: Option<Selector>,
    /// Routes that may attach.
    pub routes: Selector,
    /// The mesh that its `spec.meshRef` names; `None` where its namespace decides.
    pub mesh: Option<String>,
}

/// A [`Directory`] in memory, made of objects.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    namespaces: BTreeMap<String, Labels>,
    meshes: BTreeMap<String, MeshRecord>,
    gateways: BTreeMap<(String, String), GatewayRecord>,
    ip_family: IpFamily,
}

impl Listing {
    /// An empty one, of a cluster whose pods have addresses of this family.
    pub fn new(ip_family: IpFamily) -> Self {
        Self {
            ip_family,
            ..Self::default()
        }
    }

    /// Takes up a Namespace, Mesh or VirtualGateway in place of the one of that name; other kinds are passed over. UID and
    /// deletion timestamp are read from the metadata.
    pub fn put(&mut self, object: &Object) {
        let name = object.name().to_owned();
        let uid = object.metadata().uid.clone().unwrap_or_default();
        let labels = object.metadata().labels.iter().flatten();
        let id = ObjectId::new(
            object.api_group(),
            object.kind().as_str(),
            object.namespace().unwrap_or_default(),
            object.name(),
        );
        // What is wrong with a selector is said where its own object is translated.
        let mut report = Report::new(id);
        let spec = Field::spec();
        match object {
            Object::Namespace(_) => {
                let labels =
                    labels.map(|(key, value)| (key.as_str().into(), value.as_str().into()));
                self.namespaces.insert(name, labels.collect());
            }
            Object::Mesh(mesh) => {
                let record = MeshRecord {
                    name: name.clone(),
                    uid,
                    namespaces: selector(&mut report, &spec, mesh.spec.namespace_selector.as_ref()),
                    terminating: mesh.metadata.deletion_timestamp.is_some(),
                };
                self.meshes.insert(name, record);
            }
            Object::VirtualGateway(gateway) => {
                let namespace = object.namespace().unwrap_or_default().to_owned();
                let given = &gateway.spec;
                let record = GatewayRecord {
                    namespace: namespace.clone(),
                    name: name.clone(),
                    uid,
                    namespaces: selector(&mut report, &spec, given.namespace_selector.as_ref()),
                    routes: selector_or_everything(
                        &mut report,
                        &spec,
                        given.gateway_route_selector.as_ref(),
                    ),
                    mesh: given.mesh_ref.as_ref().map(|mesh| mesh.name.clone()),
                };
                self.gateways.insert((namespace, name), record);
            }
            _ => {}
        }
    }

    /// Forgets an object.
    pub fn remove(&mut self, key: &ObjectKey) {
        match key.kind {
            Kind::Namespace => {
                self.namespaces.remove(&key.name);
            }
            Kind::Mesh => {
                self.meshes.remove(&key.name);
            }
            Kind::VirtualGateway => {
                let namespace = key.namespace.clone().unwrap_or_default();
                self.gateways.remove(&(namespace, key.name.clone()));
            }
            _ => {}
        }
    }
}

impl Directory for Listing {
    fn namespace_labels(&self, namespace: &str) -> Option<&Labels> {
        self.namespaces.get(namespace)
    }

    fn meshes(&self) -> Vec<&MeshRecord> {
        self.meshes.values().collect()
    }

    fn gateways(&self) -> Vec<&GatewayRecord> {
        self.gateways.values().collect()
    }

    fn ip_family(&self) -> IpFamily {
        self.ip_family
    }
}
