//! Random gateways and requests: one pass does what two would do.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use tulle_model::linked::GatewayRoute;

use super::super::{Composed, compose};
use super::envoy::one_pass;
use super::two_pass::two_pass;
use super::{Outcome, generate};

/// Gateways tried, unless `PROPTEST_CASES` says otherwise: four pairs of routes each, on average.
const CASES: u32 = 6_000;

fn config() -> Config {
    let mut config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = CASES;
    }
    config
}

/// The gateway route with those routes of its service that can be composed; how many cannot.
fn composable(mut route: GatewayRoute) -> (GatewayRoute, usize) {
    let Some(service) = &route.service else {
        return (route, 0);
    };
    let mut kept = service.as_ref().clone();
    kept.routes.retain(|target| {
        let mut alone = service.as_ref().clone();
        alone.routes = vec![target.clone()];
        let mut pair = route.clone();
        pair.service = Some(Arc::new(alone));
        compose(&pair).findings.is_empty()
    });
    let lost = service.routes.len() - kept.routes.len();
    route.service = Some(Arc::new(kept));
    (route, lost)
}

#[derive(Debug, Default)]
struct Seen {
    pairs: usize,
    lost: usize,
    requests: usize,
    forwarded: usize,
    rewritten: usize,
    not_found: usize,
}

#[test]
fn one_pass_does_what_two_would_do() {
    let mut seen = Seen::default();
    let counted = std::cell::RefCell::new(&mut seen);
    TestRunner::new(config())
        .run(&generate::gateway_and_requests(), |(gateway, requests)| {
            let mut seen = counted.borrow_mut();
            let mut kept: Vec<(GatewayRoute, Composed)> = Vec::new();
            for route in gateway {
                seen.pairs += route.service.as_ref().map_or(0, |s| s.routes.len());
                let (route, lost) = composable(route);
                seen.lost += lost;
                let composed = compose(&route);
                prop_assert_eq!(&composed.findings, &Vec::new());
                kept.push((route, composed));
            }
            let plain: Vec<_> = kept.iter().map(|(route, _)| route.clone()).collect();
            for request in &requests {
                let expected = two_pass(&plain, request);
                seen.requests += 1;
                match &expected {
                    Outcome::Missed => {}
                    Outcome::NotFound => seen.not_found += 1,
                    Outcome::Forward { path, .. } => {
                        seen.forwarded += 1;
                        seen.rewritten += usize::from(*path != request.path);
                    }
                }
                let composed: Vec<_> = kept.iter().map(|(_, composed)| &composed.routes).collect();
                prop_assert_eq!(
                    one_pass(&kept, request),
                    expected,
                    "{:#?} {:#?}",
                    request,
                    composed
                );
            }
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    // The generator has to stay one that finds something.
    assert!(seen.lost * 5 < seen.pairs, "{seen:?}");
    assert!(seen.forwarded * 10 > seen.requests, "{seen:?}");
    assert!(seen.rewritten * 20 > seen.requests, "{seen:?}");
    assert!(seen.not_found * 10 > seen.requests, "{seen:?}");
}
