//! Sample applications and clients for the traffic tests.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tulle_sample::{http_client, http_server, load, tcp};

mod walkthrough;

#[derive(Debug, Parser)]
enum Command {
    /// Serve HTTP/1.1, HTTP/2 and gRPC, and TCP where asked, until SIGTERM
    Serve {
        #[arg(long)]
        name: String,
        #[arg(long)]
        http: Vec<SocketAddr>,
        #[arg(long)]
        tcp: Vec<SocketAddr>,
        #[arg(long, default_value_t = 0)]
        fail_every: u64,
        #[arg(long, default_value_t = 0)]
        delay_ms: u64,
        /// On SIGTERM go on for so long before the listener is closed
        #[arg(long, default_value_t = 0)]
        linger_ms: u64,
    },
    /// Play a table of requests (JSON on stdin, answers on stdout)
    Play,
    /// Send a bounded load
    Load {
        /// Address or name, with port; the name is resolved once
        #[arg(long)]
        to: String,
        #[arg(long)]
        host: String,
        #[arg(long, default_value = "/")]
        path: String,
        #[arg(long, default_value_t = 4)]
        connections: u32,
        #[arg(long, default_value_t = 200)]
        rate: u32,
        #[arg(long)]
        seconds: f64,
    },
    /// Open TCP connections one after the other
    Tcp {
        #[arg(long)]
        to: SocketAddr,
        #[arg(long)]
        count: u32,
        #[arg(long, default_value_t = 0)]
        pause_ms: u64,
    },
    #[command(flatten)]
    Walkthrough(walkthrough::Command),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Serve {
            name,
            http,
            tcp: raw,
            fail_every,
            delay_ms,
            linger_ms,
        } => {
            let delay = Duration::from_millis(delay_ms);
            let stop = stop_after_sigterm(Duration::from_millis(linger_ms))?;
            let mut servers = tokio::task::JoinSet::new();
            for listen in http {
                let behaviour = http_server::Behaviour {
                    name: name.clone(),
                    fail_every,
                    delay,
                };
                servers.spawn(http_server::serve_until(listen, behaviour, stop.clone()));
            }
            for listen in raw {
                let (serve, mut stop) = (tcp::serve(listen, name.clone()), stop.clone());
                servers.spawn(async move {
                    tokio::select! {
                        ended = serve => ended,
                        Ok(_) = stop.wait_for(|stopped| *stopped) => Ok(()),
                    }
                });
            }
            while let Some(ended) = servers.join_next().await {
                ended??;
            }
        }
        Command::Play => {
            let calls = serde_json::from_reader(std::io::stdin())?;
            serde_json::to_writer(std::io::stdout(), &http_client::play(calls).await)?;
        }
        Command::Load {
            to,
            host,
            path,
            connections,
            rate,
            seconds,
        } => {
            // Bounded whatever the caller says.
            let duration = Duration::from_secs_f64(seconds.clamp(0.1, 900.0));
            let load = load::Load {
                to: resolve(&to).await?,
                host,
                path,
                connections: connections.clamp(1, 256),
                rate: rate.clamp(1, 5000),
                duration,
            };
            serde_json::to_writer(std::io::stdout(), &load::run(load).await)?;
        }
        Command::Tcp {
            to,
            count,
            pause_ms,
        } => {
            let outcome =
                tcp::connect(to, count.min(100_000), Duration::from_millis(pause_ms)).await;
            serde_json::to_writer(std::io::stdout(), &outcome)?;
        }
        Command::Walkthrough(command) => {
            command.run(stop_after_sigterm(Duration::ZERO)?).await?;
        }
    }
    Ok(())
}

/// Turns true some time after this process is asked to end.
fn stop_after_sigterm(linger: Duration) -> anyhow::Result<watch::Receiver<bool>> {
    let (sender, receiver) = watch::channel(false);
    let mut asked = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        asked.recv().await;
        tokio::time::sleep(linger).await;
        sender.send_replace(true);
    });
    Ok(receiver)
}

/// Names may not be known for a moment after their Service was made.
async fn resolve(to: &str) -> anyhow::Result<SocketAddr> {
    let end = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let found = tokio::net::lookup_host(to).await;
        match found.map(|mut all| all.find(SocketAddr::is_ipv4)) {
            Ok(Some(address)) => return Ok(address),
            _ if tokio::time::Instant::now() < end => {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            Ok(None) => anyhow::bail!("{to} has no address"),
            Err(error) => return Err(error).context(format!("resolving {to}")),
        }
    }
}
