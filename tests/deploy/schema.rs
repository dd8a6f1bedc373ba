//! `values.schema.json` is strict: what it does not name is refused, and what `values.yaml` has, it names.

use serde_json::Value;

use crate::helm::{KUBERNETES, chart, template};
use crate::yaml;

/// Kubernetes' own structures, which the API server judges.
const OPEN: [&str; 3] = [
    "/properties/affinity/properties/nodeAffinity",
    "/properties/affinity/properties/podAffinity",
    "/properties/affinity/properties/podAntiAffinity",
];

fn schema() -> Value {
    let text = std::fs::read_to_string(chart().join("values.schema.json")).expect("readable");
    serde_json::from_str(&text).expect("JSON")
}

fn values() -> Value {
    yaml::one(&std::fs::read_to_string(chart().join("values.yaml")).expect("readable"))
}

/// Pointers to the schemas of objects that take members nobody named.
fn open_objects(schema: &Value, at: &str, open: &mut Vec<String>) {
    if schema["type"] == "object"
        && schema["additionalProperties"] != false
        && !schema["additionalProperties"].is_object()
    {
        open.push(at.to_owned());
    }
    match schema {
        Value::Object(members) => {
            for (name, member) in members {
                open_objects(member, &format!("{at}/{name}"), open);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                open_objects(item, &format!("{at}/{index}"), open);
            }
        }
        _ => {}
    }
}

#[test]
fn no_object_takes_what_it_does_not_name() {
    let mut open = Vec::new();
    open_objects(&schema(), "", &mut open);
    assert_eq!(open, OPEN);
}

/// Paths of every member of the values that is not a member of the user's own maps.
fn paths(values: &Value, at: &str, found: &mut Vec<String>) {
    for (name, member) in values.as_object().into_iter().flatten() {
        let path = format!("{at}/{name}");
        paths(member, &path, found);
        found.push(path);
    }
}

#[test]
fn every_value_is_named_and_every_name_has_a_value() {
    let mut with_default = Vec::new();
    paths(&values(), "", &mut with_default);
    let schema = schema();
    let mut named = Vec::new();
    named_paths(&schema, &schema, "", &mut named);
    for path in &with_default {
        assert!(named.contains(path), "the schema does not name {path}");
    }
    for path in named {
        let optional = path == "/global"
            || path.starts_with("/affinity/")
            || path.contains("/limits")
            || path.ends_with("/ephemeral-storage");
        assert!(
            optional || with_default.contains(&path),
            "values.yaml does not show {path}"
        );
    }
}

/// Paths of every member that the schema names, what it refers to included.
fn named_paths(schema: &Value, root: &Value, at: &str, found: &mut Vec<String>) {
    let schema = match schema["$ref"].as_str() {
        Some(pointer) => root
            .pointer(pointer.trim_start_matches('#'))
            .unwrap_or_else(|| panic!("no {pointer}")),
        None => schema,
    };
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{at}/{name}");
        named_paths(member, root, &path, found);
        found.push(path);
    }
}

/// A comment above each value says what it is; lines of a map are told by the line above the map.
#[test]
fn every_block_of_values_begins_with_its_meaning() {
    let text = std::fs::read_to_string(chart().join("values.yaml")).expect("readable");
    let plain = [
        "log:",
        "resources:",
        "serviceAccount:",
        "image:",
        "networkPolicy:",
        "podLabels: {}",
        "podAnnotations: {}",
        "nodeSelector: {}",
        "affinity: {}",
        "tolerations: []",
        "priorityClassName: \"\"",
    ];
    let mut before = "";
    for line in text.lines() {
        let top = !line.is_empty() && !line.starts_with([' ', '#']);
        assert!(
            !top || before.starts_with('#') || plain.contains(&line),
            "{line}: what is it?"
        );
        before = line;
    }
}

#[test]
fn helm_refuses_what_is_not_named_or_of_another_kind() {
    for (set, expected) in [
        ("replica=3", "'replica' not allowed"),
        ("image.name=x", "'name' not allowed"),
        ("config.trustdomain=x", "'trustdomain' not allowed"),
        ("config.injection.on=true", "'on' not allowed"),
        ("config.mtls.mode=on", "/config/mtls/mode"),
        ("config.gateways.trustedHops=-1", "trustedHops"),
        ("config.listen.xds=1", "'listen' not allowed"),
        ("config.injection.image=x", "'image' not allowed"),
        (
            "config.injection.logLevel=loud",
            "/config/injection/logLevel",
        ),
        (
            "config.mtls.certificateTtl=long",
            "/config/mtls/certificateTtl",
        ),
        ("proxy.image.repo=x", "'repo' not allowed"),
        ("replicas=two", "/replicas"),
        ("image.digest=latest", "/image/digest"),
        ("image.pullPolicy=Sometimes", "/image/pullPolicy"),
        ("log.format=xml", "/log/format"),
        ("resources.requests.gpu=1", "'gpu' not allowed"),
        ("resources.limits.memory=much", "/resources/limits/memory"),
        ("networkPolicy.apiServer.ports={70000}", "ports/0"),
        ("networkPolicy.apiServer.cidrs={somewhere}", "cidrs/0"),
        ("podMonitor.interval=often", "/podMonitor/interval"),
        ("podLabels.a=1", "/podLabels/a"),
    ] {
        let why = template("tulle-system", KUBERNETES, &["--set", set])
            .expect_err(&format!("{set} was taken"));
        assert!(why.contains(expected), "{set}: {why}");
    }
}
