//! TLS as users declare it: the sockets of listeners and clusters, and the secrets that these name.
//!
//! Every certificate is a secret (SDS), wherever it comes from. One from files is a secret that holds the files' names: a proxy
//! that cannot read them refuses the secret alone, and closes what needs it, while the rest of the listener serves.

use std::net::IpAddr;
use std::time::Duration;

use tulle_model::Str;
use tulle_model::policy::Protocol;
use tulle_model::tls::{Certificate, ClusterTls, ServerTls, Trust};
use tulle_proto::core::api_config_source::ApiType;
use tulle_proto::core::config_source::ConfigSourceSpecifier;
use tulle_proto::core::grpc_service::{EnvoyGrpc, TargetSpecifier};
use tulle_proto::core::{ApiConfigSource, ApiVersion, ConfigSource, GrpcService, TransportSocket};
use tulle_proto::matcher::StringMatcher;
use tulle_proto::matcher::string_matcher::MatchPattern;
use tulle_proto::tls::common_tls_context::{
    CombinedCertificateValidationContext, ValidationContextType,
};
use tulle_proto::tls::subject_alt_name_matcher::SanType;
use tulle_proto::tls::tls_parameters::TlsProtocol;
use tulle_proto::tls::{
    CertificateValidationContext, CommonTlsContext, DownstreamTlsContext, SdsSecretConfig,
    SubjectAltNameMatcher, TlsParameters, UpstreamTlsContext,
};

use crate::mtls::socket;
use crate::{names, secrets, type_url, wire};

/// How long a secret is waited for that the control plane may not have. Then whatever needs it closes its connections, and the
/// rest of the listener or cluster goes into use; the secret is taken whenever it comes.
const SECRET_TIMEOUT: Duration = Duration::from_secs(5);

/// A certificate has no such hash.
const NOBODYS_HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The socket of a port that takes TLS.
pub(crate) fn downstream(tls: &ServerTls, protocol: Protocol) -> TransportSocket {
    let validation = tls.validation.as_ref();
    let context = DownstreamTlsContext {
        common_tls_context: Some(CommonTlsContext {
            tls_certificate_sds_secret_configs: vec![certificate(&tls.certificate)],
            validation_context_type: validation.map(|own| validated(&own.trust, &own.names)),
            ..common(protocol)
        }),
        require_client_certificate: validation.map(|_| wire::bool_value(true)),
        ..Default::default()
    };
    socket(&context)
}

/// The socket of a client.
pub(crate) fn upstream(tls: &ClusterTls, protocol: Protocol) -> TransportSocket {
    let own = tls.certificate.iter().map(certificate);
    let trust = tls.trust.as_ref();
    let context = UpstreamTlsContext {
        common_tls_context: Some(CommonTlsContext {
            tls_certificate_sds_secret_configs: own.collect(),
            validation_context_type: trust.map(|trust| validated(trust, &tls.names)),
            ..common(protocol)
        }),
        sni: tls.server_name.to_string(),
        ..Default::default()
    };
    socket(&context)
}

/// What a client has to hold before a connection can succeed.
pub(crate) fn requires(tls: &ClusterTls) -> Vec<(&'static str, Str)> {
    let own = tls.certificate.as_ref().and_then(certificate_name);
    let trust = tls.trust.as_ref().and_then(trust_name);
    let names = own.into_iter().chain(trust);
    names.map(|name| (type_url::SECRET, name.into())).collect()
}

/// What a port has to hold before a connection in TLS can succeed.
pub(crate) fn server_requires(tls: &ServerTls) -> Vec<(&'static str, Str)> {
    let trust = tls.validation.as_ref();
    let trust = trust.and_then(|own| trust_name(&own.trust));
    let names = certificate_name(&tls.certificate).into_iter().chain(trust);
    names.map(|name| (type_url::SECRET, name.into())).collect()
}

fn common(protocol: Protocol) -> CommonTlsContext {
    let alpn: &[&str] = match protocol {
        Protocol::Http => &["http/1.1"],
        Protocol::Http2 | Protocol::Grpc => &["h2"],
        Protocol::Tcp => &[],
    };
    CommonTlsContext {
        tls_params: Some(TlsParameters {
            tls_minimum_protocol_version: TlsProtocol::TlSv12.into(),
            tls_maximum_protocol_version: TlsProtocol::TlSv13.into(),
            ..Default::default()
        }),
        alpn_protocols: alpn.iter().map(|&name| name.to_owned()).collect(),
        ..Default::default()
    }
}

