//! What the test layers share: sample applications and clients, network namespaces, real Envoys.

pub mod bed;
pub mod golden;
pub mod loopback;
pub mod manifests;
pub mod netns;
pub mod note;
pub mod process;
pub mod programs;
pub use tulle_sample as sample;
pub mod sidecar;
pub mod static_envoy;
pub mod stats;
pub mod validate;
pub mod wire;
