//! Namespace.

use tulle_crds::core;
use tulle_model::Severity;
use tulle_model::fragment::{Fragment, Namespace};
use tulle_model::policy::{MTLS_SWITCH, MtlsMode};

use crate::labels;
use crate::report::{Report, code};

/// The label that the API server gives every namespace, so that files need not.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

pub(crate) fn translate(report: &mut Report, namespace: &core::Namespace) -> Fragment {
    let object = report.object.clone();
    let mut labels = labels(&namespace.metadata);
    labels.insert(NAME_LABEL.into(), object.name.clone());
    Fragment::from(Namespace {
        name: object.name.clone(),
        object,
        labels,
        mtls: mtls(report, &namespace.metadata),
    })
}

/// What the namespace says of mTLS, by annotation or label. Where both say something that can be
/// understood, the annotation counts.
fn mtls(report: &mut Report, metadata: &core::ObjectMeta) -> Option<MtlsMode> {
    let places = [
        ("metadata.annotations", metadata.annotations.as_ref()),
        ("metadata.labels", metadata.labels.as_ref()),
    ];
    let mut counts: Option<MtlsMode> = None;
    for (field, entries) in places {
        let Some(text) = entries.and_then(|entries| entries.get(MTLS_SWITCH)) else {
            continue;
        };
        let field = format!("{field}[{MTLS_SWITCH}]");
        match (text.parse::<MtlsMode>(), counts) {
            (Ok(mode), None) => counts = Some(mode),
            (Ok(mode), Some(known)) if mode != known => report.add(
                Severity::Warning,
                code::DUPLICATE,
                &field,
                format!("the label says {mode}, the annotation {known}; the annotation counts"),
                "remove one of the two",
            ),
            (Ok(_), Some(_)) => {}
            (Err(error), _) => report.add(
                Severity::Error,
                code::INVALID,
                &field,
                format!("{error}; it is passed over"),
                "write permissive, strict or off",
            ),
        }
    }
    counts
}
