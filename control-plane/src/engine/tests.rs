use std::path::Path;

use tulle_source::{Content, FileSet};

use super::*;
use crate::translate::translate;

const MESH: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: appmesh.k8s.aws/v1beta2
kind: Mesh
metadata: {name: shop}
spec: {namespaceSelector: {}}
---
apiVersion: appmesh.k8s.aws/v1beta2
kind: VirtualNode
metadata: {name: color, namespace: shop}
spec:
  listeners: [{portMapping: {port: 8080, protocol: http}}]
  serviceDiscovery: {dns: {hostname: color.shop.svc.cluster.local}}
---
apiVersion: appmesh.k8s.aws/v1beta2
kind: VirtualRouter
metadata: {name: color, namespace: shop}
spec:
  listeners: [{portMapping: {port: 8080, protocol: http}}]
  routes:
  - name: all
    httpRoute:
      match: {path: {regex: '/a.*b'}}
      action: {weightedTargets: [{virtualNodeRef: {name: color}, weight: 1}]}
---
apiVersion: appmesh.k8s.aws/v1beta2
kind: VirtualService
metadata: {name: color, namespace: shop}
spec: {awsName: color.example, provider: {virtualRouter: {virtualRouterRef: {name: color}}}}
---
apiVersion: v1
kind: Service
metadata: {name: color, namespace: shop}
spec: {ports: [{port: 8080}]}
";

const FRONT: &str = "
apiVersion: appmesh.k8s.aws/v1beta2
kind: VirtualNode
metadata: {name: front, namespace: shop}
spec: {backends: [{virtualService: {virtualServiceRef: {name: color}}}]}
";

const GATEWAY: &str = "
apiVersion: appmesh.k8s.aws/v1beta2
kind: VirtualGateway
metadata: {name: in, namespace: shop}
spec: {namespaceSelector: {}, listeners: [{portMapping: {port: 8088, protocol: http}}]}
---
apiVersion: appmesh.k8s.aws/v1beta2
kind: GatewayRoute
metadata: {name: in, namespace: shop}
spec: {httpRoute: {match: {prefix: /x}, action: {target: {virtualService: {virtualServiceRef: {name: color}}}}}}
";

fn endpoints(address: &str) -> String {
    format!(
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: color-1, namespace: shop, labels: \
         {{kubernetes.io/service-name: color}}}}\naddressType: IPv4\nports: [{{port: 8080}}]\nendpoints: [{{addresses: [{address}]}}]\n"
    )
}

struct Mesh {
    files: FileSet,
    engine: Engine,
}

impl Mesh {
    fn new(files: &[(&str, &str)]) -> Self {
        let mut mesh = Self {
            files: FileSet::new(),
            engine: Engine::new(Settings::default()),
        };
        for (name, text) in files {
            mesh.save(name, text);
        }
        mesh
    }

    fn save(&mut self, name: &str, text: &str) -> Outcome {
        let content = match text {
            "" => Content::Gone,
            text => Content::Bytes(text.as_bytes()),
        };
        let changes = self.files.apply(Path::new(name), content);
        self.engine.apply(changes.iter().map(translate).collect())
    }
}

fn group(proxy: &str) -> Group {
    Group {
        proxy: proxy.parse().unwrap(),
        capture: Capture::Transparent,
    }
}

/// A workload that calls what `front` calls.
fn other(name: &str, more: &str) -> String {
    FRONT
        .replace("name: front", &format!("name: {name}"))
        .replace("spec: {", &format!("spec: {{{more}"))
}

fn sent(outcome: &Outcome) -> Vec<String> {
    let mut sent = Vec::new();
    for (_, update) in &outcome.updates {
        match update {
            Update::Fill(all) => {
                sent.extend(all.iter().map(|resource| resource.type_url().to_string()))
            }
            Update::Change(changes) => {
                sent.extend(changes.list.iter().map(|change| match change {
                    Change::Put(resource) => resource.type_url().to_string(),
                    Change::Remove(type_url, _) => format!("-{type_url}"),
                }))
            }
        }
    }
    sent
}

