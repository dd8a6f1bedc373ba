//! The control plane, as cases see it.

use std::time::Duration;

use anyhow::Context;

use super::{Case, call, is_ending};
use crate::forward::Forwarded;
use crate::{manifests, tulle};

/// The replicas of the control plane, as words for `kubectl get`.
const REPLICAS: &str = "pods -n tulle-system -l app.kubernetes.io/name=tulle";

impl Case {
    /// Whether all replicas of the control plane are ready, and none of them is being ended.
    pub(super) fn is_whole(&self) -> anyhow::Result<()> {
        let words = format!("deployment {} -n {}", tulle::RELEASE, tulle::NAMESPACE);
        let deployment = self.kubectl.get(&words)?;
        let wanted = &deployment["spec"]["replicas"];
        anyhow::ensure!(
            deployment["status"]["readyReplicas"] == *wanted,
            "{}",
            deployment["status"]
        );
        let pods = self.kubectl.list(REPLICAS)?;
        anyhow::ensure!(
            wanted.as_u64() == Some(pods.len() as u64),
            "{} pods, not {wanted}",
            pods.len()
        );
        Ok(())
    }

    /// The replicas of the control plane that run and are not being ended: name and address.
    fn replicas(&self) -> anyhow::Result<Vec<(String, String)>> {
        let pods = self
            .kubectl
            .list(&format!("{REPLICAS} --field-selector=status.phase=Running"))?;
        let staying = pods.iter().filter(|pod| !is_ending(pod));
        staying
            .map(|pod| {
                let name = pod["metadata"]["name"].as_str().context("a name")?;
                let address = pod["status"]["podIP"].as_str().context("no address yet")?;
                Ok((name.to_owned(), address.to_owned()))
            })
            .collect()
    }

    /// The metrics of every replica of the control plane, as text, by pod. A sum over them means something only if all
    /// have answered.
    pub fn metrics(&self) -> Vec<(String, String)> {
        self.eventually("all replicas' metrics", Duration::from_secs(20), || {
            let replicas = self.replicas()?.into_iter();
            replicas
                .map(|(name, address)| {
                    let page = call(&format!("{address}:15014"), "localhost", "/metrics");
                    let answer = self.play_outside(&[page]).remove(0);
                    anyhow::ensure!(answer.status == 200, "{name}: {answer:?}");
                    Ok((name, answer.text))
                })
                .collect()
        })
    }

    /// The sum of a metric over all replicas and label values.
    pub fn metric(&self, name: &str) -> f64 {
        self.metrics()
            .iter()
            .flat_map(|(_, text)| text.lines())
            .filter(|line| {
                let rest = line.strip_prefix(name);
                rest.is_some_and(|rest| rest.starts_with('{') || rest.starts_with(' '))
            })
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }

    /// Waits until every replica of the control plane has seen what was applied before. Namespaces, meshes, nodes and
    /// gateways arrive each in their order, so one more of each tells; they are in a namespace of this name.
    pub fn seen_everywhere(&self, name: &str) {
        self.mesh(name);
        let gateway = format!(
            "  namespaceSelector: {{matchLabels: {{mesh: {name}}}}}
  podSelector: {{matchLabels: {{app: last}}}}
  listeners: [{{portMapping: {{port: 8088, protocol: http}}}}]
"
        );
        self.apply(
            &(manifests::node(name, "last", &[])
                + &manifests::document("VirtualGateway", name, "last", &gateway)),
        );
        let pages = ["virtualnode", "virtualgateway"]
            .map(|kind| format!("/debug/config?proxy={kind}/{name}/last"));
        self.eventually("all replicas to see it", Duration::from_secs(30), || {
            for (replica, _) in self.replicas()? {
                let port = Forwarded::to(&self.kubectl, tulle::NAMESPACE, &replica, 15014)?;
                for page in &pages {
                    let page = call(port.address(), "localhost", page);
                    let answer = self.play_outside(&[page]).remove(0);
                    anyhow::ensure!(answer.status == 200, "{replica}: {answer:?}");
                }
            }
            Ok(())
        });
    }
}
