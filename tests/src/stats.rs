//! What an Envoy tells of itself on its admin port.

use std::collections::BTreeMap;

use crate::netns::Host;
use crate::programs;
use crate::sample::http_client::{Answer, Call};

/// Plays a table of requests on a host.
pub fn play(host: &Host, calls: &[Call]) -> Vec<Answer> {
    let input = serde_json::to_vec(calls).expect("JSON");
    let printed = crate::process::output(host.command(programs::sample()).arg("play"), &input);
    serde_json::from_slice(&printed).expect("answers")
}

/// A page of the admin interface.
pub fn admin(host: &Host, path: &str) -> Option<String> {
    let call = Call {
        id: path.to_owned(),
        to: "127.0.0.1:9901".parse().expect("an address"),
        host: "localhost".to_owned(),
        method: "GET".to_owned(),
        path: path.to_owned(),
        headers: BTreeMap::new(),
        http2: false,
    };
    let answer = play(host, &[call]).pop()?;
    (answer.status == 200).then_some(answer.text)
}

/// All counters and gauges whose name fits the expression.
pub fn stats(host: &Host, filter: &str) -> BTreeMap<String, u64> {
    admin(host, &format!("/stats?filter={filter}"))
        .unwrap_or_default()
        .lines()
        .filter_map(|line| {
            let (name, value) = line.rsplit_once(": ")?;
            Some((name.to_owned(), value.parse().ok()?))
        })
        .collect()
}

/// Panics unless this Envoy is connected and has refused nothing.
pub fn assert_content(host: &Host, whose: &str) {
    let rejected = stats(host, "update_rejected");
    assert!(!rejected.is_empty(), "{whose}: no stats");
    for (name, count) in rejected {
        assert_eq!(count, 0, "{whose}: {name}");
    }
    assert_eq!(
        stats(host, "control_plane.connected_state").get("control_plane.connected_state"),
        Some(&1),
        "{whose} is not connected"
    );
}
