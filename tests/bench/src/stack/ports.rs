//! Ports for the processes of the bench.

use std::net::{Ipv4Addr, TcpListener};

/// A port of loopback that nobody listened on a moment ago.
///
/// # Errors
/// There is none.
pub fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}
