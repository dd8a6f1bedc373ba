//! The process kit: what every long-running part of Tulle needs and none of them should write again.
//!
//! Duty: mailboxes between tasks ([`mailbox`]), logs ([`logging`]), readiness ([`readiness`]), orderly end ([`drain`]), metrics
//! ([`metrics`]), the admin port ([`admin`]) and which of several replicas leads ([`lease`]). In: names and closures of the other
//! rooms. Out: a process that an operator can watch and stop. It must never know what the program is about: no mesh, no xDS, and
//! of Kubernetes the Lease alone.

pub mod admin;
pub mod drain;
pub mod lease;
pub mod logging;
pub mod mailbox;
pub mod metrics;
pub mod readiness;
