//! The port, with room for all who come at once.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

/// Connections that may wait to be accepted; the kernel's `net.core.somaxconn` may allow less.
const BACKLOG: u32 = 4_096;

/// Listens for thousands of proxies that come in the same moment, as after a restart: whoever finds no room tries again a second
/// later, and the 128 places that a listener has otherwise are soon taken. Has to be called on a tokio runtime.
///
/// # Errors
/// The address cannot be bound.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // A port whose last holder has just ended can be taken.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::net::TcpStream;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn hundreds_may_wait_to_be_accepted() {
        for any in ["127.0.0.1:0", "[::1]:0"] {
            let listener = listen(any.parse().unwrap()).unwrap();
            let address = listener.local_addr().unwrap();
            let mut waiting = Vec::new();
            for _ in 0..400 {
                let connecting = TcpStream::connect(address);
                let connected = timeout(Duration::from_secs(20), connecting).await;
                waiting.push(connected.expect("there is room").unwrap());
            }
        }
    }
}
