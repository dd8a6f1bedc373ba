//! Invalid meshes: a valid one, in which one thing is wrong.

use serde_json::{Map, Value, json};
use tulle_tests::places::{Place, places};
use tulle_tests::schema::{Node, nodes};

use crate::valid::{Dice, valid};

/// A mesh, and what is wrong with it.
#[derive(Debug)]
pub(crate) struct Invalid {
    /// The manifests as they were.
    pub(crate) before: Vec<Value>,
    /// The manifests.
    pub(crate) after: Vec<Value>,
    /// The document that is wrong.
    pub(crate) document: usize,
    /// The field of it.
    pub(crate) field: String,
    /// What was done to it.
    pub(crate) what: &'static str,
}

/// The invalid mesh of a number.
pub(crate) fn invalid(seed: u64) -> Invalid {
    let dice = &mut Dice::new(seed ^ 0x5EED);
    let before = valid(seed);
    let nodes = nodes();
    loop {
        let node = &nodes[dice.below(nodes.len())];
        let places = places(&before, node);
        if node.path.is_empty() || places.is_empty() {
            continue;
        }
        let place = dice.pick(&places);
        let mut after = before.clone();
        let Some((what, place)) = damage(dice, node, place, &mut after) else {
            continue;
        };
        return Invalid {
            before,
            after,
            document: place.document,
            field: field(&place),
            what,
        };
    }
}

/// The field of a place, as findings name it.
fn field(place: &Place) -> String {
    let mut field = String::new();
    for step in &place.steps {
        match step.parse::<usize>() {
            Ok(index) => field.push_str(&format!("[{index}]")),
            Err(_) if field.is_empty() => field.push_str(step),
            Err(_) => field.push_str(&format!(".{step}")),
        }
    }
    field
}

fn damage(
    dice: &mut Dice,
    node: &Node,
    mut place: Place,
    documents: &mut [Value],
) -> Option<(&'static str, Place)> {
    let document = &mut documents[place.document];
    // What a listener without TLS says of it is not looked at.
    let is_off = place.steps.iter().any(|step| step == "tls")
        && document.pointer(&format!("/spec/listeners/{}/tls/mode", place.steps[2]))
            == Some(&"DISABLED".into());
    let value = document.pointer_mut(&place.pointer(0))?;
    let what = match dice.below(6) {
        0 => another_type(dice, value),
        1 if node.is_required => {
            let parent = document.pointer_mut(&place.pointer(1))?;
            parent.as_object_mut()?.remove(place.steps.last()?)?;
            "it is required and missing"
        }
        2 => out_of_range(dice, node, value)?,
        _ if is_off => return None,
        3 => second_member(&node.path, value, &mut place)?,
        4 => twice(&node.path, value, &mut place)?,
        _ => odd(dice, node, value)?,
    };
    Some((what, place))
}

fn another_type(dice: &mut Dice, value: &mut Value) -> &'static str {
    let others = [
        json!("text"),
        json!(7),
        json!(true),
        json!([1]),
        json!({ "a": 1 }),
        json!(1.5),
        json!([[]]),
    ];
    let kind = std::mem::discriminant(value);
    loop {
        let other = dice.pick(&others);
        let is_fraction = other == json!(1.5);
        if std::mem::discriminant(&other) != kind || is_fraction && value.is_i64() {
            *value = other;
            return "it is of another type";
        }
    }
}

fn out_of_range(dice: &mut Dice, node: &Node, value: &mut Value) -> Option<&'static str> {
    let schema = &node.schema;
    match value {
        Value::Number(number) => {
            let below = schema.minimum.map(|least| least as i64 - 1);
            let above = schema.maximum.map(|most| most as i64 + 1);
            let bad: Vec<i64> = below.into_iter().chain(above).collect();
            (!bad.is_empty()).then_some(())?;
            *number = dice.pick(&bad).into();
        }
        Value::String(text) if schema.enum_.is_some() => {
            *text = dice.pick(&["nope", "", "ſtrict", "http\n"]).to_owned();
        }
        Value::String(text) => match (schema.min_length, schema.max_length) {
            (None, None) => return None,
            (Some(_), _) if dice.chance(50) => text.clear(),
            (_, Some(most)) => *text = "l".repeat(usize::try_from(most).ok()? + 1),
            _ => return None,
        },
        Value::Array(items) => match (schema.min_items, schema.max_items) {
            (Some(least), _) if least > 0 && dice.chance(50) => items.clear(),
            (_, Some(most)) => {
                let one = items.first()?.clone();
                items.resize(usize::try_from(most).ok()? + 1, one);
            }
            _ => return None,
        },
        _ => return None,
    }
    Some("it is out of range")
}

