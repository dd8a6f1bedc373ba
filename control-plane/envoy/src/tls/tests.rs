use std::sync::Arc;

use prost::Message;
use tulle_model::Capture;
use tulle_model::linked::{ProxyView, Role};
use tulle_model::policy::EgressPolicy;
use tulle_model::settings::Settings;
use tulle_model::tls::{ClientValidation, TlsMode};
use tulle_proto::cluster::Cluster;
use tulle_proto::core::transport_socket::ConfigType;
use tulle_proto::listener::Listener;
use tulle_proto::tls::Secret;
use tulle_proto::tls::secret::Type;

use super::*;
use crate::fixture::{cluster_of, gateway, sidecar};
use crate::plan::{Compiled, plan};

fn file() -> Certificate {
    Certificate::File {
        chain: "/c.pem".into(),
        key: "/k.pem".into(),
    }
}

fn server(mode: TlsMode, certificate: Certificate) -> ServerTls {
    ServerTls {
        mode,
        certificate,
        validation: None,
    }
}

fn compiled(view: &ProxyView) -> Vec<Compiled> {
    let plan = plan(view, Capture::Transparent, &Settings::default());
    let resources = plan.resources.iter();
    resources.map(|resource| resource.compile()).collect()
}

fn of<M: Message + Default>(view: &ProxyView, name: &str) -> (Compiled, M) {
    let mut all = compiled(view).into_iter();
    let found = all.find(|own| &*own.name == name);
    let found = found.unwrap_or_else(|| panic!("{name}"));
    let message = M::decode(&*found.bytes).unwrap();
    (found, message)
}

/// A sidecar with this TLS on its ports: 8080 HTTP, 9000 gRPC, 9100 TCP.
fn inbound(tls: [Option<ServerTls>; 3]) -> (Compiled, Listener) {
    let mut view = sidecar(EgressPolicy::DropAll);
    if let Role::Sidecar(sidecar) = &mut view.role {
        for (inbound, tls) in sidecar.inbound.iter_mut().zip(tls) {
            inbound.tls = tls;
        }
    }
    of(&view, "lds_ingress_0.0.0.0_15000")
}

