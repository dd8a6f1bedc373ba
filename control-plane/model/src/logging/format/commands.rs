//! The commands that every supported Envoy knows, and what each takes.

/// What a command takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Command {
    pub(super) parameters: Parameters,
    pub(super) length: Length,
}

/// What may stand between the parentheses.
#[derive(Debug, Clone, Copy)]
pub(super) enum Parameters {
    None,
    Optional(Check),
    Required(Check),
}

/// Whether the text behind a command may be cut at a length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    Taken,
    Refused,
}

/// Says what is wrong with parameters, which are not empty.
type Check = fn(&str) -> Result<(), &'static str>;

/// The command of this name, if every supported Envoy knows it.
pub(super) fn find(name: &str) -> Option<Command> {
    use Length::{Refused, Taken};
    use Parameters::{Optional, Required};
    let (parameters, length) = match name {
        "REQ" | "REQUEST_HEADER" | "RESP" | "RESPONSE_HEADER" | "TRAILER" | "RESPONSE_TRAILER"
        | "STREAM_INFO_REQ" => (Required(headers), Taken),
        "DYNAMIC_METADATA" | "ENVIRONMENT" | "QUERY_PARAM" => (Required(anything), Taken),
        "CLUSTER_METADATA" | "UPSTREAM_METADATA" => (Required(anything), Refused),
        "METADATA" => (Required(metadata), Taken),
        "FILTER_STATE" | "UPSTREAM_FILTER_STATE" => (Required(filter_state), Taken),
        "XFCC_VALUE" => (Required(forwarded_certificate), Taken),
        "PATH" => (Optional(path), Taken),
        "QUERY_PARAMS" => (Optional(query), Taken),
        "COMMON_DURATION" => (Required(common_duration), Refused),
        "GRPC_STATUS" => (Optional(grpc_status), Refused),
        "START_TIME"
        | "START_TIME_LOCAL"
        | "EMIT_TIME"
        | "EMIT_TIME_LOCAL"
        | "DOWNSTREAM_PEER_CERT_V_START"
        | "DOWNSTREAM_PEER_CERT_V_END"
        | "UPSTREAM_PEER_CERT_V_START"
        | "UPSTREAM_PEER_CERT_V_END" => (Optional(time), Refused),
        "DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT"
        | "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT"
        | "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT"
        | "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT"
        | "UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT"
        | "UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT"
        | "RESPONSE_CODE_DETAILS" => (Optional(anything), Refused),
        _ if PLAIN.binary_search(&name).is_ok() => (Parameters::None, Refused),
        _ => return None,
    };
    Some(Command { parameters, length })
}

/// Whether the command stands for a program.
pub(super) fn is_program(name: &str) -> bool {
    matches!(name, "CEL" | "TYPED_CEL" | "COALESCE")
}

fn anything(_: &str) -> Result<(), &'static str> {
    Ok(())
}

/// A header, or one and another in its place: `A?B`.
fn headers(given: &str) -> Result<(), &'static str> {
    let names: Vec<&str> = given.split('?').collect();
    if names.len() > 2 {
        return Err("only one header may stand in another's place");
    }
    match names.iter().all(|name| is_header(name)) {
        true => Ok(()),
        false => Err("it is no header's name"),
    }
}

/// A token of HTTP, or a colon and one.
fn is_header(name: &str) -> bool {
    let token = match name.strip_prefix(':') {
        Some("") => return false,
        Some(rest) => rest,
        None => name,
    };
    let mut bytes = token.bytes();
    bytes.all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn metadata(given: &str) -> Result<(), &'static str> {
    let kind = given.split(':').next().unwrap_or_default();
    match kind {
        "DYNAMIC"
        | "CLUSTER"
        | "ROUTE"
        | "UPSTREAM_HOST"
        | "LISTENER"
        | "VIRTUAL_HOST"
        | "LISTENER_FILTER_CHAIN" => Ok(()),
        _ => Err(
            "the first of them is one of DYNAMIC, CLUSTER, ROUTE, UPSTREAM_HOST, LISTENER, VIRTUAL_HOST, LISTENER_FILTER_CHAIN",
        ),
    }
}

fn filter_state(given: &str) -> Result<(), &'static str> {
    let mut parts = given.splitn(3, ':');
    let [key, kind, name] = std::array::from_fn(|_| parts.next().unwrap_or_default());
    match (key, kind, name) {
        ("", _, _) => Err("the key is empty"),
        (_, "" | "PLAIN" | "TYPED", "") => Ok(()),
        (_, "FIELD", name) if !name.is_empty() => Ok(()),
        (_, "" | "PLAIN" | "TYPED" | "FIELD", _) => {
            Err("FIELD, and nothing else, is followed by a field's name")
        }
        _ => Err("the second of them is one of PLAIN, TYPED, FIELD"),
    }
}

