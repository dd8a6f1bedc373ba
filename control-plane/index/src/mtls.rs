//! Mutual TLS between proxies: who takes it, and who is to be expected where.

use std::collections::BTreeSet;
use std::sync::Arc;

use tulle_model::endpoint::EndpointSetId;
use tulle_model::fragment::{Mesh, Pod};
use tulle_model::linked::{Destination, Discovery};
use tulle_model::policy::{MTLS_SWITCH, MtlsMode};
use tulle_model::{Finding, Name, ObjectId, ProxyId, ProxyKind, Severity, Str, codes, spiffe_id};

use crate::alias;
use crate::key::{Kind, Member};
use crate::reader::Reader;
use crate::registry;
use crate::value::Source;

/// How far the traffic of a workload or gateway is secured. One without a mesh has no config that could secure anything.
pub(crate) fn mode_of(member: &Member, reader: &mut Reader<'_>) -> MtlsMode {
    if reader.mtls().is_none() {
        return MtlsMode::Off;
    }
    match alias::mesh_of(member.kind, &member.name, reader) {
        Some(mesh) => reader.mode(&mesh, &member.name.namespace),
        None => MtlsMode::Off,
    }
}

/// How far a mesh's traffic in a namespace is secured: as the namespace says, else the mesh, else the settings.
pub(crate) fn mode(mesh: &Name, namespace: &Str, reader: &mut Reader<'_>) -> MtlsMode {
    let (Some(default), Some(mesh)) = (reader.mtls(), reader.mesh(mesh)) else {
        return MtlsMode::Off;
    };
    let namespace = reader.namespace_mtls(namespace);
    let namespace = namespace.map(|(mode, _)| mode);
    namespace.or(mesh.mtls).unwrap_or(default)
}

/// Says so where mutual TLS is asked for and there are no certificates.
pub(crate) fn check(mesh: &Mesh, namespace: &Str, reader: &mut Reader<'_>) {
    if reader.mtls().is_some() {
        return;
    }
    let said_by_mesh = mesh.mtls.map(|mode| (mode, mesh.object.clone()));
    let said = [said_by_mesh, reader.namespace_mtls(namespace)];
    let wanted = |(mode, _): &(MtlsMode, ObjectId)| *mode != MtlsMode::Off;
    for (mode, object) in said.into_iter().flatten().filter(wanted) {
        reader.report(
            Finding::new(
                Severity::Warning,
                codes::NO_CERTIFICATES,
                &object,
                MTLS_SWITCH,
                format!(
                    "{mode} has no effect: this control plane makes no certificates for proxies"
                ),
            )
            .help("run it on Kubernetes, where it does, or set the switch to off"),
        );
    }
}

/// Says so where a client's calls are in plaintext and the server takes none.
pub(crate) fn check_call(
    client: &ObjectId,
    source: &Source,
    said: bool,
    mode: MtlsMode,
    reader: &mut Reader<'_>,
) {
    let (why, help) = if said {
        (
            "the client policy uses TLS only where a listener has it",
            "remove its tls; mutual TLS is used by itself",
        )
    } else if mode == MtlsMode::Off {
        (
            "mTLS is off for the client",
            "set tulle.dev/mtls alike on both sides",
        )
    } else if matches!(source.discovery, Discovery::Dns { .. }) {
        (
            "its addresses come from DNS, which does not tell who takes mTLS",
            "let its hostname name a Kubernetes Service that has this port, and tulle.dev/discovery be endpoints; or let it be permissive",
        )
    } else {
        return;
    };
    let Destination { workload, port, .. } = &source.to;
    reader.report(
        Finding::new(
            Severity::Warning,
            codes::PLAINTEXT_TO_STRICT,
            client,
            "",
            format!("calls to VirtualNode {workload} on port {port} are in plaintext, and it takes mTLS alone: {why}"),
        )
        .help(help),
    );
}

/// The ports on which a workload's proxies take mutual TLS: its listeners but for those whose TLS is the
/// user's own. Gateways take none: who calls them has no identity.
pub(crate) fn ports(proxy: &ProxyId, reader: &mut Reader<'_>) -> Arc<BTreeSet<u16>> {
    let member = reader.proxy(proxy);
    let Some(member) = member.filter(|member| member.kind == Kind::Workload) else {
        return Arc::default();
    };
    if mode_of(&member, reader) == MtlsMode::Off {
        return Arc::default();
    }
    let server = reader.server(&member.name);
    let listeners = server.iter().flat_map(|server| &server.listeners);
    let secured = listeners.filter(|listener| listener.tls.is_none());
    Arc::new(secured.map(|listener| listener.port).collect())
}

/// The SPIFFE ids of all pods that are a workload's own or behind its endpoints, ready or not, so that a
/// new one is expected before it answers.
pub(crate) fn identities(
    workload: &Name,
    set: &EndpointSetId,
    reader: &mut Reader<'_>,
) -> Arc<Vec<Str>> {
    let mut accounts: BTreeSet<(Str, Str)> = BTreeSet::new();
    let mut add = |pod: &Pod| {
        if has_identity(pod) {
            accounts.insert((pod.namespace.clone(), pod.service_account.clone()));
        }
    };
    let pods = registry::pods(workload, reader);
    pods.iter().for_each(|pod| add(pod));
    let proxy = ProxyId::new(ProxyKind::VirtualNode, &workload.namespace, &workload.name);
    reader.pods_of(&proxy).iter().for_each(|pod| add(pod));
    if let EndpointSetId::Service {
        namespace, name, ..
    } = set
    {
        for slice in reader.slices(namespace, name) {
            for endpoint in &slice.endpoints {
                let behind = reader.pods_at(endpoint.ip);
                behind.iter().for_each(|pod| add(pod));
            }
        }
    }
    let trust_domain = reader.trust_domain();
    let ids = accounts
        .into_iter()
        .map(|(namespace, account)| spiffe_id(&trust_domain, &namespace, &account));
    Arc::new(ids.collect())
}

/// Whether a pod's proxy takes mutual TLS on a port.
pub(crate) fn takes(pod: &Pod, port: u16, reader: &mut Reader<'_>) -> bool {
    let Some(proxy) = pod.proxy.as_ref().filter(|_| has_identity(pod)) else {
        return false;
    };
    proxy.inbound.contains(&port) && reader.mtls_ports(&proxy.id).contains(&port)
}

/// Whether a pod's addresses are its own.
pub(crate) fn has_addresses(pod: &Pod) -> bool {
    !pod.finished && !pod.host_network
}

/// Whether a pod's proxy has a certificate.
fn has_identity(pod: &Pod) -> bool {
    has_addresses(pod) && pod.proxy.is_some() && !pod.service_account.is_empty()
}
