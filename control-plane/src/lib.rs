//! The `tulle` program: the wiring of the rooms, the command line and the demo.
//!
//! Duty: read arguments, start what they ask for, carry values from room to room. Comes in: arguments,
//! files, signals. Goes out: a running control plane, files for Envoy, compiled config. Must never:
//! decide what a field means; each such decision has a room.

pub mod analyze;
pub mod cli;
pub mod config;
pub mod demo;
pub mod engine;
mod envoy_binary;
pub mod migrate;
pub mod offline;
pub mod translate;
pub mod wire;
