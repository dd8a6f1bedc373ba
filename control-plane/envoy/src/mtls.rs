//! Mutual TLS between proxies: what a client asks of an endpoint, and what a server takes.
//!
//! Both ends are ours, so nothing is negotiated: TLS 1.3, a certificate on either side, and an ALPN
//! protocol that no application uses, by which a server tells proxies from applications that speak TLS
//! themselves.

use tulle_model::Str;
use tulle_model::policy::Protocol;
use tulle_proto::cluster::cluster::TransportSocketMatch;
use tulle_proto::core::transport_socket::ConfigType;
use tulle_proto::core::{Metadata, TransportSocket};
use tulle_proto::matcher::StringMatcher;
use tulle_proto::matcher::string_matcher::MatchPattern;
use tulle_proto::protobuf::value::Kind;
use tulle_proto::protobuf::{Struct, Value};
use tulle_proto::tls::common_tls_context::{
    CombinedCertificateValidationContext, ValidationContextType,
};
use tulle_proto::tls::subject_alt_name_matcher::SanType;
use tulle_proto::tls::tls_parameters::TlsProtocol;
use tulle_proto::tls::{
    CertificateValidationContext, CommonTlsContext, DownstreamTlsContext, SdsSecretConfig,
    SubjectAltNameMatcher, TlsParameters, UpstreamTlsContext,
};

use crate::{secrets, type_url, wire};

/// Where Envoy looks for what tells an endpoint's transport socket.
const MATCH_FILTER: &str = "envoy.transport_socket_match";
/// What an endpoint bears that takes mutual TLS.
const MATCH_KEY: &str = "tulle.dev/mtls";
const MATCH_VALUE: &str = "true";

const TLS_SOCKET: &str = "envoy.transport_sockets.tls";

/// Istio's words, so that sidecars of both can talk.
const ALPN_HTTP1: &str = "istio-http/1.1";
const ALPN_HTTP2: &str = "istio-h2";
const ALPN_TCP: &str = "istio";

/// The ALPN protocols of proxies, whatever they carry.
pub(crate) const ALPN: [&str; 3] = [ALPN_TCP, ALPN_HTTP1, ALPN_HTTP2];

fn alpn(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http => ALPN_HTTP1,
        Protocol::Http2 | Protocol::Grpc => ALPN_HTTP2,
        Protocol::Tcp => ALPN_TCP,
    }
}

/// The metadata of an endpoint that takes mutual TLS.
pub(crate) fn endpoint() -> Metadata {
    Metadata {
        filter_metadata: [(MATCH_FILTER.to_owned(), mark())].into(),
        ..Default::default()
    }
}

fn mark() -> Struct {
    let value = Value {
        kind: Some(Kind::StringValue(MATCH_VALUE.to_owned())),
    };
    Struct {
        fields: [(MATCH_KEY.to_owned(), value)].into(),
    }
}

/// To endpoints that bear the mark mutual TLS with one of these identities; to all others the cluster's
/// own socket, which is plaintext.
pub(crate) fn upstream(
    protocol: Protocol,
    server_name: String,
    identities: &[Str],
) -> TransportSocketMatch {
    let names = identities
        .iter()
        .map(|id| MatchPattern::Exact(id.to_string()));
    let context = UpstreamTlsContext {
        common_tls_context: Some(CommonTlsContext {
            alpn_protocols: vec![alpn(protocol).to_owned()],
            ..common(names)
        }),
        sni: server_name,
        ..Default::default()
    };
    TransportSocketMatch {
        name: "mtls".to_owned(),
        r#match: Some(mark()),
        transport_socket: Some(socket(&context)),
    }
}

/// Mutual TLS with anybody of the trust domain. It says no ALPN protocol of its own: the client's is
/// there to be recognized by, and Envoy would take one that both say for the application's.
pub(crate) fn downstream(trust_domain: &str) -> TransportSocket {
    let of_domain = MatchPattern::Prefix(format!("spiffe://{trust_domain}/"));
    socket(&DownstreamTlsContext {
        common_tls_context: Some(common([of_domain])),
        require_client_certificate: Some(wire::bool_value(true)),
        ..Default::default()
    })
}

/// What both ends have in common; the other's SPIFFE id must match one of `names`.
fn common(names: impl IntoIterator<Item = MatchPattern>) -> CommonTlsContext {
    let name = |pattern| SubjectAltNameMatcher {
        san_type: SanType::Uri.into(),
        matcher: Some(StringMatcher {
            match_pattern: Some(pattern),
            ..Default::default()
        }),
        ..Default::default()
    };
    let validation = CombinedCertificateValidationContext {
        default_validation_context: Some(CertificateValidationContext {
            match_typed_subject_alt_names: names.into_iter().map(name).collect(),
            ..Default::default()
        }),
        validation_context_sds_secret_config: Some(secret(secrets::ROOTS)),
        ..Default::default()
    };
    CommonTlsContext {
        tls_params: Some(TlsParameters {
            tls_minimum_protocol_version: TlsProtocol::TlSv13.into(),
            tls_maximum_protocol_version: TlsProtocol::TlSv13.into(),
            ..Default::default()
        }),
        tls_certificate_sds_secret_configs: vec![secret(secrets::CERTIFICATE)],
        validation_context_type: Some(ValidationContextType::CombinedValidationContext(validation)),
        ..Default::default()
    }
}

fn secret(name: &str) -> SdsSecretConfig {
    SdsSecretConfig {
        name: name.to_owned(),
        sds_config: Some(wire::ads()),
    }
}

/// What has to be at a proxy before a socket of these is of use.
pub(crate) fn requires() -> [(&'static str, Str); 2] {
    [secrets::CERTIFICATE, secrets::ROOTS].map(|name| (type_url::SECRET, name.into()))
}

pub(crate) fn socket<M: prost::Name>(context: &M) -> TransportSocket {
    TransportSocket {
        name: TLS_SOCKET.to_owned(),
        config_type: Some(ConfigType::TypedConfig(tulle_proto::any(context))),
    }
}

#[cfg(test)]
mod tests;
