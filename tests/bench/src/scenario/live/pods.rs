//! Pods without a kubelet: servers on addresses of their own, each of which ends when it is told to.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::clock::{self, Nanos};
use crate::data::PORT;
use crate::stack::Space;

/// How long an application works on a request.
const WORK: Duration = Duration::from_millis(2);
/// More than a request's head.
const HEAD: usize = 16 * 1024;
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// One pod. When this is dropped its sockets are closed, as those of a process that is killed.
pub(super) struct Pod {
    /// When the last request came.
    asked: Arc<AtomicU64>,
    _servers: JoinSet<()>,
}

impl Pod {
    /// It serves on this address in every space.
    pub(super) fn start(address: Ipv4Addr, spaces: &[Arc<Space>]) -> anyhow::Result<Self> {
        let asked = Arc::new(AtomicU64::new(0));
        let mut servers = JoinSet::new();
        for space in spaces {
            let listener = space.listen(SocketAddr::from((address, PORT)))?;
            servers.spawn(accept(listener, asked.clone()));
        }
        Ok(Self {
            asked,
            _servers: servers,
        })
    }

    /// When the last request came; 0 if none has.
    pub(super) fn asked(&self) -> Nanos {
        self.asked.load(Relaxed)
    }
}

async fn accept(listener: TcpListener, asked: Arc<AtomicU64>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        connections.spawn(serve(stream, asked.clone()));
        while connections.try_join_next().is_some() {}
    }
}

/// Answers every request of a connection; none has a body.
async fn serve(mut stream: TcpStream, asked: Arc<AtomicU64>) {
    let mut buffer = Vec::with_capacity(HEAD);
    loop {
        match buffer.windows(4).position(|end| end == b"\r\n\r\n") {
            Some(end) => {
                asked.store(clock::now(), Relaxed);
                buffer.drain(..end + 4);
                tokio::time::sleep(WORK).await;
                if stream.write_all(ANSWER).await.is_err() {
                    return;
                }
            }
            None => match stream.read_buf(&mut buffer).await {
                Ok(read) if read > 0 && buffer.len() < HEAD => {}
                _ => return,
            },
        }
    }
}

/// All that run, by address.
pub(super) type Pods = BTreeMap<Ipv4Addr, Pod>;
