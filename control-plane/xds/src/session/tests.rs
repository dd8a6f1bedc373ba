//! The rules of the protocol, each as a test of the state machine; in both variants where it applies.

mod bench;
mod bisect;
mod harness;
mod hold;
mod model;
mod nack;
mod order;
mod quarantine;
mod reconnect;
mod removal;
mod report;
mod settle;
mod sotw;
mod subscribe;
mod touch;
mod wildcard;
