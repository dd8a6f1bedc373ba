//! Resources of plausible form and size, for the tests and for floors without a control plane beside them.

use std::path::PathBuf;

use bytes::BytesMut;

use super::Kind;
use super::dump::{self, Resource};
use super::fields::{put_message, put_number, put_text};

/// Arguments of `tulle-bench synthesize`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The file to write
    out: PathBuf,
    /// How many services
    #[arg(long, default_value_t = 1_000)]
    services: usize,
    /// How many endpoints each has
    #[arg(long, default_value_t = 3)]
    endpoints: usize,
}

/// Writes a dump of [`resources`].
///
/// # Errors
/// Where it cannot be written.
pub fn run(args: &Args) -> anyhow::Result<()> {
    Ok(dump::write(
        &args.out,
        resources(args.services, args.endpoints),
    )?)
}

/// Clusters with endpoints, a listener, and one route configuration with a virtual host a service: as long as lean
/// configuration of a mesh is (412, 125 and 227 bytes a service of three endpoints).
pub fn resources(services: usize, endpoints: usize) -> Vec<Resource> {
    let names: Vec<String> = (0..services)
        .map(|at| format!("svc-{at}.bench.svc.cluster.local:8080"))
        .collect();
    let mut all = vec![
        resource(Kind::Lds, listener),
        resource(Kind::Rds, |out| routes(&names, out)),
    ];
    for (at, name) in names.iter().enumerate() {
        all.push(resource(Kind::Cds, |out| cluster(name, out)));
        all.push(resource(Kind::Eds, |out| {
            assignment(at, name, endpoints, out)
        }));
    }
    all
}

fn resource(kind: Kind, body: impl FnOnce(&mut BytesMut)) -> Resource {
    let mut out = BytesMut::new();
    body(&mut out);
    let version = format!("{:032x}", xxhash_rust::xxh3::xxh3_128(&out));
    Resource::new(kind, &version, out.freeze())
}

fn ads(field: u32, out: &mut BytesMut) {
    // `ConfigSource.ads`, and `resource_api_version` V3
    put_message(field, out, |source| {
        put_message(3, source, |_| {});
        put_number(6, 2, source);
    });
}

fn cluster(name: &str, out: &mut BytesMut) {
    put_text(1, name, out);
    put_number(2, 3, out);
    put_message(3, out, |eds| {
        ads(1, eds);
        put_text(2, name, eds);
    });
    // `alt_stat_name`: as long as timeouts, TLS and protocol options would be
    put_text(28, &name.repeat(8), out);
}

/// The address of an endpoint of a service.
pub fn address(service: usize, endpoint: usize) -> String {
    let at = service * 256 + endpoint;
    format!("10.{}.{}.{}", at >> 16 & 0xff, at >> 8 & 0xff, at & 0xff)
}

fn assignment(service: usize, name: &str, endpoints: usize, out: &mut BytesMut) {
    put_text(1, name, out);
    put_message(2, out, |locality| {
        for endpoint in 0..endpoints {
            put_message(2, locality, |of| {
                put_message(1, of, |of| {
                    put_message(1, of, |of| {
                        put_message(1, of, |socket| {
                            put_text(2, &address(service, endpoint), socket);
                            put_number(3, 8080, socket);
                        });
                    });
                });
            });
        }
    });
}

fn listener(out: &mut BytesMut) {
    put_text(1, "outbound", out);
    put_message(3, out, |chain| {
        put_message(3, chain, |filter| {
            put_text(1, "envoy.filters.network.http_connection_manager", filter);
            put_message(4, filter, |any| {
                put_text(
                    1,
                    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                    any,
                );
                put_message(2, any, |manager| {
                    put_text(2, "outbound", manager);
                    put_message(3, manager, |rds| {
                        ads(1, rds);
                        put_text(2, "outbound", rds);
                    });
                });
            });
        });
    });
}

fn routes(names: &[String], out: &mut BytesMut) {
    put_text(1, "outbound", out);
    for name in names {
        put_message(2, out, |host| {
            put_text(1, name, host);
            put_text(2, name, host);
            put_text(2, name.split(':').next().unwrap_or_default(), host);
            put_message(3, host, |route| {
                put_message(1, route, |matched| put_text(1, "/", matched));
                put_message(2, route, |action| put_text(1, name, action));
            });
        });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tulle_proto::prost::Message;
    use tulle_proto::{cluster, endpoint, listener, route};

    use super::*;
    use crate::wire::refs::refs;

    #[test]
    fn envoys_own_types_read_them() {
        let all = resources(20, 3);
        let mut sizes: BTreeMap<Kind, Vec<usize>> = BTreeMap::new();
        for resource in &all {
            sizes
                .entry(resource.kind)
                .or_default()
                .push(resource.body.len());
            let body = &resource.body[..];
            match resource.kind {
                Kind::Cds => {
                    cluster::Cluster::decode(body).unwrap();
                    assert_eq!(refs(Kind::Cds, body), [(Kind::Eds, resource.name.as_str())]);
                }
                Kind::Eds => {
                    let of = endpoint::ClusterLoadAssignment::decode(body).unwrap();
                    assert_eq!(of.endpoints[0].lb_endpoints.len(), 3);
                }
                Kind::Lds => {
                    listener::Listener::decode(body).unwrap();
                    assert_eq!(refs(Kind::Lds, body), [(Kind::Rds, "outbound")]);
                }
                Kind::Rds => {
                    let of = route::RouteConfiguration::decode(body).unwrap();
                    assert_eq!(of.virtual_hosts.len(), 20);
                    assert!((150..300).contains(&(body.len() / 20)));
                }
                Kind::Sds => unreachable!(),
            }
        }
        assert_eq!(sizes[&Kind::Cds].len(), 20);
        assert!((350..480).contains(&sizes[&Kind::Cds][0]), "{sizes:?}");
        assert!((90..150).contains(&sizes[&Kind::Eds][0]), "{sizes:?}");
        assert_eq!(address(1, 2), "10.0.1.2");
    }
}
