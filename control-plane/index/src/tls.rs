//! TLS as users declare it: what a listener can take, and what becomes of each client's calls.
//!
//! Who asks for TLS never gets less. A listener whose certificate cannot be had is left out; a client whose policy cannot be
//! followed trusts nobody, so that its calls fail.

use std::net::IpAddr;

use tulle_model::fragment::Listener;
use tulle_model::policy::ClientPolicy;
use tulle_model::tls::{Certificate, ClientTls, ClusterTls, ServerTls, Trust};
use tulle_model::{Finding, ObjectId, Severity, Str, codes};

use crate::names::is_name;
use crate::reader::Reader;
use crate::value::Source;

/// Begins names that are SPIFFE ids.
const SPIFFE: &str = "spiffe://";

/// Whether all that a listener needs for TLS can be had. Only a control plane in a cluster makes certificates and reads
/// Kubernetes Secrets.
pub(crate) fn is_usable(listener: &Listener, reader: &mut Reader<'_>) -> bool {
    let Some(tls) = listener.tls.as_ref().filter(|tls| tls.takes_tls()) else {
        return true;
    };
    let trust = tls.validation.as_ref().map(|own| &own.trust);
    !(needs_cluster(Some(&tls.certificate), trust) && reader.mtls().is_none())
}

/// Says so of the listeners that are left out.
pub(crate) fn check(object: &ObjectId, listeners: &[Listener], reader: &mut Reader<'_>) {
    for listener in listeners {
        if is_usable(listener, reader) {
            continue;
        }
        let message = format!(
            "the listener on port {} is left out: its TLS needs what only a control plane in a cluster has",
            listener.port
        );
        reader.report(no_certificates(object, message));
    }
}

fn no_certificates(object: &ObjectId, message: String) -> Finding {
    Finding::new(Severity::Error, codes::NO_CERTIFICATES, object, "", message)
        .help("run it on Kubernetes, or use certificates from files or from a secret server")
}

fn needs_cluster(certificate: Option<&Certificate>, trust: Option<&Trust>) -> bool {
    matches!(
        certificate,
        Some(Certificate::Mesh | Certificate::Secret { .. })
    ) || matches!(trust, Some(Trust::Mesh | Trust::Secret { .. }))
}

/// Whether a listener shows a certificate that the control plane has made: one that bears a SPIFFE id and no other name.
pub(crate) fn shows_identity(tls: Option<&ServerTls>) -> bool {
    let tls = tls.filter(|tls| tls.takes_tls());
    tls.is_some_and(|tls| tls.certificate == Certificate::Mesh)
}

/// How a client's calls to a destination are secured (reference of App Mesh, 4.9): as its policy says, else as the server
/// does; `None` is plaintext.
pub(crate) fn client(
    client: &ObjectId,
    source: &Source,
    policy: Option<&ClientPolicy>,
    reader: &mut Reader<'_>,
) -> Option<ClusterTls> {
    let server = source.tls.as_ref().filter(|tls| tls.takes_tls());
    let said = policy
        .and_then(|policy| policy.tls.as_ref())
        .filter(|tls| tls.covers(source.to.port));
    let secured = match (said, server) {
        (Some(said), None) if !said.enforce => return None,
        (None, None) => return None,
        (Some(said), _) => by_policy(client, said, source, reader),
        (None, Some(server)) => by_server(server, source),
    };
    check_call(client, source, server, &secured, reader);
    Some(secured)
}

fn by_policy(
    client: &ObjectId,
    said: &ClientTls,
    source: &Source,
    reader: &mut Reader<'_>,
) -> ClusterTls {
    let server_name = server_name(source);
    if needs_cluster(said.certificate.as_ref(), Some(&said.trust)) && reader.mtls().is_none() {
        let message = "the client policy needs what only a control plane in a cluster has: calls that it covers fail";
        reader.report(no_certificates(client, message.to_owned()));
        return ClusterTls {
            certificate: None,
            trust: Some(Trust::Nobody),
            names: Vec::new(),
            server_name,
        };
    }
    let names = match &said.names {
        Some(names) if names.iter().all(|name| name.starts_with(SPIFFE)) => names.clone(),
        // Whose certificate the control plane has made is told by its SPIFFE id, whatever name another maker would have
        // put into it.
        _ if shows_identity(source.tls.as_ref()) => identities(source),
        Some(names) => names.clone(),
        None => vec![source.hostname.clone()],
    };
    ClusterTls {
        certificate: said.certificate.clone(),
        trust: Some(said.trust.clone()),
        names: match said.trust {
            Trust::Nobody => Vec::new(),
            _ => names,
        },
        server_name,
    }
}

/// Nothing is said by the client: the server's own maker is trusted where it is known.
fn by_server(server: &ServerTls, source: &Source) -> ClusterTls {
    let (trust, names) = match server.certificate {
        Certificate::Mesh => (Some(Trust::Mesh), identities(source)),
        _ => (None, Vec::new()),
    };
    ClusterTls {
        certificate: None,
        trust,
        names,
        server_name: server_name(source),
    }
}

/// The SPIFFE ids of all that may answer; where there is nobody yet, a name that nobody bears, since none would stand for any.
fn identities(source: &Source) -> Vec<Str> {
    match source.identities.is_empty() {
        true => vec![source.hostname.clone()],
        false => source.identities.to_vec(),
    }
}

/// What the client says it calls; an address is no such name, nor is what no DNS could have, as registries may.
fn server_name(source: &Source) -> Str {
    match source.hostname.parse::<IpAddr>() {
        Err(_) if is_name(&source.hostname) => source.hostname.clone(),
        _ => "".into(),
    }
}

/// Says so where calls cannot succeed by what the two ends say of TLS.
fn check_call(
    client: &ObjectId,
    source: &Source,
    server: Option<&ServerTls>,
    secured: &ClusterTls,
    reader: &mut Reader<'_>,
) {
    let to = &source.to;
    let calls = format!("calls to VirtualNode {} on port {}", to.workload, to.port);
    let Some(server) = server else {
        if !source.has_pods {
            // Somebody else's server, of which nothing is known.
            return;
        }
        let help = match source.strict {
            true => "remove the policy's tls: proxies use mutual TLS by themselves",
            false => "give the listener tls, or set the policy's enforce to false",
        };
        reader.report(
            Finding::new(
                Severity::Warning,
                codes::TLS_TO_PLAINTEXT,
                client,
                "",
                format!("{calls} fail: the client policy asks for TLS, and the listener has none"),
            )
            .help(help),
        );
        return;
    };
    if server.validation.is_some() && secured.certificate.is_none() {
        reader.report(
            Finding::new(
                Severity::Warning,
                codes::NO_CLIENT_CERTIFICATE,
                client,
                "",
                format!("{calls} fail: the listener asks for the client's certificate, and the client policy names none"),
            )
            .help("set tls.certificate in the client policy of that backend or of backendDefaults"),
        );
    }
}