#[test]
fn endpoints_change_alone() {
    let mut mesh = Mesh::new(&[
        ("mesh", MESH),
        ("front", FRONT),
        ("eps", &endpoints("10.0.0.1")),
    ]);
    assert!(mesh.engine.open(&group("virtualnode/shop/front")).is_some());
    let outcome = mesh.save("eps", &endpoints("10.0.0.2"));
    assert_eq!(sent(&outcome), ["ClusterLoadAssignment"]);
    assert!(mesh.save("eps", &endpoints("10.0.0.2")).updates.is_empty());
}

#[test]
fn a_proxy_whose_object_is_gone_keeps_its_config_and_its_endpoints_stay_true() {
    let mut mesh = Mesh::new(&[
        ("mesh", MESH),
        ("front", FRONT),
        ("eps", &endpoints("10.0.0.1")),
    ]);
    let front = group("virtualnode/shop/front");
    mesh.engine.open(&front);
    let outcome = mesh.save("front", "");
    assert_eq!(sent(&outcome), [""; 0], "nothing is taken away");
    let told = mesh.engine.findings();
    assert!(
        told.iter()
            .any(|finding| &*finding.code == "proxy-undeclared"),
        "{told:?}"
    );
    assert_eq!(
        sent(&mesh.save("eps", &endpoints("10.0.0.2"))),
        ["ClusterLoadAssignment"]
    );
    // It comes back: nothing to say any more, nothing to send.
    let outcome = mesh.save("front", FRONT);
    assert_eq!(sent(&outcome), [""; 0]);
    assert!(
        mesh.engine.findings().is_empty(),
        "{:?}",
        mesh.engine.findings()
    );
    mesh.save("front", "");
    mesh.engine.close(&front);
    assert!(mesh.engine.findings().is_empty());
}

#[test]
fn a_proxy_that_comes_before_its_object_is_filled_when_that_comes() {
    let mut mesh = Mesh::new(&[("mesh", MESH)]);
    assert!(mesh.engine.open(&group("virtualnode/shop/front")).is_none());
    assert_eq!(mesh.engine.findings().len(), 1);
    let outcome = mesh.save("front", FRONT);
    assert!(
        matches!(outcome.updates.as_slice(), [(_, Update::Fill(_))]),
        "{outcome:?}"
    );
    assert!(mesh.engine.findings().is_empty());
}

#[test]
fn what_cannot_be_composed_is_told_when_it_comes_to_be() {
    let mut mesh = Mesh::new(&[("mesh", MESH), ("gateway", GATEWAY)]);
    assert!(
        mesh.engine.findings().is_empty(),
        "{:?}",
        mesh.engine.findings()
    );
    let boundary = MESH.replace("/a.*b", r"/a.*\bb");
    mesh.engine.news();
    mesh.save("mesh", &boundary);
    assert!(mesh.engine.news().is_some(), "it has to be told");
    assert!(mesh.engine.news().is_none(), "but once");
    let codes: Vec<_> = mesh
        .engine
        .findings()
        .iter()
        .map(|finding| finding.code.to_string())
        .collect();
    assert_eq!(codes, ["route-not-composable"]);
    mesh.save("mesh", MESH);
    assert!(mesh.engine.news().is_some());
    assert!(mesh.engine.findings().is_empty());
}

