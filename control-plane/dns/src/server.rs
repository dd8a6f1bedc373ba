//! The server: one port, by UDP and by TCP.

mod places;
mod tcp;
mod udp;

use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::{TcpListener, UdpSocket};

use crate::answer::{Answer, Transport, answer};
use crate::counters::Counters;
use crate::zones::Zones;

/// Between tries where the system has no more of something, such as file descriptors.
const BREATH: Duration = Duration::from_millis(50);

/// How much clients may ask of the server.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// TCP connections at a time; more are closed at once.
    pub connections: usize,
    /// Of one address.
    pub connections_by_address: usize,
    /// How long a TCP connection may say nothing.
    pub idle: Duration,
    /// How long the rest of a message may take to come, and an answer to go.
    pub message: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            connections_by_address: 64,
            idle: Duration::from_secs(10),
            message: Duration::from_secs(5),
        }
    }
}

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("DNS port: cannot listen on {address} by {transport}: {source}")]
pub struct BindError {
    address: SocketAddr,
    transport: &'static str,
    source: io::Error,
}

/// A server that has its port.
#[derive(Debug)]
pub struct Server {
    udp: UdpSocket,
    tcp: TcpListener,
    address: SocketAddr,
    limits: Limits,
    shared: Arc<Shared>,
}

/// What answers are made of.
#[derive(Debug)]
struct Shared {
    zones: Arc<ArcSwap<Zones>>,
    counters: Arc<Counters>,
    turn: AtomicUsize,
}

impl Server {
    /// Takes the port, by UDP and TCP; port 0 chooses one that is free for both. What is answered is what `zones` holds at that
    /// moment.
    pub async fn bind(
        address: SocketAddr,
        zones: Arc<ArcSwap<Zones>>,
        limits: Limits,
    ) -> Result<Self, BindError> {
        let mut tries = if address.port() == 0 { 16 } else { 1 };
        let (udp, tcp) = loop {
            tries -= 1;
            match both(address).await {
                Ok(sockets) => break sockets,
                Err(error) if tries == 0 => return Err(error),
                Err(_) => {}
            }
        };
        let address = tcp.local_addr().map_err(|source| BindError {
            address,
            transport: "TCP",
            source,
        })?;
        Ok(Self {
            udp,
            tcp,
            address,
            limits,
            shared: Arc::new(Shared {
                zones,
                counters: Arc::default(),
                turn: AtomicUsize::new(0),
            }),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it counts.
    pub fn counters(&self) -> Arc<Counters> {
        self.shared.counters.clone()
    }

    /// Answers for ever; dropping this future closes everything.
    pub async fn serve(self) {
        tokio::join!(
            udp::serve(self.udp, self.shared.clone()),
            tcp::serve(self.tcp, self.limits, self.shared),
        );
    }
}

async fn both(address: SocketAddr) -> Result<(UdpSocket, TcpListener), BindError> {
    let failed = |address, transport| {
        move |source| BindError {
            address,
            transport,
            source,
        }
    };
    let tcp = TcpListener::bind(address)
        .await
        .map_err(failed(address, "TCP"))?;
    let same = tcp.local_addr().map_err(failed(address, "TCP"))?;
    let udp = UdpSocket::bind(same).await.map_err(failed(same, "UDP"))?;
    Ok((udp, tcp))
}

impl Shared {
    /// Answers one message. A defect costs one answer, not the server.
    fn answer(&self, packet: &[u8], transport: Transport) -> Option<Vec<u8>> {
        self.counters.came(transport);
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let zones = self.zones.load();
        match catch_unwind(AssertUnwindSafe(|| answer(packet, &zones, transport, turn))) {
            Ok(Some(Answer {
                bytes,
                code,
                truncated,
            })) => {
                self.counters.went(Some(code), truncated);
                Some(bytes)
            }
            Ok(None) => {
                self.counters.went(None, false);
                None
            }
            Err(_) => {
                self.counters.panicked();
                tracing::error!("a DNS message met a defect: it gets no answer");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
