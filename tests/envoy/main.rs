//! Real Envoys with redirected traffic in network namespaces: client, sidecar, rules, server.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod bootstrap;
mod capture;
mod demo;
mod extras;
mod faults;
mod formats;
mod gateway;
mod health;
mod host_aliases;
mod matching;
mod mtls;
mod pools;
mod probes;
mod protocols;
mod rate_limit;
mod table;
mod tls;
mod websocket;
mod weights;
