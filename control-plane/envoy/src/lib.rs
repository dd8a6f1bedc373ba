//! The compiler: a proxy's linked view in, the Envoy resources it is sent out.
//!
//! Duty: one linked input and one resource key make one Envoy message, named as users of the dialect
//! know it, with all that the server has to know beside the bytes: what it needs, what it disturbs,
//! whose object it comes from. In: [`tulle_model::linked::ProxyView`] and endpoint sets. Out:
//! [`Compiled`]. [`plan`] tells names and versions without encoding, so that a caller compiles only
//! what differs from what it holds, and its parts ([`called`], [`called_ports`], [`own`]) tell what views that share
//! something have alike, so that it is planned once.
//! Must never: join (every reference in a view is resolved already), look at another proxy's view, or
//! send what Envoy refuses: what a user wrote and Envoy would not take is left out and told by
//! [`findings`].

pub mod compose;
pub mod names;
pub mod secrets;
pub mod type_url;

mod accepted;
mod cluster;
mod endpoints;
mod fault;
mod files;
mod findings;
mod listener;
mod mtls;
mod plan;
mod rate_limit;
mod route;
mod static_bootstrap;
mod targets;
mod tls;
mod wire;

#[cfg(test)]
mod fixture;

pub use endpoints::endpoints;
pub use files::{KubernetesSecret, kubernetes_secrets};
pub use findings::{findings, findings_with, port_findings};
pub use listener::{INBOUND_CAPTURE_PORT, OUTBOUND_CAPTURE_PORT};
pub use plan::{Assignment, Compiled, Key, Plan, Planned, called, called_ports, own, plan};
pub use route::{CalledPort, Undeclared, VirtualHosts};
pub use static_bootstrap::{StaticBootstrapError, static_bootstrap};
