//! One connection: handshake, HTTP/2 with its limits, and its end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::counters::add;
use super::limits::Admitted;
use super::{Draining, Shared, route, tls};

/// What calls need of their connection.
#[derive(Debug)]
pub(super) struct Connection {
    admitted: Admitted,
    proven: AtomicBool,
    streams: AtomicUsize,
    /// Told when a caller was proven and when the last stream ended.
    news: Notify,
}

/// A live stream of a connection.
#[derive(Debug)]
pub(super) struct Busy(Arc<Connection>);

/// Largest amount of response bytes that HTTP/2 buffers for a stream.
const SEND_BUFFER: usize = 64 * 1024;
/// Windows for requests: one large first message a stream, small ones after.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;
/// Streams a client may have reset before the server took them up (rapid reset), and that the server itself may have had
/// to reset.
const PENDING_RESETS: usize = 20;
const LOCAL_RESETS: usize = 32;

impl Connection {
    pub(super) fn peer(&self) -> SocketAddr {
        self.admitted.peer()
    }

    /// A caller of this connection is proven. Whether that stands: it is not to have more than `most` connections.
    pub(super) fn proven(&self, caller: &Arc<str>, most: usize) -> bool {
        if self.proven.load(Ordering::Acquire) {
            return true;
        }
        let stands = self.admitted.proven(caller, most);
        if stands && !self.proven.swap(true, Ordering::AcqRel) {
            self.news.notify_one();
        }
        stands
    }

    pub(super) fn busy(self: &Arc<Self>) -> Busy {
        self.streams.fetch_add(1, Ordering::AcqRel);
        Busy(self.clone())
    }

    /// When the connection has been of no use for too long, counted from `since`.
    fn useless_at(&self, since: Instant, shared: &Shared) -> Option<Instant> {
        if !self.proven.load(Ordering::Acquire) {
            return Some(since + shared.settings.unauthenticated_timeout);
        }
        (self.streams.load(Ordering::Acquire) == 0)
            .then(|| Instant::now() + shared.settings.idle_timeout)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if self.0.streams.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.news.notify_one();
        }
    }
}

/// Serves a connection to its end.
pub(super) async fn serve(shared: Arc<Shared>, tcp: TcpStream, admitted: Admitted) {
    let peer = admitted.peer();
    let evicted = admitted.evicted();
    let handshake = timeout(shared.settings.handshake_timeout, handshake(&shared, tcp));
    let mut draining = shared.draining.subscribe();
    let tls = tokio::select! {
        tls = handshake => tls,
        () = evicted.notified() => return,
        () = turn(&mut draining, admitted.number()) => return,
    };
    match tls {
        Ok(Ok(tls)) => http2(shared, tls, admitted).await,
        Ok(Err(error)) => {
            add(&shared.counting.handshakes_failed, 1);
            tracing::debug!(%peer, %error, "TLS handshake failed");
        }
        Err(_) => {
            add(&shared.counting.handshakes_failed, 1);
            tracing::debug!(%peer, "TLS handshake took too long");
        }
    }
}

async fn handshake(shared: &Shared, tcp: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
    tcp.set_nodelay(true)?;
    let tls = TlsAcceptor::from(shared.tls.clone()).accept(tcp).await?;
    if tls.get_ref().1.alpn_protocol() != Some(tls::H2) {
        return Err(std::io::Error::other("the client does not offer h2"));
    }
    Ok(tls)
}

async fn http2(shared: Arc<Shared>, tls: TlsStream<TcpStream>, admitted: Admitted) {
    let number = admitted.number();
    let evicted = admitted.evicted();
    let connection = Arc::new(Connection {
        admitted,
        proven: AtomicBool::new(false),
        streams: AtomicUsize::new(0),
        news: Notify::new(),
    });
    let (leave, leaving) = watch::channel(false);
    let service = {
        let (shared, connection) = (shared.clone(), connection.clone());
        service_fn(move |request| {
            let (shared, connection) = (shared.clone(), connection.clone());
            let leaving = leaving.clone();
            async move {
                Ok::<_, Infallible>(route::call(&shared, &connection, &leaving, request).await)
            }
        })
    };
    let settings = &shared.settings;
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(settings.max_streams_per_connection)
        .max_header_list_size(settings.max_header_list)
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .max_local_error_reset_streams(LOCAL_RESETS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(keepalive_interval(settings.keepalive_interval, number))
        .keep_alive_timeout(settings.keepalive_timeout);
    let mut serving = std::pin::pin!(builder.serve_connection(TokioIo::new(tls), service));
    let mut draining = shared.draining.subscribe();
    let since = Instant::now();
    let mut end: Option<Instant> = None;
    loop {
        let useless_at = connection.useless_at(since, &shared);
        tokio::select! {
            ended = serving.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(peer = %connection.peer(), %error, "connection ended");
                }
                return;
            }
            () = evicted.notified(), if !connection.proven.load(Ordering::Acquire) => return,
            () = connection.news.notified() => {}
            () = at(useless_at), if end.is_none() => {
                tracing::debug!(peer = %connection.peer(), "closing a connection that nobody uses");
                if !connection.proven.load(Ordering::Acquire) {
                    return;
                }
                serving.as_mut().graceful_shutdown();
                end = Some(Instant::now() + settings.drain_grace);
            }
            () = turn(&mut draining, number), if end.is_none() => {
                leave.send_replace(true);
                serving.as_mut().graceful_shutdown();
                end = Some(Instant::now() + settings.drain_grace);
            }
            () = at(end) => return,
        }
    }
}

/// Waits for this connection's turn to be drained.
async fn turn(draining: &mut watch::Receiver<Option<Draining>>, number: u64) {
    let turn = match draining
        .wait_for(Option::is_some)
        .await
        .map(|draining| *draining)
    {
        Ok(Some(draining)) => draining.since + share(draining.over, number),
        Ok(None) | Err(_) => return std::future::pending().await,
    };
    sleep_until(turn).await;
}

/// Spreads consecutive numbers evenly over a period (multiples of the golden ratio).
fn share(period: Duration, number: u64) -> Duration {
    let fraction = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) as f64 / u64::MAX as f64;
    period.mul_f64(fraction.clamp(0.0, 1.0))
}

/// From three to five quarters of the interval: connections that came at once are not asked at once for ever after.
fn keepalive_interval(interval: Duration, number: u64) -> Duration {
    interval * 3 / 4 + share(interval / 2, number)
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_spread_over_the_period() {
        let period = Duration::from_secs(10);
        let mut turns: Vec<Duration> = (1..=100).map(|number| share(period, number)).collect();
        turns.sort();
        assert!(turns.iter().all(|turn| *turn <= period));
        let widest = turns
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .max()
            .unwrap();
        assert!(widest < Duration::from_millis(300), "a gap of {widest:?}");
    }

    #[test]
    fn connections_are_asked_for_life_signs_at_different_times() {
        let interval = Duration::from_secs(30);
        let mut each: Vec<Duration> = (1..=100)
            .map(|number| keepalive_interval(interval, number))
            .collect();
        each.sort();
        assert!(each[0] >= interval * 3 / 4 && each[99] <= interval * 5 / 4);
        assert!(each[99] - each[0] > interval * 2 / 5);
        each.dedup();
        assert_eq!(each.len(), 100);
    }
}
