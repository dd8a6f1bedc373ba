//! The HTTP connection manager.

use tulle_model::logging::AccessLog;
use tulle_model::policy::{IpPreference, Protocol};
use tulle_proto::http_connection_manager::http_connection_manager::{
    CodecType, ForwardClientCertDetails, PathWithEscapedSlashesAction, RouteSpecifier,
    SetCurrentClientCertDetails, Tracing, UpgradeConfig,
};
use tulle_proto::http_connection_manager::http_filter::ConfigType;
use tulle_proto::http_connection_manager::{
    HttpConnectionManager, HttpFilter, Rds, RequestIdExtension,
};
use tulle_proto::listener::Filter;
use tulle_proto::pb::envoy::extensions::filters::http::dynamic_forward_proxy::v3::FilterConfig;
use tulle_proto::pb::envoy::extensions::filters::http::dynamic_forward_proxy::v3::filter_config::ImplementationSpecifier;
use tulle_proto::pb::envoy::extensions::filters::http::router::v3::Router;
use tulle_proto::pb::envoy::extensions::request_id::uuid::v3::UuidRequestIdConfig;

use super::access_log::access_log;
use crate::{cluster, fault, rate_limit, wire};

/// What differs from one connection manager to the next.
pub(super) struct Manager<'a> {
    pub(super) stat_prefix: String,
    /// The route configuration's name.
    pub(super) routes: String,
    pub(super) place: Place,
    /// The port and protocol of a listener whose routes may be limited.
    pub(super) limited: Option<(Protocol, u16)>,
    /// Some of its routes have faults.
    pub(super) faults: bool,
    /// What is written of requests.
    pub(super) access_log: Option<&'a AccessLog>,
}

/// Where a connection manager stands.
pub(super) enum Place {
    /// Before the proxy's own application; `identified`: for clients that have shown a certificate.
    Ingress { identified: bool },
    /// Behind it; `by_host`: routes may send requests where their Host says.
    Egress { by_host: Option<IpPreference> },
    /// At the edge of the mesh, behind so many trusted proxies.
    Gateway { trusted_hops: u32 },
}

/// The network filter.
///
/// Time limits of requests are the routes' (a route's `idle_timeout` replaces the manager's stream idle
/// timeout, which only counts until a route is chosen). What is not set here is Envoy's default, above
/// all: server header `envoy`, a request id where there is none, both HTTP/1.1 and HTTP/2 by looking.
pub(super) fn manager(manager: Manager<'_>) -> Filter {
    let mut config = HttpConnectionManager {
        codec_type: CodecType::Auto.into(),
        stat_prefix: manager.stat_prefix,
        route_specifier: Some(RouteSpecifier::Rds(Rds {
            config_source: Some(wire::ads()),
            route_config_name: manager.routes,
        })),
        access_log: access_log(manager.access_log),
        // By the tracer that the bootstrap names; without one nothing is traced.
        tracing: Some(Tracing::default()),
        request_id_extension: Some(request_ids()),
        upgrade_configs: vec![UpgradeConfig {
            upgrade_type: "websocket".to_owned(),
            ..Default::default()
        }],
        // `%2F` is no `/`: neither matched nor rewritten as one, and passed as it came.
        path_with_escaped_slashes_action: PathWithEscapedSlashesAction::KeepUnchanged.into(),
        ..Default::default()
    };
    // The first of all filters: what is refused costs nothing.
    if let Some((protocol, port)) = manager.limited {
        let limit = rate_limit::http_filter(protocol, port);
        let filter = http_filter(rate_limit::HTTP_FILTER, &limit);
        config.http_filters.push(filter);
    }
    // Before all that would ask somebody.
    if manager.faults {
        let filter = http_filter(fault::FILTER, &fault::filter());
        config.http_filters.push(filter);
    }
    match manager.place {
        // Every path goes to the application, so there is nothing to normalize for.
        Place::Ingress { identified } => {
            if identified {
                say_who_calls(&mut config);
            }
        }
        Place::Egress { by_host } => {
            normalize(&mut config);
            if let Some(ip) = by_host {
                config.http_filters.push(http_filter(
                    "envoy.filters.http.dynamic_forward_proxy",
                    &FilterConfig {
                        implementation_specifier: Some(ImplementationSpecifier::DnsCacheConfig(
                            cluster::dns_cache(ip),
                        )),
                        ..Default::default()
                    },
                ));
            }
        }
        Place::Gateway { trusted_hops } => {
            normalize(&mut config);
            config.use_remote_address = Some(wire::bool_value(true));
            config.xff_num_trusted_hops = trusted_hops;
            // A load balancer's or client's own id stays, so that their logs and ours can be joined.
            config.preserve_external_request_id = true;
        }
    }
    config
        .http_filters
        .push(http_filter("envoy.filters.http.router", &Router::default()));
    super::filter("envoy.filters.network.http_connection_manager", &config)
}

/// An id that comes with a request stays as it is: Envoy would otherwise write into it why it traces.
fn request_ids() -> RequestIdExtension {
    RequestIdExtension {
        typed_config: Some(tulle_proto::any(&UuidRequestIdConfig {
            pack_trace_reason: Some(wire::bool_value(false)),
            ..Default::default()
        })),
    }
}

/// Tells the application the caller's SPIFFE id. Where there is none Envoy takes the header away, by its
/// own default, so that nobody can make one up.
fn say_who_calls(config: &mut HttpConnectionManager) {
    config.forward_client_cert_details = ForwardClientCertDetails::SanitizeSet.into();
    config.set_current_client_cert_details = Some(SetCurrentClientCertDetails {
        uri: true,
        ..Default::default()
    });
}

/// Routes look at paths: `/a/../b` and `/a//b` must not slip by them.
fn normalize(config: &mut HttpConnectionManager) {
    config.normalize_path = Some(wire::bool_value(true));
    config.merge_slashes = true;
}

fn http_filter<M: prost::Name>(name: &str, config: &M) -> HttpFilter {
    HttpFilter {
        name: name.to_owned(),
        config_type: Some(ConfigType::TypedConfig(tulle_proto::any(config))),
        ..Default::default()
    }
}
