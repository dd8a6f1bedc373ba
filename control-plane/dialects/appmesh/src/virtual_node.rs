//! VirtualNode.

use std::collections::BTreeSet;

use tulle_crds::appmesh::VirtualNodeSpec;
use tulle_crds::core::ObjectMeta;
use tulle_model::fragment::{BackendGroupRef, Discovery, Fragment, Listener, Workload};
use tulle_model::id::shared;
use tulle_model::policy::{DISCOVERY_SWITCH, DiscoveryMode};

use crate::client_policy::client_policy;
use crate::field::Field;
use crate::logging::access_log;
use crate::names;
use crate::rate_limit::rate_limits;
use crate::report::{Report, code};
use crate::selector::selector;
use crate::switch;

mod backends;
mod discovery;
mod health_check;
mod listener;
mod outlier;

pub(crate) fn translate(
    report: &mut Report,
    metadata: &ObjectMeta,
    spec: &VirtualNodeSpec,
) -> Option<Fragment> {
    let field = Field::spec();
    let object = report.object().clone();
    let name = names::name(&object.namespace, &object.name);
    let access_log = access_log(report, &field, spec.logging.as_ref());
    let mut listeners = listeners(report, &field.key("listeners"), spec);
    rate_limits(report, metadata, &mut listeners);
    let discovery = discovery::discovery(report, &field.key("serviceDiscovery"), spec);
    let discovery_mode = switch::discovery(report, metadata);
    if discovery_mode == Some(DiscoveryMode::Dns)
        && matches!(discovery, Some(Discovery::Registry { .. }))
    {
        report.warning(
            code::NO_EFFECT,
            &field.key("serviceDiscovery").key("awsCloudMap"),
            format!(
                "{DISCOVERY_SWITCH} says dns, and the node has no name in DNS; its pods are used"
            ),
            "set dns.hostname in place of awsCloudMap, or remove the switch",
        );
    }
    let default_policy = client_policy(
        report,
        &field.key("backendDefaults").key("clientPolicy"),
        spec.backend_defaults
            .as_ref()
            .and_then(|defaults| defaults.client_policy.as_ref()),
    )
    .filter(|policy| !crate::client_policy::is_silent(policy));
    Some(Fragment::from(Workload {
        alias: names::alias(spec.aws_name.as_deref(), || names::underscored(&name)),
        name,
        mesh: names::mesh(spec.mesh_ref.as_ref()),
        listeners,
        discovery,
        discovery_mode,
        backends: backends::backends(
            report,
            &field.key("backends"),
            &spec.backends,
            default_policy.is_some(),
        ),
        backend_groups: backend_groups(report, &field.key("backendGroups"), spec),
        default_policy,
        pods: selector(
            report,
            &field.key("podSelector"),
            spec.pod_selector.as_ref(),
        ),
        access_log,
        object,
    }))
}

fn listeners(report: &mut Report, field: &Field, spec: &VirtualNodeSpec) -> Vec<Listener> {
    let mut seen = BTreeSet::new();
    let ports = spec.listeners.iter().map(|given| given.port_mapping.port);
    let ports: Vec<i64> = ports.collect();
    let given = spec.listeners.iter().enumerate();
    let mut listeners: Vec<Listener> = given
        .filter_map(|(index, given)| {
            listener::listener(report, &field.index(index), given, &mut seen, &ports).ok()
        })
        .collect();
    listeners.shrink_to_fit();
    listeners
}

fn backend_groups(
    report: &mut Report,
    field: &Field,
    spec: &VirtualNodeSpec,
) -> Vec<BackendGroupRef> {
    let holder = report.object().namespace.clone();
    let mut groups: Vec<BackendGroupRef> = Vec::new();
    for (index, given) in spec.backend_groups.iter().enumerate() {
        let field = field.index(index);
        if given.name.is_empty() {
            report.error(
                code::REFERENCE,
                &field.key("name"),
                "the reference names no BackendGroup",
                "set name, or `*` for every VirtualService of the namespace",
            );
            continue;
        }
        let namespace = names::namespace_of(given.namespace.as_deref(), &holder);
        let group = BackendGroupRef {
            namespace: shared(namespace),
            group: (given.name != "*").then(|| names::name(namespace, &given.name)),
            field: field.as_str().into(),
        };
        // A repeated entry says nothing new.
        if !groups
            .iter()
            .any(|known| known.namespace == group.namespace && known.group == group.group)
        {
            groups.push(group);
        }
    }
    groups.shrink_to_fit();
    groups
}
