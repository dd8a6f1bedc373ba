//! Cases on a real cluster, as `tests/run cluster` runs them.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod admission;
mod analyze;
mod attacks;
mod bed;
mod dns;
mod footprint;
mod goldens;
mod injection;
mod install;
mod leaks;
mod mtls;
mod named_secrets;
mod outage;
mod rare;
mod rbac;
mod rollout;
mod scene;
mod story;
mod walkthrough;
mod xds;
