//! The raw floor: frames to sockets, nothing read.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::server::Server;

/// Greets a connection with everything, and then writes what there is to say until it ends.
pub(super) async fn serve(
    server: &Server,
    greeting: bytes::Bytes,
    io: impl AsyncRead + AsyncWrite,
) -> std::io::Result<()> {
    let (mut reads, mut writes) = tokio::io::split(io);
    let place = server.enter(false);
    writes.write_all(&greeting).await?;
    writes.flush().await?;
    let mut ignored = [0; 16];
    loop {
        tokio::select! {
            update = place.next() => {
                writes.write_all(&update).await?;
                writes.flush().await?;
            }
            read = reads.read(&mut ignored) => if read? == 0 {
                return Ok(());
            },
        }
    }
}
