//! `tulle.dev/discovery`, on the two kinds that have it. `tulle.dev/mtls` is in `mesh.rs`.

use serde_json::json;
use tulle_model::policy::{DISCOVERY_SWITCH, DiscoveryMode};

use super::*;

const DNS: Option<DiscoveryMode> = Some(DiscoveryMode::Dns);
const ENDPOINTS: Option<DiscoveryMode> = Some(DiscoveryMode::Endpoints);

/// What an object with this annotation and this label says, and what is said of it.
fn said(
    kind: &str,
    spec: Value,
    annotation: Option<&str>,
    label: Option<&str>,
) -> (Option<DiscoveryMode>, String) {
    let mut object = object(kind, spec).unwrap();
    let metadata = object.metadata_mut();
    let entries = |text: Option<&str>| {
        text.map(|text| [(DISCOVERY_SWITCH.to_owned(), text.to_owned())].into())
    };
    (metadata.annotations, metadata.labels) = (entries(annotation), entries(label));
    let translated = translate(&object, &[]).unwrap();
    let told: Vec<_> = findings(&translated)
        .into_iter()
        .map(|(severity, code, field)| format!("{severity} {code} {field}"))
        .collect();
    let mode = match &translated.fragments[0] {
        Fragment::Mesh(mesh) => mesh.discovery_mode,
        Fragment::Workload(workload) => workload.discovery_mode,
        other => panic!("{other:?}"),
    };
    (mode, told.join("; "))
}

#[test]
fn the_discovery_switch_is_an_annotation_or_a_label_of_meshes_and_nodes() {
    let twice = "warning duplicate metadata.labels[tulle.dev/discovery]";
    let bad = "error invalid-value metadata.annotations[tulle.dev/discovery]";
    let bad_label = "error invalid-value metadata.labels[tulle.dev/discovery]";
    for kind in ["Mesh", "VirtualNode"] {
        for (annotation, label, mode, told) in [
            (None, None, None, ""),
            (Some("dns"), None, DNS, ""),
            (Some("endpoints"), None, ENDPOINTS, ""),
            (None, Some("dns"), DNS, ""),
            (None, Some("endpoints"), ENDPOINTS, ""),
            (Some("dns"), Some("dns"), DNS, ""),
            (Some("dns"), Some("endpoints"), DNS, twice),
            (Some("DNS"), Some("endpoints"), ENDPOINTS, bad),
            (Some("dns"), Some(""), DNS, bad_label),
            (Some("eds"), None, None, bad),
        ] {
            let case = format!("{kind} {annotation:?} {label:?}");
            let expected = (mode, told.to_owned());
            assert_eq!(said(kind, json!({}), annotation, label), expected, "{case}");
        }
    }
}

#[test]
fn a_bad_value_says_what_can_be_written() {
    let mut object = object("VirtualNode", json!({})).unwrap();
    let entry = (DISCOVERY_SWITCH.to_owned(), "eds".to_owned());
    object.metadata_mut().annotations = Some([entry].into());
    let finding = &translate(&object, &[]).unwrap().findings[0];
    assert_eq!(
        &*finding.message,
        "discovery \"eds\": expected dns or endpoints; it is passed over"
    );
    assert_eq!(&*finding.help, "write dns or endpoints");
}

#[test]
fn a_registry_has_no_name_in_dns() {
    let registry = json!({
        "serviceDiscovery": {"awsCloudMap": {"namespaceName": "n", "serviceName": "s"}},
    });
    let node = |says| said("VirtualNode", registry.clone(), says, None);
    assert_eq!(node(Some("endpoints")), (ENDPOINTS, String::new()));
    let no_effect = "warning no-effect spec.serviceDiscovery.awsCloudMap";
    assert_eq!(node(Some("dns")), (DNS, no_effect.to_owned()));
}
