//! Sample applications and clients for the traffic tests.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use tulle_tests::sample::{http_client, http_server, load, tcp};

#[derive(Debug, Parser)]
enum Command {
    /// Serve HTTP/1.1, HTTP/2 and gRPC, and TCP where asked
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
    },
    /// Play a table of requests (JSON on stdin, answers on stdout)
    Play,
    /// Send a bounded load
    Load {
        #[arg(long)]
        to: SocketAddr,
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
        } => {
            let delay = Duration::from_millis(delay_ms);
            let mut servers = tokio::task::JoinSet::new();
            for listen in http {
                let behaviour = http_server::Behaviour {
                    name: name.clone(),
                    fail_every,
                    delay,
                };
                servers.spawn(http_server::serve(listen, behaviour));
            }
            for listen in raw {
                servers.spawn(tcp::serve(listen, name.clone()));
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
                to,
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
    }
    Ok(())
}
