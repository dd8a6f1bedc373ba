//! Behind the web: a store that counts, asked in lines over TCP, and the application server that asks it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use http::{Request, StatusCode};
use hyper::body::Incoming;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::front::resolve;
use crate::server::{self, Answer, text};

/// Serves `INCR key` and `GET key`, a line each, answered by a line `key number`. Serves until the process ends.
///
/// # Errors
/// The address cannot be listened at.
pub async fn serve(listen: SocketAddr) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    let counts: Arc<Mutex<BTreeMap<String, u64>>> = Arc::default();
    loop {
        let (stream, _) = listener.accept().await?;
        let counts = counts.clone();
        tokio::spawn(async move {
            let (reader, mut writer) = stream.into_split();
            let mut lines = BufReader::new(reader).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let reply = reply(&counts, &line);
                if writer.write_all(reply.as_bytes()).await.is_err() {
                    break;
                }
            }
        });
    }
}

fn reply(counts: &Mutex<BTreeMap<String, u64>>, line: &str) -> String {
    let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
    match line.split_once(' ') {
        Some(("INCR", key)) => {
            let count = counts.entry(key.to_owned()).or_default();
            *count += 1;
            format!("{key} {count}\n")
        }
        Some(("GET", key)) => format!("{key} {}\n", counts.get(key).unwrap_or(&0)),
        _ => "not understood\n".to_owned(),
    }
}

async fn ask(target: &str, question: &str) -> anyhow::Result<String> {
    let stream = TcpStream::connect(resolve(target).await?).await?;
    let mut stream = BufReader::new(stream);
    stream
        .write_all(format!("{question}\n").as_bytes())
        .await
        .context("asking")?;
    let mut line = String::new();
    stream.read_line(&mut line).await.context("reading")?;
    anyhow::ensure!(line.ends_with('\n'), "{target} closed without an answer");
    Ok(line.trim_end().to_owned())
}

/// The application server.
#[derive(Debug)]
pub struct ApplicationServer {
    /// `host:port` of the store that keeps votes.
    pub database: String,
    /// `host:port` of the store that counts views.
    pub cache: String,
    /// What it says of itself.
    pub version: String,
}

/// Serves `/api/vote/NAME`, `/api/votes/NAME`, `/api/views` and `/api/version` until `stop` turns true.
///
/// # Errors
/// The address cannot be listened at.
pub async fn serve_application(
    listen: SocketAddr,
    application: Arc<ApplicationServer>,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    server::serve_until(listen, stop, move |request| {
        answer(request, application.clone())
    })
    .await
}

async fn answer(request: Request<Incoming>, application: Arc<ApplicationServer>) -> Answer {
    let parts: Vec<&str> = request.uri().path().split('/').skip(1).collect();
    let answered = match parts[..] {
        ["ping"] => Ok("pong".to_owned()),
        ["api", "version"] => Ok(application.version.clone()),
        ["api", "vote", name] => ask(&application.database, &format!("INCR {name}")).await,
        ["api", "votes", name] => ask(&application.database, &format!("GET {name}")).await,
        ["api", "views"] => ask(&application.cache, "INCR views").await,
        _ => return text(StatusCode::NOT_FOUND, "no such page"),
    };
    match answered {
        Ok(words) => text(StatusCode::OK, words),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")),
    }
}
