//! The rules of the link, one file a rule, and the incremental index against its oracle.

mod aliases;
mod backends;
mod clusters;
mod endpoints;
mod gateways;
mod host_aliases;
pub(crate) mod make;
mod mesh;
mod mirrors;
mod mtls;
mod names;
mod outbound;
mod property;
mod routers;
mod scale;
mod shared;
mod tls;
mod world;
