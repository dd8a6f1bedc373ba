//! Request tables: what is asked, and who has to answer.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tulle_tests::netns::Host;
use tulle_tests::sample::http_client::Call;
use tulle_tests::stats;

/// How long a change may take on a busy machine until it is seen.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// What has to come back.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expect {
    /// This application answers.
    From(&'static str),
    /// This application answers and saw this path and query.
    Path(&'static str, &'static str),
    /// This application answers and saw this host.
    Host(&'static str, &'static str),
    /// Nobody answers; Envoy says this status.
    Status(u16),
    /// gRPC: Envoy says this gRPC status.
    Grpc(&'static str),
}

/// One row: method and path, headers (`host` is the host asked for), expectation.
pub(crate) type Row = (
    &'static str,
    &'static [(&'static str, &'static str)],
    Expect,
);

/// Plays the rows from `host` to `to` and compares; all differences are shown together.
pub(crate) fn play(host: &Host, to: SocketAddr, default_host: &str, http2: bool, rows: &[Row]) {
    let wrong = differences(host, to, default_host, http2, rows);
    assert!(
        wrong.is_empty(),
        "{} of {} rows are wrong:\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n")
    );
}

/// The same of what is true a moment after something else is: plays until all rows are right at once.
pub(crate) fn play_soon(
    host: &Host,
    to: SocketAddr,
    default_host: &str,
    http2: bool,
    rows: &[Row],
) {
    let end = Instant::now() + SOON;
    while Instant::now() < end {
        if differences(host, to, default_host, http2, rows).is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    play(host, to, default_host, http2, rows);
}

fn differences(
    host: &Host,
    to: SocketAddr,
    default_host: &str,
    http2: bool,
    rows: &[Row],
) -> Vec<String> {
    let calls: Vec<Call> = rows
        .iter()
        .map(|(line, headers, _)| {
            let (method, path) = line.split_once(' ').expect("METHOD /path");
            let mut headers: BTreeMap<String, String> = headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            let host = headers
                .remove("host")
                .unwrap_or_else(|| default_host.to_owned());
            Call {
                id: (*line).to_owned(),
                to,
                host,
                method: method.to_owned(),
                path: path.to_owned(),
                headers,
                http2,
            }
        })
        .collect();
    let answers = stats::play(host, &calls);
    let mut wrong = Vec::new();
    for ((line, headers, expect), answer) in rows.iter().zip(answers) {
        let seen = answer.seen.as_ref();
        let name = seen.map(|seen| seen.name.as_str());
        let right = match *expect {
            Expect::From(app) => name == Some(app),
            Expect::Path(app, path) => {
                name == Some(app) && seen.is_some_and(|seen| seen.path == path)
            }
            Expect::Host(app, host) => {
                name == Some(app) && seen.is_some_and(|seen| seen.host == host)
            }
            Expect::Status(status) => seen.is_none() && answer.status == status,
            Expect::Grpc(status) => seen.is_none() && answer.grpc_status.as_deref() == Some(status),
        };
        if !right {
            wrong.push(format!(
                "{line} {headers:?}: expected {expect:?}, got {answer:?}"
            ));
        }
    }
    wrong
}
