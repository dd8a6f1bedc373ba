//! The incremental index against its oracle, over random histories of a small world.

mod history;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::Config;
use tulle_model::endpoint::{EndpointSet, EndpointSetId};
use tulle_model::fragment::{Fragment, Pod, Translated};
use tulle_model::linked::{Destination, Discovery, Inbound, ProxyView, Role};
use tulle_model::policy::{ClientPolicy, MtlsMode};
use tulle_model::tls::Trust;
use tulle_model::{Finding, ObjectId, ProxyId, spiffe_id};

use self::history::{Event, history};
use super::world::World;
use crate::{Delta, Index, ServedNames};

/// All that an index gives out.
#[derive(Debug, Clone, Default, PartialEq)]
struct Picture {
    views: BTreeMap<ProxyId, Arc<ProxyView>>,
    endpoints: BTreeMap<EndpointSetId, Arc<EndpointSet>>,
    findings: Vec<Finding>,
    names: Arc<ServedNames>,
}

fn picture(index: &Index) -> Picture {
    let views: BTreeMap<ProxyId, Arc<ProxyView>> = index
        .proxies()
        .filter_map(|id| Some((id.clone(), index.view(id)?)))
        .collect();
    let sets = index.followed();
    let endpoints = sets.map(|set| (set.clone(), index.endpoints(set)));
    let endpoints: BTreeMap<_, _> = endpoints.collect();
    let clusters = views.values().flat_map(|view| view.clusters.iter());
    for cluster in clusters {
        if let Discovery::Endpoints(set) = &cluster.discovery {
            assert!(endpoints.contains_key(set), "a view's {set:?} is followed");
        }
    }
    Picture {
        views,
        endpoints,
        findings: index.findings().cloned().collect(),
        names: index.names(),
    }
}

fn expected_delta(before: &Picture, after: &Picture) -> Delta {
    let views = before.views.keys().chain(after.views.keys());
    let views = views.filter(|id| before.views.get(*id) != after.views.get(*id));
    let empty = Arc::default();
    let endpoints = after.endpoints.iter();
    let endpoints =
        endpoints.filter(|(id, set)| before.endpoints.get(*id).unwrap_or(&empty) != *set);
    Delta {
        views: views.cloned().collect(),
        endpoints: endpoints.map(|(id, _)| id.clone()).collect(),
        findings: before.findings != after.findings,
        names: before.names != after.names,
    }
}

/// What the compiler relies on.
fn check_view(view: &ProxyView) {
    let keys: BTreeSet<(&Destination, Option<&ClientPolicy>)> = view
        .clusters
        .iter()
        .map(|own| (&own.to, own.policy.as_deref()))
        .collect();
    assert_eq!(keys.len(), view.clusters.len(), "clusters are unique");
    let names: BTreeSet<_> = view
        .clusters
        .iter()
        .map(|own| (&own.to.alias, own.to.protocol, own.to.port, &own.suffix))
        .collect();
    assert_eq!(names.len(), view.clusters.len(), "cluster names are unique");
    let secured = view.clusters.iter().filter_map(|own| own.mtls.as_ref());
    for mtls in secured {
        assert!(!mtls.identities.is_empty() && mtls.identities.is_sorted_by(|a, b| a < b));
    }
    for cluster in view.clusters.iter() {
        assert!(cluster.mtls.is_none() || cluster.tls.is_none());
        let said = cluster.policy.as_ref().and_then(|own| own.tls.as_ref());
        if said.is_some_and(|tls| tls.enforce && tls.covers(cluster.to.port)) {
            let trust = cluster.tls.as_ref().and_then(|tls| tls.trust.as_ref());
            assert!(
                trust.is_some(),
                "what is enforced is neither plaintext nor unchecked"
            );
        }
        if let Some(tls) = &cluster.tls {
            // Whoever is checked against the mesh's roots is checked by name: all of the mesh share them.
            let by_all = tls.trust == Some(Trust::Mesh) && tls.names.is_empty();
            assert!(!by_all && tls.names.is_sorted_by(|a, b| a < b), "{tls:?}");
        }
    }
    let mut used = BTreeSet::new();
    match &view.role {
        Role::Sidecar(sidecar) => {
            assert!(sidecar.outbound.is_sorted_by(|a, b| a.port < b.port));
            for port in &sidecar.outbound {
                let http = &port.http;
                assert!(http.is_sorted_by(|a, b| a.routes.host < b.routes.host));
                let mut hosts = BTreeSet::new();
                for routes in http.iter().map(|own| &own.routes) {
                    for host in std::iter::once(&routes.host).chain(&routes.host_aliases) {
                        assert!(hosts.insert(host), "a host leads to one service: {host}");
                    }
                }
                assert!(!http.is_empty() || !port.tcp.is_empty());
                for service in http {
                    let routes = service.routes.routes.iter();
                    let to = routes.flat_map(tulle_model::linked::Route::destinations);
                    used.extend(to.map(|to| (to, service.policy.as_deref())));
                }
                let mut addresses = BTreeSet::new();
                let alone = port.tcp.len() == 1 && http.is_empty();
                for service in &port.tcp {
                    assert!(alone || !service.addresses.is_empty());
                    for address in &service.addresses {
                        assert!(addresses.insert(address), "addresses are unique");
                    }
                    let targets = service.targets.iter();
                    used.extend(targets.map(|own| (&own.to, service.policy.as_deref())));
                }
            }
        }
        Role::Gateway(gateway) => {
            let routes = gateway.listeners.iter().flat_map(|own| &own.routes);
            for service in routes.filter_map(|route| route.service.as_ref()) {
                assert!(service.protocol.is_http() && service.host_aliases.is_empty());
                let routes = service.routes.iter();
                let to = routes.flat_map(tulle_model::linked::Route::destinations);
                used.extend(to.map(|to| (to, gateway.policy.as_ref())));
            }
        }
    }
    assert_eq!(keys, used, "clusters are those that routes name");
}

