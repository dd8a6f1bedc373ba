//! The neutral mesh: what the dialects write and what the compiler reads.
//!
//! Duty: plain values with names of their own — ids, fragments (one user's object in neutral words,
//! references unresolved), the linked mesh (references resolved), findings — and what the values mean
//! that every side has to understand alike: regular expressions ([`re2`]). Comes in: values, and the
//! texts of expressions. Goes out: types that compare, order and hash, so that every hop can stop at
//! "equal". Must never: know a dialect, Envoy's types, Kubernetes' client, tonic or tokio.

pub mod capture;
pub mod codes;
pub mod endpoint;
pub mod extras;
pub mod finding;
pub mod fragment;
pub mod hash;
pub mod id;
mod interned;
pub mod linked;
pub mod logging;
pub mod matching;
pub mod policy;
mod pool;
pub mod re2;
pub mod selector;
pub mod settings;
pub mod tls;
pub mod traffic;

pub use capture::{Capture, LoopbackBlock, LoopbackBlockError};
pub use codes::Code;
pub use finding::{Finding, Severity};
pub use id::{Name, ObjectId, ProxyId, ProxyKind, Str, spiffe_id};
pub use interned::Interned;
