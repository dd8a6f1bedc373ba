//! Real Envoys with redirected traffic in network namespaces: client, sidecar, rules, server.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod bootstrap;
mod capture;
mod demo;
mod faults;
mod gateway;
mod matching;
mod mtls;
mod probes;
mod protocols;
mod table;
mod weights;
