//! The applications of the walkthroughs: what they are told, they are told by their environment.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use clap::Subcommand;
use http::StatusCode;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tulle_sample::{color, front, sds, server, store};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Answer with a colour; gRPC services of the walkthroughs are answered too
    Color {
        #[arg(long, env = "COLOR")]
        color: String,
        /// Ports, separated by commas; where there are several, the answer tells which
        #[arg(long, env = "PORT", value_delimiter = ',', default_value = "8080")]
        port: Vec<u16>,
        /// Address to listen at
        #[arg(long, env = "LISTEN", default_value = "0.0.0.0")]
        listen: std::net::IpAddr,
        #[arg(long, env = "DELAY_MS", default_value_t = 0)]
        delay_ms: u64,
        /// So many of a hundred requests fail
        #[arg(long, env = "FAIL_PERCENT", default_value_t = 0)]
        fail_percent: u64,
        #[arg(long, env = "FAIL_STATUS", default_value_t = 503)]
        fail_status: u16,
    },
    /// Pass every request on, and answer what was answered
    Front {
        /// Whom to ask, with port
        #[arg(long, env = "COLOR_HOST")]
        color_host: Option<String>,
        /// Whom to ask by the first part of the path: `blue=HOST:PORT,red=HOST:PORT`
        #[arg(long, env = "TARGETS", value_delimiter = ',')]
        targets: Vec<String>,
        /// Ask by HTTP/2 with prior knowledge
        #[arg(long, env = "HTTP2", default_value_t = false)]
        http2: bool,
        #[arg(long, env = "PORT", default_value_t = 8080)]
        port: u16,
    },
    /// Count, asked in lines over TCP
    Store {
        #[arg(long, env = "PORT")]
        port: u16,
    },
    /// Answer `/api/...` from a database and a cache
    ApplicationServer {
        #[arg(long, env = "DATABASE_HOST")]
        database_host: String,
        #[arg(long, env = "CACHE_HOST")]
        cache_host: String,
        #[arg(long, env = "VERSION", default_value = "1")]
        app_version: String,
        #[arg(long, env = "PORT", default_value_t = 4567)]
        port: u16,
    },
    /// Hand out certificates on a Unix socket, as a SPIRE agent does
    Sds {
        #[arg(long, env = "SOCKET")]
        socket: PathBuf,
        #[arg(long, env = "TRUST_DOMAIN")]
        trust_domain: String,
        /// Paths of the identities that are registered from the beginning
        #[arg(long, env = "ENTRIES", value_delimiter = ',')]
        entries: Vec<String>,
        /// Where `/register/PATH` is served
        #[arg(long, env = "PORT", default_value_t = 8080)]
        port: u16,
    },
}

fn every(port: u16) -> SocketAddr {
    SocketAddr::from(([0, 0, 0, 0], port))
}

impl Command {
    /// Serves until `stop` turns true.
    pub(crate) async fn run(self, stop: watch::Receiver<bool>) -> anyhow::Result<()> {
        match self {
            Self::Color {
                color,
                port,
                listen,
                delay_ms,
                fail_percent,
                fail_status,
            } => {
                let application = Arc::new(color::Application {
                    color: Mutex::new(color),
                    delay: Duration::from_millis(delay_ms),
                    failing: AtomicU64::new(fail_percent),
                    fail_status: StatusCode::from_u16(fail_status).context("FAIL_STATUS")?,
                    tell_port: port.len() > 1,
                });
                let mut ports = JoinSet::new();
                for port in port {
                    let listen = SocketAddr::new(listen, port);
                    ports.spawn(color::serve_until(
                        listen,
                        application.clone(),
                        stop.clone(),
                    ));
                }
                while let Some(ended) = ports.join_next().await {
                    ended??;
                }
                Ok(())
            }
            Self::Front {
                color_host,
                targets,
                http2,
                port,
            } => {
                let named = targets.iter().map(|target| {
                    let (part, host) = target.split_once('=').context("TARGETS: no `=`")?;
                    anyhow::Ok((part.to_owned(), host.to_owned()))
                });
                let targets = Arc::new(front::Targets {
                    by_path: named.collect::<anyhow::Result<_>>()?,
                    default: color_host,
                    http2,
                });
                front::serve_until(every(port), targets, stop).await
            }
            Self::Store { port } => {
                let mut stop = stop;
                tokio::select! {
                    ended = store::serve(every(port)) => ended,
                    Ok(_) = stop.wait_for(|stopped| *stopped) => Ok(()),
                }
            }
            Self::ApplicationServer {
                database_host,
                cache_host,
                app_version,
                port,
            } => {
                let application = Arc::new(store::ApplicationServer {
                    database: database_host,
                    cache: cache_host,
                    version: app_version,
                });
                store::serve_application(every(port), application, stop).await
            }
            Self::Sds {
                socket,
                trust_domain,
                entries,
                port,
            } => {
                let agent = Arc::new(sds::Agent::new(&trust_domain, &entries)?);
                let administrator = agent.clone();
                let control = server::serve_until(every(port), stop.clone(), move |request| {
                    sds::administer(request, administrator.clone())
                });
                tokio::try_join!(control, sds::serve_until(&socket, agent, stop)).map(drop)
            }
        }
    }
}
