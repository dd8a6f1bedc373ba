//! Which annotations of our own group there are, and which kinds have them.

use tulle_crds::core::ObjectMeta;
use tulle_model::extras::HOST_ALIASES;
use tulle_model::policy::{DISCOVERY_SWITCH, MTLS_SWITCH};

use crate::field::Field;
use crate::report::{Report, code};

/// What all annotations of our own group begin with.
const GROUP: &str = "tulle.dev/";
/// What is done to the headers of requests.
pub(crate) const REQUEST_HEADERS: &str = "tulle.dev/request-headers";
/// What is done to the headers of answers.
pub(crate) const RESPONSE_HEADERS: &str = "tulle.dev/response-headers";
/// Failures on purpose.
pub(crate) const FAULT: &str = "tulle.dev/fault";
/// Copies of requests.
pub(crate) const MIRROR: &str = "tulle.dev/mirror";
/// How often a listener lets in.
pub(crate) const RATE_LIMIT: &str = "tulle.dev/rate-limit";

/// Each annotation and the kinds that have it.
const KNOWN: [(&str, &[&str]); 8] = [
    (REQUEST_HEADERS, &["VirtualRouter", "GatewayRoute"]),
    (RESPONSE_HEADERS, &["VirtualRouter", "GatewayRoute"]),
    (FAULT, &["VirtualRouter"]),
    (MIRROR, &["VirtualRouter"]),
    (RATE_LIMIT, &["VirtualNode", "VirtualGateway"]),
    (HOST_ALIASES, &["VirtualService"]),
    (MTLS_SWITCH, &["Mesh"]),
    (DISCOVERY_SWITCH, &["Mesh", "VirtualNode"]),
];

/// Tells of annotations of our own group that mean nothing on this kind.
pub(crate) fn check(report: &mut Report, metadata: &ObjectMeta) {
    let kind = report.object().kind.clone();
    for key in metadata.annotations.iter().flatten().map(|(key, _)| key) {
        if !key.starts_with(GROUP) {
            continue;
        }
        let field = Field::metadata_entry("annotations", key);
        match KNOWN.iter().find(|(known, _)| known == key) {
            Some((_, kinds)) if kinds.contains(&&*kind) => {}
            Some((_, kinds)) => report.warning(
                code::NO_EFFECT,
                &field,
                format!("it means nothing on a {kind}, and is passed over"),
                format!("write it on a {}, or remove it", kinds.join(" or a ")),
            ),
            None => report.warning(
                code::UNKNOWN,
                &field,
                "there is no such annotation; it is passed over",
                format!("check its spelling: {} comes nearest", nearest(key, &kind)),
            ),
        }
    }
}

/// The annotation with the least to correct, those of the kind first.
fn nearest(key: &str, kind: &str) -> &'static str {
    KNOWN
        .iter()
        .min_by_key(|(known, kinds)| (corrections(key, known), !kinds.contains(&kind)))
        .map_or(GROUP, |(known, _)| known)
}

/// How many letters have to be put in, taken out or replaced to make one word of another.
fn corrections(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (nth, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = nth + 1;
        for (at, wanted) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *wanted);
            diagonal = row[at + 1];
            row[at + 1] = replaced.min(row[at] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}