/// Signed by `trust`, and bearing one of these names, if there are any.
fn validated(trust: &Trust, names: &[Str]) -> ValidationContextType {
    let Some(roots) = roots(trust) else {
        let nobody = CertificateValidationContext {
            verify_certificate_hash: vec![NOBODYS_HASH.to_owned()],
            ..Default::default()
        };
        return ValidationContextType::ValidationContext(nobody);
    };
    let combined = CombinedCertificateValidationContext {
        default_validation_context: Some(CertificateValidationContext {
            match_typed_subject_alt_names: names.iter().map(|name| matcher(name)).collect(),
            ..Default::default()
        }),
        validation_context_sds_secret_config: Some(roots),
        ..Default::default()
    };
    ValidationContextType::CombinedValidationContext(combined)
}

/// A certificate bears a name in the form that the name has.
fn matcher(name: &str) -> SubjectAltNameMatcher {
    let san_type = if name.contains("://") {
        SanType::Uri
    } else if name.parse::<IpAddr>().is_ok() {
        SanType::IpAddress
    } else {
        SanType::Dns
    };
    SubjectAltNameMatcher {
        san_type: san_type.into(),
        matcher: Some(StringMatcher {
            match_pattern: Some(MatchPattern::Exact(name.to_owned())),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// The name of a certificate that the control plane serves.
fn certificate_name(certificate: &Certificate) -> Option<String> {
    match certificate {
        Certificate::Mesh => Some(secrets::CERTIFICATE.to_owned()),
        Certificate::File { chain, key } => Some(names::file_certificate(chain, key)),
        Certificate::Secret { name } => Some(names::kubernetes_certificate(name)),
        Certificate::Sds { .. } => None,
    }
}

/// The name of roots that the control plane serves.
fn trust_name(trust: &Trust) -> Option<String> {
    match trust {
        Trust::Mesh => Some(secrets::ROOTS.to_owned()),
        Trust::File { chain } => Some(names::file_roots(chain)),
        Trust::Secret { name } => Some(names::kubernetes_roots(name)),
        Trust::Sds { .. } | Trust::Nobody => None,
    }
}

fn certificate(certificate: &Certificate) -> SdsSecretConfig {
    let served = certificate_name(certificate);
    match (certificate, served) {
        (Certificate::Secret { .. }, Some(name)) => patient(name),
        (Certificate::Sds { secret }, _) => from_socket(secret),
        (_, name) => by_ads(name.unwrap_or_default()),
    }
}

fn roots(trust: &Trust) -> Option<SdsSecretConfig> {
    let served = trust_name(trust);
    match trust {
        Trust::Secret { .. } => served.map(patient),
        Trust::Sds { secret } => Some(from_socket(secret)),
        Trust::Nobody => None,
        Trust::Mesh | Trust::File { .. } => served.map(by_ads),
    }
}

fn by_ads(name: String) -> SdsSecretConfig {
    SdsSecretConfig {
        name,
        sds_config: Some(wire::ads()),
    }
}

/// A secret that may never come.
fn patient(name: String) -> SdsSecretConfig {
    SdsSecretConfig {
        name,
        sds_config: Some(ConfigSource {
            initial_fetch_timeout: Some(wire::duration(SECRET_TIMEOUT)),
            ..wire::ads()
        }),
    }
}

/// A secret of the server behind the socket that the proxy's bootstrap names.
fn from_socket(name: &str) -> SdsSecretConfig {
    let service = GrpcService {
        target_specifier: Some(TargetSpecifier::EnvoyGrpc(EnvoyGrpc {
            cluster_name: names::SDS_CLUSTER.to_owned(),
            ..Default::default()
        })),
        ..Default::default()
    };
    let source = ApiConfigSource {
        api_type: ApiType::Grpc.into(),
        transport_api_version: ApiVersion::V3.into(),
        grpc_services: vec![service],
        set_node_on_first_message_only: true,
        ..Default::default()
    };
    SdsSecretConfig {
        name: name.to_owned(),
        sds_config: Some(ConfigSource {
            resource_api_version: ApiVersion::V3.into(),
            initial_fetch_timeout: Some(wire::duration(SECRET_TIMEOUT)),
            config_source_specifier: Some(ConfigSourceSpecifier::ApiConfigSource(source)),
            ..Default::default()
        }),
    }
}

#[cfg(test)]
mod tests;
