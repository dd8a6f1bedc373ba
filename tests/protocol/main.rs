//! The xDS server against clients that others wrote.

mod grpc_core;
