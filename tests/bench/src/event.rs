//! The event source: a process of its own that changes what is in the API server, and tells when the API server acknowledged it.

mod driver;
mod process;
mod protocol;
mod write;

pub use driver::Driver;
pub use process::{Args, run};
pub use protocol::{Change, Command, Noise, Written};
