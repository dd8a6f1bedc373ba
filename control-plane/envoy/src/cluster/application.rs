//! The cluster of the proxy's own application.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use prost::Message;
use tulle_model::linked::{Inbound, ProxyView, Sidecar};
use tulle_model::policy::{IpPreference, Protocol};
use tulle_model::traffic::Pool;
use tulle_model::{Capture, ObjectId, Str};
use tulle_proto::cluster::cluster::{ClusterDiscoveryType, DiscoveryType};

use super::limits;
use crate::plan::{Parts, Resource};
use crate::{endpoints, names, type_url};

/// The application is on the same machine: it answers at once or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(250);

/// A cluster for every port of the application.
pub(crate) fn application<'a>(
    view: &'a ProxyView,
    sidecar: &'a Sidecar,
    capture: Capture,
) -> impl Iterator<Item = Application<'a>> {
    sidecar.inbound.iter().map(move |inbound| Application {
        mesh: &view.mesh,
        alias: &view.alias,
        origin: &view.object,
        // The limits are of the routes, not of the cluster.
        protocol: inbound.protocol,
        port: inbound.port,
        pool: inbound.pool,
        address: address(view.ip, capture),
    })
}

/// Where the application listens. No other family is tried: App Mesh had no fallback either.
fn address(ip: IpPreference, capture: Capture) -> IpAddr {
    match (capture, ip) {
        (Capture::Loopback(block), _) => block.application().into(),
        (Capture::Transparent, IpPreference::V6Only) => Ipv6Addr::LOCALHOST.into(),
        (Capture::Transparent, IpPreference::Unset | IpPreference::V4Only) => {
            Ipv4Addr::LOCALHOST.into()
        }
    }
}

#[derive(Debug, Hash)]
pub(crate) struct Application<'a> {
    mesh: &'a Str,
    alias: &'a Str,
    origin: &'a ObjectId,
    protocol: Protocol,
    port: u16,
    /// How much the application takes at a time.
    pool: Option<Pool>,
    address: IpAddr,
}

impl Application<'_> {
    /// The cluster's name, for whoever sends traffic there.
    pub(crate) fn name_of(view: &ProxyView, inbound: &Inbound) -> String {
        names::ingress_cluster(&view.mesh, &view.alias, inbound.protocol, inbound.port)
    }
}

impl Resource for Application<'_> {
    const TYPE_URL: &'static str = type_url::CLUSTER;

    fn name(&self) -> String {
        names::ingress_cluster(self.mesh, self.alias, self.protocol, self.port)
    }

    fn compile(&self) -> Parts {
        let mut cluster = super::base(self.name(), CONNECT_TIMEOUT);
        super::speak(&mut cluster, self.protocol);
        cluster.circuit_breakers = Some(limits::circuit_breakers(self.pool));
        cluster.cluster_discovery_type =
            Some(ClusterDiscoveryType::Type(DiscoveryType::Static.into()));
        cluster.load_assignment = Some(endpoints::one(
            cluster.name.clone(),
            self.address,
            self.port,
        ));
        Parts {
            bytes: cluster.encode_to_vec(),
            origins: vec![self.origin.clone()],
            ..Default::default()
        }
    }
}
