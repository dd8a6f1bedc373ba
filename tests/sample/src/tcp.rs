//! A server that speaks first, as databases do, and its client.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// Greets with its name, then sends back every byte. Serves until the process ends.
pub async fn serve(listen: SocketAddr, name: String) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        let name = name.clone();
        tokio::spawn(async move {
            if stream
                .write_all(format!("{name}\n").as_bytes())
                .await
                .is_ok()
            {
                let (mut reader, mut writer) = stream.split();
                let _ = tokio::io::copy(&mut reader, &mut writer).await;
            }
        });
    }
}

/// What came of a number of connections.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// Connections tried.
    pub connections: u64,
    /// Connections without a greeting and a right echo.
    pub lost: u64,
    /// Connections by the server that greeted.
    pub answers: BTreeMap<String, u64>,
    /// The longest wait for a greeting, in milliseconds.
    pub slowest_ms: u64,
}

/// Opens `count` connections one after the other, `pause` apart.
pub async fn connect(to: SocketAddr, count: u32, pause: Duration) -> Outcome {
    let mut outcome = Outcome::default();
    for _ in 0..count {
        outcome.connections += 1;
        let started = Instant::now();
        match tokio::time::timeout(Duration::from_secs(20), one(to)).await {
            Ok(Ok(name)) => *outcome.answers.entry(name).or_default() += 1,
            _ => outcome.lost += 1,
        }
        outcome.slowest_ms = outcome.slowest_ms.max(started.elapsed().as_millis() as u64);
        tokio::time::sleep(pause).await;
    }
    outcome
}

async fn one(to: SocketAddr) -> anyhow::Result<String> {
    let mut stream = BufReader::new(TcpStream::connect(to).await?);
    let mut greeting = String::new();
    stream.read_line(&mut greeting).await?;
    anyhow::ensure!(greeting.ends_with('\n'), "closed without a greeting");
    stream.write_all(b"ping").await?;
    let mut echo = [0; 4];
    stream.read_exact(&mut echo).await?;
    anyhow::ensure!(&echo == b"ping", "wrong echo");
    Ok(greeting.trim_end().to_owned())
}
