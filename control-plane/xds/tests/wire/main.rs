//! The server over real TLS and HTTP/2, against a client made by hand.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod auth;
mod bed;
mod client;
mod drain;
mod http;
mod limits;
mod own;
mod peer;
mod serve;
mod tls;
