//! What is put beside an application: the files an Envoy starts from ([`bootstrap`]), the rules that lead traffic into it
//! ([`capture`]), and the containers of a pod ([`inject`]), as the API server asks for them ([`webhook`]).
//!
//! In: who the proxy is, where the control plane is, what must not be redirected, pods. Out: files, nftables rules, patches.
//! It must never know what the proxy will be configured to do: that comes over xDS.

pub mod bootstrap;
pub mod capture;
pub mod inject;
pub mod webhook;

pub use bootstrap::{BootstrapError, BootstrapFiles, BootstrapSpec};
pub use capture::{CaptureError, CaptureSpec, Cidr, Nft};
