//! The types and the schemas made from them hold the same fields: whatever a schema allows comes
//! through a type unchanged.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::crd::root_schema;
use crate::decode;
use crate::kind::Kind;
use crate::object::Object;

const KINDS: [Kind; 7] = [
    Kind::Mesh,
    Kind::VirtualNode,
    Kind::VirtualService,
    Kind::VirtualRouter,
    Kind::VirtualGateway,
    Kind::GatewayRoute,
    Kind::BackendGroup,
];

fn through_types(object: &Object) -> Value {
    match object {
        Object::Mesh(object) => serde_json::to_value(object),
        Object::VirtualNode(object) => serde_json::to_value(object),
        Object::VirtualService(object) => serde_json::to_value(object),
        Object::VirtualRouter(object) => serde_json::to_value(object),
        Object::VirtualGateway(object) => serde_json::to_value(object),
        Object::GatewayRoute(object) => serde_json::to_value(object),
        Object::BackendGroup(object) => serde_json::to_value(object),
        other => panic!("not an App Mesh object: {:?}", other.kind()),
    }
    .unwrap()
}

fn manifest(kind: Kind, mut root: Value) -> Value {
    let mut metadata = json!({ "name": "sample" });
    if kind.is_namespaced() {
        metadata["namespace"] = json!("shop");
    }
    root["apiVersion"] = json!(kind.api_version());
    root["kind"] = json!(kind.as_str());
    root["metadata"] = metadata;
    root
}

fn assert_round_trip(kind: Kind, value: &Value) {
    let decoded = decode(kind.api_version(), kind.as_str(), value.clone())
        .unwrap_or_else(|error| panic!("{error}\n{value:#}"))
        .unwrap();
    assert_eq!(decoded.unknown_fields, Vec::<String>::new());
    assert_eq!(decoded.object.kind(), kind);
    assert_eq!(&through_types(&decoded.object), value);
}

/// A value that sets every field of a schema, lists to their shortest, numbers to their least.
fn full(schema: &JSONSchemaProps) -> Value {
    match schema.type_.as_deref().unwrap() {
        "object" => match &schema.additional_properties {
            Some(JSONSchemaPropsOrBool::Schema(values)) => json!({ "key": full(values) }),
            _ => schema
                .properties
                .iter()
                .flatten()
                .map(|(name, property)| (name.clone(), full(property)))
                .collect::<Map<_, _>>()
                .into(),
        },
        "array" => match &schema.items {
            Some(JSONSchemaPropsOrArray::Schema(element)) => {
                vec![full(element); schema.min_items.unwrap_or(1).max(1) as usize].into()
            }
            other => panic!("{other:?}"),
        },
        "string" => match &schema.enum_ {
            Some(allowed) => allowed[0].0.clone(),
            None => "x".into(),
        },
        "integer" => (schema.minimum.unwrap_or(-7.0) as i64).into(),
        "boolean" => true.into(),
        other => panic!("{other}"),
    }
}

#[test]
fn every_field_of_every_schema_goes_through_its_type() {
    for kind in KINDS {
        assert_round_trip(kind, &manifest(kind, full(&root_schema(kind).unwrap())));
    }
}

