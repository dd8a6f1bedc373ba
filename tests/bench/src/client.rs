//! Simulated proxies: thousands in a process of its own, each with its connection, its token and what it holds.
//!
//! A proxy does as Envoy does. It subscribes to all clusters and all listeners, to endpoints by the names that clusters give
//! and to routes by the names that listeners give, acknowledges each response by its nonce, and after a reconnect says which
//! versions it holds. Of a resource it keeps the name and the version, never the body.

mod answer;
mod connect;
mod driver;
mod end;
mod fleet;
mod marks;
mod names;
mod process;
mod protocol;
mod proxy;
mod session;
mod take;

pub use answer::{Completion, Count, Others, Report, Seen, Wire};
pub use driver::Driver;
pub use process::{Args, run};
pub use protocol::{Command, Fleet, Stuck, Tls, Transport, Watch, WatchId, With};
pub use take::{RecordArgs, record};

pub use crate::lines::Launch;
pub use crate::wire::Kind;

#[cfg(test)]
mod tests;