/// Whoever takes mutual TLS is expected there.
fn check_identities(
    view: &ProxyView,
    picture: &Picture,
    inputs: &BTreeMap<ObjectId, Arc<Translated>>,
) {
    let pods: Vec<&Pod> = inputs
        .values()
        .flat_map(|translated| &translated.fragments)
        .filter_map(|fragment| match fragment {
            Fragment::Pod(pod) if !pod.finished && !pod.host_network => Some(&**pod),
            _ => None,
        })
        .collect();
    for cluster in view.clusters.iter() {
        let (Some(mtls), Discovery::Endpoints(set)) = (&cluster.mtls, &cluster.discovery) else {
            continue;
        };
        let endpoints = picture.endpoints[set].endpoints.iter();
        for endpoint in endpoints.filter(|own| own.mtls) {
            let mut there = pods.iter().filter(|pod| pod.ips.contains(&endpoint.ip));
            let known = there.all(|pod| {
                let id = spiffe_id("cluster.local", &pod.namespace, &pod.service_account);
                mtls.identities.contains(&id)
            });
            // A set of pods follows the pods themselves, whoever else has their addresses.
            let of_pods = matches!(set, EndpointSetId::Pods { .. });
            assert!(known || of_pods, "{endpoint:?} of {mtls:?}");
        }
    }
}

fn play(batches: &[Vec<Event>], seed: u64) {
    let mut world = World::empty();
    let mut before = Picture::default();
    for batch in batches {
        let mut objects = vec![];
        let mut settings = vec![];
        for event in batch {
            match event.decode() {
                history::Decoded::Object(id, translated) => objects.push((id, translated)),
                history::Decoded::Settings(change) => settings.push(change),
            }
        }
        let delta = world.apply(objects);
        let after = picture(&world.index);
        assert_eq!(delta, expected_delta(&before, &after));
        before = after;
        for change in settings {
            let delta = world.set(|settings| *settings = change);
            let after = picture(&world.index);
            assert_eq!(delta, expected_delta(&before, &after));
            before = after;
        }
        let oracle = world.oracle();
        assert_eq!(before, picture(&oracle));
        // Nothing is kept that a fresh index would not hold.
        let (mut own, mut fresh) = (world.index.stats(), oracle.stats());
        own.computed.clear();
        fresh.computed.clear();
        assert_eq!(own, fresh);
    }
    for view in before.views.values() {
        check_view(view);
        check_identities(view, &before, &world.inputs);
    }
    let mut inputs: Vec<_> = world.inputs.clone().into_iter().collect();
    history::shuffle(&mut inputs, seed);
    let mut shuffled = Index::new(world.settings.clone());
    for (id, translated) in inputs {
        shuffled.apply(vec![(id, Some(translated))]);
    }
    assert_eq!(before, picture(&shuffled), "the order of arrival shows");
}

proptest! {
    #![proptest_config(Config {
        cases: std::env::var("PROPTEST_CASES")
            .ok()
            .and_then(|cases| cases.parse().ok())
            .unwrap_or(2000),
        failure_persistence: None,
        ..Config::default()
    })]

    #[test]
    fn any_history_ends_in_what_the_oracle_says(batches in history(), seed in any::<u64>()) {
        play(&batches, seed);
    }
}

