//! What every stack reads from the API server: one mesh, made from a [`Shape`] alone, so that it is the same for every stack
//! and in every run.
//!
//! Everything lives in one namespace. Service `s-0000` has a Service, an EndpointSlice and the App Mesh objects of the same
//! name (VirtualNode, VirtualRouter, VirtualService). The first of them, one for each [`PODS_OF_A_WORKLOAD`] proxies, have pods
//! with a proxy in front of them. Some more services are called by a chosen number of proxies each ([`Shape::called_by`]): what
//! changes during a run is always one of these.

mod istio;
mod kubernetes;
mod mesh;

use std::net::Ipv4Addr;

use serde_json::Value;

/// Where all of it lives.
pub const NAMESPACE: &str = "bench";
/// The mesh.
pub const MESH: &str = "bench";
/// The port of every application.
pub const PORT: u16 = 8080;
/// Pods with a proxy that one workload has.
pub const PODS_OF_A_WORKLOAD: usize = 10;
/// The service account of every pod with a proxy.
pub const ACCOUNT: &str = "proxies";

/// So many of a hundred requests to a changing service go to [`next_of`] it at first.
pub const FIRST_WEIGHT: u32 = 10;

/// Which services a workload may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calls {
    /// Every service of the mesh.
    All,
    /// So many, besides those that change.
    Some(usize),
}

/// How large the mesh is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Shape {
    /// Services, besides those that change.
    pub services: usize,
    /// Endpoints of each.
    pub endpoints: usize,
    /// Pods with a proxy.
    pub proxies: usize,
    /// What each workload may call.
    pub calls: Calls,
    /// A service is there for each of these numbers, called by as many proxies: multiples of [`PODS_OF_A_WORKLOAD`], or all.
    pub called_by: Vec<usize>,
    /// Whether the mesh asks for what istiod gives unasked: mutual TLS, access logs, retries, bounds on connections.
    #[serde(default)]
    pub alike: bool,
}

/// What a stack understands besides Kubernetes' own kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Dialect {
    /// App Mesh's kinds
    #[value(name = "appmesh")]
    AppMesh,
    /// Istio's kinds
    Istio,
}

impl Dialect {
    /// As it is said on a command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::AppMesh => "appmesh",
            Self::Istio => "istio",
        }
    }
}

/// An object, and the path of the API server's collection that takes it.
#[derive(Debug, Clone)]
pub struct Object {
    /// `/api/v1/namespaces/bench/services` and the like.
    pub collection: String,
    /// The object itself.
    pub body: Value,
}

impl Object {
    /// Its name.
    pub fn name(&self) -> &str {
        self.body["metadata"]["name"].as_str().unwrap_or_default()
    }

    /// The path of the object itself.
    pub fn path(&self) -> String {
        format!("{}/{}", self.collection, self.name())
    }
}

/// The name of a service among the many.
pub fn service(number: usize) -> String {
    format!("s-{number:05}")
}

/// The name of the service that so many proxies call.
pub fn called_by(count: usize) -> String {
    format!("called-by-{count}")
}

/// The node that takes the smaller part of what is sent to such a service.
pub fn next_of(service: &str) -> String {
    format!("{service}-next")
}

/// The name of a pod with a proxy.
pub fn pod(number: usize) -> String {
    format!("p-{number:05}")
}

/// The address of a pod with a proxy.
pub fn pod_address(number: usize) -> Ipv4Addr {
    address(64, number)
}

/// The address of a further endpoint, one that no proxy stands in front of.
pub fn plain_address(number: usize) -> Ipv4Addr {
    address(128, number)
}

/// The address of an endpoint that comes and goes while something else is looked at.
pub fn noise_address(number: usize) -> Ipv4Addr {
    address(192, number)
}

/// Addresses `10.<block>.0.0` and on, 64 times 65,536 of them.
fn address(block: u8, number: usize) -> Ipv4Addr {
    let number = u32::try_from(number).unwrap_or(u32::MAX) % (64 << 16);
    Ipv4Addr::from(u32::from_be_bytes([10, block, 0, 0]) + number)
}

impl Shape {
    /// Workloads with proxies.
    pub fn workloads(&self) -> usize {
        self.proxies.div_ceil(PODS_OF_A_WORKLOAD)
    }

    /// The services among the many: at least one for each workload.
    pub fn plain_services(&self) -> usize {
        self.services.max(self.workloads())
    }

    /// Every service, those that change last.
    pub fn names(&self) -> Vec<String> {
        let many = (0..self.plain_services()).map(service);
        many.chain(self.called_by.iter().map(|count| called_by(*count)))
            .collect()
    }