fn forwarded_certificate(given: &str) -> Result<(), &'static str> {
    match &*given.to_ascii_lowercase() {
        "by" | "hash" | "cert" | "chain" | "subject" | "uri" | "dns" => Ok(()),
        _ => Err("it is one of By, Hash, Cert, Chain, Subject, URI, DNS"),
    }
}

fn path(given: &str) -> Result<(), &'static str> {
    let mut parts = given.split(':');
    let [query, origin] = std::array::from_fn(|_| parts.next().unwrap_or_default());
    match (query, origin) {
        ("" | "WQ" | "NQ", "" | "ORIG" | "PATH" | "ORIG_OR_PATH") => Ok(()),
        _ => Err("they are WQ or NQ, then ORIG, PATH or ORIG_OR_PATH"),
    }
}

fn query(given: &str) -> Result<(), &'static str> {
    match given {
        "ORIG" | "DECODED" => Ok(()),
        _ => Err("it is ORIG or DECODED"),
    }
}

fn common_duration(given: &str) -> Result<(), &'static str> {
    let parts: Vec<&str> = given.split(':').collect();
    match *parts {
        [_, _] | [_, _, "ms" | "us" | "ns"] => Ok(()),
        [_, _, _] => Err("the precision is one of ms, us, ns"),
        _ => Err("they are two points in time and a precision"),
    }
}

fn grpc_status(given: &str) -> Result<(), &'static str> {
    match given {
        "CAMEL_STRING" | "SNAKE_STRING" | "NUMBER" => Ok(()),
        _ => Err("it is one of CAMEL_STRING, SNAKE_STRING, NUMBER"),
    }
}

/// Anything that `strftime` makes no line feed of: `%n`, with flags, a width and a modifier between the two.
fn time(given: &str) -> Result<(), &'static str> {
    let feeds = given.match_indices('%').any(|(at, _)| {
        let rest = given[at + 1..].trim_start_matches(['-', '_', '0', '^', '#']);
        let rest = rest.trim_start_matches(|digit: char| ('1'..='9').contains(&digit));
        rest.starts_with('n') || rest.starts_with("En") || rest.starts_with("On")
    });
    match feeds {
        true => Err("%n would break the line"),
        false => Ok(()),
    }
}

