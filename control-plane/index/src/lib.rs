//! The only join: fragments in, the linked mesh out.
//!
//! Duty: follow references, decide membership, precedence and conflicts, apply defaults, and say exactly
//! what a batch of changes changed. Comes in: what the dialects made of each object
//! ([`Translated`](tulle_model::fragment::Translated)), one batch at a time. Goes out: a
//! [`ProxyView`](tulle_model::linked::ProxyView) for each workload and gateway, endpoint sets on a lane
//! of their own, findings, and a [`Delta`] that names what differs. Must never: encode, know Envoy, wait,
//! read a clock, or depend on the order in which objects arrive.
//!
//! How: values are computed in fixed stages (`key::Node`); while one is computed, everything it looks
//! up goes through `reader::Reader`, which registers it as a dependency, misses included. A change makes
//! dirty what looked it up; what comes out equal stops there. [`build_all`] is the same without a past, and
//! the tests hold the two against each other.

mod alias;
mod backends;
mod clusters;
mod delta;
mod discovery;
mod endpoints;
mod engine;
mod facts;
mod few;
mod findings;
mod gateway;
mod group;
mod index;
mod key;
mod limits;
mod membership;
mod mtls;
mod names;
mod order;
mod outbound;
mod placement;
mod reader;
mod registry;
mod relations;
mod router;
mod service;
mod shared;
mod stages;
mod stats;
mod tls;
mod value;
mod view;

#[cfg(test)]
mod tests;

pub use delta::Delta;
pub use index::{Index, build_all};
pub use names::ServedNames;
pub use stats::Stats;
