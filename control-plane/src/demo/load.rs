//! The demo's load: a steady rate of requests to the gateway, bounded in number, in time and in how many are
//! under way at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::app::COLOR_HEADER;
use super::board::{Board, Edge};
use super::http_client::HttpClient;
use super::workloads::gateway_address;

/// The rates that the user may choose, in requests per second.
pub(crate) const RATES: std::ops::RangeInclusive<u32> = 1..=1000;
/// How many requests may be under way; a slow mesh gets a lower rate, never a growing pile.
const AT_ONCE: usize = 64;
/// A pause in sending longer than this is not made up for.
const CATCH_UP: Duration = Duration::from_millis(100);

/// What the load may do at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Requests in all.
    pub(crate) requests: u64,
    /// Time in all.
    pub(crate) time: Duration,
}

/// A load under way.
#[derive(Debug)]
pub(crate) struct Load {
    rate: Arc<AtomicU32>,
    stop: watch::Sender<bool>,
    sending: JoinHandle<()>,
}

/// What is asked of the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Request {
    Color,
    ColorByHeader,
    ColorDirect,
    Flaky,
    Payments,
    Tracker,
}

/// What is asked, in turn: mostly colours by weight.
const TURNS: [Request; 20] = {
    use Request::{Color, ColorByHeader, ColorDirect, Flaky, Payments, Tracker};
    [
        Color,
        Color,
        ColorByHeader,
        Color,
        Flaky,
        Color,
        Color,
        ColorDirect,
        Color,
        Payments,
        Color,
        Color,
        ColorByHeader,
        Color,
        Flaky,
        Color,
        Color,
        ColorDirect,
        Color,
        Tracker,
    ]
};

impl Load {
    /// Starts to send so many requests per second.
    pub(crate) fn start(rate: u32, bounds: Bounds, board: Arc<Board>) -> Self {
        let rate = Arc::new(AtomicU32::new(rate));
        let (stop, stopped) = watch::channel(false);
        let sending = tokio::spawn(send(rate.clone(), bounds, board, stopped));
        Self {
            rate,
            stop,
            sending,
        }
    }

    /// The rate asked for, in requests per second.
    pub(crate) fn rate(&self) -> u32 {
        self.rate.load(Ordering::Relaxed)
    }

    /// Asks for another rate, within `RATES`.
    pub(crate) fn set_rate(&self, rate: u32) {
        self.rate
            .store(rate.clamp(*RATES.start(), *RATES.end()), Ordering::Relaxed);
    }

    /// Whether it has sent all that its bounds allow.
    pub(crate) fn is_over(&self) -> bool {
        self.sending.is_finished()
    }

    /// Sends no more, and waits for the answers of those under way.
    pub(crate) async fn stop(self) {
        // An error means that it has stopped by itself.
        let _ = self.stop.send(true);
        let _ = self.sending.await;
    }
}

async fn send(
    rate: Arc<AtomicU32>,
    bounds: Bounds,
    board: Arc<Board>,
    mut stopped: watch::Receiver<bool>,
) {
    let client = HttpClient::new();
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut under_way = JoinSet::new();
    let end = Instant::now() + bounds.time;
    let mut next = Instant::now();
    for number in 0..bounds.requests {
        next = (next + Duration::from_secs(1) / rate.load(Ordering::Relaxed).max(1))
            .max(Instant::now() - CATCH_UP);
        let place = tokio::select! {
            _ = stopped.changed() => break,
            place = async {
                tokio::time::sleep_until(next.into()).await;
                places.clone().acquire_owned().await
            } => place,
        };
        let Ok(place) = place else { break };
        if Instant::now() > end {
            break;
        }
        let request = TURNS[(number % TURNS.len() as u64) as usize];
        let (client, board) = (client.clone(), board.clone());
        under_way.spawn(async move {
            ask(&client, &board, request).await;
            drop(place);
        });
        while under_way.try_join_next().is_some() {}
    }
    under_way.join_all().await;
}

async fn ask(client: &HttpClient, board: &Board, request: Request) {
    let mut headers = HeaderMap::new();
    if request == Request::ColorByHeader {
        headers.insert(COLOR_HEADER, HeaderValue::from_static("red"));
    }
    let path = request.path();
    let began = Instant::now();
    let outcome = match client.get(gateway_address(), path, headers).await {
        Ok(answer) if answer.status.is_success() => Ok(()),
        Ok(answer) => Err(format!(
            "{path}: {}: {}",
            answer.status,
            String::from_utf8_lossy(&answer.body).trim()
        )),
        Err(error) => Err(format!("{path}: {error:#}")),
    };
    board.record(request.edge(), outcome.is_ok(), began.elapsed());
    board.sent(outcome);
}

// === impl Request ===

impl Request {
    fn path(self) -> &'static str {
        match self {
            Self::Color | Self::ColorByHeader => "/color",
            Self::ColorDirect => "/direct/color",
            Self::Flaky => "/flaky",
            Self::Payments => "/payments",
            Self::Tracker => "/tracker",
        }
    }

    fn edge(self) -> Edge {
        if self == Self::ColorDirect {
            Edge::Direct
        } else {
            Edge::Front
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_keeps_its_bounds_and_a_gateway_that_is_not_there_is_a_loss() {
        let board = Arc::new(Board::new());
        let bounds = Bounds {
            requests: 5,
            time: Duration::from_secs(5),
        };
        let load = Load::start(1000, bounds, board.clone());
        let began = Instant::now();
        while !load.is_over() && began.elapsed() < Duration::from_secs(5) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        load.stop().await;
        let totals = board.totals();
        assert_eq!((totals.sent, totals.lost), (5, 5));
        assert!(board.losses()[0].starts_with("/color: no answer from 127.80.1.2:18000"));
    }
}
