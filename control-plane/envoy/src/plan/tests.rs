use std::collections::BTreeSet;

use tulle_model::linked::{ProxyView, Role};
use tulle_model::policy::EgressPolicy;
use tulle_model::settings::Settings;

use super::*;
use crate::fixture::{cluster_of, gateway, sidecar};

fn versions(view: &ProxyView, capture: &str) -> BTreeMap<Key, String> {
    let plan = plan(view, capture.parse().unwrap(), &Settings::default());
    let resources = plan.resources.iter();
    resources
        .map(|resource| (resource.key(), resource.version.clone()))
        .collect()
}

fn changed(before: &ProxyView, after: &ProxyView) -> BTreeSet<Str> {
    let (before, after) = (
        versions(before, "transparent"),
        versions(after, "transparent"),
    );
    let changed = after
        .into_iter()
        .filter(|(key, version)| before.get(key) != Some(version));
    changed.map(|(key, _)| key.name).collect()
}

fn part(view: &mut ProxyView) -> &mut tulle_model::linked::Sidecar {
    match &mut view.role {
        Role::Sidecar(sidecar) => sidecar,
        Role::Gateway(_) => panic!("no sidecar"),
    }
}

#[test]
fn equal_views_have_equal_versions_and_bytes() {
    for view in [sidecar(EgressPolicy::AllowAll), gateway()] {
        let again = view.clone();
        assert_eq!(
            versions(&view, "transparent"),
            versions(&again, "transparent")
        );
        let settings = Settings::default();
        let (first, second) = (
            plan(&view, Capture::Transparent, &settings),
            plan(&again, Capture::Transparent, &settings),
        );
        for (first, second) in first.resources.iter().zip(&second.resources) {
            assert_eq!(first.compile(), second.compile());
        }
    }
}

#[test]
fn a_changed_weight_changes_its_port_and_nothing_else() {
    let before = sidecar(EgressPolicy::DropAll);
    let mut after = before.clone();
    let port = std::sync::Arc::make_mut(&mut part(&mut after).outbound[0]);
    let service = &mut port.http[0];
    std::sync::Arc::make_mut(&mut service.routes).routes[0].targets[0].weight = 7;
    assert_eq!(
        changed(&before, &after),
        BTreeSet::from(["rds_egress_http_80".into()])
    );
}

#[test]
fn a_changed_discovery_changes_its_cluster_and_nothing_else() {
    let before = sidecar(EgressPolicy::DropAll);
    let mut after = before.clone();
    cluster_of(&mut after, 0).discovery = Discovery::Dns {
        hostname: "blue.example.com".into(),
        all_addresses: true,
    };
    let expected = BTreeSet::from(["cds_egress_shop_blue_shop_http_8080".into()]);
    assert_eq!(changed(&before, &after), expected);
}

#[test]
fn a_changed_suffix_changes_the_cluster_and_who_names_it() {
    let before = sidecar(EgressPolicy::DropAll);
    let mut after = before.clone();
    let cache = after.clusters.iter().position(|c| c.to.port == 6379);
    cluster_of(&mut after, cache.unwrap()).suffix = Some("_x".into());
    let expected = BTreeSet::from([
        "cds_egress_shop_cache_shop_tcp_6379_x".into(),
        "lds_egress_0.0.0.0_15001".into(),
    ]);
    assert_eq!(changed(&before, &after), expected);
}

#[test]
fn changed_inbound_limits_change_the_routes_and_not_the_listener() {
    let before = sidecar(EgressPolicy::DropAll);
    let mut after = before.clone();
    part(&mut after).inbound[0].limits.request = None;
    assert_eq!(
        changed(&before, &after),
        BTreeSet::from(["rds_ingress_http_8080".into()])
    );
}

#[test]
fn capture_changes_only_what_it_matters_to() {
    let view = sidecar(EgressPolicy::DropAll);
    let transparent = versions(&view, "transparent");
    let loopback = versions(&view, "loopback=127.80.1.0/29");
    let same = loopback
        .iter()
        .filter(|(key, version)| transparent.get(key) == Some(version));
    let same: Vec<_> = same.map(|(key, _)| key.name.to_string()).collect();
    assert!(same.contains(&"rds_egress_http_80".to_owned()));
    assert!(same.contains(&"cds_egress_shop_blue_shop_http_8080".to_owned()));
    assert!(!same.iter().any(|name| name.starts_with("cds_ingress")));
}

#[test]
fn all_that_is_required_is_planned() {
    for view in [sidecar(EgressPolicy::AllowAll), gateway()] {
        let plan = plan(&view, Capture::Transparent, &Settings::default());
        let mut held: BTreeSet<_> = plan
            .resources
            .iter()
            .map(|r| (r.type_url, r.name.clone()))
            .collect();
        held.extend(
            plan.assignments
                .iter()
                .map(|assignment| (crate::type_url::ENDPOINTS, assignment.name.clone())),
        );
        for resource in &plan.resources {
            for needed in resource.compile().requires {
                assert!(held.contains(&needed), "{} needs {needed:?}", resource.name);
            }
        }
    }
}
