//! What is put beside an application: the files an Envoy starts from ([`bootstrap`]) and the rules that lead traffic into it
//! ([`capture`]).
//!
//! In: who the proxy is, where the control plane is, what must not be redirected. Out: files, nftables rules.
//! It must never know what the proxy will be configured to do: that comes over xDS.

pub mod bootstrap;
pub mod capture;

pub use bootstrap::{BootstrapError, BootstrapFiles, BootstrapSpec};
pub use capture::{CaptureError, CaptureSpec, Cidr, Nft};
