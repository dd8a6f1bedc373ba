//! Envoy's configuration language, in one place: the only crate of the workspace that names `envoy-types`.
//!
//! Duty: the typed messages ([`pb`] and short names for the packages that are used all day), packing into [`Any`], and a JSON view
//! of them ([`json`]) with which people read what was sent, and in which Envoy reads a bootstrap.
//! In: prost messages, or JSON as Envoy accepts it. Out: the same in the other form, always in the same order.
//! It must never know Kubernetes or the model: it decides nothing.

pub mod json;

pub use envoy_types;
pub use envoy_types::pb;
pub use json::{JsonError, any_to_json, from_json, from_yaml, message_to_json, to_json, to_yaml};
pub use prost;

/// `google.protobuf.Any`, as every Envoy message holds its extensions.
pub use pb::google::protobuf::Any;

// Short names: the version is part of the name in Envoy, and v3 is the only one there is.
pub use pb::envoy::config::{
    accesslog::v3 as accesslog, bootstrap::v3 as bootstrap, cluster::v3 as cluster,
    core::v3 as core, endpoint::v3 as endpoint, listener::v3 as listener, route::v3 as route,
};
pub use pb::envoy::extensions::filters::network::http_connection_manager::v3 as http_connection_manager;
pub use pb::envoy::extensions::transport_sockets::tls::v3 as tls;
pub use pb::envoy::extensions::upstreams::http::v3 as upstream_http;
pub use pb::envoy::service::discovery::v3 as discovery;
pub use pb::envoy::r#type::matcher::v3 as matcher;
pub use pb::google::protobuf;

/// The runtime key that says how large Envoy lets the program of a regular expression be.
pub const RE2_PROGRAM_SIZE_KEY: &str = "re2.max_program_size.error_level";

/// The largest RE2 program, in instructions, that Envoy is told to take, under [`RE2_PROGRAM_SIZE_KEY`];
/// its own default of 100 refuses expressions such as `[a-z]{3,40}`.
///
/// Every bootstrap sets it, and no expression that is sent to a proxy may be larger: Envoy would refuse
/// the whole resource. RE2's memory for programs ends at a few times as many.
pub const RE2_PROGRAM_SIZE: u32 = 32_768;

/// Packs a message with the type URL of its own name (`type.googleapis.com/<full name>`).
pub fn any<M: prost::Name>(message: &M) -> Any {
    Any {
        type_url: M::type_url(),
        value: message.encode_to_vec(),
    }
}
