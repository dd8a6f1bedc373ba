//! A shape always gives the same mesh, and as many proxies call a changing service as its name says.

use std::collections::BTreeSet;

use super::*;

fn shape() -> Shape {
    Shape {
        services: 50,
        endpoints: 3,
        proxies: 100,
        calls: Calls::Some(20),
        called_by: vec![10, 100],
        alike: false,
    }
}

#[test]
fn as_many_call_a_service_as_its_name_says() {
    let shape = shape();
    for count in [10, 100] {
        let name = called_by(count);
        let callers = (0..shape.proxies)
            .filter(|proxy| {
                let calls = shape.calls_of(proxy / PODS_OF_A_WORKLOAD).unwrap();
                calls.contains(&name)
            })
            .count();
        assert_eq!(callers, count);
        assert_eq!(shape.told_of(count), count);
    }
    assert_eq!(shape.calls_of(3).unwrap().len(), 21);
}

#[test]
fn no_two_objects_share_a_path_and_no_two_endpoints_an_address() {
    let shape = shape();
    for dialect in [Dialect::AppMesh, Dialect::Istio] {
        let objects = shape.objects(dialect);
        let paths: BTreeSet<String> = objects.iter().map(Object::path).collect();
        assert_eq!(paths.len(), objects.len());
        let addresses: Vec<String> = objects
            .iter()
            .filter_map(|object| object.body["endpoints"].as_array())
            .flatten()
            .map(|endpoint| endpoint["addresses"][0].to_string())
            .collect();
        let distinct: BTreeSet<&String> = addresses.iter().collect();
        assert_eq!(distinct.len(), addresses.len());
    }
}

#[test]
fn a_mesh_of_which_all_is_called_says_so_in_one_word() {
    let shape = Shape {
        calls: Calls::All,
        ..shape()
    };
    let objects = shape.objects(Dialect::AppMesh);
    let node = |name: &str| {
        let is = |object: &&Object| object.body["kind"] == "VirtualNode" && object.name() == name;
        objects.iter().find(is).unwrap().body.clone()
    };
    assert_eq!(node("s-00003")["spec"]["backendGroups"][0]["name"], "*");
    // has no proxies
    assert_eq!(node("s-00042")["spec"]["backends"], serde_json::json!([]));
}
