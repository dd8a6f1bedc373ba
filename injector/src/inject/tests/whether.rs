//! Which pods are injected.

use super::*;

fn labels(labels: &[(&str, &str)]) -> BTreeMap<String, String> {
    labels
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn injected(world: &World, pod: &Value) -> bool {
    let outcome = world.inject(pod).unwrap();
    assert_eq!(outcome.proxy.is_some(), !outcome.patch.0.is_empty());
    outcome.proxy.is_some()
}

#[test]
fn the_pods_word_counts_before_the_namespaces_and_disabled_before_enabled() {
    let mut world = World::default();
    for (namespace, pod_labels, annotations, expected) in [
        (vec![], vec![], vec![], true),
        (vec![(names::WEBHOOK, "enabled")], vec![], vec![], true),
        (vec![(names::WEBHOOK, "DISABLED")], vec![], vec![], false),
        (
            vec![(names::WEBHOOK, "disabled")],
            vec![],
            vec![(names::WEBHOOK, "Enabled")],
            true,
        ),
        (
            vec![(names::WEBHOOK, "enabled")],
            vec![],
            vec![(names::WEBHOOK, "disabled")],
            false,
        ),
        (
            vec![(names::WEBHOOK, "disabled")],
            vec![],
            vec![(names::WEBHOOK, "nonsense")],
            false,
        ),
        (
            vec![(names::WEBHOOK, "enabled"), (names::INJECTION, "disabled")],
            vec![],
            vec![],
            false,
        ),
        (
            vec![(names::INJECTION, "disabled")],
            vec![(names::INJECTION, "enabled")],
            vec![],
            true,
        ),
        (
            vec![],
            vec![(names::INJECTION, "enabled")],
            vec![(names::INJECTION, "disabled")],
            false,
        ),
        (vec![], vec![(names::ISTIO_POD, "false")], vec![], false),
        (vec![], vec![], vec![(names::ISTIO_POD, "false")], false),
        (
            vec![],
            vec![(names::ISTIO_POD, "true")],
            vec![(names::ISTIO_POD, "false")],
            true,
        ),
        (
            vec![
                (names::ISTIO_REVISION, "tulle"),
                (names::WEBHOOK, "disabled"),
            ],
            vec![],
            vec![],
            false,
        ),
        (
            vec![(names::WEBHOOK, "disabled")],
            vec![(names::ISTIO_REVISION, "tulle")],
            vec![],
            true,
        ),
        (
            vec![(names::WEBHOOK, "disabled")],
            vec![(names::ISTIO_REVISION, "other")],
            vec![],
            false,
        ),
        // Without the revision this is a wish to an istiod, not to us.
        (
            vec![(names::WEBHOOK, "disabled")],
            vec![(names::ISTIO_POD, "true")],
            vec![],
            false,
        ),
        // Switched off by default.
        (
            vec![(names::ISTIO_INJECTION, "disabled")],
            vec![],
            vec![],
            true,
        ),
    ] {
        world.labels = labels(&namespace);
        let mut pod = annotated(&annotations);
        for (key, value) in &pod_labels {
            pod["metadata"]["labels"][*key] = json!(value);
        }
        assert_eq!(
            injected(&world, &pod),
            expected,
            "{namespace:?} {pod_labels:?} {annotations:?}"
        );
    }
}

#[test]
fn without_a_match_enabled_rejects_and_unspecified_leaves_alone() {
    let mut world = World {
        candidates: Vec::new(),
        ..World::default()
    };
    let message = "sidecarInject enabled but no matching VirtualNode or VirtualGateway found";
    let told = |world: &World, pod: &Value| {
        world
            .inject(pod)
            .map(|o| o.proxy)
            .map_err(|e| e.to_string())
    };
    assert_eq!(told(&world, &pod()), Err(message.to_owned()));

    world.labels = labels(&[]);
    assert_eq!(told(&world, &pod()), Ok(None));
    for (key, value, rejected) in [
        (names::INJECTION, "enabled", true),
        (names::ISTIO_REVISION, "tulle", true),
        (names::ISTIO_INJECTION, "enabled", false),
    ] {
        world.labels = labels(&[(key, value)]);
        assert_eq!(told(&world, &pod()).is_err(), rejected, "{key}");
    }
    world.config.istio_label = true;
    assert!(told(&world, &pod()).is_err());

    let mut unmeshed = candidate("virtualnode/shop/front", "front", &[8080]);
    unmeshed.mesh = None;
    world.candidates = vec![unmeshed];
    let error = told(&world, &pod()).unwrap_err();
    assert!(
        error.starts_with(message)
            && error.contains("virtualnode/shop/front selects the pod, but belongs to no mesh"),
        "{error}"
    );
    world.labels = labels(&[]);
    assert_eq!(told(&world, &pod()), Ok(None));
}

#[test]
fn several_matches_are_rejected_in_app_meshs_words() {
    let mut world = World::default();
    world
        .candidates
        .push(candidate("virtualnode/shop/also", "front", &[]));
    world
        .candidates
        .push(candidate("virtualnode/elsewhere/front", "front", &[]));
    assert_eq!(
        world.inject(&pod()).unwrap_err().to_string(),
        "found multiple matching VirtualNodes for pod shop/front-: shop/also,shop/front"
    );
    world.candidates = vec![
        candidate("virtualgateway/shop/a", "front", &[]),
        candidate("virtualgateway/shop/b", "front", &[]),
    ];
    let mut named = pod();
    named["metadata"]["name"] = json!("one");
    assert_eq!(
        world.inject(&named).unwrap_err().to_string(),
        "found multiple matching VirtualGateways for pod shop/one: shop/a,shop/b"
    );
    world.candidates = vec![
        candidate("virtualnode/shop/front", "front", &[]),
        candidate("virtualgateway/shop/in", "front", &[]),
    ];
    assert_eq!(
        world.inject(&named).unwrap_err().to_string(),
        "sidecarInject enabled for both virtualNode front and virtualGateway in on pod shop/one. Please use podSelector on one"
    );
    // Nobody is asked about a pod that is left alone.
    named["metadata"]["annotations"][names::WEBHOOK] = json!("disabled");
    assert!(!injected(&world, &named));
}

#[test]
fn an_absent_selector_selects_nothing_and_an_empty_one_everything() {
    let mut world = World {
        labels: labels(&[]),
        ..World::default()
    };
    world.candidates.truncate(1);
    world.candidates[0].pods = None;
    assert!(!injected(&world, &pod()));
    world.candidates[0].pods = Some(tulle_model::selector::Selector::default());
    let mut unlabelled = pod();
    unlabelled["metadata"] = json!({});
    assert!(injected(&world, &unlabelled));
}

#[test]
fn pods_that_envoy_cannot_stand_in_are_left_alone_with_a_word() {
    let world = World::default();
    let mut host = pod();
    host["spec"]["hostNetwork"] = json!(true);
    let mut windows = pod();
    windows["spec"]["os"] = json!({ "name": "windows" });
    for pod in [&host, &windows] {
        let outcome = world.inject(pod).unwrap();
        assert!(outcome.patch.0.is_empty());
        assert_eq!(outcome.warnings.len(), 1, "{:?}", outcome.warnings);
    }
    // Not rejected either, whatever the namespace says.
    let nobody = World {
        candidates: Vec::new(),
        ..World::default()
    };
    assert!(nobody.inject(&host).unwrap().patch.0.is_empty());
}

#[test]
fn kubernetes_own_namespaces_and_tulles_are_never_touched() {
    let mut world = World::default();
    for namespace in [
        "kube-system",
        "kube-public",
        "kube-node-lease",
        "tulle-system",
    ] {
        world.candidates = vec![candidate(
            &format!("virtualnode/{namespace}/front"),
            "front",
            &[8080],
        )];
        let outcome = world.inject_in(namespace, &pod()).unwrap();
        assert!(
            outcome.patch.0.is_empty() && outcome.warnings.is_empty(),
            "{namespace}"
        );
    }
}

#[test]
fn what_is_no_pod_is_rejected_and_nothing_panics() {
    let world = World::default();
    for no_pod in [
        json!(null),
        json!("pod"),
        json!({}),
        json!({ "spec": [] }),
        json!({ "metadata": { "labels": { "app": "front" } }, "spec": { "containers": "none" } }),
        json!({ "metadata": { "labels": { "app": "front" } }, "spec": { "containers": [], "volumes": {} } }),
        json!({ "metadata": { "labels": { "app": "front" }, "annotations": [] }, "spec": { "containers": [1, null, "a"] } }),
    ] {
        let _ = world.inject(&no_pod);
    }
    assert!(world.inject(&json!({})).is_err());
}

#[test]
fn candidates_come_from_the_mesh_that_is_named_or_selects_the_namespace() {
    use tulle_model::fragment::{Fragment, Mesh, Workload};
    use tulle_model::policy::{EgressPolicy, IpPreference};
    use tulle_model::selector::Selector;
    use tulle_model::{Name, ObjectId};
    let mesh = |name: &str, namespaces| {
        Fragment::from(Mesh {
            name: Name::new("appmesh", "", name),
            object: ObjectId::new("appmesh.k8s.aws", "Mesh", "", name),
            alias: format!("{name}-aws").into(),
            namespaces,
            egress: EgressPolicy::DropAll,
            ip: IpPreference::Unset,
            mtls: None,
            discovery_mode: None,
        })
    };
    let node = |mesh: Option<&str>| {
        Fragment::from(Workload {
            name: Name::new("appmesh", "shop", "front"),
            object: ObjectId::new("appmesh.k8s.aws", "VirtualNode", "shop", "front"),
            alias: "front_shop".into(),
            mesh: mesh.map(|name| Name::new("appmesh", "", name)),
            listeners: Vec::new(),
            discovery: None,
            discovery_mode: None,
            backends: Vec::new(),
            backend_groups: Vec::new(),
            default_policy: None,
            pods: None,
            access_log: None,
        })
    };
    let everything = Some(Selector::default());
    let found = |fragments: &[Fragment]| {
        let found = candidates(fragments, "shop", &BTreeMap::new());
        assert_eq!(found.len(), 1);
        found[0].mesh.as_deref().map(str::to_owned)
    };
    assert_eq!(
        found(&[mesh("a", everything.clone()), node(None)]).as_deref(),
        Some("a-aws")
    );
    assert_eq!(
        found(&[
            mesh("a", everything.clone()),
            mesh("b", None),
            node(Some("b"))
        ])
        .as_deref(),
        Some("b-aws")
    );
    assert_eq!(
        found(&[
            mesh("a", everything.clone()),
            mesh("b", everything),
            node(None)
        ]),
        None
    );
    assert_eq!(found(&[mesh("a", None), node(None)]), None);
    assert_eq!(found(&[node(Some("gone"))]), None);
    assert!(candidates(&[node(None)], "other", &BTreeMap::new()).is_empty());
}

#[test]
fn namespaces_that_need_envoys_files_are_known_by_their_labels() {
    for (key, value, expected) in [
        (names::WEBHOOK, "enabled", true),
        (names::WEBHOOK, "disabled", true),
        (names::WEBHOOK, "other", false),
        (names::INJECTION, "enabled", true),
        (names::ISTIO_REVISION, "tulle", true),
        (names::ISTIO_REVISION, "default", false),
        (names::ISTIO_INJECTION, "enabled", true),
        (names::ISTIO_INJECTION, "disabled", false),
        ("mesh", "enabled", false),
    ] {
        let labels = [(key.into(), value.into())].into();
        assert_eq!(wants_injection(&labels), expected, "{key}={value}");
    }
}
