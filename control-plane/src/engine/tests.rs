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

fn sent(outcome: &Outcome) -> Vec<String> {
    let mut sent = Vec::new();
    for (_, update) in &outcome.updates {
        match update {
            Update::Fill(all) => {
                sent.extend(all.iter().map(|resource| resource.type_url().to_string()))
            }
            Update::Change(changes) => sent.extend(changes.iter().map(|change| match change {
                Change::Put(resource) => resource.type_url().to_string(),
                Change::Remove(type_url, _) => format!("-{type_url}"),
            })),
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
