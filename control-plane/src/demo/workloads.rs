//! Who takes part in the demo, and on which loopback addresses: the same facts as `deploy/demo/*.yaml`.

use std::net::{Ipv4Addr, SocketAddr};

use tulle_model::LoopbackBlock;

/// Namespace of every object of the demo.
pub(crate) const NAMESPACE: &str = "tulle-demo";
/// Port of every service inside the mesh.
pub(crate) const SERVICE_PORT: u16 = 18080;
/// Port of the gateway.
pub(crate) const GATEWAY_PORT: u16 = 18000;
/// Port of the services outside the mesh.
pub(crate) const OUTSIDE_PORT: u16 = 18090;
/// Port of every Envoy's admin interface.
const ADMIN_PORT: u16 = 9901;
/// The host outside the mesh that no object declares; an address, so that no DNS is needed to pass it on.
pub(crate) const UNDECLARED_HOST: SocketAddr = SocketAddr::new(
    std::net::IpAddr::V4(Ipv4Addr::new(127, 80, 9, 3)),
    OUTSIDE_PORT,
);
/// The host outside the mesh that front declares as a backend.
pub(crate) const DECLARED_HOST: &str = "payments.example.com";
/// The colours, in the order in which they are shown.
pub(crate) const COLORS: [&str; 3] = ["blue", "green", "red"];

/// A workload with an Envoy of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Workload {
    /// Its name: of its object, its files, its logs.
    pub(crate) name: &'static str,
    kind: &'static str,
    /// Which block of 127.80.0.0/16 is its own.
    number: u8,
}

/// The way in.
pub(crate) const GATEWAY: Workload = Workload {
    name: "gateway",
    kind: "virtualgateway",
    number: 1,
};
/// The service that calls all others.
pub(crate) const FRONT: Workload = Workload {
    name: "front",
    kind: "virtualnode",
    number: 2,
};
/// The service that fails at times.
pub(crate) const FLAKY: Workload = Workload {
    name: "flaky",
    kind: "virtualnode",
    number: 6,
};

/// Every workload that has an Envoy.
pub(crate) const WORKLOADS: [Workload; 6] = [
    GATEWAY,
    FRONT,
    Workload {
        name: COLORS[0],
        kind: "virtualnode",
        number: 3,
    },
    Workload {
        name: COLORS[1],
        kind: "virtualnode",
        number: 4,
    },
    Workload {
        name: COLORS[2],
        kind: "virtualnode",
        number: 5,
    },
    FLAKY,
];

// === impl Workload ===

impl Workload {
    /// As `tulle bootstrap --proxy` takes it.
    pub(crate) fn proxy(self) -> String {
        format!("{}/{NAMESPACE}/{}", self.kind, self.name)
    }

    /// As `tulle bootstrap --capture` takes it.
    pub(crate) fn capture(self) -> String {
        format!("loopback={}", self.block())
    }

    /// Where its application listens.
    pub(crate) fn application(self) -> SocketAddr {
        SocketAddr::new(self.block().application().into(), SERVICE_PORT)
    }

    /// Where its application calls out to.
    pub(crate) fn outbound(self, port: u16) -> SocketAddr {
        SocketAddr::new(self.block().outbound().into(), port)
    }

    /// Where its Envoy's admin interface listens.
    pub(crate) fn admin(self) -> SocketAddr {
        SocketAddr::new(self.block().admin().into(), ADMIN_PORT)
    }

    /// Every address that its Envoy or its application will listen on.
    pub(crate) fn listens(self) -> Vec<SocketAddr> {
        let inbound = |port| SocketAddr::new(self.block().inbound().into(), port);
        let mut all = vec![self.admin()];
        if self == GATEWAY {
            all.push(inbound(GATEWAY_PORT));
        } else {
            all.extend([inbound(SERVICE_PORT), self.application()]);
        }
        if self == FRONT {
            all.extend([self.outbound(SERVICE_PORT), self.outbound(OUTSIDE_PORT)]);
        }
        all
    }

    fn block(self) -> LoopbackBlock {
        let text = format!("127.80.{}.0/29", self.number);
        text.parse()
            .expect("a block of eight loopback addresses on its own boundary")
    }
}

/// Where the gateway takes requests.
pub(crate) fn gateway_address() -> SocketAddr {
    SocketAddr::new(GATEWAY.block().inbound().into(), GATEWAY_PORT)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_listen_on_one_address() {
        let all: Vec<SocketAddr> = WORKLOADS
            .iter()
            .flat_map(|workload| workload.listens())
            .collect();
        let distinct: BTreeSet<&SocketAddr> = all.iter().collect();
        assert_eq!(all.len(), distinct.len());
        assert!(!all.contains(&UNDECLARED_HOST));
        assert_eq!(gateway_address().to_string(), "127.80.1.2:18000");
        assert_eq!(FRONT.proxy(), "virtualnode/tulle-demo/front");
        assert_eq!(FRONT.capture(), "loopback=127.80.2.0/29");
    }
}
