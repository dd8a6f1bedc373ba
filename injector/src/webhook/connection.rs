//! One connection: handshake, HTTP/2 or HTTP/1.1 with their limits, and its end.

use std::convert::Infallible;
use std::sync::Arc;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::guests::Guest;
use super::{Admission, Shared, WebhookSettings, exchange, tls};

/// Windows of HTTP/2: a review of usual size at once.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Largest amount of response bytes that HTTP/2 buffers for a stream.
const SEND_BUFFER: usize = 256 * 1024;
/// Streams a client may have reset before the server took them up (rapid reset), and that the server itself may have had
/// to reset.
const PENDING_RESETS: usize = 20;
const LOCAL_RESETS: usize = 64;
/// Most fields in a head of HTTP/1.1.
const MOST_FIELDS: usize = 64;

/// Serves a connection to its end.
pub(super) async fn serve<A: Admission>(
    shared: Arc<Shared<A>>,
    tcp: TcpStream,
    guest: Guest,
    leaving: watch::Receiver<bool>,
) {
    let handshake = timeout(shared.settings.handshake_timeout, handshake(&shared, tcp));
    let handshake = tokio::select! {
        handshake = handshake => handshake,
        () = guest.evicted() => return,
    };
    match handshake {
        Ok(Ok(tls)) => {
            let _open = shared.stats.open();
            http(&shared, tls, Arc::new(guest), leaving).await;
        }
        Ok(Err(error)) => {
            shared.stats.handshake_failed();
            tracing::debug!(%error, "webhook: TLS handshake failed");
        }
        Err(_) => {
            shared.stats.handshake_failed();
            tracing::debug!("webhook: TLS handshake took too long");
        }
    }
}

async fn handshake<A>(shared: &Shared<A>, tcp: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
    tcp.set_nodelay(true)?;
    TlsAcceptor::from(Arc::clone(&shared.tls)).accept(tcp).await
}

async fn http<A: Admission>(
    shared: &Arc<Shared<A>>,
    tls: TlsStream<TcpStream>,
    guest: Arc<Guest>,
    mut leaving: watch::Receiver<bool>,
) {
    let settings = &shared.settings;
    let builder = builder(settings, tls.get_ref().1.alpn_protocol() == Some(tls::H2));
    let service = service_fn(|request| {
        let (shared, guest) = (Arc::clone(shared), Arc::clone(&guest));
        async move { Ok::<_, Infallible>(exchange::answer(&shared, &guest, request).await) }
    });
    let mut serving = std::pin::pin!(builder.serve_connection(TokioIo::new(tls), service));
    let mut end: Option<Instant> = None;
    loop {
        let idle_at = guest
            .idle_since()
            .map(|since| since + settings.idle_timeout);
        tokio::select! {
            ended = serving.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "webhook: connection ended");
                }
                return;
            }
            () = guest.evicted() => return,
            () = guest.news() => {}
            // a request that began meanwhile is seen in the next round
            () = at(idle_at), if end.is_none() => {
                if guest.idle_since().is_some_and(|since| since + settings.idle_timeout <= Instant::now()) {
                    serving.as_mut().graceful_shutdown();
                    end = Some(Instant::now() + settings.drain_grace);
                }
            }
            () = told(&mut leaving), if end.is_none() => {
                serving.as_mut().graceful_shutdown();
                end = Some(Instant::now() + settings.drain_grace);
            }
            () = at(end) => return,
        }
    }
}

fn builder(settings: &WebhookSettings, h2: bool) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.head_timeout)
        .max_headers(MOST_FIELDS)
        .max_buf_size(settings.max_head.max(8 * 1024) as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(settings.max_streams)
        .max_header_list_size(settings.max_head)
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .max_local_error_reset_streams(LOCAL_RESETS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(settings.idle_timeout / 2)
        .keep_alive_timeout(settings.handshake_timeout);
    if h2 {
        builder.http2_only()
    } else {
        builder.http1_only()
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

async fn told(leaving: &mut watch::Receiver<bool>) {
    // without a sender the server itself is gone
    let _ = leaving.wait_for(|leaving| *leaving).await;
}
