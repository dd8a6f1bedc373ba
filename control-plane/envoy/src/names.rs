//! Every name that a proxy's user meets on the admin port, in statistics and in dashboards. No other
//! file spells one.
//!
//! The names are App Mesh's: `cds_egress_<mesh>_<node>_<protocol>_<port>` and the like, made of the
//! names that members have inside the mesh (awsName). Those may hold any character and any length that
//! the dialect lets through; Envoy takes every non-empty UTF-8 string as a resource name, and writes `:`
//! as `_` in statistics. Nothing is cut or replaced, since a name that differs from App Mesh's is worth
//! nothing. Two different members can share a name only if their parts join to the same text
//! (`a_b` + `c`, `a` + `b_c`), which App Mesh's own names could as well.

use std::net::IpAddr;

use tulle_model::linked::Destination;
use tulle_model::policy::Protocol;

/// A destination as clients see it; also the name of its endpoints, which a suffix does not change.
pub fn egress_cluster(mesh: &str, to: &Destination) -> String {
    format!(
        "cds_egress_{mesh}_{}_{}_{}",
        to.alias,
        to.protocol.as_str(),
        to.port
    )
}

/// A destination that is called under several policies has a cluster for each.
pub fn egress_cluster_with_suffix(mesh: &str, to: &Destination, suffix: &str) -> String {
    format!("{}{suffix}", egress_cluster(mesh, to))
}

/// A port of the proxy's own application.
pub fn ingress_cluster(mesh: &str, alias: &str, protocol: Protocol, port: u16) -> String {
    format!("cds_ingress_{mesh}_{alias}_{}_{port}", protocol.as_str())
}

/// The cloud's API endpoints, which pass whatever the egress policy says.
pub fn amazonaws_cluster(mesh: &str) -> String {
    format!("cds_egress_{mesh}_amazonaws")
}

/// Undeclared destinations where the egress policy lets them pass.
pub fn allow_all_cluster(mesh: &str) -> String {
    format!("cds_egress_{mesh}_mesh-allow-all")
}

/// The server name that a proxy says to a destination's proxy; it is for people who watch the wire.
pub fn server_name(to: &Destination) -> String {
    let name = &to.workload;
    format!("outbound_.{}_._.{}.{}", to.port, name.name, name.namespace)
}

/// What comes in to a sidecar.
pub fn ingress_listener(address: IpAddr, port: u16) -> String {
    format!("lds_ingress_{address}_{port}")
}

/// What goes out of a sidecar.
pub fn egress_listener(address: IpAddr, port: u16) -> String {
    format!("lds_egress_{address}_{port}")
}

/// A port of a gateway.
pub fn gateway_listener(address: IpAddr, port: u16) -> String {
    format!("lds_ingress_{address}_port_{port}")
}

/// Routes of a port that is listened on, of a sidecar or of a gateway.
pub fn ingress_routes(protocol: Protocol, port: u16) -> String {
    format!("rds_ingress_{}_{port}", protocol.as_str())
}

/// Routes of a port that is called.
pub fn egress_routes(protocol: Protocol, port: u16) -> String {
    format!("rds_egress_{}_{port}", protocol.as_str())
}

/// Statistics of what comes in: `ingress` alone while there is but one port.
pub fn ingress_stat_prefix(only: bool, protocol: Protocol, port: u16) -> String {
    if only {
        "ingress".to_owned()
    } else {
        format!("ingress.{}.{port}", protocol.as_str())
    }
}

/// Statistics of a port's rate limit, with `.http_local_rate_limit` behind or `local_rate_limit.` before them.
pub fn rate_limit_stat_prefix(protocol: Protocol, port: u16) -> String {
    format!("ingress_{}_{port}", protocol.as_str())
}

/// Statistics of what goes out.
pub const EGRESS_STAT_PREFIX: &str = "egress";

/// Statistics of a TCP service that is called.
pub fn egress_tcp_stat_prefix(host: &str, port: u16) -> String {
    format!("{EGRESS_STAT_PREFIX}.{host}.{port}")
}

/// The static cluster of a secret server on a local socket, which a proxy's bootstrap has.
pub const SDS_CLUSTER: &str = "static_cluster_sds_unix_socket";

/// A certificate in files of the proxy's container.
pub fn file_certificate(chain: &str, key: &str) -> String {
    // So that two pairs of paths never make one name.
    let plain = |path: &str| path.replace('%', "%25").replace('~', "%7E");
    format!("file-cert:{}~{}", plain(chain), plain(key))
}

/// The paths in a name made by [`file_certificate`] or [`file_roots`].
pub(crate) fn files_of(name: &str) -> Vec<String> {
    if let Some(chain) = name.strip_prefix("file-root:") {
        return vec![chain.to_owned()];
    }
    let paths = name.strip_prefix("file-cert:").into_iter();
    let paths = paths.flat_map(|paths| paths.split('~'));
    paths
        .map(|path| path.replace("%7E", "~").replace("%25", "%"))
        .collect()
}

/// Roots in a file of the proxy's container.
pub fn file_roots(chain: &str) -> String {
    format!("file-root:{chain}")
}

/// The certificate in a Kubernetes Secret of the proxy's namespace.
pub fn kubernetes_certificate(secret: &str) -> String {
    format!("kubernetes-cert:{secret}")
}

/// The roots in a Kubernetes Secret of the proxy's namespace.
pub fn kubernetes_roots(secret: &str) -> String {
    format!("kubernetes-root:{secret}")
}

/// The virtual host of undeclared hosts where the egress policy lets them pass.
pub const ALLOW_ALL_VIRTUAL_HOST: &str = "mesh_allow_all";

/// The request header by which a proxy without redirected traffic knows a request that it has already
/// passed on to an undeclared host: such a host may resolve to the proxy itself.
pub const PASSED_HEADER: &str = "x-tulle-passed";
