//! A small authoritative DNS server: the names of a mesh that the cluster's DNS does not know.
//!
//! Duty: answer questions about a few zones over UDP and TCP, and nothing else. Comes in: a [`ZoneData`], a plain list of zones
//! and of names with their addresses, made into [`Zones`] that are exchanged as a whole. Goes out: A and AAAA records, SOA and
//! NS of each zone, and the two kinds of "no" that resolvers tell apart (the name does not exist; it has no record of that
//! type). Must never: ask anybody else, answer for a name outside its zones with anything but REFUSED, hand a zone over, wait
//! for anything while it answers, hold more connections than it was allowed, or know why a name has its addresses.
//!
//! Rules: RFC 1034 and 1035, RFC 2308 (negative answers), RFC 6891 (EDNS), RFC 7766 (TCP), RFC 8020 (what lies below a name),
//! RFC 8482 (queries for ANY).

mod answer;
mod counters;
mod server;
#[cfg(test)]
mod testing;
mod zones;

pub use counters::{Counters, Counts};
pub use server::{BindError, Limits, Server};
pub use zones::{MOST_ADDRESSES, TTL, ZoneData, Zones};
