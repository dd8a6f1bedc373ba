//! A small universe of manifests in which collisions, dangling references and moves are likely.

use proptest::prelude::*;

/// One thing that happens.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// A file is saved with this text.
    Save(usize, String),
    /// A file is deleted.
    Delete(usize),
}

/// Files that steps act on.
pub(crate) const FILES: usize = 10;

const NAMES: [&str; 3] = ["a", "b", "c"];
const NAMESPACES: [&str; 2] = ["one", "two"];
const API: &str = "apiVersion: appmesh.k8s.aws/v1beta2\n";

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&NAMES[..])
}

fn namespace() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&NAMESPACES[..])
}

fn port() -> impl Strategy<Value = u16> {
    prop::sample::select(&[80_u16, 81][..])
}

fn protocol() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&["http", "http", "http2", "grpc", "tcp"][..])
}

fn head(kind: &str, namespace: &str, name: &str) -> String {
    format!("{API}kind: {kind}\nmetadata: {{name: {name}, namespace: {namespace}}}\n")
}

fn mesh() -> impl Strategy<Value = String> {
    (name(), prop::sample::select(&["{}", "{matchLabels: {mesh: x}}", "{matchLabels: {mesh: y}}"][..]), any::<bool>()).prop_map(
        |(name, selector, open)| {
            let egress = if open { "ALLOW_ALL" } else { "DROP_ALL" };
            format!("{API}kind: Mesh\nmetadata: {{name: {name}}}\nspec: {{namespaceSelector: {selector}, egressFilter: {{type: {egress}}}}}\n")
        },
    )
}

fn kube_namespace() -> impl Strategy<Value = String> {
    (namespace(), prop::sample::select(&["x", "x", "y"][..]))
        .prop_map(|(name, mesh)| format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{mesh: {mesh}}}}}\n"))
}

fn node() -> impl Strategy<Value = String> {
    (namespace(), name(), prop::collection::vec((port(), protocol()), 0..3), prop::collection::vec(name(), 0..3), any::<bool>()).prop_map(
        |(namespace, name, listeners, backends, cloud_map)| {
            let listeners: Vec<String> = listeners
                .iter()
                .map(|(port, protocol)| format!("{{portMapping: {{port: {port}, protocol: {protocol}}}}}"))
                .collect();
            let backends: Vec<String> =
                backends.iter().map(|name| format!("{{virtualService: {{virtualServiceRef: {{name: {name}}}}}}}")).collect();
            let discovery = if cloud_map {
                "{awsCloudMap: {namespaceName: n, serviceName: s}}".to_owned()
            } else {
                format!("{{dns: {{hostname: {name}.{namespace}.svc.cluster.local}}}}")
            };
            format!(
                "{}spec:\n  podSelector: {{matchLabels: {{app: {name}}}}}\n  listeners: [{}]\n  backends: [{}]\n  serviceDiscovery: {discovery}\n",
                head("VirtualNode", namespace, name),
                listeners.join(", "),
                backends.join(", ")
            )
        },
    )
}

fn service() -> impl Strategy<Value = String> {
    (namespace(), name(), name(), name(), prop::sample::select(&["virtualRouter", "virtualRouter", "virtualNode"][..])).prop_map(
        |(namespace, name, provider, host, kind)| {
            format!(
                "{}spec: {{awsName: {host}.example, provider: {{{kind}: {{{kind}Ref: {{name: {provider}}}}}}}}}\n",
                head("VirtualService", namespace, name)
            )
        },
    )
}

fn router() -> impl Strategy<Value = String> {
    let route = (
        protocol(),
        prop::sample::select(&["/", "/x", "/x/y"][..]),
        name(),
        0..3_u32,
        prop::option::of(0..3_u16),
    );
    (namespace(), name(), prop::collection::vec((port(), protocol()), 1..3), prop::collection::vec(route, 0..4)).prop_map(
        |(namespace, name, listeners, routes)| {
            let listeners: Vec<String> = listeners
                .iter()
                .map(|(port, protocol)| format!("{{portMapping: {{port: {port}, protocol: {protocol}}}}}"))
                .collect();
            let routes: Vec<String> = routes
                .iter()
                .enumerate()
                .map(|(n, (protocol, prefix, target, weight, priority))| {
                    let action = format!("action: {{weightedTargets: [{{virtualNodeRef: {{name: {target}}}, weight: {weight}}}]}}");
                    let matching = match *protocol {
                        "tcp" => String::new(),
                        "grpc" => "match: {}, ".to_owned(),
                        _ => format!("match: {{prefix: {prefix}}}, "),
                    };
                    let priority = priority.map(|n| format!("priority: {n}, ")).unwrap_or_default();
                    format!("{{name: r{n}, {priority}{protocol}Route: {{{matching}{action}}}}}")
                })
                .collect();
            format!("{}spec: {{listeners: [{}], routes: [{}]}}\n", head("VirtualRouter", namespace, name), listeners.join(", "), routes.join(", "))
        },
    )
}

fn gateway() -> impl Strategy<Value = String> {
    (namespace(), name(), any::<bool>()).prop_map(|(namespace, name, all)| {
        let selector = if all { "{}" } else { "{matchLabels: {mesh: x}}" };
        format!(
            "{}spec: {{namespaceSelector: {selector}, listeners: [{{portMapping: {{port: 8080, protocol: http}}}}]}}\n",
            head("VirtualGateway", namespace, name)
        )
    })
}

fn gateway_route() -> impl Strategy<Value = String> {
    (namespace(), name(), name(), prop::sample::select(&["/", "/x", "/x/"][..])).prop_map(|(namespace, name, target, prefix)| {
        format!(
            "{}spec: {{httpRoute: {{match: {{prefix: {prefix}}}, action: {{target: {{virtualService: {{virtualServiceRef: {{name: {target}}}}}}}}}}}}}\n",
            head("GatewayRoute", namespace, name)
        )
    })
}

fn kube() -> impl Strategy<Value = String> {
    (namespace(), name(), port(), 1..4_u8, any::<bool>()).prop_map(|(namespace, name, port, endpoint, ready)| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {{clusterIP: 10.96.0.{endpoint}, ports: [{{port: {port}}}]}}\n---\n\
             apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: {name}-1, namespace: {namespace}, labels: {{kubernetes.io/service-name: {name}}}}}\n\
             addressType: IPv4\nports: [{{port: {port}}}]\nendpoints: [{{addresses: [10.0.0.{endpoint}], conditions: {{ready: {ready}}}}}]\n---\n\
             apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}-1, namespace: {namespace}, labels: {{app: {name}}}}}\n\
             status: {{podIP: 10.1.0.{endpoint}, podIPs: [{{ip: 10.1.0.{endpoint}}}], conditions: [{{type: Ready, status: '{}'}}]}}\n",
            if ready { "True" } else { "False" }
        )
    })
}

fn document() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => mesh(),
        1 => kube_namespace(),
        3 => node(),
        3 => service(),
        3 => router(),
        1 => gateway(),
        2 => gateway_route(),
        2 => kube(),
        1 => Just("kind: [broken\n".to_owned()),
    ]
}

/// A step; most save, some delete.
pub(crate) fn step() -> impl Strategy<Value = Step> {
    let text =
        prop::collection::vec(document(), 1..4).prop_map(|documents| documents.join("---\n"));
    prop_oneof![
        5 => (0..FILES, text).prop_map(|(file, text)| Step::Save(file, text)),
        1 => (0..FILES).prop_map(Step::Delete),
    ]
}
