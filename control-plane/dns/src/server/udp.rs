//! Questions by UDP: each is answered where it is read, as an answer waits for nothing.

use std::sync::Arc;

use tokio::net::UdpSocket;

use super::{BREATH, Shared};
use crate::answer::Transport;

/// Longer packets are no questions.
const LONGEST: usize = 4096;

pub(super) async fn serve(socket: UdpSocket, shared: Arc<Shared>) {
    let mut buffer = vec![0; LONGEST];
    loop {
        let (length, peer) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                tracing::debug!(%error, "DNS by UDP: nothing was received");
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        if let Some(bytes) = shared.answer(&buffer[..length], Transport::Udp) {
            // Whoever cannot be reached asks again.
            if let Err(error) = socket.send_to(&bytes, peer).await {
                tracing::debug!(%error, %peer, "DNS by UDP: an answer was not sent");
            }
        }
    }
}
