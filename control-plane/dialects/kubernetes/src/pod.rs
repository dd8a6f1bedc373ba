//! Pod.

use std::net::IpAddr;

use tulle_crds::core;
use tulle_model::fragment::{Fragment, Pod};
use tulle_model::id::shared;

use crate::address::address;
use crate::labels;
use crate::pod_proxy::pod_proxy;
use crate::report::Report;

pub(crate) fn translate(report: &mut Report, pod: &core::Pod) -> Fragment {
    let object = report.object.clone();
    let status = pod.status.as_ref();
    let spec = pod.spec.as_ref();
    let service_account = spec.and_then(|spec| spec.service_account_name.as_deref());
    let node = spec.and_then(|spec| spec.node_name.as_deref());
    Fragment::from(Pod {
        namespace: object.namespace.clone(),
        name: object.name.clone(),
        labels: labels(&pod.metadata),
        ips: status.map(|status| ips(report, status)).unwrap_or_default(),
        ready: status.is_some_and(is_ready),
        terminating: pod.metadata.deletion_timestamp.is_some(),
        uid: pod.metadata.uid.as_deref().unwrap_or_default().into(),
        service_account: shared(service_account.unwrap_or_default()),
        node: node.filter(|node| !node.is_empty()).map(shared),
        proxy: pod_proxy(report, &pod.metadata),
        finished: status.is_some_and(is_finished),
        host_network: spec.and_then(|spec| spec.host_network) == Some(true),
        object,
    })
}

/// Whether all containers have ended for good.
fn is_finished(status: &core::PodStatus) -> bool {
    matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"))
}

/// `podIPs`, or `podIP` where that is all there is; the pod's main address first.
fn ips(report: &mut Report, status: &core::PodStatus) -> Vec<IpAddr> {
    let several = status.pod_ips.as_deref().unwrap_or_default();
    let given: Vec<(String, &str)> = if several.is_empty() {
        let single = status.pod_ip.as_deref();
        single
            .map(|ip| ("status.podIP".to_owned(), ip))
            .into_iter()
            .collect()
    } else {
        let several = several.iter().enumerate();
        several
            .map(|(index, ip)| (format!("status.podIPs[{index}].ip"), ip.ip.as_str()))
            .collect()
    };
    let mut ips = Vec::new();
    for (field, text) in given {
        // Empty until the pod has a network.
        if text.is_empty() {
            continue;
        }
        if let Some(ip) = address(report, &field, text)
            && !ips.contains(&ip)
        {
            ips.push(ip);
        }
    }
    ips.shrink_to_fit();
    ips
}

/// `ContainersReady`, or `Ready` where that is all there is. The former, because pods made by App
/// Mesh's injector may carry a readiness gate that nobody sets any more: their `Ready` stays false
/// for ever.
fn is_ready(status: &core::PodStatus) -> bool {
    let condition = |name: &str| {
        let conditions = status.conditions.iter().flatten();
        conditions
            .into_iter()
            .find(|condition| condition.type_ == name)
            .map(|condition| condition.status == "True")
    };
    condition("ContainersReady")
        .or_else(|| condition("Ready"))
        .unwrap_or(false)
}
