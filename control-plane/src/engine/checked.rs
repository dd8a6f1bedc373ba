//! What cannot be compiled exactly, looked for once in each port that many views share.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use tulle_model::linked::{OutboundPort, ProxyView};
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
    pub(super) fn findings(&mut self, view: &ProxyView, capture: Capture) -> Vec<Finding> {
        tulle_envoy::findings_with(view, |port| {
            let key = (Arc::as_ptr(port).addr(), capture == Capture::Transparent);
            let checked = self.0.entry(key).or_insert_with(|| Port {
                port: Arc::downgrade(port),
                findings: tulle_envoy::port_findings(port, capture),
            });
            checked.findings.clone()
        })
    }

    /// Forgets ports that no view has any more.
    pub(super) fn forget_unused(&mut self) {
        self.0.retain(|_, port| port.port.strong_count() > 0);
    }
}
