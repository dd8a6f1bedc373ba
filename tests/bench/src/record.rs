//! What is measured, and how it is told: to people as a table, to machines as JSON, to readers as a plot.

mod digest;
mod plot;
mod process;
mod quantile;
mod result;
mod table;

pub use digest::digest;
pub use plot::{Bar, Group, Plot};
pub use process::{Process, ProcessError, Sample, Usage};
pub use quantile::{Quantiles, Spread, median, quantile};
pub(crate) use result::digits;
pub use result::{Figure, Machine, Record, Row, Run, Stack, Unit};
pub use table::table;
