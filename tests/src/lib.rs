//! What the test layers share: sample applications and clients, network namespaces, real Envoys.

pub mod bed;
pub mod built;
mod captured;
pub mod golden;
pub mod loadable;
pub mod loopback;
pub mod manifests;
pub mod netns;
pub mod note;
pub mod places;
pub mod process;
pub mod programs;
pub mod schema;
pub use tulle_sample as sample;
pub mod sidecar;
pub mod static_envoy;
pub mod stats;
pub mod validate;
pub mod wire;
