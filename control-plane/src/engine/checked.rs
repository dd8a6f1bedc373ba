//! What cannot be compiled exactly, looked for once in each port that many views share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

use tulle_model::linked::{OutboundPort, ProxyView, Role};
use tulle_model::{Capture, Finding};

/// The findings of ports that views have, by the port's address and whether traffic is redirected.
#[derive(Debug, Default)]
pub(super) struct Checked(BTreeMap<(usize, bool), Port>);

#[derive(Debug)]
struct Port {
    /// As long as this is there the port's address is nobody else's.
    port: Weak<OutboundPort>,
    findings: Vec<Finding>,
}

impl Checked {
    /// The findings of a view.
    pub(super) fn findings(&mut self, view: &ProxyView, capture: Capture) -> BTreeSet<Finding> {
        let Role::Sidecar(sidecar) = &view.role else {
            return tulle_envoy::findings(view, capture).into_iter().collect();
        };
        let mut findings = BTreeSet::new();
        for port in &sidecar.outbound {
            let key = (Arc::as_ptr(port).addr(), capture == Capture::Transparent);
            let checked = self.0.entry(key).or_insert_with(|| Port {
                port: Arc::downgrade(port),
                findings: tulle_envoy::port_findings(port, capture),
            });
            findings.extend(checked.findings.iter().cloned());
        }
        findings
    }

    /// Forgets ports that no view has any more.
    pub(super) fn forget_unused(&mut self) {
        self.0.retain(|_, port| port.port.strong_count() > 0);
    }
}
