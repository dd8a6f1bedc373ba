//! The xDS server against clients that others wrote.

mod denied;
mod grpc_core;
mod real_envoy;
