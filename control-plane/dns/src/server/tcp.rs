//! Questions by TCP: a message after its length, one after the other (RFC 7766).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::places::Places;
use super::{BREATH, Limits, Shared};
use crate::answer::Transport;

/// Longer messages are no questions.
const LONGEST: usize = 4096;

pub(super) async fn serve(listener: TcpListener, limits: Limits, shared: Arc<Shared>) {
    let places = Places::new(limits.connections, limits.connections_by_address);
    // With it the connections end when this future is dropped.
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "DNS by TCP: no connection was accepted");
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        let Some(place) = places.take(peer.ip()) else {
            shared.counters.connection_refused();
            continue;
        };
        let shared = shared.clone();
        connections.spawn(async move {
            let _place = place;
            if let Err(error) = converse(stream, peer, limits, &shared).await {
                tracing::debug!(%error, %peer, "DNS by TCP: a connection ended");
            }
        });
    }
}

/// Answers until the client closes, says nothing for too long, or says what is no question.
async fn converse(
    mut stream: TcpStream,
    peer: SocketAddr,
    limits: Limits,
    shared: &Shared,
) -> io::Result<()> {
    let mut buffer = vec![0; LONGEST];
    loop {
        let first = match in_time(limits.idle, stream.read_u8()).await {
            Ok(first) => first,
            // Both are how a conversation ends.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => return Ok(()),
            Err(error) => return Err(error),
        };
        let rest = async {
            let second = stream.read_u8().await?;
            let length = usize::from(u16::from_be_bytes([first, second]));
            let Some(message) = buffer.get_mut(..length) else {
                return Err(io::Error::other(format!("a message of {length} bytes")));
            };
            stream.read_exact(message).await?;
            Ok(length)
        };
        let length = in_time(limits.message, rest).await?;
        let Some(bytes) = shared.answer(&buffer[..length], Transport::Tcp) else {
            return Err(io::Error::other(format!("{peer} sent no question")));
        };
        let Ok(length) = u16::try_from(bytes.len()) else {
            return Err(io::Error::other("an answer that is too long"));
        };
        // In one piece, so that it goes in one packet.
        let mut message = Vec::with_capacity(bytes.len() + 2);
        message.extend_from_slice(&length.to_be_bytes());
        message.extend_from_slice(&bytes);
        in_time(limits.message, stream.write_all(&message)).await?;
    }
}

async fn in_time<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(limit, work)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
