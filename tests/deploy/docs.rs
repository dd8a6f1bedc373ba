//! What `docs/` says of values, files and annotations is so.

use std::path::PathBuf;

use serde_json::Value;

use crate::helm::{chart, root};
use crate::yaml;

/// Every page with its text.
fn pages() -> Vec<(PathBuf, String)> {
    let folder = std::fs::read_dir(root().join("docs")).expect("readable");
    let mut pages: Vec<(PathBuf, String)> = folder
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("text");
            (path, text)
        })
        .collect();
    pages.sort();
    assert!(pages.len() >= 3, "docs hold pages");
    pages
}

/// What stands between backquotes in a line, and in lines of code all of it.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || "`|()[]{}=,;:\"'".contains(c))
        .map(|word| word.trim_end_matches('.'))
}

fn values() -> Value {
    yaml::one(&std::fs::read_to_string(chart().join("values.yaml")).expect("readable"))
}

#[test]
fn values_that_are_named_exist() {
    let values = values();
    let mut seen = 0;
    for (page, text) in pages() {
        for word in words(&text) {
            let ours = ["config.", "proxy.", "podMonitor.", "networkPolicy."];
            if !ours.iter().any(|start| word.starts_with(start)) || word == "config.yaml" {
                continue;
            }
            seen += 1;
            let pointer = format!("/{}", word.replace('.', "/"));
            assert!(
                values.pointer(&pointer).is_some(),
                "{}: no value {word}",
                page.display()
            );
        }
    }
    assert!(seen > 20, "{seen}");
}

#[test]
fn links_lead_somewhere() {
    for (page, text) in pages() {
        for link in text.split("](").skip(1) {
            let link = link.split(')').next().expect("a part");
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                page.clone()
            } else {
                page.parent().expect("docs").join(file)
            };
            let there = std::fs::read_to_string(&target)
                .unwrap_or_else(|error| panic!("{}: {link}: {error}", page.display()));
            let headings = there
                .lines()
                .filter_map(|line| line.strip_prefix('#'))
                .map(|line| {
                    let title = line.trim_start_matches('#').trim().to_lowercase();
                    let kept = title
                        .chars()
                        .filter(|c| c.is_alphanumeric() || " -".contains(*c));
                    kept.collect::<String>().replace(' ', "-")
                });
            assert!(
                anchor.is_empty() || headings.into_iter().any(|heading| heading == anchor),
                "{}: {link}: no such heading",
                page.display()
            );
        }
    }
}

/// Files of this repository that pages name.
#[test]
fn paths_that_are_named_exist() {
    for (page, text) in pages() {
        for word in words(&text) {
            let ours = ["deploy/", "tests/", "crds/", "docs/", "control-plane/"];
            if ours.iter().any(|start| word.starts_with(start)) && word.len() > "crds/".len() {
                assert!(root().join(word).exists(), "{}: {word}", page.display());
            }
        }
    }
}

/// Values of App Mesh's own chart, 1.13.
const OLD_VALUES: &str = "\
    replicaCount region accountId preview enableBackendGroups \
    clusterName useAwsDualStackEndpoint useAwsFIPSEndpoint image.repository image.tag \
    image.pullPolicy sidecar.image.repository sidecar.image.tag sidecar.logLevel sidecar.envoyAdminAccessPort \
    sidecar.envoyAdminAccessLogFile sidecar.envoyAdminAccessEnableIPv6 sidecar.useDualStackEndpoint sidecar.useFipsEndpoint sidecar.resources.requests.cpu \
    sidecar.resources.requests.memory sidecar.resources.limits.cpu sidecar.resources.limits.memory sidecar.lifecycleHooks.preStopDelay sidecar.lifecycleHooks.postStartInterval \
    sidecar.lifecycleHooks.postStartTimeout sidecar.probes.readinessProbeInitialDelay sidecar.probes.readinessProbePeriod sidecar.waitUntilProxyReady init.image.repository \
    init.image.tag xray.image.repository xray.image.tag nameOverride fullnameOverride \
    resources nodeSelector tolerations affinity podAnnotations \
    podLabels cloudMapCustomHealthCheck.enabled cloudMapDNS.ttl sds.enabled sds.udsPath \
    serviceAccount.create serviceAccount.name serviceAccount.annotations rbac.create rbac.pspEnabled \
    log.level tracing.enabled tracing.provider tracing.address tracing.port \
    tracing.samplingRate tracing.logLevel tracing.role stats.tagsEnabled stats.statsdEnabled \
    stats.statsdAddress stats.statsdPort stats.statsdSocketPath enableCertManager podDisruptionBudget \
    env tlsMinVersion tlsCipherSuite livenessProbe \
";

/// Flags of App Mesh's own controller, 1.13.
const OLD_FLAGS: &str = "\
    enable-iam-for-service-accounts enable-ecr-secret enable-sds sds-uds-path enable-backend-groups \
    sidecar-image-repository sidecar-image-tag sidecar-cpu-requests sidecar-memory-requests sidecar-cpu-limits \
    sidecar-memory-limits preview sidecar-log-level prestop-delay poststart-timeout \
    poststart-interval readiness-probe-initial-delay readiness-probe-period envoy-admin-access-port envoy-admin-access-log-file \
    envoy-admin-access-enable-ipv6 dual-stack-endpoint wait-until-proxy-ready fips-endpoint envoy-aws-access-key-id \
    envoy-aws-secret-access-key envoy-aws-session-token init-image ignored-ips enable-jaeger-tracing \
    jaeger-address jaeger-port enable-datadog-tracing datadog-address datadog-port \
    enable-xray-tracing xray-daemon-port xray-sampling-rate xray-log-level xray-config-roleArn \
    enable-stats-tags enable-statsd statsd-address statsd-port statsd-socket-path \
    xray-image cluster-name tls-min-version tls-cipher-suite aws-region \
    aws-account-id enable-custom-health-check cloudmap-dns-ttl sync-period metrics-addr \
    enable-leader-election log-level page-limit health-probe-port \
";

#[test]
fn every_value_and_flag_of_the_former_controller_is_accounted_for() {
    let page = root().join("docs/migrate-from-appmesh.md");
    let text = std::fs::read_to_string(page).expect("readable");
    let table: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with("| "))
        .map(|line| line.split(" | ").collect())
        .collect();
    for (column, names, before) in [(0, OLD_VALUES, "`"), (1, OLD_FLAGS, "`--")] {
        for name in names.split_whitespace() {
            let quoted = format!("{before}{name}`");
            let rows = table
                .iter()
                .filter(|row| row.get(column).is_some_and(|cell| cell.contains(&quoted)));
            assert_eq!(rows.count(), 1, "{quoted}");
        }
    }
}
