//! Mesh.

use tulle_crds::appmesh::{EgressFilterType, IpPreference, MeshSpec};
use tulle_crds::core::ObjectMeta;
use tulle_model::fragment::{Fragment, Mesh};
use tulle_model::policy;

use crate::field::Field;
use crate::names;
use crate::report::{Report, code};
use crate::selector::selector;

pub(crate) fn translate(
    report: &mut Report,
    metadata: &ObjectMeta,
    spec: &MeshSpec,
) -> Option<Fragment> {
    let field = Field::spec();
    let name = names::name("", &report.object().name);
    if spec.mesh_owner.is_some() {
        report.not_honoured_yet(&field.key("meshOwner"));
    }
    let egress = match spec.egress_filter.map(|filter| filter.type_) {
        Some(EgressFilterType::AllowAll) => policy::EgressPolicy::AllowAll,
        Some(EgressFilterType::DropAll) | None => policy::EgressPolicy::DropAll,
    };
    Some(Fragment::Mesh(Mesh {
        object: report.object().clone(),
        alias: names::alias(spec.aws_name.as_deref(), || name.name.to_string()),
        name,
        namespaces: selector(
            report,
            &field.key("namespaceSelector"),
            spec.namespace_selector.as_ref(),
        ),
        egress,
        ip: ip_preference(report, &field, spec),
        mtls: mtls(report, metadata),
    }))
}

/// What the mesh says of mTLS, by annotation or label. Where both say something that can be understood, the
/// annotation counts.
fn mtls(report: &mut Report, metadata: &ObjectMeta) -> Option<policy::MtlsMode> {
    let places = [
        ("annotations", metadata.annotations.as_ref()),
        ("labels", metadata.labels.as_ref()),
    ];
    let mut counts: Option<policy::MtlsMode> = None;
    for (place, entries) in places {
        let Some(text) = entries.and_then(|entries| entries.get(policy::MTLS_SWITCH)) else {
            continue;
        };
        let field = Field::metadata_entry(place, policy::MTLS_SWITCH);
        match (text.parse::<policy::MtlsMode>(), counts) {
            (Ok(mode), None) => counts = Some(mode),
            (Ok(mode), Some(known)) if mode != known => report.warning(
                code::DUPLICATE,
                &field,
                format!("the label says {mode}, the annotation {known}; the annotation counts"),
                "remove one of the two",
            ),
            (Ok(_), Some(_)) => {}
            (Err(error), _) => {
                report.error(
                    code::INVALID,
                    &field,
                    format!("{error}; it is passed over"),
                    "write permissive, strict or off",
                );
            }
        }
    }
    counts
}

fn ip_preference(report: &mut Report, field: &Field, spec: &MeshSpec) -> policy::IpPreference {
    let Some(discovery) = &spec.mesh_service_discovery else {
        return policy::IpPreference::Unset;
    };
    match discovery.ip_preference {
        Some(IpPreference::Ipv4Only) => policy::IpPreference::V4Only,
        Some(IpPreference::Ipv6Only) => policy::IpPreference::V6Only,
        None => {
            report.error(
                code::MISSING,
                &field.key("meshServiceDiscovery").key("ipPreference"),
                "Only non-empty values allowed are IPv4_ONLY or IPv6_ONLY",
                "set ipPreference, or remove meshServiceDiscovery to use both families",
            );
            policy::IpPreference::Unset
        }
    }
}
