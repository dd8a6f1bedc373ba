//! Registries (App Mesh: Cloud Map): which pods stand for a workload that is found in one.
//!
//! A registry's service holds the pods of every workload that names it. Each is registered with its labels, the attributes of
//! the workload that it is registered by, and what App Mesh's controller added; a workload stands for those that have all
//! the attributes it asks for itself. Workloads of other namespaces are passed over: otherwise whoever may declare one
//! somewhere could put its pods, and their identities, in the place of another's.

use std::collections::BTreeMap;

use tulle_model::fragment::{Discovery, Pod, Workload};
use tulle_model::{Name, Str};

use crate::facts::table::Held;
use crate::key::{Kind, Member, Service};
use crate::reader::Reader;
use crate::value::Membership;

/// The service of a registry that holds a workload's pods.
pub(crate) fn service(workload: &Workload) -> Option<Service> {
    match workload.discovery.as_ref()? {
        Discovery::Registry {
            namespace, service, ..
        } => Some(Service {
            realm: workload.name.realm.clone(),
            holder: workload.name.namespace.clone(),
            namespace: namespace.clone(),
            service: service.clone(),
        }),
        Discovery::Dns { .. } => None,
    }
}

/// The pods that a workload stands for, sorted by name: its own, or those that its registry has.
pub(crate) fn pods(workload: &Name, reader: &mut Reader<'_>) -> Vec<Held<Pod>> {
    let Some(asking) = reader.workload(workload) else {
        return vec![];
    };
    let (Some(service), Some(Discovery::Registry { attributes, .. })) =
        (service(&asking), &asking.discovery)
    else {
        return own(&asking, reader);
    };
    let Some((mesh, _)) = place(workload, reader) else {
        return own(&asking, reader);
    };
    let mut found: BTreeMap<Str, Held<Pod>> = BTreeMap::new();
    for name in reader.registrants(&service) {
        let Some((in_mesh, alias)) = place(&name, reader).filter(|(known, _)| *known == mesh)
        else {
            continue;
        };
        let Some(registrant) = reader.workload(&name) else {
            continue;
        };
        let in_mesh = reader.mesh(&in_mesh).map(|mesh| mesh.alias.clone());
        for pod in own(&registrant, reader) {
            let instance = Instance {
                pod: &pod,
                registrant: &registrant,
                mesh: in_mesh.as_ref(),
                alias: alias.as_ref(),
            };
            if attributes
                .iter()
                .all(|(key, value)| instance.attribute(key, reader).as_ref() == Some(value))
            {
                found.insert(pod.name.clone(), pod.clone());
            }
        }
    }
    found.into_values().collect()
}

fn own(workload: &Workload, reader: &mut Reader<'_>) -> Vec<Held<Pod>> {
    match &workload.pods {
        Some(selector) => reader.pods(&workload.name.namespace, selector),
        None => vec![],
    }
}

/// A workload's mesh, and its name there.
fn place(workload: &Name, reader: &mut Reader<'_>) -> Option<(Name, Option<Str>)> {
    match reader.membership(&Member::new(Kind::Workload, workload)) {
        Membership::In { mesh, alias } => Some((mesh, alias)),
        _ => None,
    }
}

/// A pod as it is registered.
struct Instance<'a> {
    pod: &'a Pod,
    registrant: &'a Workload,
    mesh: Option<&'a Str>,
    alias: Option<&'a Str>,
}

impl Instance<'_> {
    /// What is registered of the pod under a key.
    fn attribute(&self, key: &str, reader: &mut Reader<'_>) -> Option<Str> {
        let Self { pod, .. } = self;
        let address = |is_wanted: fn(&std::net::IpAddr) -> bool| {
            let found = pod.ips.iter().find(|ip| is_wanted(ip));
            found.map(|ip| ip.to_string().into())
        };
        match key {
            "k8s.io/pod" => Some(pod.name.clone()),
            "k8s.io/namespace" => Some(pod.namespace.clone()),
            "appmesh.k8s.aws/mesh" => self.mesh.cloned(),
            "appmesh.k8s.aws/virtualNode" => self.alias.cloned(),
            "AWS_INSTANCE_IPV4" => address(std::net::IpAddr::is_ipv4),
            "AWS_INSTANCE_IPV6" => address(std::net::IpAddr::is_ipv6),
            "AWS_INSTANCE_PORT" => {
                let first = self.registrant.listeners.first();
                first.map(|listener| listener.port.to_string().into())
            }
            "AVAILABILITY_ZONE" => pod.node.as_ref().and_then(|node| reader.zone(node)),
            _ => {
                let given = match &self.registrant.discovery {
                    Some(Discovery::Registry { attributes, .. }) => {
                        attributes.iter().find(|(known, _)| **known == *key)
                    }
                    _ => None,
                };
                let given = given.map(|(_, value)| value.clone());
                given.or_else(|| pod.labels.get(key).cloned())
            }
        }
    }
}