/// Commands that take nothing, sorted.
const PLAIN: &[&str] = &[
    "ACCESS_LOG_TYPE",
    "BYTES_RECEIVED",
    "BYTES_RETRANSMITTED",
    "BYTES_SENT",
    "CONNECTION_ID",
    "CONNECTION_TERMINATION_DETAILS",
    "CUSTOM_FLAGS",
    "DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED",
    "DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_SENT",
    "DOWNSTREAM_DETECTED_CLOSE_TYPE",
    "DOWNSTREAM_DIRECT_LOCAL_ADDRESS",
    "DOWNSTREAM_DIRECT_LOCAL_ADDRESS_ENDPOINT_ID",
    "DOWNSTREAM_DIRECT_LOCAL_PORT",
    "DOWNSTREAM_DIRECT_REMOTE_ADDRESS",
    "DOWNSTREAM_DIRECT_REMOTE_PORT",
    "DOWNSTREAM_HANDSHAKE_DURATION",
    "DOWNSTREAM_HEADER_BYTES_RECEIVED",
    "DOWNSTREAM_HEADER_BYTES_SENT",
    "DOWNSTREAM_LOCAL_ADDRESS",
    "DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID",
    "DOWNSTREAM_LOCAL_CLOSE_REASON",
    "DOWNSTREAM_LOCAL_DNS_SAN",
    "DOWNSTREAM_LOCAL_EMAIL_SAN",
    "DOWNSTREAM_LOCAL_IP_SAN",
    "DOWNSTREAM_LOCAL_OTHERNAME_SAN",
    "DOWNSTREAM_LOCAL_PORT",
    "DOWNSTREAM_LOCAL_SUBJECT",
    "DOWNSTREAM_LOCAL_URI_SAN",
    "DOWNSTREAM_PEER_CERT",
    "DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1",
    "DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256",
    "DOWNSTREAM_PEER_CHAIN_SERIALS",
    "DOWNSTREAM_PEER_DNS_SAN",
    "DOWNSTREAM_PEER_EMAIL_SAN",
    "DOWNSTREAM_PEER_FINGERPRINT_1",
    "DOWNSTREAM_PEER_FINGERPRINT_256",
    "DOWNSTREAM_PEER_IP_SAN",
    "DOWNSTREAM_PEER_ISSUER",
    "DOWNSTREAM_PEER_ISSUER_FINGERPRINT_256",
    "DOWNSTREAM_PEER_ISSUER_SERIAL",
    "DOWNSTREAM_PEER_OTHERNAME_SAN",
    "DOWNSTREAM_PEER_SERIAL",
    "DOWNSTREAM_PEER_SUBJECT",
    "DOWNSTREAM_PEER_URI_SAN",
    "DOWNSTREAM_REMOTE_ADDRESS",
    "DOWNSTREAM_REMOTE_PORT",
    "DOWNSTREAM_TLS_CIPHER",
    "DOWNSTREAM_TLS_SESSION_ID",
    "DOWNSTREAM_TLS_VERSION",
    "DOWNSTREAM_TRANSPORT_FAILURE_REASON",
    "DOWNSTREAM_WIRE_BYTES_RECEIVED",
    "DOWNSTREAM_WIRE_BYTES_SENT",
    "DURATION",
    "FILTER_CHAIN_NAME",
    "GRPC_STATUS_NUMBER",
    "HOSTNAME",
    "LOCAL_REPLY_BODY",
    "PACKETS_RETRANSMITTED",
    "PROTOCOL",
    "REQUESTED_SERVER_NAME",
    "REQUEST_DURATION",
    "REQUEST_HEADERS_BYTES",
    "REQUEST_TX_DURATION",
    "RESPONSE_CODE",
    "RESPONSE_DURATION",
    "RESPONSE_FLAGS",
    "RESPONSE_FLAGS_LONG",
    "RESPONSE_HEADERS_BYTES",
    "RESPONSE_TRAILERS_BYTES",
    "RESPONSE_TX_DURATION",
    "ROUNDTRIP_DURATION",
    "ROUTE_NAME",
    "SPAN_ID",
    "STREAM_ID",
    "TLS_JA3_FINGERPRINT",
    "TLS_JA4_FINGERPRINT",
    "TRACE_ID",
    "UNIQUE_ID",
    "UPSTREAM_CLUSTER",
    "UPSTREAM_CLUSTER_RAW",
    "UPSTREAM_CONNECTION_ID",
    "UPSTREAM_CONNECTION_IDS_ATTEMPTED",
    "UPSTREAM_CONNECTION_POOL_READY_DURATION",
    "UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED",
    "UPSTREAM_DECOMPRESSED_HEADER_BYTES_SENT",
    "UPSTREAM_DETECTED_CLOSE_TYPE",
    "UPSTREAM_HEADER_BYTES_RECEIVED",
    "UPSTREAM_HEADER_BYTES_SENT",
    "UPSTREAM_HOST",
    "UPSTREAM_HOSTS_ATTEMPTED",
    "UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT",
    "UPSTREAM_HOST_NAME",
    "UPSTREAM_HOST_NAMES_ATTEMPTED",
    "UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT",
    "UPSTREAM_HOST_NAME_WITHOUT_PORT",
    "UPSTREAM_LOCAL_ADDRESS",
    "UPSTREAM_LOCAL_CLOSE_REASON",
    "UPSTREAM_LOCAL_DNS_SAN",
    "UPSTREAM_LOCAL_IP_SAN",
    "UPSTREAM_LOCAL_PORT",
    "UPSTREAM_LOCAL_URI_SAN",
    "UPSTREAM_PEER_CERT",
    "UPSTREAM_PEER_DNS_SAN",
    "UPSTREAM_PEER_IP_SAN",
    "UPSTREAM_PEER_ISSUER",
    "UPSTREAM_PEER_SUBJECT",
    "UPSTREAM_PEER_URI_SAN",
    "UPSTREAM_PROTOCOL",
    "UPSTREAM_REMOTE_ADDRESS",
    "UPSTREAM_REMOTE_ADDRESS_ENDPOINT_ID",
    "UPSTREAM_REMOTE_PORT",
    "UPSTREAM_REQUEST_ATTEMPT_COUNT",
    "UPSTREAM_TLS_CIPHER",
    "UPSTREAM_TLS_SESSION_ID",
    "UPSTREAM_TLS_VERSION",
    "UPSTREAM_TRANSPORT_FAILURE_REASON",
    "UPSTREAM_WIRE_BYTES_RECEIVED",
    "UPSTREAM_WIRE_BYTES_SENT",
    "VIRTUAL_CLUSTER_NAME",
];
