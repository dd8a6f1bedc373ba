//! Redirect rules: outbound TCP of an application into Envoy's outbound port, inbound TCP for the application's ports into its
//! inbound port, in the network namespace of the caller. Envoy reads where a connection was going from the kernel.
//!
//! The rules are those App Mesh installed (its `APPMESH_…` variables are the fields of [`CaptureSpec`]), in nftables instead of
//! iptables: a table of their own, replaced in one transaction, so that there is no moment with half of them.

mod cidr;
mod nft;
mod rules;
mod text;
mod transaction;

use std::collections::BTreeSet;

pub use cidr::{Cidr, CidrError};
pub use nft::{Nft, NftError};

/// The table that holds all rules, in family `inet`.
pub const TABLE: &str = "tulle";
/// The port that App Mesh never redirected whatever the user said, so that a shell stays reachable.
pub const ALWAYS_IGNORED_PORT: u16 = 22;

/// What is redirected, and what is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureSpec {
    /// Where Envoy takes outbound connections.
    pub outbound_port: u16,
    /// Where Envoy takes inbound connections.
    pub inbound_port: u16,
    /// The application's ports. Connections to other ports reach the application directly.
    pub app_ports: BTreeSet<u16>,
    /// Users whose connections are left alone: Envoy's own, or its connections would come back to it.
    pub ignored_users: BTreeSet<u32>,
    /// Groups whose connections are left alone.
    pub ignored_groups: BTreeSet<u32>,
    /// Destination ports that are left alone; 22 always is.
    pub ignored_ports: BTreeSet<u16>,
    /// Destinations that are left alone.
    pub ignored_destinations: BTreeSet<Cidr>,
    /// Whether IPv6 is redirected too: Envoy must then listen on `::`.
    pub ipv6: bool,
}

impl Default for CaptureSpec {
    /// The values of an App Mesh pod without annotations: Envoy runs as user 1337, the instance metadata address is left alone.
    fn default() -> Self {
        Self {
            outbound_port: 15001,
            inbound_port: 15000,
            app_ports: BTreeSet::new(),
            ignored_users: BTreeSet::from([1337]),
            ignored_groups: BTreeSet::new(),
            ignored_ports: BTreeSet::from([ALWAYS_IGNORED_PORT]),
            ignored_destinations: BTreeSet::from([Cidr::host([169, 254, 169, 254].into())]),
            ipv6: false,
        }
    }
}

/// The rules cannot be made or not be installed.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// Everything would be redirected, Envoy's own connections included.
    #[error(
        "capture: name the user or the group that Envoy runs as, or its own connections would be led back into it"
    )]
    NobodyIgnored,
    /// A port that cannot be one.
    #[error("capture: 0 is no port ({0})")]
    PortZero(&'static str),
    /// Two purposes for one port.
    #[error("capture: port {port} is Envoy's own, so it cannot be {clash}")]
    OwnPort {
        /// The port.
        port: u16,
        /// What else it was said to be.
        clash: &'static str,
    },
    /// The rules could not be handed to the kernel.
    #[error(transparent)]
    Nft(#[from] NftError),
}

impl CaptureSpec {
    /// The rules as `nft` reads and prints them, for people; loading the text does the same as [`Nft::install`].
    ///
    /// # Errors
    /// A specification that makes no sense.
    pub fn render(&self) -> Result<String, CaptureError> {
        self.check()?;
        Ok(text::render(&rules::chains(self)))
    }

    fn check(&self) -> Result<(), CaptureError> {
        if self.ignored_users.is_empty() && self.ignored_groups.is_empty() {
            return Err(CaptureError::NobodyIgnored);
        }
        for (zero, name) in [
            (self.outbound_port == 0, "outbound port"),
            (self.inbound_port == 0, "inbound port"),
            (self.app_ports.contains(&0), "application port"),
            (self.ignored_ports.contains(&0), "ignored port"),
        ] {
            if zero {
                return Err(CaptureError::PortZero(name));
            }
        }
        let clash = |port, clash| Err(CaptureError::OwnPort { port, clash });
        if self.outbound_port == self.inbound_port {
            return clash(self.outbound_port, "both the outbound and the inbound port");
        }
        for port in [self.outbound_port, self.inbound_port] {
            if self.app_ports.contains(&port) {
                return clash(port, "a port of the application");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