/// The context of a socket.
fn context<M: Message + Default>(socket: Option<&TransportSocket>) -> M {
    let socket = socket.expect("a socket");
    assert_eq!(socket.name, "envoy.transport_sockets.tls");
    match &socket.config_type {
        Some(ConfigType::TypedConfig(any)) => M::decode(&*any.value).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// `NAME PORT TRANSPORT`, with a `+` for TLS.
fn chains(listener: &Listener) -> Vec<String> {
    let chains = listener.filter_chains.iter();
    chains
        .map(|chain| {
            let matching = chain.filter_chain_match.clone().unwrap_or_default();
            let port = matching.destination_port.map_or(0, |port| port.value);
            let transport = match &*matching.transport_protocol {
                "" => "any",
                other => other,
            };
            let tls = if chain.transport_socket.is_some() {
                "+"
            } else {
                "-"
            };
            format!("{} {port} {transport} {tls}", chain.name)
        })
        .collect()
}

#[test]
fn the_chains_of_each_mode() {
    let (compiled, listener) = inbound([
        Some(server(TlsMode::Strict, file())),
        Some(server(TlsMode::Permissive, file())),
        Some(server(TlsMode::Disabled, file())),
    ]);
    let expected = [
        "http_8080_tls 8080 any +",
        "grpc_9000_tls 9000 tls +",
        "grpc_9000 9000 any -",
        "tcp_9100 9100 any -",
    ];
    assert_eq!(chains(&listener), expected);
    let secret = (type_url::SECRET, Str::from("file-cert:/c.pem~/k.pem"));
    assert!(compiled.requires.contains(&secret));
    // The hello is looked at where it tells the chain, and nowhere else.
    let filters = &listener.listener_filters;
    assert_eq!(filters.len(), 2);
    assert!(filters[1].filter_disabled.is_some());
    assert!(listener.continue_on_listener_filters_timeout);
    assert!(listener.listener_filters_timeout.is_none(), "no TCP waits");
    let strict = server(TlsMode::Strict, file());
    let (_, listener) = inbound([Some(strict.clone()), Some(strict.clone()), Some(strict)]);
    assert_eq!(listener.listener_filters.len(), 1);
    assert!(!listener.continue_on_listener_filters_timeout);
    let (_, listener) = inbound([None, None, Some(server(TlsMode::Permissive, file()))]);
    assert_eq!(listener.listener_filters_timeout.unwrap().seconds, 1);
}

#[test]
fn a_gateways_port_takes_what_its_mode_says() {
    let mut view = gateway();
    let Role::Gateway(role) = &mut view.role else {
        panic!("no gateway");
    };
    role.listeners[0].tls = Some(server(TlsMode::Strict, file()));
    role.listeners[1].tls = Some(server(TlsMode::Permissive, Certificate::Mesh));
    let (_, strict) = of::<Listener>(&view, "lds_ingress_0.0.0.0_port_8088");
    assert_eq!(chains(&strict), ["http_8088_tls 0 any +"]);
    assert!(strict.listener_filters.is_empty());
    let (_, permissive) = of::<Listener>(&view, "lds_ingress_0.0.0.0_port_8089");
    assert_eq!(
        chains(&permissive),
        ["http2_8089_tls 0 tls +", "http2_8089 0 any -"]
    );
    assert_eq!(permissive.listener_filters.len(), 1);
    let socket = permissive.filter_chains[0].transport_socket.as_ref();
    let tls: DownstreamTlsContext = context(socket);
    let tls = tls.common_tls_context.unwrap();
    assert_eq!(tls.alpn_protocols, ["h2"]);
    assert_eq!(tls.tls_certificate_sds_secret_configs[0].name, "default");
}

#[test]
fn a_server_asks_for_certificates_where_it_validates_them() {
    let mut tls = server(
        TlsMode::Strict,
        Certificate::Sds {
            secret: "spiffe://shop/blue".into(),
        },
    );
    let plain: DownstreamTlsContext = context(Some(&downstream(&tls, Protocol::Http)));
    assert_eq!(plain.require_client_certificate, None);
    let common = plain.common_tls_context.unwrap();
    assert_eq!(common.validation_context_type, None);
    assert_eq!(common.alpn_protocols, ["http/1.1"]);
    let versions = common.tls_params.unwrap();
    assert_eq!(versions.tls_minimum_protocol_version(), TlsProtocol::TlSv12);
    let secret = &common.tls_certificate_sds_secret_configs[0];
    assert_eq!(secret.name, "spiffe://shop/blue");
    let source = secret.sds_config.clone().unwrap();
    let Some(ConfigSourceSpecifier::ApiConfigSource(api)) = source.config_source_specifier else {
        panic!("not from the socket");
    };
    let target = api.grpc_services[0].target_specifier.clone().unwrap();
    let TargetSpecifier::EnvoyGrpc(target) = target else {
        panic!("not by Envoy's own client");
    };
    assert_eq!(target.cluster_name, "static_cluster_sds_unix_socket");
    tls.validation = Some(ClientValidation {
        trust: Trust::File {
            chain: "/ca.pem".into(),
        },
        names: vec!["front.shop".into(), "spiffe://shop/front".into()],
    });
    let mutual: DownstreamTlsContext = context(Some(&downstream(&tls, Protocol::Tcp)));
    assert!(mutual.require_client_certificate.unwrap().value);
    let common = mutual.common_tls_context.unwrap();
    assert!(common.alpn_protocols.is_empty());
    let Some(ValidationContextType::CombinedValidationContext(own)) =
        common.validation_context_type
    else {
        panic!("not validated");
    };
    let roots = own.validation_context_sds_secret_config.unwrap();
    assert_eq!(roots.name, "file-root:/ca.pem");
    let names = own
        .default_validation_context
        .unwrap()
        .match_typed_subject_alt_names;
    let types: Vec<_> = names.iter().map(SubjectAltNameMatcher::san_type).collect();
    assert_eq!(types, [SanType::Dns, SanType::Uri]);
}

fn client(trust: Option<Trust>) -> ClusterTls {
    ClusterTls {
        certificate: Some(file()),
        trust,
        names: vec!["blue.shop".into(), "10.0.0.1".into()],
        server_name: "blue.shop".into(),
    }
}

#[test]
fn clusters_of_every_kind_speak_tls() {
    let mut view = sidecar(EgressPolicy::DropAll);
    for cluster in Arc::make_mut(&mut view.clusters) {
        let cluster = Arc::make_mut(cluster);
        cluster.tls = Some(client(Some(Trust::Mesh)));
    }
    let names: Vec<String> = compiled(&view)
        .iter()
        .filter(|own| own.type_url == type_url::CLUSTER && own.name.starts_with("cds_egress"))
        .map(|own| own.name.to_string())
        .filter(|name| !name.ends_with("amazonaws"))
        .collect();
    assert_eq!(names.len(), view.clusters.len());
    for name in names {
        let (compiled, cluster) = of::<Cluster>(&view, &name);
        let tls: UpstreamTlsContext = context(cluster.transport_socket.as_ref());
        assert_eq!(tls.sni, "blue.shop");
        assert!(cluster.transport_socket_matches.is_empty());
        for secret in ["file-cert:/c.pem~/k.pem", "ROOTCA"] {
            let secret = (type_url::SECRET, Str::from(secret));
            assert!(compiled.requires.contains(&secret), "{name}");
        }
    }
}

#[test]
fn what_is_not_validated_says_so_and_who_trusts_nobody_accepts_nothing() {
    let unchecked: UpstreamTlsContext = context(Some(&upstream(&client(None), Protocol::Http)));
    let common = unchecked.common_tls_context.unwrap();
    assert_eq!(common.validation_context_type, None);
    let nobody = client(Some(Trust::Nobody));
    let nobody: UpstreamTlsContext = context(Some(&upstream(&nobody, Protocol::Http)));
    let common = nobody.common_tls_context.unwrap();
    let Some(ValidationContextType::ValidationContext(own)) = common.validation_context_type else {
        panic!("not validated");
    };
    assert_eq!(own.verify_certificate_hash, ["0".repeat(64)]);
}

#[test]
fn secrets_of_files_hold_their_names_and_those_of_kubernetes_are_listed() {
    let mut view = sidecar(EgressPolicy::DropAll);
    let kubernetes = |name: &str| Certificate::Secret { name: name.into() };
    if let Role::Sidecar(sidecar) = &mut view.role {
        sidecar.inbound[0].tls = Some(server(TlsMode::Strict, file()));
        sidecar.inbound[1].tls = Some(server(TlsMode::Strict, kubernetes("blue")));
        sidecar.inbound[2].tls = Some(server(TlsMode::Disabled, kubernetes("unused")));
    }
    cluster_of(&mut view, 0).tls = Some(client(Some(Trust::File {
        chain: "/c.pem".into(),
    })));
    cluster_of(&mut view, 1).tls = Some(client(Some(Trust::Secret {
        name: "blue".into(),
    })));
    let (compiled, secret) = of::<Secret>(&view, "file-cert:/c.pem~/k.pem");
    assert_eq!(&*compiled.origins, std::slice::from_ref(&view.object));
    assert!(matches!(secret.r#type, Some(Type::TlsCertificate(_))));
    let (_, secret) = of::<Secret>(&view, "file-root:/c.pem");
    assert!(matches!(secret.r#type, Some(Type::ValidationContext(_))));
    let wanted = crate::kubernetes_secrets(&view);
    let wanted: Vec<_> = wanted.iter().map(|own| own.name()).collect();
    assert_eq!(wanted, ["kubernetes-cert:blue", "kubernetes-root:blue"]);
}

#[test]
fn two_pairs_of_paths_never_make_one_name() {
    let one = names::file_certificate("/a~/b", "/c");
    let other = names::file_certificate("/a", "/b~/c");
    assert_ne!(one, other);
}
