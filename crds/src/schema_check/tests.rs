use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;
use serde_json::json;

use super::*;

fn schema() -> Schema {
    let schema: JSONSchemaProps = serde_json::from_value(json!({
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": { "type": "string", "minLength": 1, "maxLength": 3 },
            "mode": { "type": "string", "enum": ["ON", "OFF"] },
            "port": { "type": "integer", "format": "int64", "minimum": 1, "maximum": 65535 },
            "count": { "type": "integer", "format": "int64", "minimum": 0 },
            "flag": { "type": "boolean" },
            "list": { "type": "array", "minItems": 1, "maxItems": 2, "items": { "type": "string" } },
            "labels": { "type": "object", "additionalProperties": { "type": "string" } },
            "inner": { "type": "object", "properties": { "a": { "type": "string" } } },
        },
    }))
    .unwrap();
    schema.into()
}

fn run(mut value: Value) -> (Vec<String>, Vec<String>, Value) {
    let report = check(&schema(), &mut value, &FieldPath::root().key("spec"));
    (
        report.violations.iter().map(ToString::to_string).collect(),
        report
            .unknown_fields
            .iter()
            .map(ToString::to_string)
            .collect(),
        value,
    )
}

fn violation(value: Value) -> String {
    let (violations, _, _) = run(value);
    assert_eq!(violations.len(), 1, "{violations:?}");
    violations[0].clone()
}

#[test]
fn a_good_value_passes_as_it_is() {
    let good = json!({
        "name": "äöü", "mode": "ON", "port": 65535, "count": 0, "flag": false,
        "list": ["a"], "labels": { "app.kubernetes.io/name": "x" }, "inner": { "a": "" },
    });
    assert_eq!(run(good.clone()), (vec![], vec![], good));
}

#[test]
fn violations_say_where_what_and_the_way_out() {
    let cases = [
        (json!({}), "spec.name: required, but missing"),
        (
            json!({ "nmae": "x" }),
            "spec.name: required, but missing (not known here: nmae)",
        ),
        (json!({ "name": null }), "spec.name: required, but missing"),
        (
            json!({ "name": 5 }),
            "spec.name: expected a string, found 5 (put it in quotes: \"5\")",
        ),
        (
            json!({ "name": "" }),
            "spec.name: expected at least 1 character, found 0",
        ),
        (
            json!({ "name": "abcd" }),
            "spec.name: expected at most 3 characters, found 4",
        ),
        (
            json!({ "name": "a", "mode": "on" }),
            "spec.mode: expected one of ON, OFF, found \"on\" (write ON)",
        ),
        (
            json!({ "name": "a", "port": 0 }),
            "spec.port: expected a number from 1 to 65535, found 0",
        ),
        (
            json!({ "name": "a", "port": "80" }),
            "spec.port: expected a whole number, found \"80\" (leave out the quotes)",
        ),
        (
            json!({ "name": "a", "port": 8.5 }),
            "spec.port: expected a whole number, found 8.5",
        ),
        (
            json!({ "name": "a", "count": 18446744073709551615_u64 }),
            "spec.count: expected a whole number, found 18446744073709551615",
        ),
        (
            json!({ "name": "a", "count": -1 }),
            "spec.count: expected a number from 0 on, found -1",
        ),
        (
            json!({ "name": "a", "flag": "true" }),
            "spec.flag: expected true or false, found \"true\" (leave out the quotes)",
        ),
        (
            json!({ "name": "a", "list": [] }),
            "spec.list: expected at least 1 entry, found 0",
        ),
        (
            json!({ "name": "a", "list": ["", "", ""] }),
            "spec.list: expected at most 2 entries, found 3",
        ),
        (
            json!({ "name": "a", "list": [null] }),
            "spec.list[0]: expected a string, found null",
        ),
        (
            json!({ "name": "a", "list": {} }),
            "spec.list: expected a list, found an object (begin each entry with \"- \")",
        ),
        (
            json!({ "name": "a", "inner": [] }),
            "spec.inner: expected an object, found a list (leave out the \"- \")",
        ),
        (
            json!({ "name": "a", "labels": { "a.b/c": true } }),
            "spec.labels[a.b/c]: expected a string, found true (put it in quotes)",
        ),
    ];
    for (value, expected) in cases {
        assert_eq!(violation(value), expected);
    }
}

#[test]
fn all_violations_are_reported() {
    let (violations, _, _) = run(json!({ "port": 0, "list": [1, 2] }));
    assert_eq!(violations.len(), 4, "{violations:?}");
}

#[test]
fn unknown_fields_are_taken_out_and_named() {
    let (violations, unknown, pruned) =
        run(json!({ "name": "a", "zeta": 1, "inner": { "a": "x", "b": {} }, "Alpha": null }));
    assert_eq!(violations, Vec::<String>::new());
    assert_eq!(unknown, ["spec.inner.b", "spec.zeta"]);
    assert_eq!(pruned, json!({ "name": "a", "inner": { "a": "x" } }));
}

#[test]
fn whole_floats_become_integers() {
    let (violations, _, value) = run(json!({ "name": "a", "port": 80.0, "count": 1e3 }));
    assert_eq!(violations, Vec::<String>::new());
    assert_eq!(value, json!({ "name": "a", "port": 80, "count": 1000 }));
    assert!(violation(json!({ "name": "a", "count": 1e300 })).contains("whole number"));
}