/// Any value that a schema allows and that the types write the same way: absent stands for an
/// empty list or map.
fn allowed(schema: &JSONSchemaProps) -> BoxedStrategy<Value> {
    match schema.type_.as_deref().unwrap() {
        "object" => {
            if let Some(JSONSchemaPropsOrBool::Schema(values)) = &schema.additional_properties {
                return prop::collection::btree_map("[a-z]{1,5}", allowed(values), 1..3)
                    .prop_map(|map| map.into_iter().collect::<Map<_, _>>().into())
                    .boxed();
            }
            let required = schema.required.clone().unwrap_or_default();
            let members: Vec<_> = schema
                .properties
                .iter()
                .flatten()
                .map(|(name, property)| {
                    let name = name.clone();
                    let value =
                        allowed(property).prop_map(move |value| Some((name.clone(), value)));
                    if required.contains(name_of(property, schema)) {
                        value.boxed()
                    } else {
                        prop_oneof![2 => Just(None), 1 => value].boxed()
                    }
                })
                .collect();
            members
                .prop_map(|members| members.into_iter().flatten().collect::<Map<_, _>>().into())
                .boxed()
        }
        "array" => match &schema.items {
            Some(JSONSchemaPropsOrArray::Schema(element)) => {
                let optional_min = if schema.min_items == Some(0) {
                    1
                } else {
                    schema.min_items.unwrap_or(1)
                };
                let max = schema.max_items.unwrap_or(3).min(3);
                prop::collection::vec(allowed(element), optional_min as usize..=max as usize)
                    .prop_map(Value::from)
                    .boxed()
            }
            other => panic!("{other:?}"),
        },
        "string" => match &schema.enum_ {
            Some(values) => {
                let values: Vec<_> = values.iter().map(|value| value.0.clone()).collect();
                prop::sample::select(values).boxed()
            }
            None => "[a-zß/]{1,9}".prop_map(Value::from).boxed(),
        },
        "integer" => {
            let min = schema.minimum.map_or(i64::MIN, |minimum| minimum as i64);
            let max = schema.maximum.map_or(i64::MAX, |maximum| maximum as i64);
            (min..=max).prop_map(Value::from).boxed()
        }
        "boolean" => any::<bool>().prop_map(Value::from).boxed(),
        other => panic!("{other}"),
    }
}

fn name_of<'a>(property: &JSONSchemaProps, parent: &'a JSONSchemaProps) -> &'a String {
    let properties = parent.properties.as_ref().unwrap();
    properties
        .iter()
        .find(|(_, candidate)| std::ptr::eq(*candidate, property))
        .unwrap()
        .0
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_a_schema_allows_comes_through_unchanged(
        (kind, root) in prop::sample::select(KINDS.to_vec())
            .prop_flat_map(|kind| (Just(kind), allowed(&root_schema(kind).unwrap())))
    ) {
        let mut value = manifest(kind, root);
        // A missing spec reads as an empty one and is written as such.
        if value.get("spec").is_none() {
            value["spec"] = json!({});
        }
        assert_round_trip(kind, &value);
    }
}

#[test]
fn spec_is_optional_for_the_types_too() {
    for root in [
        json!({ "metadata": {} }),
        json!({ "metadata": {}, "spec": null }),
    ] {
        let mesh: Mesh = serde_json::from_value(root.clone()).unwrap();
        assert_eq!(mesh, Mesh::default());
        let node: VirtualNode = serde_json::from_value(root).unwrap();
        assert_eq!(node, VirtualNode::default());
    }
    let error = serde_json::from_value::<Mesh>(json!({ "metadata": {}, "spec": 5 })).unwrap_err();
    assert!(
        error.to_string().contains("expected struct MeshSpec"),
        "{error}"
    );
}

#[test]
fn absent_and_empty_selectors_differ() {
    let read = |spec: Value| {
        let value = manifest(Kind::Mesh, json!({ "spec": spec }));
        match decode(API_VERSION, "Mesh", value).unwrap().unwrap().object {
            Object::Mesh(mesh) => mesh.spec.namespace_selector.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(read(json!({})), None);
    assert_eq!(read(json!({ "namespaceSelector": null })), None);
    assert_eq!(
        read(json!({ "namespaceSelector": {} })),
        Some(LabelSelector::default())
    );
}

#[test]
fn durations_become_the_standard_librarys() {
    let length = |unit, value| Duration { unit, value }.to_std();
    assert_eq!(
        length(DurationUnit::Seconds, 15),
        std::time::Duration::from_secs(15)
    );
    assert_eq!(
        length(DurationUnit::Milliseconds, 250),
        std::time::Duration::from_millis(250)
    );
    assert_eq!(length(DurationUnit::Seconds, -1), std::time::Duration::ZERO);
}
