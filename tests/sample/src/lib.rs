//! Applications and clients for traffic tests, run as processes of their own inside a network namespace, or in pods.

pub mod color;
pub mod front;
pub mod grpc;
pub mod http_client;
pub mod http_server;
pub mod load;
pub mod sds;
pub mod server;
pub mod store;
pub mod tcp;
