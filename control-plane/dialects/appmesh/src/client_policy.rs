//! Client policies.

use std::collections::BTreeSet;

use tulle_crds::appmesh;
use tulle_model::policy::ClientPolicy;
use tulle_model::tls::{ClientTls, Trust};

use crate::field::Field;
use crate::ports;
use crate::report::Report;
use crate::tls::{CertificateParts, TrustParts, certificate, names, trust};

/// The policy as the model keeps it.
///
/// A policy without `tls` says nothing; it is kept nevertheless, since at a backend it takes the
/// place of the node's default.
pub(crate) fn client_policy(
    report: &mut Report,
    field: &Field,
    policy: Option<&appmesh::ClientPolicy>,
) -> Option<ClientPolicy> {
    let policy = policy?;
    let field = field.key("tls");
    let tls = policy.tls.as_ref();
    Some(ClientPolicy {
        tls: tls.map(|tls| Box::new(client_tls(report, &field, tls))),
    })
}

/// Whether a policy says anything at all.
pub(crate) fn is_silent(policy: &ClientPolicy) -> bool {
    policy.tls.is_none()
}

/// One that cannot be used as it is written trusts nobody, so that what was to be secured fails instead of being sent in the
/// clear.
fn client_tls(report: &mut Report, field: &Field, tls: &appmesh::ClientPolicyTls) -> ClientTls {
    let own = tls.certificate.as_ref().map(|given| {
        let parts = CertificateParts {
            acm: None,
            file: given.file.as_ref(),
            sds: given.sds.as_ref(),
        };
        certificate(report, &field.key("certificate"), &parts)
    });
    let validation = field.key("validation");
    let given = &tls.validation.trust;
    let parts = TrustParts {
        acm: Some(given.acm.as_ref()),
        file: given.file.as_ref(),
        sds: given.sds.as_ref(),
    };
    let trust = trust(report, &validation.key("trust"), &parts);
    let given = tls.validation.subject_alternative_names.as_ref();
    let names = names(report, &validation, given);
    let covered = ports_of(report, &field.key("ports"), &tls.ports);
    let (certificate, trust, names) = match (own.transpose(), trust, names) {
        (Ok(own), Ok(trust), Ok(names)) => (own, trust, names),
        _ => (None, Trust::Nobody, None),
    };
    ClientTls {
        enforce: tls.enforce.unwrap_or(true),
        ports: covered,
        certificate,
        trust,
        names,
    }
}

/// The ports that a policy covers. Where none of those that are listed is one, it covers all: less than its user
/// meant would be plaintext.
fn ports_of(report: &mut Report, field: &Field, given: &[i64]) -> BTreeSet<u16> {
    let given = given.iter().enumerate();
    given
        .filter_map(|(index, port)| ports::port(report, &field.index(index), *port).ok())
        .collect()
}
