//! A real single-node Kubernetes on one machine, and the framework in which cases on it are written.
//!
//! In come the programs that `tests/run` has built or installed; out comes a cluster in namespaces of its own (network, mounts,
//! processes), with Tulle installed by its own chart. Everything it writes is below one folder ([`run::Run`]), but for a lock
//! beside it while it is brought up or taken down, which one process at a time may do ([`claim`]); the machine's network, its
//! `/run` and `/var` are never touched, and one kernel limit is put back ([`limits`]). [`lifecycle`] brings it up and takes it
//! down, [`node`] is what runs inside, [`case`] is what a test holds in its hands.

pub mod addons;
pub mod case;
pub mod certs;
pub mod cgroups;
pub mod claim;
pub mod command;
pub mod files;
pub mod forward;
pub mod images;
pub mod kubectl;
pub mod lifecycle;
pub mod limits;
pub mod load;
pub mod manifests;
pub mod network;
pub mod node;
pub mod note;
pub mod parts;
pub mod run;
pub mod tools;
pub mod tulle;