/// Members of which an object has one.
const UNIONS: &[(&str, &str, &str)] = &[
    (".match.path", "exact", r#""/other""#),
    (".match.path", "regex", r#""/other""#),
    (".headers[].match", "suffix", r#""other""#),
    (".metadata[].match", "prefix", r#""other""#),
    (".match.hostname", "exact", r#""other.example""#),
    (".match.hostname", "suffix", r#"".example""#),
    (".rewrite.prefix", "value", r#""/other/""#),
    (".rewrite.prefix", "defaultPrefix", r#""ENABLED""#),
    (".rewrite", "path", r#"{"exact": "/other"}"#),
    (
        ".certificate",
        "file",
        r#"{"certificateChain": "/a", "privateKey": "/b"}"#,
    ),
    (".certificate", "sds", r#"{"secretName": "other"}"#),
    (".trust", "file", r#"{"certificateChain": "/a"}"#),
    (".trust", "sds", r#"{"secretName": "other"}"#),
    (
        "serviceDiscovery",
        "dns",
        r#"{"hostname": "other.example"}"#,
    ),
    (
        "serviceDiscovery",
        "awsCloudMap",
        r#"{"namespaceName": "a", "serviceName": "b"}"#,
    ),
    (".format", "text", r#""other""#),
    (".format", "json", r#"[{"key": "a", "value": "b"}]"#),
    (
        "provider",
        "virtualNode",
        r#"{"virtualNodeRef": {"name": "n0"}}"#,
    ),
    (
        "provider",
        "virtualRouter",
        r#"{"virtualRouterRef": {"name": "r0"}}"#,
    ),
    (".connectionPool", "http", r#"{"maxConnections": 1}"#),
    (".connectionPool", "grpc", r#"{"maxRequests": 1}"#),
    (
        ".timeout",
        "http2",
        r#"{"idle": {"value": 1, "unit": "s"}}"#,
    ),
    (".timeout", "grpc", r#"{"idle": {"value": 1, "unit": "s"}}"#),
    (
        "routes",
        "tcpRoute",
        r#"{"action": {"weightedTargets": [{"virtualNodeRef": {"name": "n0"}, "weight": 1}]}}"#,
    ),
];

fn second_member(path: &str, value: &mut Value, place: &mut Place) -> Option<&'static str> {
    // A router's route has no timeout by protocol, only a listener has.
    if path.contains("Route.timeout") {
        return None;
    }
    let mut object: &mut Map<String, Value> = match value {
        Value::Object(object) => object,
        Value::Array(items) if path == "routes" => {
            place.steps.push("0".to_owned());
            items.first_mut()?.as_object_mut()?
        }
        _ => return None,
    };
    let named = |end: &str| path == end || path.ends_with(end);
    let members = UNIONS
        .iter()
        .filter(|(end, member, _)| named(end) && !object.contains_key(*member));
    let (_, member, other) = members.into_iter().next()?;
    // A union that is empty would be a valid one now.
    if object.is_empty() || (*member == "path" && !object.contains_key("prefix")) {
        return None;
    }
    object = &mut *object;
    object.insert((*member).to_owned(), serde_json::from_str(other).ok()?);
    Some("it has two members of which one counts")
}

fn twice(path: &str, value: &mut Value, place: &mut Place) -> Option<&'static str> {
    if !["listeners", "routes", "backends"].contains(&path) {
        return None;
    }
    let items = value.as_array_mut()?;
    let first = items.first()?.clone();
    items.push(first);
    place.steps.push((items.len() - 1).to_string());
    Some("an entry is there twice")
}

/// Values that the schema allows, and nothing else does.
const ODD: &[(&str, &[&str])] = &[
    ("Ref.name", &["nowhere-to-be-found", "", "a/b", "ü\n"]),
    (
        "ARN",
        &["arn:nonsense", "", "arn:aws:appmesh:a:b:mesh/mesh/x"],
    ),
    ("headers[].name", &["a b", "x\ny", "(", "é", "x,y"]),
    ("metadata[].name", &["a b", "x\ny", "(", "é", "x,y"]),
    (
        ".match.regex",
        &["(", "a**", "(?=a)", "\\1", "a{1001}", "\\pL{1000}"],
    ),
    (
        ".match.path.regex",
        &["(", "a**", "(?=a)", "\\1", "a{1001}", "\\pL{1000}"],
    ),
    (".queryParameters[].name", &[""]),
    ("Route.match.prefix", &["no-slash", "", "a/b"]),
    (".match.path.exact", &["no-slash"]),
    (".rewrite.prefix.value", &["no-slash", "/half", "half/"]),
    (".rewrite.path.exact", &["no-slash"]),
    (".match.hostname.exact", &["a b", "a\nb"]),
    (".match.hostname.suffix", &["a\nb", ".a b"]),
    (
        ".dns.hostname",
        &["", "a b", "a\nb", "*.example.com", "db:5432"],
    ),
    (".secretName", &[""]),
    (".format.text", &["%NOPE%", "%REQ(", "%", "%REQ()%x%"]),
    (".format.json[].value", &["%NOPE%", "%REQ(", "%"]),
    (".methodName", &["a/b"]),
    (".serviceName", &["a b"]),
    ("operator", &["Near", ""]),
];

fn odd(dice: &mut Dice, node: &Node, value: &mut Value) -> Option<&'static str> {
    if node.kind == "VirtualService" && node.path == "awsName" {
        let huge = "l".repeat(100_000);
        *value = dice
            .pick(&["a b", "*", "a\nb", "a\0b", huge.as_str()])
            .into();
        return Some("it is odd");
    }
    // The name of a Cloud Map service is any text.
    if node.path.contains("awsCloudMap")
        || node.path.contains("certificateARN")
        || node.path.contains("ritiesARN")
    {
        return None;
    }
    // What a mesh or gateway is named has no effect on a finding's place.
    let end = |end: &&(&str, &[&str])| node.path.ends_with(end.0.trim_start_matches('.'));
    let (_, texts) = ODD.iter().filter(end).max_by_key(|(end, _)| end.len())?;
    let text = value.as_str()?;
    let other = dice.pick(texts);
    (other != text).then_some(())?;
    *value = other.into();
    Some("it is odd")
}
