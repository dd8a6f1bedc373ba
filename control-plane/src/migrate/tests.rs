use serde_json::{Value, json};

use super::*;

fn plan_of(values: Vec<Value>) -> Plan {
    let input = Input {
        objects: values
            .into_iter()
            .map(|value| Seen::new(value, None))
            .collect(),
        refused: Vec::new(),
    };
    let listed = crate::analyze::cluster::Listed {
        objects: input.values(),
        ..Default::default()
    };
    let analysis = crate::analyze::cluster::analysis(&listed, Settings::default());
    plan(&input, &analysis, Settings::default())
}

fn told(plan: &Plan) -> Vec<(String, Verdict, String)> {
    let notes = plan.items.iter().flat_map(|item| {
        let told = |note: &Note| (item.title.clone(), note.verdict, note.what.clone());
        item.notes.iter().map(told)
    });
    notes.collect()
}

fn service(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "shop"}, "spec": {}})
}

fn cloud_map_node() -> Value {
    json!({"apiVersion": "appmesh.k8s.aws/v1beta2", "kind": "VirtualNode", "metadata": {"name": "n", "namespace": "shop"},
        "spec": {"serviceDiscovery": {"awsCloudMap": {"namespaceName": "shop.pvt.aws.local", "serviceName": "color"}}}})
}

fn virtual_service(aws_name: &str) -> Value {
    json!({"apiVersion": "appmesh.k8s.aws/v1beta2", "kind": "VirtualService",
        "metadata": {"name": "color", "namespace": "shop"}, "spec": {"awsName": aws_name}})
}

/// Whether somebody has to see to it that a name resolves.
fn is_asked_for(values: Vec<Value>) -> bool {
    told(&plan_of(values))
        .iter()
        .any(|(_, verdict, what)| *verdict == Verdict::Decide && what.contains("have to resolve"))
}

#[test]
fn names_that_no_service_has_are_to_be_decided() {
    for (name, asked) in [
        ("color.shop", false),
        ("color.shop.svc.cluster.local", false),
        ("color", false),
        ("colour.shop.svc.cluster.local", true),
        ("color.shop.pvt.aws.local", true),
        // Whose Services are not in the input.
        ("color.elsewhere.svc.cluster.local", false),
    ] {
        let values = vec![service("color"), cloud_map_node(), virtual_service(name)];
        assert_eq!(is_asked_for(values), asked, "{name}");
    }
}

#[test]
fn what_app_mesh_has_nothing_to_do_with_is_counted_alone() {
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "namespace": "x"},
        "spec": {"template": {"metadata": {}, "spec": {"containers": [{"name": "app", "image": "app"}]}}}});
    let plan = plan_of(vec![service("color"), deployment, json!({"kind": 7})]);
    assert_eq!(plan.unconcerned, 3);
    assert!(plan.items.is_empty(), "{:?}", plan.items);
}

#[test]
fn an_old_envoy_by_itself_and_the_old_controller_are_to_be_decided() {
    let with_image = |name: &str, image: &str| {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "x"},
            "spec": {"template": {"spec": {"containers": [{"name": "envoy", "image": image}]}}}})
    };
    let plan = plan_of(vec![
        with_image(
            "alone",
            "840364872350.dkr.ecr.us-west-2.amazonaws.com/aws-appmesh-envoy:v1.27.3.0-prod",
        ),
        with_image(
            "controller",
            "public.ecr.aws/appmesh/appmesh-controller:v1.13.1",
        ),
    ]);
    let titles: Vec<&str> = plan.items.iter().map(|item| item.title.as_str()).collect();
    assert_eq!(titles, ["Deployment x/alone", "Deployment x/controller"]);
    assert_eq!(plan.count(Verdict::Decide), 2);
}

#[test]
fn odd_values_do_not_disturb() {
    let odd = json!({"apiVersion": "appmesh.k8s.aws/v1beta2", "kind": "VirtualNode",
        "metadata": {"name": "a", "namespace": "shop", "finalizers": 5, "annotations": []},
        "spec": {"serviceDiscovery": {"awsCloudMap": {"namespaceName": 5, "attributes": "x"}}}});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "annotations":
        {"appmesh.k8s.aws/sidecarEnv": "=,=,x", "appmesh.k8s.aws/sidecarEnvJson": "{", "appmesh.k8s.aws/": ""}},
        "spec": {"containers": "none", "initContainers": [7]}});
    let webhooks = json!({"kind": "MutatingWebhookConfiguration", "webhooks": [5, {"name": "x.appmesh.k8s.aws"}]});
    let plan = plan_of(vec![odd, pod, webhooks]);
    assert!(!plan.items.is_empty());
}
