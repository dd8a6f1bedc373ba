use tulle_model::Capture;
use tulle_model::policy::{EgressPolicy, MtlsMode};
use tulle_model::settings::Settings;

use super::*;
use crate::fixture::{endpoint_set, secured, sidecar};
use crate::{endpoints, plan, secrets};

#[test]
fn nothing_is_left_to_ask_a_control_plane_for() {
    let view = sidecar(EgressPolicy::AllowAll);
    let plan = plan(&view, Capture::Transparent, &Settings::default());
    let mut resources: Vec<_> = plan.resources.iter().map(|r| r.compile()).collect();
    let blue = &plan.assignments[0].name;
    resources.push(endpoints(blue, &endpoint_set("10.0.0.1", 8080), None));
    let bootstrap = static_bootstrap(&resources, Some(([127, 0, 0, 1], 9901).into())).unwrap();
    let json = tulle_proto::message_to_json(&bootstrap)
        .unwrap()
        .to_string();
    assert!(!json.contains("\"ads\""), "{json}");
    assert!(json.contains("10.0.0.1") && json.contains("mesh_allow_all"));
    assert!(json.contains(RE2_PROGRAM_SIZE_KEY));
    let held = bootstrap.static_resources.unwrap();
    let count = |url| resources.iter().filter(|r| r.type_url == url).count();
    assert_eq!(held.clusters.len(), count(type_url::CLUSTER));
    assert_eq!(held.listeners.len(), count(type_url::LISTENER));
}

#[test]
fn secrets_are_there_or_the_error_names_the_one_that_is_not() {
    let view = secured(sidecar(EgressPolicy::DropAll), MtlsMode::Permissive);
    let plan = plan(&view, Capture::Transparent, &Settings::default());
    let mut resources: Vec<_> = plan.resources.iter().map(|r| r.compile()).collect();
    let error = static_bootstrap(&resources, None).unwrap_err().to_string();
    assert!(error.contains("needs secret default"), "{error}");
    for (name, bytes) in [
        ("default", secrets::tls_certificate("default", b"c", b"k")),
        ("ROOTCA", secrets::validation_context("ROOTCA", b"r")),
    ] {
        resources.push(Compiled {
            type_url: type_url::SECRET,
            name: name.into(),
            bytes,
            ..endpoints("", &Default::default(), None)
        });
    }
    let bootstrap = static_bootstrap(&resources, None).unwrap();
    let held = bootstrap.static_resources.clone().unwrap();
    let names: Vec<_> = held.secrets.iter().map(|own| own.name.as_str()).collect();
    assert_eq!(names, ["ROOTCA", "default"]);
    let json = tulle_proto::message_to_json(&bootstrap)
        .unwrap()
        .to_string();
    assert!(!json.contains("\"ads\""), "{json}");
}

#[test]
fn bytes_that_are_no_message_are_an_error_with_the_resources_name() {
    let mut bad = endpoints("cds", &Default::default(), None);
    bad.bytes = vec![0xff];
    let error = static_bootstrap([&bad], None).unwrap_err();
    assert!(error.to_string().starts_with("cds cannot be read back"));
}
