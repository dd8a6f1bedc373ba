//! Pod.

use std::net::IpAddr;

use tulle_crds::core;
use tulle_model::fragment::{Fragment, Pod};

use crate::address::address;
use crate::labels;
use crate::report::Report;

pub(crate) fn translate(report: &mut Report, pod: &core::Pod) -> Fragment {
    let object = report.object.clone();
    Fragment::Pod(Pod {
        namespace: object.namespace.clone(),
        name: object.name.clone(),
        labels: labels(&pod.metadata),
        ips: pod
            .status
            .as_ref()
            .map(|status| ips(report, status))
            .unwrap_or_default(),
        ready: pod.status.as_ref().is_some_and(is_ready),
        terminating: pod.metadata.deletion_timestamp.is_some(),
        object,
    })
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
