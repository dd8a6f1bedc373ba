//! Mesh.

use tulle_crds::appmesh::{EgressFilterType, IpPreference, MeshSpec};
use tulle_crds::core::ObjectMeta;
use tulle_model::fragment::{Fragment, Mesh};
use tulle_model::policy;

use crate::field::Field;
use crate::names;
use crate::report::{Report, code};
use crate::selector::selector;
use crate::switch;

pub(crate) fn translate(
    report: &mut Report,
    metadata: &ObjectMeta,
    spec: &MeshSpec,
) -> Option<Fragment> {
    let field = Field::spec();
    let name = names::name("", &report.object().name);
    if spec.mesh_owner.is_some() {
        report.info(
            code::NO_EFFECT,
            &field.key("meshOwner"),
            "a mesh belongs to its cluster here, not to an AWS account",
            "nothing has to be done; members of other clusters are called by names that are resolved there",
        );
    }
    let egress = match spec.egress_filter.map(|filter| filter.type_) {
        Some(EgressFilterType::AllowAll) => policy::EgressPolicy::AllowAll,
        Some(EgressFilterType::DropAll) | None => policy::EgressPolicy::DropAll,
    };
    Some(Fragment::from(Mesh {
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
        mtls: switch::mtls(report, metadata),
        discovery_mode: switch::discovery(report, metadata),
    }))
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
