//! Real Envoys with redirected traffic in network namespaces: client, sidecar, rules, server.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod bootstrap;
mod capture;
mod demo;
mod faults;
mod formats;
mod gateway;
mod health;
mod matching;
mod mtls;
mod pools;
mod probes;
mod protocols;
mod table;
mod tls;
mod weights;
