//! Whatever users write into a field, Envoy loads what Tulle makes of it: what it would refuse is a finding.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;
use tulle_control_plane::engine::Group;
use tulle_control_plane::offline;
use tulle_model::ProxyId;
use tulle_model::policy::MtlsMode;
use tulle_model::settings::Settings;
use tulle_tests::built::{Built, documents};
use tulle_tests::loadable::Loader;
use tulle_tests::places::{Place, places};
use tulle_tests::programs;
use tulle_tests::schema::nodes;
use tulle_tests::validate::Bundle;

/// Configurations that Envoy judges at a time.
const TOGETHER: usize = 200;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    /// Patterns of fields, in which `*` stands for any text.
    fields: Vec<String>,
    /// Whether something need not follow from it.
    #[serde(default)]
    quiet: bool,
    /// What is put there.
    values: Vec<Value>,
}

/// An annotation of our own group.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Annotation {
    /// The kind that has it.
    kind: String,
    /// Its name.
    name: String,
    /// Its value, in which the text or key `ODD` stands for each of `values`.
    value: Value,
    /// Whether something need not follow from it.
    #[serde(default)]
    quiet: bool,
    /// What is put there.
    values: Vec<Value>,
}

fn annotations() -> Vec<Annotation> {
    let value = tulle_proto::from_yaml(include_str!("odd-annotations.yaml")).expect("YAML");
    serde_json::from_value(value).expect("rows")
}

/// A value in which another stands where it says so; as a key, only text can.
fn filled(template: &Value, odd: &Value) -> Value {
    match template {
        Value::String(text) if text == "ODD" => odd.clone(),
        Value::Array(items) => items.iter().map(|item| filled(item, odd)).collect(),
        Value::Object(members) => {
            let members = members.iter().map(|(key, value)| {
                let key = match (key.as_str(), odd) {
                    ("ODD", Value::String(odd)) => odd.clone(),
                    _ => key.clone(),
                };
                (key, filled(value, odd))
            });
            Value::Object(members.collect())
        }
        other => other.clone(),
    }
}

fn rows() -> Vec<Row> {
    let value = tulle_proto::from_yaml(include_str!("odd.yaml")).expect("YAML");
    serde_json::from_value(value).expect("rows")
}

/// `a$255` is `a` as often as makes 255 characters, `/a$255` the same after a slash.
fn unfolded(value: &Value) -> Value {
    match value {
        Value::String(text) => unfolded_text(text).into(),
        Value::Array(items) => items.iter().map(unfolded).collect(),
        value => value.clone(),
    }
}

fn unfolded_text(text: &str) -> String {
    let folded = text.rsplit_once('$');
    let Some((start, length)) =
        folded.and_then(|(start, length)| Some((start, length.parse::<usize>().ok()?)))
    else {
        return text.to_owned();
    };
    let mut text = start.to_owned();
    // An operator is repeated as a whole.
    let unit = match start.contains('%') {
        true => start.to_owned(),
        false => start.chars().last().into_iter().collect(),
    };
    while text.chars().count() + unit.chars().count() <= length {
        text.push_str(&unit);
    }
    text
}

/// Where the fields of a row are set.
fn found(documents: &[Value], row: &Row) -> Vec<Place> {
    let mut found = Vec::new();
    for node in nodes() {
        let field = format!("{}.{}", node.kind, node.path);
        if row
            .fields
            .iter()
            .any(|pattern| tulle_tests::places::fits(pattern, &field))
        {
            found.extend(places(documents, node));
        }
    }
    found
}

/// What proxies are sent and what is said, of manifests.
struct Made {
    built: Built,
    /// By proxy, all that it is sent.
    sent: BTreeMap<ProxyId, Vec<Vec<u8>>>,
    said: BTreeSet<String>,
}

fn group(proxy: &ProxyId) -> Group {
    Group {
        proxy: proxy.clone(),
        capture: "transparent".parse().expect("a capture"),
    }
}

fn made(documents: &[Value]) -> Made {
    let mut settings = Settings {
        mtls: Some(MtlsMode::Off),
        ..Settings::default()
    };
    settings.names.served = true;
    let mut built = Built::new(documents, settings);
    let mut sent = BTreeMap::new();
    for proxy in built.engine.proxies() {
        let resources = offline::resources(&mut built.engine, &group(&proxy));
        let messages = resources.iter().map(|resource| resource.message().to_vec());
        sent.insert(proxy, messages.collect());
    }
    Made {
        sent,
        said: built.said().into_iter().collect(),
        built,
    }
}

#[test]
fn whatever_is_written_is_loaded_by_envoy_or_told() {
    let base = documents(include_str!("../fields/base.yaml"));
    let loader = Loader::new();
    let before = made(&base);
    let mut seen: BTreeSet<Vec<Vec<u8>>> = BTreeSet::new();
    let mut wrong = Vec::new();
    let mut bundles = vec![Bundle::default()];
    let mut count = 0;
    let mut show = |mut made: Made, what: &str, wrong: &mut Vec<String>| {
        for (proxy, messages) in made.sent {
            if !seen.insert(messages) {
                continue;
            }
            count += 1;
            if count % TOGETHER == 0 {
                bundles.push(Bundle::default());
            }
            match loader.bootstrap(&mut made.built.engine, &group(&proxy)) {
                Ok(config) => bundles
                    .last_mut()
                    .expect("one")
                    .add(&format!("{what}, {proxy}"), config),
                Err(error) => wrong.push(format!("{what}, {proxy}: {error:#}")),
            }
        }
    };
    for row in rows() {
        let places = found(&base, &row);
        assert!(!places.is_empty(), "{:?} are set nowhere", row.fields);
        for value in &row.values {
            let to = unfolded(value);
            for (places, is_alone) in [(&places[..], false), (&places[..1], true)] {
                let mut changed = base.clone();
                for place in places {
                    *changed[place.document]
                        .pointer_mut(&place.pointer(0))
                        .expect("it is set") = to.clone();
                }
                let after = made(&changed);
                let what = format!("{:?} ({} places) = {value}", row.fields, places.len());
                // The first alone may be where it makes no difference.
                let is_quiet = row.quiet || is_alone || changed == base;
                if !is_quiet && after.sent == before.sent && after.said == before.said {
                    wrong.push(format!("{what}: nothing follows and nothing is said"));
                }
                show(after, &what, &mut wrong);
            }
        }
    }
    for row in annotations() {
        for value in &row.values {
            let mut changed = base.clone();
            let odd = filled(&row.value, &unfolded(value)).to_string();
            for object in changed.iter_mut().filter(|own| own["kind"] == *row.kind) {
                object["metadata"]["annotations"][&row.name] = odd.as_str().into();
            }
            assert_ne!(changed, base, "there is no {}", row.kind);
            let after = made(&changed);
            let what = format!("{} of {} = {odd}", row.name, row.kind);
            if !row.quiet && after.sent == before.sent && after.said == before.said {
                wrong.push(format!("{what}: nothing follows and nothing is said"));
            }
            show(after, &what, &mut wrong);
        }
    }
    show(before, "base", &mut wrong);
    eprintln!("{count} configurations");
    let envoys = programs::envoys();
    assert!(
        envoys.len() >= 3,
        "expected three versions of Envoy, found {envoys:?}"
    );
    for (version, envoy) in envoys {
        for bundle in &bundles {
            wrong.extend(
                bundle
                    .validate(&envoy)
                    .err()
                    .map(|why| format!("{version}: {why}")),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
