//! Namespace.

use tulle_crds::core;
use tulle_model::fragment::{Fragment, Namespace};

use crate::labels;
use crate::report::Report;

/// The label that the API server gives every namespace, so that files need not.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

pub(crate) fn translate(report: &Report, namespace: &core::Namespace) -> Fragment {
    let object = report.object.clone();
    let mut labels = labels(&namespace.metadata);
    labels.insert(NAME_LABEL.into(), object.name.clone());
    Fragment::Namespace(Namespace {
        name: object.name.clone(),
        object,
        labels,
    })
}
