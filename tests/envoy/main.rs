//! Real Envoys with redirected traffic in network namespaces: client, sidecar, rules, server.

mod faults;
mod gateway;
mod matching;
mod protocols;
mod table;
mod weights;
