use serde_json::json;

use super::*;

fn notes(values: &Values) -> Vec<&str> {
    values.notes.iter().map(|(path, _)| path.as_str()).collect()
}

#[test]
fn values_find_their_places() {
    let values = values(
        "replicaCount: 2\nregion: eu-central-1\naccountId: \"000000000012\"\nenv: {}\nresources: {limits: {cpu: 1}}\n\
         sidecar:\n  logLevel: WARN\n  image: {repository: registry.example.org/envoy, tag: v1.40.0}\n  \
         resources: {requests: {cpu: 100m}}\n  lifecycleHooks: {preStopDelay: 30}\n\
         sds: {enabled: true, udsPath: /run/a.sock}\ntracing: {enabled: true, provider: jaeger, address: j.obs, port: 9411}\n\
         stats: {statsdEnabled: true}\nxray: {image: {tag: 3.3.7}}\n",
    )
    .unwrap();
    assert_eq!(
        values.values,
        json!({
            "replicas": 2,
            "resources": {"limits": {"cpu": 1}},
            "proxy": {"image": {"repository": "registry.example.org/envoy", "tag": "v1.40.0"}},
            "config": {
                "aws": {"region": "eu-central-1", "accountId": "000000000012"},
                "injection": {
                    "logLevel": "warning",
                    "resources": {"requests": {"cpu": "100m"}},
                    "sidecarStopSeconds": 30,
                    "gatewayStopSeconds": 30,
                    "sds": {"enabled": true, "udsPath": "/run/a.sock"},
                    "tracing": {"enabled": true, "provider": "jaeger", "address": "j.obs", "port": 9411},
                    "stats": {"statsdEnabled": true},
                    "xray": {"image": "public.ecr.aws/xray/aws-xray-daemon:3.3.7"},
                },
            },
        })
    );
    assert_eq!(notes(&values), Vec::<&str>::new());
}

#[test]
fn what_has_no_counterpart_is_said_and_defaults_are_not() {
    let values = values(
        "clusterName: prod\npreview: false\nenableCertManager: true\nsidecar:\n  envoyAdminAccessPort: 9901\n  \
         waitUntilProxyReady: true\n  image: {repository: 840364872350.dkr.ecr.us-west-2.amazonaws.com/aws-appmesh-envoy, tag: v1}\n\
         serviceAccount: {create: true, annotations: {eks.amazonaws.com/role-arn: \"arn:aws:iam::1:role/x\", team: mesh}}\n\
         tracing: {enabled: false, port: 2000}\nmystery: {deep: 1}\n",
    )
    .unwrap();
    assert_eq!(
        notes(&values),
        [
            "clusterName",
            "enableCertManager",
            "mystery",
            "serviceAccount.annotations",
            "sidecar.image.repository",
            "sidecar.image.tag",
            "sidecar.waitUntilProxyReady",
        ]
    );
    assert_eq!(
        values.values,
        json!({
            "serviceAccount": {"annotations": {"team": "mesh"}},
            "config": {"injection": {"tracing": {"enabled": false}}},
        })
    );
    let text = values.yaml().unwrap();
    assert!(text.contains("#   clusterName: EKS is not asked"), "{text}");
    let read: Value = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(read, values.values);
}

#[test]
fn nothing_gives_nothing_and_odd_input_is_told() {
    for nothing in ["", "USER-SUPPLIED VALUES:\nnull\n", "{}"] {
        let values = values(nothing).unwrap();
        assert_eq!(values.values, json!({}), "{nothing:?}");
        assert!(values.yaml().unwrap().ends_with("{}\n"));
    }
    for odd in [
        "- a\n",
        "7",
        "a: [",
        "sidecar: 7\nregion: []\nresources: text",
    ] {
        // Whatever it is, it does not panic.
        let _ = values(odd);
    }
    assert!(values("- a\n").is_err());
}

fn file(path: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(path);
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn every_new_value_is_one_of_the_chart() {
    let chart: Value = serde_saphyr::from_str(&file("deploy/helm/tulle/values.yaml")).unwrap();
    for (old, becomes) in VALUES {
        let paths: &[&str] = match becomes {
            Path(path) | EnvoyImage(path) | LogLevel(path) | Annotations(path) => &[*path],
            Paths(paths) => paths,
            XrayImage => &["config.injection.xray.image"],
            Nothing(_) => &[],
        };
        for path in paths {
            // Limits are empty by default.
            let path = path.replace("resources.limits.cpu", "resources.limits");
            let path = path.replace("resources.limits.memory", "resources.limits");
            let pointer = format!("/{}", path.replace('.', "/"));
            assert!(chart.pointer(&pointer).is_some(), "{old}: no value {path}");
        }
    }
}

#[test]
fn the_guide_says_the_same_of_every_value() {
    let guide = file("docs/migrate-from-appmesh.md");
    for (old, becomes) in VALUES {
        let quoted = format!("`{old}`");
        let rows: Vec<&str> = guide
            .lines()
            .filter(|line| line.starts_with('|'))
            .filter(|line| {
                line.split(" | ")
                    .next()
                    .is_some_and(|cell| cell.contains(&quoted))
            })
            .collect();
        let [row] = rows.as_slice() else {
            panic!("{old}: {rows:?}")
        };
        let new = row.rsplit(" | ").next().unwrap_or_default();
        let new = new.trim_start_matches("| ");
        match becomes {
            Nothing(_) => assert!(new.starts_with('–'), "{old}: {row}"),
            _ => assert!(!new.starts_with('–'), "{old}: {row}"),
        }
    }
}