#[test]
fn groups_that_call_the_same_hold_it_once() {
    let mut mesh = Mesh::new(&[
        ("mesh", MESH),
        ("front", FRONT),
        ("back", &other("back", "")),
        ("eps", &endpoints("10.0.0.1")),
    ]);
    let groups = ["front", "back"].map(|name| group(&format!("virtualnode/shop/{name}")));
    let held = groups
        .each_ref()
        .map(|group| mesh.engine.open(group).unwrap());
    assert_eq!(mesh.engine.lists.kept(), [1, 1]);
    let [front, back] = &held;
    assert!(front.layer.len() >= 2 && !front.own.is_empty());
    let mut both = front.layer.iter().zip(back.layer.iter());
    assert!(both.all(|(front, back)| Arc::ptr_eq(front, back)));
    // An endpoint changes: both are told of the one that was made.
    let outcome = mesh.save("eps", &endpoints("10.0.0.2"));
    let told = outcome.updates.iter().map(|(_, update)| match update {
        Update::Change(changes) => match changes.list.as_slice() {
            [Change::Put(resource)] => {
                let url = resource.type_url();
                let layer = changes.layer.get(url, resource.name()).unwrap();
                assert!(Arc::ptr_eq(layer, resource));
                resource
            }
            list => panic!("{list:?}"),
        },
        Update::Fill(_) => panic!("it held something"),
    });
    let told: Vec<_> = told.collect();
    assert_eq!(told.len(), 2);
    assert!(Arc::ptr_eq(told[0], told[1]));
    assert_eq!(mesh.engine.lists.kept(), [1, 1]);
}

#[test]
fn another_policy_makes_another_list_and_nothing_is_kept_for_nobody() {
    let mut mesh = Mesh::new(&[
        ("mesh", MESH),
        ("front", FRONT),
        ("back", &other("back", "")),
        ("eps", &endpoints("10.0.0.1")),
    ]);
    let [front, back] = ["front", "back"].map(|name| group(&format!("virtualnode/shop/{name}")));
    mesh.engine.open(&front);
    mesh.engine.open(&back);
    let trust = "validation: {trust: {file: {certificateChain: /ca.pem}}}";
    let tls = format!("backendDefaults: {{clientPolicy: {{tls: {{{trust}}}}}}}, ");
    let outcome = mesh.save("back", &other("back", &tls));
    let [(told, _)] = outcome.updates.as_slice() else {
        panic!("{outcome:?}");
    };
    assert_eq!(*told, back);
    assert!(sent(&outcome).contains(&"Cluster".to_owned()));
    assert_eq!(mesh.engine.lists.kept()[0], 2);
    // Each follows the endpoints, and what one looks like does not depend on how it came to be so.
    assert_eq!(mesh.save("eps", &endpoints("10.0.0.2")).updates.len(), 2);
    for group in [&front, &back] {
        let shown = |resources: Vec<Arc<Resource>>| -> BTreeSet<String> {
            let shown = resources.iter().map(|held| format!("{held:?}"));
            shown.collect()
        };
        let peeked = shown(mesh.engine.peek(group));
        let mut fresh = Mesh::new(&[
            ("mesh", MESH),
            ("front", FRONT),
            ("back", &other("back", &tls)),
            ("eps", &endpoints("10.0.0.2")),
        ]);
        assert_eq!(peeked, shown(fresh.engine.peek(group)), "{group}");
    }
    // Back to what the other calls.
    mesh.save("back", &other("back", ""));
    assert_eq!(mesh.engine.lists.kept(), [1, 1]);
    mesh.engine.close(&front);
    assert_eq!(mesh.engine.lists.kept(), [1, 1]);
    // Who is gone keeps its list until it is closed, and its endpoints stay true.
    mesh.save("back", "");
    assert_eq!(
        sent(&mesh.save("eps", &endpoints("10.0.0.3"))),
        ["ClusterLoadAssignment"]
    );
    mesh.engine.close(&back);
    assert_eq!(mesh.engine.lists.kept(), [0, 0]);
    // What was forgotten is not taken for what it is now.
    mesh.save("eps", &endpoints("10.0.0.4"));
    let held = mesh.engine.open(&front).unwrap();
    let endpoints: Vec<_> = held
        .iter()
        .filter(|held| held.type_url() == TypeUrl::EDS)
        .map(|held| held.message())
        .collect();
    let [endpoints] = endpoints.as_slice() else {
        panic!("{endpoints:?}");
    };
    let shown = endpoints.windows(8).any(|bytes| bytes == b"10.0.0.4");
    assert!(shown, "{endpoints:?}");
}
