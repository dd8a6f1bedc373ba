//! The xDS server: delta and state-of-the-world ADS over opaque, named, versioned bytes.
//!
//! In come encoded resources, by scope ([`Store`]), and streams of proven callers ([`Server`], [`Authenticator`]). Out go
//! responses, as shared bytes that are encoded once for all streams, and a feed of what clients accepted, rejected and
//! wait for ([`Feed`]). A session is a synchronous state machine (`session`); everything that touches a socket or a clock
//! is in `server`.
//!
//! It must never know what a cluster is: order, make before break, touching and lingering all follow from data that comes
//! with the types and the resources. It must never know the mesh model or Kubernetes, and it must never believe a word
//! that a client says about who it is.

mod auth;
mod contents;
mod feed;
mod frame;
mod hints;
mod layer;
mod pool;
mod quarantine;
mod resource;
mod scope;
mod server;
mod session;
mod snapshot;
mod store;
mod type_url;
mod wire;

pub use auth::{Authenticator, Caller, Denied, Role};
pub use contents::Change;
pub use feed::{Event, Feed, StreamId};
pub use layer::Layer;
pub use resource::{Resource, ResourceKey};
pub use scope::Scope;
pub use server::{Counters, PEER_REPORT, PeerCalls, Server, ServerSettings, listen};
pub use session::{HoldView, NackView, SessionSettings, TypeView, Variant};
pub use snapshot::{Snapshot, StreamView};
pub use store::Store;
pub use type_url::{Collection, TypeSpec, TypeTable, TypeUrl};
