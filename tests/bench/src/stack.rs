//! The processes that are measured and those that they need: an API server with etcd behind it ([`ApiServer`]), and the
//! control planes that read from it ([`Stack`]).
//!
//! Every process is tied to the bench: it ends, at the latest, when the bench does ([`Program`]). All of them listen on loopback
//! only; what they write lies below one folder.

mod api;
mod api_server;
mod envoy;
mod http;
mod istiod;
mod load;
mod memory_limit;
mod pki;
mod ports;
mod process;
mod space;
mod tokens;
mod tulle;

pub use api::Api;
pub use api_server::ApiServer;
pub use envoy::{Envoy, EnvoyOptions};
pub use http::page;
pub use istiod::{ISTIO_NAMESPACE, ISTIOD_SERVER_NAME, Istiod, IstiodOptions, Profile};
pub use load::{load, remove};
pub use memory_limit::MemoryLimit;
pub use ports::free_port;
pub use process::{Program, tie};
pub use space::Space;
pub use tokens::{TOKENS_LAST, tokens};
pub use tulle::{SYSTEM_NAMESPACE, TULLE_SERVER_NAME, Tulle, TulleOptions};