/// The histories are worth something only if they meet the rules.
#[test]
fn histories_meet_every_finding_and_every_kind_of_node() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut codes: BTreeSet<String> = BTreeSet::new();
    let mut kinds = BTreeSet::new();
    let mut shapes = BTreeSet::new();
    for turn in 0..1500 {
        let batches = history().new_tree(&mut runner).unwrap().current();
        let mut world = World::empty();
        let mode = [Some(MtlsMode::Permissive), None];
        world.set(|settings| {
            settings.mtls = mode[turn % 2];
            settings.names.served = turn % 3 > 0;
            settings.names.told = true;
            settings.names.zones = ["b".to_owned()].into();
        });
        for batch in &batches {
            let objects = batch.iter().filter_map(|event| match event.decode() {
                history::Decoded::Object(id, translated) => Some((id, translated)),
                history::Decoded::Settings(_) => None,
            });
            let objects = objects.collect();
            world.apply(objects);
            codes.extend(world.index.findings().map(|own| own.code.to_string()));
            kinds.extend(world.index.stats().nodes.into_keys());
            let picture = picture(&world.index);
            for (host, addresses) in &picture.names.names {
                assert!(addresses.is_sorted(), "{addresses:?}");
                let own = ["pvt", "a", "b", "local"]
                    .iter()
                    .any(|zone| host.ends_with(zone));
                assert!(own, "{host}");
                shapes.insert(match addresses.is_empty() {
                    true => "name without address",
                    false => "name",
                });
            }
            for view in picture.views.values() {
                shapes.extend(shape(view));
            }
            let endpoints = picture.endpoints.values().flat_map(|set| &set.endpoints);
            if endpoints.into_iter().any(|own| own.mtls) {
                shapes.insert("mtls endpoint");
            }
        }
    }
    let expected_codes = [
        "ambiguous-port",
        "dangling-reference",
        "duplicate-backend",
        "duplicate-name",
        "duplicate-object",
        "empty-group",
        "foreign-mesh",
        "no-certificates",
        "no-client-certificate",
        "no-effect",
        "no-gateway",
        "no-listener",
        "no-mesh",
        "no-provider",
        "no-such-mesh",
        "no-such-port",
        "plaintext-to-strict",
        "port-conflict",
        "protocol-mismatch",
        "route-without-listener",
        "route-without-port",
        "several-gateways",
        "several-meshes",
        "shadowed-route",
        "timeout-cut-short",
        "tls-to-plaintext",
        "unresolvable-name",
    ];
    assert_eq!(
        codes.iter().map(String::as_str).collect::<Vec<_>>(),
        expected_codes
    );
    assert_eq!(kinds.len(), 21, "{kinds:?}");
    let expected_shapes = [
        "alias",
        "dns",
        "gateway route",
        "http",
        "inbound mtls",
        "mirror",
        "mtls",
        "mtls endpoint",
        "mtls of two",
        "name",
        "name without address",
        "pods",
        "service",
        "suffix",
        "tcp",
        "tcp by address",
        "targets",
        "tls",
        "tls by identity",
        "tls unchecked",
    ];
    assert_eq!(shapes, BTreeSet::from(expected_shapes));
}

fn shape(view: &ProxyView) -> Vec<&'static str> {
    let mut shape = vec![];
    for cluster in view.clusters.iter() {
        shape.push(match &cluster.discovery {
            Discovery::Dns { .. } => "dns",
            Discovery::Endpoints(EndpointSetId::Service { .. }) => "service",
            Discovery::Endpoints(EndpointSetId::Pods { .. }) => "pods",
        });
        if cluster.suffix.is_some() {
            shape.push("suffix");
        }
        if let Some(tls) = &cluster.tls {
            shape.push(match &tls.trust {
                None => "tls unchecked",
                Some(_) if tls.names.iter().any(|own| own.starts_with("spiffe")) => {
                    "tls by identity"
                }
                Some(_) => "tls",
            });
        }
        if let Some(mtls) = &cluster.mtls {
            shape.push(match mtls.identities.len() {
                1 => "mtls",
                _ => "mtls of two",
            });
        }
    }
    match &view.role {
        Role::Sidecar(sidecar) => {
            let secured = |own: &Inbound| own.mtls != MtlsMode::Off;
            if sidecar.inbound.iter().any(secured) {
                shape.push("inbound mtls");
            }
            for port in &sidecar.outbound {
                if port.http.iter().any(|own| !own.routes.routes.is_empty()) {
                    shape.push("http");
                }
                if port
                    .http
                    .iter()
                    .any(|own| !own.routes.host_aliases.is_empty())
                {
                    shape.push("alias");
                }
                let mut routes = port.http.iter().flat_map(|own| &own.routes.routes);
                if routes.clone().any(|own| !own.extras.mirrors.is_empty()) {
                    shape.push("mirror");
                }
                if routes.any(|own| own.targets.len() > 1) {
                    shape.push("targets");
                }
                for tcp in &port.tcp {
                    let alone = tcp.addresses.is_empty();
                    shape.push(if alone { "tcp" } else { "tcp by address" });
                }
            }
        }
        Role::Gateway(gateway) => {
            let routes = gateway.listeners.iter().flat_map(|own| &own.routes);
            if routes.into_iter().any(|own| own.service.is_some()) {
                shape.push("gateway route");
            }
        }
    }
    shape
}
