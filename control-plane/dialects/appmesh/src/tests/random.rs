//! Random objects of the schemas' shapes, far outside their bounds: nothing panics, the same input
//! gives the same output, and what comes out can be compiled.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value};
use tulle_model::fragment::{Discovery, Fragment, Listener};
use tulle_model::matching::{HttpMatch, PathMatch, PathRewrite, ValueMatch};
use tulle_model::re2;

use super::schema::specs;
use super::*;

const TEXTS: &[&str] = &[
    "",
    "a",
    "A.b",
    "/",
    "/a",
    "/a/",
    "a/b",
    "//",
    "/a?b",
    "é",
    "\u{0}",
    "a b",
    "*",
    "[",
    "(?=a)",
    ".*",
    "a{1000}",
    "Exists",
    "In",
    "mesh/a/b/c",
    "arn:aws:appmesh:r:1:mesh/m/virtualNode/n",
    "arn:::::mesh/m/x/y",
    "::1",
    "[::1]",
    "example.com.",
    ".example.com",
    "/aws-appmesh",
    "${X}",
    "host",
    "q",
];

const NUMBERS: &[i64] = &[
    i64::MIN,
    -1,
    0,
    1,
    2,
    80,
    100,
    101,
    1000,
    1001,
    65_535,
    65_536,
    4_294_967_296,
    i64::MAX,
];

fn any_of(schema: &Value) -> BoxedStrategy<Value> {
    if let Some(values) = schema["enum"].as_array() {
        return prop::sample::select(values.clone()).boxed();
    }
    match schema["type"].as_str() {
        Some("object") => any_object(schema),
        Some("array") => prop::collection::vec(any_of(&schema["items"]), 0..3)
            .prop_map(Value::Array)
            .boxed(),
        Some("boolean") => any::<bool>().prop_map(Value::Bool).boxed(),
        Some("integer") => prop::sample::select(NUMBERS).prop_map(Value::from).boxed(),
        _ => prop_oneof![
            9 => prop::sample::select(TEXTS).prop_map(Value::from),
            1 => any::<String>().prop_map(Value::from),
        ]
        .boxed(),
    }
}

fn any_object(schema: &Value) -> BoxedStrategy<Value> {
    let required: BTreeSet<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let members: Vec<_> = schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, below)| {
            let value = if required.contains(key.as_str()) {
                any_of(below).prop_map(Some).boxed()
            } else {
                prop::option::weighted(0.3, any_of(below)).boxed()
            };
            (Just(key.clone()), value)
        })
        .collect();
    let entries = match &schema["additionalProperties"] {
        below @ Value::Object(_) => {
            prop::collection::vec((prop::sample::select(TEXTS), any_of(below)), 0..3).boxed()
        }
        _ => Just(Vec::new()).boxed(),
    };
    (members, entries)
        .prop_map(|(members, entries)| {
            let members = members
                .into_iter()
                .filter_map(|(key, value)| Some((key, value?)));
            let entries = entries
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value));
            Value::Object(members.chain(entries).collect::<Map<_, _>>())
        })
        .boxed()
}

#[test]
fn random_objects_translate_the_same_twice_into_what_can_be_compiled() {
    for (kind, schema) in specs() {
        let config = Config {
            cases: 400,
            failure_persistence: None,
            ..Config::default()
        };
        TestRunner::new(config)
            .run(&any_of(&schema), |spec| {
                let object = object(&kind, spec).expect("of the right types");
                let translated = translate(&object, &[]).unwrap();
                prop_assert_eq!(&translated, &translate(&object, &[]).unwrap());
                prop_assert!(translated.fragments.len() <= 1);
                for finding in &translated.findings {
                    prop_assert!(finding.field.starts_with("spec"), "{}", finding);
                    prop_assert_eq!(&*finding.object.kind, kind.as_str());
                }
                for fragment in &translated.fragments {
                    check(fragment)?;
                }
                Ok(())
            })
            .unwrap_or_else(|error| panic!("{kind}: {error}"));
    }
}

/// Asserts what the model and Envoy demand of a fragment.
fn check(fragment: &Fragment) -> Result<(), TestCaseError> {
    match fragment {
        Fragment::Workload(workload) => {
            check_listeners(&workload.listeners)?;
            if let Some(Discovery::Dns { hostname, .. }) = &workload.discovery {
                prop_assert!(!hostname.is_empty() && !hostname.ends_with('.'));
            }
            let services: BTreeSet<_> = workload.backends.iter().map(|b| &b.service).collect();
            prop_assert_eq!(services.len(), workload.backends.len());
        }
        Fragment::Router(router) => {
            check_listeners(&router.listeners)?;
            let names: BTreeSet<_> = router.routes.iter().map(|route| &route.name).collect();
            prop_assert_eq!(names.len(), router.routes.len());
            for route in &router.routes {
                check_match(&route.matches)?;
                prop_assert!(!route.targets.is_empty() && !route.name.is_empty());
                prop_assert!(route.priority.is_none_or(|priority| priority <= 1000));
                prop_assert!(route.targets.iter().all(|target| target.weight <= 100));
            }
        }
        Fragment::Gateway(gateway) => check_listeners(&gateway.listeners)?,
        Fragment::GatewayRoute(route) => {
            check_match(&route.matches)?;
            prop_assert!(route.priority <= 1000);
            match &route.path_rewrite {
                PathRewrite::Keep => {}
                PathRewrite::Prefix(new) => {
                    prop_assert!(new.starts_with('/') && new.ends_with('/'));
                }
                PathRewrite::Exact(new) => prop_assert!(new.starts_with('/')),
            }
        }
        Fragment::Service(service) => {
            prop_assert!(!service.host.is_empty() && !service.host.contains([' ', '*', '/']));
        }
        _ => {}
    }
    Ok(())
}

fn check_listeners(listeners: &[Listener]) -> Result<(), TestCaseError> {
    let ports: BTreeSet<u16> = listeners.iter().map(|listener| listener.port).collect();
    prop_assert_eq!(ports.len(), listeners.len());
    prop_assert!(!ports.contains(&0));
    Ok(())
}

fn check_match(wanted: &HttpMatch) -> Result<(), TestCaseError> {
    match &wanted.path {
        PathMatch::Prefix(path) | PathMatch::Exact(path) => prop_assert!(path.starts_with('/')),
        PathMatch::Regex(regex) => {
            prop_assert!(re2::check(regex, crate::MAX_REGEX_PROGRAM_SIZE).is_ok())
        }
    }
    for header in &wanted.headers {
        prop_assert!(!header.name.is_empty());
        prop_assert!(!header.name.bytes().any(|byte| byte.is_ascii_uppercase()));
        match &header.value {
            Some(ValueMatch::Range { start, end }) => prop_assert!(start < end),
            Some(ValueMatch::Regex(regex)) => {
                prop_assert!(re2::check(regex, crate::MAX_REGEX_PROGRAM_SIZE).is_ok())
            }
            Some(ValueMatch::Exact(text) | ValueMatch::Prefix(text) | ValueMatch::Suffix(text)) => {
                prop_assert!(!text.is_empty())
            }
            None => {}
        }
    }
    prop_assert!(wanted.query.iter().all(|query| !query.name.is_empty()));
    Ok(())
}
