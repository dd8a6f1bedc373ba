//! This machine's clock beside the API server's. Certificates and tokens are judged by clocks: where the two are apart, proxies
//! hold certificates that are not valid yet, or are refused with tokens that are.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use jiff::fmt::rfc2822;
use kube::Client;
use kube::client::Body;
use tokio::time::timeout;
use tulle_runtime::readiness::Readiness;

/// Between looks.
const LOOK: Duration = Duration::from_secs(300);
/// For each answer.
const LIMIT: Duration = Duration::from_secs(5);
/// More than this is told. Tokens begin at once, and certificates a minute before they are made.
const MOST: Duration = Duration::from_secs(30);
/// What the remark on readiness is about.
const TOPIC: &str = "clock";

/// How far this clock was ahead of the API server's at the last look.
#[derive(Debug, Default)]
pub(in crate::wire) struct Clock {
    milliseconds: AtomicI64,
}

impl Clock {
    /// Seconds; negative where it is behind.
    pub(in crate::wire) fn ahead(&self) -> f64 {
        self.milliseconds.load(Ordering::Relaxed) as f64 / 1000.0
    }
}

/// Compares the clocks for ever, and tells where they are too far apart.
pub(super) async fn keep(client: Client, clock: Arc<Clock>, readiness: Readiness) {
    loop {
        match timeout(LIMIT, ahead(&client)).await {
            Ok(Ok(ahead)) => {
                clock.milliseconds.store(ahead, Ordering::Relaxed);
                let remark = remark(ahead);
                if let Some(remark) = &remark {
                    tracing::warn!("{remark}");
                }
                readiness.remark(TOPIC, remark);
            }
            Ok(Err(error)) => tracing::debug!("the API server's clock cannot be read: {error:#}"),
            Err(_) => tracing::debug!("the API server's clock cannot be read: no answer"),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What is to be said of a clock that is so many milliseconds ahead.
fn remark(ahead: i64) -> Option<String> {
    let apart = Duration::from_millis(ahead.unsigned_abs());
    (apart > MOST).then(|| {
        let seconds = apart.as_secs();
        let way = if ahead > 0 { "ahead of" } else { "behind" };
        format!(
            "this clock is {seconds} s {way} the API server's: certificates and tokens are judged wrongly; set the nodes' clocks by NTP"
        )
    })
}

/// By how many milliseconds this clock is ahead; exact to a second.
async fn ahead(client: &Client) -> anyhow::Result<i64> {
    let request = http::Request::get("/version").body(Body::empty())?;
    let sent = SystemTime::now();
    let response = client.send(request).await?;
    let took = sent.elapsed().unwrap_or_default();
    let date = response
        .headers()
        .get(http::header::DATE)
        .context("an answer without its date")?;
    let theirs = rfc2822::parse(date.to_str()?)?.timestamp().as_millisecond();
    let ours = jiff::Timestamp::try_from(sent + took / 2)?.as_millisecond();
    // A date has whole seconds: the middle of its second is the best guess.
    Ok(ours - (theirs + 500))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn half_a_minute_is_told() {
        assert_eq!(remark(0), None);
        assert_eq!(remark(30_000), None);
        assert_eq!(remark(-30_000), None);
        assert!(remark(31_000).unwrap().contains("31 s ahead of"));
        assert!(remark(-3_600_000).unwrap().contains("3600 s behind"));
    }

    /// A server whose clock is so many seconds ahead.
    async fn server(by: i64) -> Client {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut asked = [0; 4096];
                let _ = socket.read(&mut asked).await;
                let now = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(by);
                let date = jiff::fmt::strtime::format("%a, %d %b %Y %H:%M:%S GMT", now).unwrap();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ndate: {date}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
                );
                let _ = socket.write_all(answer.as_bytes()).await;
            }
        });
        Client::try_from(kube::Config::new(address.parse().unwrap())).unwrap()
    }

    #[tokio::test]
    async fn the_date_of_an_answer_is_compared() {
        for by in [0, 45, -7200] {
            let ahead = ahead(&server(by).await).await.unwrap();
            assert!((ahead + by * 1000).abs() <= 1500, "{by}: {ahead}");
        }
        let (clock, readiness) = (Arc::new(Clock::default()), Readiness::new());
        let client = server(45).await;
        let keeping = tokio::spawn(keep(client, clock.clone(), readiness.clone()));
        while readiness.remarks().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        keeping.abort();
        assert!(readiness.is_ready());
        assert!((-47.0..-43.0).contains(&clock.ahead()));
    }
}
