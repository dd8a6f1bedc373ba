//! The physical limit: servers that do the least that any server could, for the same client in the same run.
//!
//! The ADS floor gives every stream the same bytes, encoded once, and knows of a stream only that it is there; the raw floor
//! writes frames to sockets and reads nothing. Their TLS and HTTP/2 parameters are those of Tulle's xDS port. Their data is
//! a dump ([`crate::wire::dump`]) that was taken from a control plane, so that floor and control plane serve the same bytes.

mod driver;
mod frames;
mod process;
mod protocol;
mod raw;
mod server;
mod tls;

#[cfg(test)]
pub(crate) use process::Listening;
#[cfg(test)]
pub(crate) use server::Server;

pub use driver::Driver;
pub use process::{Args, run};
pub use protocol::{Command, Event, Floor, Ready, Speaks};
