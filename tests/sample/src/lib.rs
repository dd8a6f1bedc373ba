//! Applications and clients for traffic tests, run as processes of their own inside a network namespace.

pub mod http_client;
pub mod http_server;
pub mod load;
pub mod tcp;
