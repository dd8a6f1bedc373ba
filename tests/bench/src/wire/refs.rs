//! What a resource names: which other resources its proxy then asks for.
//!
//! Field numbers are those of Envoy's v3 messages; a test holds them against the real types.

use super::Kind;
use super::fields::{all, number, one};

const HTTP_CONNECTION_MANAGER: &[u8] = b"type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const UPSTREAM_TLS: &[u8] =
    b"type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
const DOWNSTREAM_TLS: &[u8] =
    b"type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext";
/// `Cluster.DiscoveryType.EDS`.
const EDS: u64 = 3;

/// The name of a resource: the first field of each of the types.
pub fn name(body: &[u8]) -> Option<&str> {
    std::str::from_utf8(one(body, 1)?).ok()
}

/// The resources that `body`, a resource of type `kind`, names, each with its type. What is taken from elsewhere than ADS is
/// not asked for.
pub fn refs(kind: Kind, body: &[u8]) -> Vec<(Kind, &str)> {
    let mut found = Vec::new();
    match kind {
        Kind::Cds => cluster(body, &mut found),
        Kind::Lds => listener(body, &mut found),
        Kind::Eds | Kind::Rds | Kind::Sds => {}
    }
    found
}

fn text(bytes: Option<&[u8]>) -> Option<&str> {
    std::str::from_utf8(bytes?)
        .ok()
        .filter(|text| !text.is_empty())
}

fn cluster<'a>(body: &'a [u8], found: &mut Vec<(Kind, &'a str)>) {
    if number(body, 2) == Some(EDS)
        && let Some(service) = text(one(body, 3).and_then(|config| one(config, 2))).or(name(body))
    {
        found.push((Kind::Eds, service));
    }
    // transport_socket, and that of each of transport_socket_matches
    let sockets = all(body, 24).chain(all(body, 43).filter_map(|matched| one(matched, 3)));
    sockets.for_each(|socket| secrets(socket, found));
}

fn listener<'a>(body: &'a [u8], found: &mut Vec<(Kind, &'a str)>) {
    // filter_chains and default_filter_chain
    for chain in all(body, 3).chain(all(body, 25)) {
        for filter in all(chain, 3) {
            let config = one(filter, 4);
            if let Some(manager) = config.and_then(|any| packed(any, HTTP_CONNECTION_MANAGER))
                && let Some(routes) = text(one(manager, 3).and_then(|rds| one(rds, 2)))
            {
                found.push((Kind::Rds, routes));
            }
        }
        if let Some(socket) = one(chain, 6) {
            secrets(socket, found);
        }
    }
}

/// The message in an `Any`, if it is of that type.
fn packed<'a>(any: &'a [u8], url: &[u8]) -> Option<&'a [u8]> {
    (one(any, 1)? == url).then(|| one(any, 2).unwrap_or_default())
}

fn secrets<'a>(socket: &'a [u8], found: &mut Vec<(Kind, &'a str)>) {
    let Some(config) = one(socket, 3) else {
        return;
    };
    let context = packed(config, UPSTREAM_TLS).or_else(|| packed(config, DOWNSTREAM_TLS));
    let Some(common) = context.and_then(|context| one(context, 1)) else {
        return;
    };
    // tls_certificate_sds_secret_configs, validation_context_sds_secret_config, and that of combined_validation_context
    let combined = all(common, 8).filter_map(|combined| one(combined, 2));
    for secret in all(common, 6).chain(all(common, 7)).chain(combined) {
        let by_ads = one(secret, 2).is_some_and(|source| one(source, 3).is_some());
        if by_ads && let Some(name) = text(one(secret, 1)) {
            found.push((Kind::Sds, name));
        }
    }
}

#[cfg(test)]
mod tests;
