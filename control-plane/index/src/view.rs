//! All that the proxies of one workload or gateway are told.

use std::sync::Arc;

use tulle_model::fragment::{Mesh, Workload};
use tulle_model::linked::{Inbound, ProxyView, Role, Sidecar};
use tulle_model::policy::MtlsMode;
use tulle_model::{Name, ObjectId, ProxyId, Str};

use crate::clusters::Clusters;
use crate::key::{Kind, Member};
use crate::reader::Reader;
use crate::{alias, backends, gateway, limits, mtls, outbound, tls};

/// The view of a proxy; `None` if there is no such proxy or it belongs to no mesh.
pub(crate) fn view(id: &ProxyId, reader: &mut Reader<'_>) -> Option<Arc<ProxyView>> {
    let member = reader.proxy(id)?;
    let Member { kind, name } = member.clone();
    let mesh_name = alias::mesh_of(kind, &name, reader)?;
    let mesh = reader.mesh(&mesh_name)?;
    mtls::check(&mesh, &name.namespace, reader);
    let mode = mtls::mode_of(&member, reader);
    let (object, own_alias, role, clusters, access_log): (ObjectId, Str, Role, _, _) = match kind {
        Kind::Gateway => {
            let gateway = reader.gateway(&name)?;
            let (role, clusters) = gateway::gateway(&name, &gateway, reader);
            let clusters = clusters.finish(
                &gateway.object,
                gateway.default_policy.as_ref(),
                mode,
                reader,
            );
            let (object, alias) = (gateway.object.clone(), gateway.alias.clone());
            let access_log = gateway.access_log.clone();
            (object, alias, Role::Gateway(role), clusters, access_log)
        }
        _ => {
            let workload = reader.workload(&name)?;
            let (role, clusters) = sidecar(&workload, &mesh_name, &mesh, mode, reader);
            let clusters = clusters.finish(
                &workload.object,
                workload.default_policy.as_ref(),
                mode,
                reader,
            );
            let (object, alias) = (workload.object.clone(), workload.alias.clone());
            let access_log = workload.access_log.clone();
            (object, alias, Role::Sidecar(role), clusters, access_log)
        }
    };
    Some(Arc::new(ProxyView {
        id: id.clone(),
        object,
        mesh: mesh.alias.clone(),
        alias: own_alias,
        ip: mesh.ip,
        access_log,
        role,
        clusters,
    }))
}

fn sidecar(
    workload: &Workload,
    mesh_name: &Name,
    mesh: &Mesh,
    mode: MtlsMode,
    reader: &mut Reader<'_>,
) -> (Sidecar, Clusters) {
    tls::check(&workload.object, &workload.listeners, reader);
    let mut inbound: Vec<Inbound> = workload
        .listeners
        .iter()
        .filter(|listener| tls::is_usable(listener, reader))
        .map(|listener| Inbound {
            port: listener.port,
            protocol: listener.protocol,
            limits: limits::limits(listener.timeouts, listener.protocol),
            mtls: match listener.tls {
                Some(_) => MtlsMode::Off,
                None => mode,
            },
            tls: listener.tls.clone(),
            pool: listener.pool,
            rate_limit: listener.rate_limit,
        })
        .collect();
    inbound.sort_by_key(|inbound| inbound.port);
    inbound.dedup_by_key(|inbound| inbound.port);
    inbound.shrink_to_fit();
    let callables = backends::callables(workload, mesh_name, reader);
    let mut clusters = Clusters::default();
    let outbound = outbound::ports(&workload.object, callables, &mut clusters, reader);
    let sidecar = Sidecar {
        inbound,
        outbound,
        egress: mesh.egress,
    };
    (sidecar, clusters)
}
