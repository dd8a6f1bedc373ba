//! Client policies, reduced to what tells them apart.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use tulle_crds::appmesh;
use tulle_model::policy::ClientPolicy;

use crate::field::Field;
use crate::report::Report;

/// What becomes of calls under a policy that says how TLS is used.
const PLAINTEXT: &str = "calls that it covers are in plaintext until then, where proxies use mutual TLS by themselves too";

/// The policy as the model keeps it: its fingerprint. TLS is not compiled yet, which is said.
///
/// A policy without `tls` says nothing; it is kept nevertheless, since at a backend it takes the
/// place of the node's default.
pub(crate) fn client_policy(
    report: &mut Report,
    field: &Field,
    policy: Option<&appmesh::ClientPolicy>,
) -> Option<ClientPolicy> {
    let policy = policy?;
    if policy.tls.is_some() {
        report.half_honoured_yet(&field.key("tls"), PLAINTEXT);
    }
    Some(ClientPolicy {
        fingerprint: fingerprint(policy).into(),
        tls: policy.tls.as_ref().and_then(|tls| {
            let ports = tls.ports.iter();
            let known: BTreeSet<u16> = ports.filter_map(|port| (*port).try_into().ok()).collect();
            (tls.ports.is_empty() || !known.is_empty()).then_some(known)
        }),
    })
}

/// Whether a policy says anything at all.
pub(crate) fn is_silent(policy: &ClientPolicy) -> bool {
    &*policy.fingerprint == "{}"
}

/// Canonical JSON: keys sorted, defaults and empty members left out, lists in which order means
/// nothing sorted and without repetition. Equal meaning gives equal text.
fn fingerprint(policy: &appmesh::ClientPolicy) -> String {
    let mut policy = policy.clone();
    if let Some(tls) = &mut policy.tls {
        if tls.enforce == Some(true) {
            tls.enforce = None;
        }
        tls.ports.sort_unstable();
        tls.ports.dedup();
        if let Some(names) = &mut tls.validation.subject_alternative_names {
            names.match_.exact.sort_unstable();
            names.match_.exact.dedup();
        }
        if let Some(acm) = &mut tls.validation.trust.acm {
            acm.certificate_authority_arns.sort_unstable();
            acm.certificate_authority_arns.dedup();
        }
    }
    let value = serde_json::to_value(&policy).expect("strings, numbers and lists are always JSON");
    sorted(value).to_string()
}

/// Sorts the keys of every object, whatever order the map type keeps.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<(String, Value)> = members
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key, sorted(value)))
                .collect();
            members.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(members.into_iter().collect::<Map<_, _>>())
        }
        Value::Array(entries) => Value::Array(entries.into_iter().map(sorted).collect()),
        scalar => scalar,
    }
}
