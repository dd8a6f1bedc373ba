//! The floor process from inside: listens, and takes commands.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::frames::Frames;
use super::protocol::{Command, Ready, Speaks};
use super::server::Server;
use super::{raw, tls};
use crate::lines::{Commands, Reply, WorkerArgs, answer};
use crate::wire::dump::{self, Resource};

/// Arguments of `tulle-bench floor`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    worker: WorkerArgs,
    /// The resources to serve
    #[arg(long)]
    dump: PathBuf,
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// What to speak
    #[arg(long, value_enum, default_value = "ads")]
    speaks: Speaks,
    /// Speak TLS, and write the certificate of the authority to this file
    #[arg(long)]
    tls: Option<PathBuf>,
}

/// Runs the floor to the end of its input.
///
/// # Errors
/// Where the dump cannot be read or the address is taken.
pub fn run(args: &Args) -> anyhow::Result<()> {
    args.worker.run(async {
        let resources = dump::read(&args.dump)?;
        let floor = Listening::new(resources, args.speaks, args.listen, args.tls.as_deref())?;
        answer(&Reply::Ok(floor.ready()?))?;
        let server = floor.server.clone();
        // ends with the runtime
        tokio::spawn(floor.accept());
        let mut commands = Commands::default();
        while let Some(command) = commands.next().await? {
            answer(&match obey(&server, &command) {
                Ok(value) => Reply::Ok(value),
                Err(error) => Reply::Error(format!("{error:#}")),
            })?;
        }
        Ok(())
    })
}

fn obey(server: &Server, command: &Command) -> anyhow::Result<Value> {
    Ok(match command {
        Command::Event(event) => server
            .event(event)
            .with_context(|| format!("no resource '{}' of that type", event.name))?
            .into(),
        Command::Streams => server.streams().into(),
    })
}

/// A floor with its listener.
pub(crate) struct Listening {
    pub(crate) server: Arc<Server>,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    /// What a raw floor says first.
    greeting: Option<bytes::Bytes>,
}

impl Listening {
    pub(crate) fn new(
        resources: Vec<Resource>,
        speaks: Speaks,
        listen: SocketAddr,
        ca: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let frames = Frames::new(resources);
        let raw = speaks == Speaks::Raw;
        let greeting = raw.then(|| frames.greeting());
        let tls = ca.map(|ca| tls::config(ca, !raw)).transpose()?;
        Ok(Self {
            server: Arc::new(Server::new(frames)),
            listener: room_for_all(listen).with_context(|| listen.to_string())?,
            tls: tls.map(TlsAcceptor::from),
            greeting,
        })
    }

    pub(crate) fn ready(&self) -> std::io::Result<Ready> {
        let (resources, resource_bytes) = self.server.frames.size();
        Ok(Ready {
            address: self.listener.local_addr()?,
            resources,
            resource_bytes,
        })
    }

    pub(crate) async fn accept(self) {
        loop {
            let Ok((tcp, _)) = self.listener.accept().await else {
                // most often there are no more file descriptors
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let (server, tls, greeting) =
                (self.server.clone(), self.tls.clone(), self.greeting.clone());
            tokio::spawn(async move {
                // a client that goes away is no news
                let _ = connection(&server, tls, greeting, tcp).await;
            });
        }
    }
}

/// Listens with room for as many who come at once as Tulle has.
fn room_for_all(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(4_096)
}

async fn connection(
    server: &Server,
    tls: Option<TlsAcceptor>,
    greeting: Option<bytes::Bytes>,
    tcp: TcpStream,
) -> anyhow::Result<()> {
    tcp.set_nodelay(true)?;
    match tls {
        Some(tls) => speak(server, greeting, tls.accept(tcp).await?).await,
        None => speak(server, greeting, tcp).await,
    }
}

async fn speak(
    server: &Server,
    greeting: Option<bytes::Bytes>,
    io: impl AsyncRead + AsyncWrite + Unpin,
) -> anyhow::Result<()> {
    match greeting {
        Some(greeting) => raw::serve(server, greeting, io).await?,
        None => server.serve(io).await?,
    }
    Ok(())
}
