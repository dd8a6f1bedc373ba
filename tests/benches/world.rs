//! Meshes of any size, for the benches.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use tulle_control_plane::translate::translate;
use tulle_model::fragment::Translated;
use tulle_model::{ObjectId, ProxyId};
use tulle_source::{Change, Content, FileSet};

/// What a room hands to the next: an object and what it says, `None` if it is gone.
pub(crate) type Linked = (ObjectId, Option<Arc<Translated>>);

const NAMESPACE: &str = "shop";
const PORT: u16 = 8080;

/// Which services each group may call.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Calls {
    /// Every one.
    All,
    /// So many, from its own on.
    Next(usize),
}

/// A mesh of services, each with a router, a workload and two endpoints. The first workloads are the groups: they call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct World {
    pub(crate) services: usize,
    pub(crate) groups: usize,
    pub(crate) calls: Calls,
}

impl World {
    /// Every object, as it is observed.
    pub(crate) fn objects(&self) -> Vec<Change> {
        let mesh = json!({
            "apiVersion": "appmesh.k8s.aws/v1beta2", "kind": "Mesh", "metadata": {"name": "shop"},
            "spec": {"namespaceSelector": {}},
        });
        let of_service = |n| {
            [
                self.node(n),
                router(n, 10),
                service(n),
                kube_service(n),
                slice(n, 1),
            ]
        };
        let services = (0..self.services).flat_map(of_service);
        observe(std::iter::once(mesh).chain(services))
    }

    /// Every object, translated.
    pub(crate) fn linked(&self) -> Vec<Linked> {
        self.objects().iter().map(translate).collect()
    }

    /// The proxies of the groups.
    pub(crate) fn proxies(&self) -> impl Iterator<Item = ProxyId> {
        let proxy = |n| format!("virtualnode/{NAMESPACE}/{}", name(n)).parse();
        (0..self.groups).map(move |n| proxy(n).expect("the name of a proxy"))
    }

    fn node(&self, n: usize) -> Value {
        let host = format!("{}.{NAMESPACE}.svc.cluster.local", name(n));
        let mut spec = json!({
            "podSelector": {"matchLabels": {"app": name(n)}},
            "listeners": [{"portMapping": {"port": PORT, "protocol": "http"}}],
            "serviceDiscovery": {"dns": {"hostname": host}},
        });
        match self.calls {
            Calls::All if n < self.groups => spec["backendGroups"] = json!([{"name": "*"}]),
            Calls::Next(count) if n < self.groups => {
                let services = (n..n + count).map(|called| name(called % self.services));
                let backend =
                    |name| json!({"virtualService": {"virtualServiceRef": {"name": name}}});
                spec["backends"] = services.map(backend).collect();
            }
            _ => {}
        }
        appmesh("VirtualNode", n, &spec)
    }
}

/// A router that gives its node so much of what it takes.
pub(crate) fn router(n: usize, weight: u32) -> Value {
    let target = json!({"virtualNodeRef": {"name": name(n)}, "weight": weight});
    let route = json!({"match": {"prefix": "/"}, "action": {"weightedTargets": [target]}});
    let spec = json!({
        "listeners": [{"portMapping": {"port": PORT, "protocol": "http"}}],
        "routes": [{"name": "all", "httpRoute": route}],
    });
    appmesh("VirtualRouter", n, &spec)
}

/// The endpoints of a service; `turn` tells one state from another.
pub(crate) fn slice(n: usize, turn: usize) -> Value {
    let endpoint = |host: usize| {
        let address = format!("10.{}.{}.{host}", n / 250 + 1, n % 250);
        json!({"addresses": [address], "conditions": {"ready": true}})
    };
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {
            "name": format!("{}-1", name(n)), "namespace": NAMESPACE,
            "labels": {"kubernetes.io/service-name": name(n)},
        },
        "ports": [{"port": PORT, "protocol": "TCP"}],
        "endpoints": [endpoint(turn), endpoint(turn + 100)],
    })
}

/// Objects as a source observes them.
pub(crate) fn observe(objects: impl IntoIterator<Item = Value>) -> Vec<Change> {
    let objects: Vec<Value> = objects.into_iter().collect();
    let mut files = FileSet::new();
    // a source does not read files of any size
    let read = |(nth, part): (usize, &[Value])| {
        let documents = part.iter().map(|object| format!("---\n{object}\n"));
        let text: String = documents.collect();
        let path = PathBuf::from(format!("{nth}.yaml"));
        files.apply(&path, Content::Bytes(text.as_bytes()))
    };
    objects.chunks(1_000).enumerate().flat_map(read).collect()
}

fn service(n: usize) -> Value {
    let spec = json!({
        "awsName": format!("{}.{NAMESPACE}.svc.cluster.local", name(n)),
        "provider": {"virtualRouter": {"virtualRouterRef": {"name": name(n)}}},
    });
    appmesh("VirtualService", n, &spec)
}

fn kube_service(n: usize) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name(n), "namespace": NAMESPACE},
        "spec": {"ports": [{"port": PORT, "protocol": "TCP"}]},
    })
}

fn appmesh(kind: &str, n: usize, spec: &Value) -> Value {
    let metadata = json!({"name": name(n), "namespace": NAMESPACE});
    json!({"apiVersion": "appmesh.k8s.aws/v1beta2", "kind": kind, "metadata": metadata, "spec": spec})
}

fn name(n: usize) -> String {
    format!("s-{n:05}")
}
