//! What may select a pod.

use std::collections::{BTreeMap, BTreeSet};

use tulle_model::fragment::{Fragment, Mesh};
use tulle_model::selector::{Labels, Selector};
use tulle_model::{Name, ProxyId, ProxyKind, Str};

/// A VirtualNode or VirtualGateway.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The object.
    pub id: ProxyId,
    /// The awsName of its mesh; `None` while it belongs to none.
    pub mesh: Option<Str>,
    /// Its awsName.
    pub alias: Str,
    /// Its pods; `None` selects nothing.
    pub pods: Option<Selector>,
    /// The ports of its listeners.
    pub ports: BTreeSet<u16>,
    /// The file of its access log, in the proxy's container.
    pub access_log: Option<Str>,
}

impl Candidate {
    /// `node.cluster`, as App Mesh's users know it: `mesh/<mesh>/virtualNode/<name>`.
    pub(super) fn resource(&self) -> String {
        let kind = match self.id.kind {
            ProxyKind::VirtualNode => "virtualNode",
            ProxyKind::VirtualGateway => "virtualGateway",
        };
        let mesh = self.mesh.as_deref().unwrap_or_default();
        format!("mesh/{mesh}/{kind}/{}", self.alias)
    }
}

/// The VirtualNodes and VirtualGateways of a namespace, out of everything that has been declared. An object belongs to the mesh
/// that it names, or to the only one that selects its namespace.
pub fn candidates<'a>(
    fragments: impl IntoIterator<Item = &'a Fragment>,
    namespace: &str,
    labels: &BTreeMap<String, String>,
) -> Vec<Candidate> {
    let labels: Labels = labels
        .iter()
        .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
        .collect();
    let mut meshes: Vec<&Mesh> = Vec::new();
    let mut members = Vec::new();
    for fragment in fragments {
        match fragment {
            Fragment::Mesh(mesh) => meshes.push(mesh),
            Fragment::Workload(node) if &*node.name.namespace == namespace => members.push((
                ProxyKind::VirtualNode,
                &node.name,
                &node.alias,
                &node.mesh,
                &node.pods,
                &node.listeners,
                &node.access_log,
            )),
            Fragment::Gateway(gateway) if &*gateway.name.namespace == namespace => members.push((
                ProxyKind::VirtualGateway,
                &gateway.name,
                &gateway.alias,
                &gateway.mesh,
                &gateway.pods,
                &gateway.listeners,
                &gateway.access_log,
            )),
            _ => {}
        }
    }
    let mesh_of = |named: &Option<Name>| {
        let mut belongs = meshes.iter().filter(|mesh| match named {
            Some(name) => mesh.name == *name,
            None => mesh
                .namespaces
                .as_ref()
                .is_some_and(|selector| selector.matches(&labels)),
        });
        match (belongs.next(), belongs.next()) {
            (Some(mesh), None) => Some(mesh.alias.clone()),
            _ => None,
        }
    };
    let mut candidates: Vec<Candidate> = members
        .into_iter()
        .map(
            |(kind, name, alias, mesh, pods, listeners, log)| Candidate {
                id: ProxyId {
                    kind,
                    namespace: name.namespace.clone(),
                    name: name.name.clone(),
                },
                mesh: mesh_of(mesh),
                alias: alias.clone(),
                pods: pods.clone(),
                ports: listeners.iter().map(|listener| listener.port).collect(),
                access_log: log.as_ref().map(|log| log.path.clone()),
            },
        )
        .collect();
    candidates.sort_by(|one, other| one.id.cmp(&other.id));
    candidates
}