    /// The services that a workload calls; `None`: all of them.
    pub fn calls_of(&self, workload: usize) -> Option<Vec<String>> {
        let Calls::Some(count) = self.calls else {
            return None;
        };
        let services = self.plain_services();
        let count = count.min(services);
        let many = (0..count).map(|turn| service((workload * count + turn) % services));
        let first_proxy = workload * PODS_OF_A_WORKLOAD;
        let changing = self
            .called_by
            .iter()
            .filter(|count| first_proxy < **count)
            .map(|count| called_by(*count));
        Some(many.chain(changing).collect())
    }

    /// How many proxies are told when this one of [`Shape::called_by`] changes.
    pub fn told_of(&self, count: usize) -> usize {
        match self.calls {
            Calls::All => self.proxies,
            Calls::Some(_) => count.min(self.proxies),
        }
    }

    /// The addresses of a service's endpoints, at first.
    pub fn addresses(&self, name: &str) -> Vec<Ipv4Addr> {
        let Some(position) = self.names().iter().position(|one| one == name) else {
            return Vec::new();
        };
        self.addresses_at(position)
    }

    fn addresses_at(&self, position: usize) -> Vec<Ipv4Addr> {
        (0..self.endpoints)
            .map(|turn| {
                let pod = position * PODS_OF_A_WORKLOAD + turn;
                if position < self.workloads() && turn < PODS_OF_A_WORKLOAD && pod < self.proxies {
                    pod_address(pod)
                } else {
                    plain_address(position * self.endpoints + turn)
                }
            })
            .collect()
    }

    /// What must be there before anything else: namespaces and service accounts.
    pub fn foundation(&self, namespaces: &[&str]) -> Vec<Object> {
        kubernetes::foundation(namespaces)
    }

    /// Every object, in an order that may be written in parallel, once the foundation is there.
    pub fn objects(&self, dialect: Dialect) -> Vec<Object> {
        let mut objects = Vec::new();
        if dialect == Dialect::AppMesh {
            objects.push(mesh::mesh());
        }
        let names = self.names();
        for (position, name) in names.iter().enumerate() {
            let changes = position >= self.plain_services();
            objects.push(kubernetes::service(name));
            objects.push(kubernetes::slice(name, 0, &self.addresses_at(position)));
            if changes {
                let next = next_of(name);
                let after = names.len() * self.endpoints + position;
                objects.push(kubernetes::service(&next));
                objects.push(kubernetes::slice(&next, 0, &[plain_address(after)]));
            }
            match dialect {
                Dialect::AppMesh => self.appmesh(position, name, changes, &mut objects),
                Dialect::Istio => self.istio(position, name, changes, &mut objects),
            }
        }
        for number in 0..self.proxies {
            objects.push(kubernetes::pod(number));
        }
        objects
    }

    fn istio(&self, position: usize, name: &str, changes: bool, objects: &mut Vec<Object>) {
        if changes {
            objects.push(istio::virtual_service(name, FIRST_WEIGHT));
        }
        if position < self.workloads()
            && let Some(mut calls) = self.calls_of(position)
        {
            // Where a changing service's requests may go too.
            let next: Vec<String> = calls
                .iter()
                .filter(|name| self.is_changing(name))
                .map(|name| next_of(name))
                .collect();
            calls.extend(next);
            objects.push(istio::sidecar(name, &calls));
        }
    }

    fn is_changing(&self, name: &str) -> bool {
        self.called_by.iter().any(|count| called_by(*count) == name)
    }

    fn appmesh(&self, position: usize, name: &str, changes: bool, objects: &mut Vec<Object>) {
        let calls = match position < self.workloads() {
            true => self.calls_of(position),
            false => Some(Vec::new()),
        };
        objects.push(mesh::virtual_node(name, calls.as_deref(), self.alike));
        if changes {
            objects.push(mesh::virtual_node(&next_of(name), Some(&[]), self.alike));
        }
        let next = changes.then_some(FIRST_WEIGHT);
        objects.push(mesh::virtual_router(name, next, self.alike));
        objects.push(mesh::virtual_service(name));
    }
}

/// The EndpointSlice of a service, with other endpoints.
pub fn slice(service: &str, number: usize, addresses: &[Ipv4Addr]) -> Object {
    kubernetes::slice(service, number, addresses)
}

/// An endpoint whose pod was told to end, and goes on until it does.
pub fn leaving(address: Ipv4Addr) -> Value {
    kubernetes::endpoint(address, false)
}

/// What shares a changing service's requests: `next` of a hundred go to [`next_of`] it.
pub fn weights(dialect: Dialect, service: &str, next: u32) -> Object {
    match dialect {
        Dialect::AppMesh => mesh::virtual_router(service, Some(next), false),
        Dialect::Istio => istio::virtual_service(service, next),
    }
}

/// Status of a pod that runs.
pub fn running(pod: usize) -> Value {
    kubernetes::running(pod)
}

#[cfg(test)]
mod tests;
