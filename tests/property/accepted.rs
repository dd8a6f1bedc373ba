//! Whatever a user writes: what proxies are sent hangs together, and Envoy takes it.
//!
//! `PROPTEST_CASES` says how many random meshes (60 unless set). A refused one is shrunk and printed.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use tulle_control_plane::engine::{Engine, Group};
use tulle_control_plane::offline;
use tulle_model::settings::Settings;
use tulle_tests::loadable::Loader;
use tulle_tests::programs;
use tulle_tests::validate::{Bundle, Names};
use tulle_xds::TypeUrl;

use crate::wide::{Mesh, wide};

const CASES: u32 = 60;

fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(CASES);
    // A step of shrinking is a run of Envoy.
    ProptestConfig {
        cases,
        max_shrink_iters: 300,
        max_shrink_time: 60_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn groups(engine: &Engine) -> Vec<Group> {
    let proxies = engine.proxies();
    let captures = ["transparent", "loopback=127.80.1.0/29"];
    let of = |proxy: &_| {
        captures.map(|capture| Group {
            proxy: Clone::clone(proxy),
            capture: capture.parse().expect("a capture"),
        })
    };
    proxies.iter().flat_map(of).collect()
}

/// Everything that a resource names is there, and every name is there once.
fn hangs_together(engine: &mut Engine, group: &Group) -> Result<Names, TestCaseError> {
    let resources = offline::resources(engine, group);
    let mut keys = BTreeSet::new();
    for resource in &resources {
        let key = (resource.type_url(), resource.name().clone());
        prop_assert!(
            keys.insert(key),
            "{group}: {} {} is there twice",
            resource.type_url().short(),
            resource.name()
        );
    }
    for resource in &resources {
        for wanted in resource.requires().iter().chain(resource.touches()) {
            let (type_url, name) = wanted;
            prop_assert!(
                keys.contains(wanted),
                "{group}: {} requires {} {name:?}, which is not there",
                resource.name(),
                type_url.short()
            );
        }
    }
    let sections = offline::sections(&resources)
        .map_err(|error| TestCaseError::fail(format!("{group}: {error:#}")))?;
    let names = Names::of(&sections);
    for (type_url, inside) in [
        (TypeUrl::CDS, &names.clusters),
        (TypeUrl::EDS, &names.endpoints),
        (
            TypeUrl::LDS,
            &names.listeners.values().flatten().cloned().collect(),
        ),
        (TypeUrl::RDS, &names.routes),
    ] {
        let of_type = resources
            .iter()
            .filter(|resource| resource.type_url() == type_url);
        let outside: BTreeSet<String> = of_type
            .map(|resource| resource.name().to_string())
            .collect();
        prop_assert_eq!(
            &outside,
            inside,
            "{}: {} are sent under other names than they bear",
            group,
            type_url.short()
        );
    }
    for (what, wanted, there) in [
        ("cluster", &names.clusters_named, &names.clusters),
        ("route configuration", &names.routes_named, &names.routes),
        ("endpoints", &names.endpoints_named, &names.endpoints),
    ] {
        let missing: Vec<_> = wanted.difference(there).collect();
        prop_assert!(
            missing.is_empty(),
            "{group}: {what} {missing:?} is named and not there"
        );
        let idle: Vec<_> = there.difference(wanted).collect();
        prop_assert!(
            idle.is_empty() || what == "cluster",
            "{group}: {what} {idle:?} is there and nobody names it"
        );
    }
    for listeners in names.listeners.values() {
        prop_assert!(
            listeners.len() == 1,
            "{group}: {listeners:?} listen on one address"
        );
    }
    Ok(names)
}

fn judge(mesh: &Mesh, loader: &Loader) -> Result<BTreeMap<&'static str, usize>, TestCaseError> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mesh.yaml");
    std::fs::write(&file, mesh.yaml()).expect("writable");
    let mut loaded = offline::load(&[file], Settings::default()).expect("loads");
    prop_assert!(
        loaded
            .problems
            .iter()
            .all(|problem| !problem.to_string().contains("YAML")),
        "{:?}",
        loaded.problems
    );
    let mut bundle = Bundle::default();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for group in groups(&loaded.engine) {
        let names = hangs_together(&mut loaded.engine, &group)?;
        for (what, count) in [
            ("clusters", names.clusters.len()),
            ("listeners", names.listeners.len()),
            ("route configurations", names.routes.len()),
            ("routes", names.route_count),
        ] {
            *seen.entry(what).or_default() += count;
        }
        let bootstrap = loader
            .bootstrap(&mut loaded.engine, &group)
            .map_err(|error| TestCaseError::fail(format!("{group}: {error:#}")))?;
        bundle.add(&group.to_string(), bootstrap);
    }
    bundle
        .validate(&programs::envoy())
        .map_err(TestCaseError::fail)?;
    Ok(seen)
}

/// Shows a failed case as YAML and not as Rust.
struct Shown(Mesh);

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.yaml())
    }
}

#[test]
fn envoy_accepts_whatever_is_written() {
    let mut runner = proptest::test_runner::TestRunner::new(config());
    let total = std::cell::RefCell::new(BTreeMap::<&str, usize>::new());
    let loader = Loader::new();
    let outcome = runner.run(&wide().prop_map(Shown), |mesh| {
        for (what, count) in judge(&mesh.0, &loader)? {
            *total.borrow_mut().entry(what).or_default() += count;
        }
        Ok(())
    });
    let total = total.into_inner();
    eprintln!("judged by Envoy: {total:?}");
    if let Err(error) = outcome {
        panic!("{error}");
    }
    // What is refused before it is compiled is not judged: most must come through.
    let cases = config().cases as usize;
    assert!(
        total
            .get("routes")
            .is_some_and(|routes| *routes > cases * 20),
        "too little came through: {total:?}"
    );
}
