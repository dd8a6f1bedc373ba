//! The address that a listener binds.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tulle_model::policy::IpPreference;
use tulle_proto::core::Address;

use crate::wire;

/// An address and a port of the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Bind {
    pub(super) address: IpAddr,
    pub(super) port: u16,
}

impl Bind {
    /// Every address: IPv4 alone while the mesh says nothing about families, else both by way of `::`,
    /// as App Mesh bound them (its names say so).
    pub(super) fn any(ip: IpPreference, port: u16) -> Self {
        let address = match ip {
            IpPreference::Unset => Ipv4Addr::UNSPECIFIED.into(),
            IpPreference::V4Only | IpPreference::V6Only => Ipv6Addr::UNSPECIFIED.into(),
        };
        Self { address, port }
    }

    /// One address.
    pub(super) fn one(address: Ipv4Addr, port: u16) -> Self {
        Self {
            address: address.into(),
            port,
        }
    }

    pub(super) fn address(self) -> Address {
        let both = self.address == IpAddr::from(Ipv6Addr::UNSPECIFIED);
        wire::socket_address(self.address.to_string(), self.port, both)
    }
}
