//! A server that fails: what was seen stays, and what changed meanwhile is told, nothing else.

use super::*;

/// A cluster of a few objects, and a source that knows them.
async fn settled() -> (Api, Seen) {
    let api = Api::start(FEW).await;
    api.put(Kind::VirtualNode, node("a", 1));
    api.put(Kind::VirtualNode, node("b", 2));
    api.put(Kind::Pod, pod("p", "10.0.0.1"));
    let seen = Seen::ready(&api, FEW).await;
    (api, seen)
}

#[tokio::test]
async fn a_server_without_streaming_lists_is_listed_page_by_page() {
    let api = Api::start(FEW).await;
    for port in 1..=10 {
        api.put(Kind::VirtualNode, node(&format!("n{port}"), port));
    }
    api.fail(|faults| {
        faults.no_streaming = true;
        faults.page = Some(3);
    });
    let mut seen = Seen::ready(&api, FEW).await;
    assert_eq!(seen.objects.len(), 10);
    assert_eq!(api.requests("continue").len(), 3);
    api.put(Kind::VirtualNode, node("n3", 33));
    assert_eq!(seen.next().await, ["+VirtualNode shop/n3"]);
    // It is not asked for a streaming list again.
    api.compact();
    api.reset();
    api.put(Kind::VirtualNode, node("n3", 34));
    seen.until(|seen| seen.port("n3") == Some(34)).await;
    assert_eq!(api.requests("sendInitialEvents").len(), FEW.len());
}

#[tokio::test]
async fn a_server_that_does_not_know_streaming_lists_is_found_out() {
    let api = Api::start(FEW).await;
    api.put(Kind::VirtualNode, node("a", 1));
    api.fail(|faults| faults.ignores_streaming = true);
    let mut seen = Seen::ready(&api, FEW).await;
    assert_eq!(seen.port("a"), Some(1));
    seen.quiet(100).await;
}

#[tokio::test]
async fn a_history_that_is_gone_gives_only_true_differences() {
    let (api, mut seen) = settled().await;
    for _ in 0..5 {
        api.compact();
        api.reset();
        seen.quiet(200).await;
    }
    let records = seen.updates.records();
    let before = records.all();

    api.fail(|faults| faults.down = true);
    api.reset();
    api.put(Kind::VirtualNode, node("b", 3));
    api.delete(Kind::Pod, "shop", "p");
    api.put(Kind::VirtualNode, node("c", 4));
    api.compact();
    seen.quiet(300).await;
    assert_eq!(records.all(), before);
    api.fail(|faults| faults.down = false);
    let mut told = Vec::new();
    while told.len() < 3 {
        told.extend(seen.next().await);
    }
    told.sort();
    assert_eq!(
        told,
        ["+VirtualNode shop/b", "+VirtualNode shop/c", "-Pod shop/p"]
    );
    seen.quiet(200).await;
}

#[tokio::test]
async fn a_server_that_is_away_takes_nothing_away_and_is_not_hammered() {
    for code in [None, Some(500), Some(503), Some(429), Some(401)] {
        let (api, mut seen) = settled().await;
        let lists = api.requests("").len();
        api.fail(|faults| match code {
            None => faults.down = true,
            code => faults.code = code,
        });
        api.reset();
        seen.quiet(1000).await;
        assert_eq!(seen.objects.len(), 3);
        let troubles = seen.updates.health().troubles();
        assert_eq!(troubles.len(), FEW.len(), "{troubles:?}");
        // Connections that are closed at once are not requests.
        let asked = api.requests("").len() - lists;
        assert!(asked <= 15 * FEW.len(), "{asked} requests");
        assert_eq!(api.requests("sendInitialEvents").len(), FEW.len());

        api.fail(|faults| {
            faults.down = false;
            faults.code = None;
        });
        api.put(Kind::VirtualNode, node("a", 9));
        assert_eq!(seen.next().await, ["+VirtualNode shop/a"]);
        eventually(|| seen.updates.health().troubles().is_empty()).await;
    }
}

#[tokio::test]
async fn lists_are_spaced_however_often_the_history_goes() {
    let (api, mut seen) = settled().await;
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(2) {
        api.compact();
        api.reset();
        seen.quiet(10).await;
    }
    let end = Instant::now();
    // Counted, as a busy machine may let two requests arrive together.
    let most = end.duration_since(began).as_millis() / 100 + 2;
    let lists = api.requests("sendInitialEvents");
    for kind in FEW {
        let of_kind = lists.iter().filter(|(_, to)| to.contains(kind.plural()));
        let count = of_kind.count() as u128;
        assert!(count > 3 && count <= most, "{kind}: {count} lists");
    }
}

#[tokio::test]
async fn a_watch_that_is_dead_is_replaced() {
    let (api, mut seen) = settled().await;
    // The connections stay open and say nothing any more; new ones do not either.
    api.fail(|faults| faults.hangs = true);
    api.put(Kind::VirtualNode, node("a", 5));
    seen.quiet(2500).await;
    assert_eq!(seen.updates.health().troubles().len(), FEW.len());
    api.fail(|faults| faults.hangs = false);
    assert_eq!(seen.next().await, ["+VirtualNode shop/a"]);
    assert_eq!(api.requests("sendInitialEvents").len(), FEW.len());
}

#[tokio::test]
async fn events_that_are_cut_or_garbled_are_asked_for_again() {
    let (api, mut seen) = settled().await;
    api.fail(|faults| faults.cut = true);
    api.put(Kind::VirtualNode, node("a", 5));
    assert_eq!(seen.next().await, ["+VirtualNode shop/a"]);
    api.fail(|faults| faults.garble = true);
    api.put(Kind::VirtualNode, node("a", 6));
    assert_eq!(seen.next().await, ["+VirtualNode shop/a"]);
    assert_eq!(seen.port("a"), Some(6));
    assert_eq!(api.requests("sendInitialEvents").len(), FEW.len());
}

#[tokio::test]
async fn a_list_that_is_cut_takes_nothing_away() {
    let (api, mut seen) = settled().await;
    for fault in [
        |faults: &mut api::Faults| faults.cut = true,
        |faults: &mut api::Faults| faults.garble = true,
    ] {
        api.compact();
        api.fail(fault);
        api.reset();
        seen.quiet(500).await;
    }
}

#[tokio::test]
async fn a_watch_that_says_nothing_for_long_is_listed_anew() {
    let (api, mut seen) = settled().await;
    // As after a restore from a backup: the server waits for a version that is long in coming.
    api.fail(|faults| faults.mute = true);
    api.put(Kind::VirtualNode, node("a", 5));
    seen.until(|seen| seen.port("a") == Some(5)).await;
}

#[tokio::test]
async fn kinds_that_are_absent_are_watched_when_they_are_there() {
    let api = Api::start([Kind::Namespace, Kind::Pod]).await;
    api.put(Kind::Pod, pod("p", "10.0.0.1"));
    let mut seen = Seen::ready(&api, FEW).await;
    assert_eq!(seen.objects.len(), 1);
    assert_eq!(seen.updates.health().absent(), [Kind::VirtualNode]);

    api.serve_kind(Kind::VirtualNode, true);
    api.put(Kind::VirtualNode, node("a", 1));
    assert_eq!(seen.next().await, ["+VirtualNode shop/a"]);
    assert_eq!(seen.updates.health().absent(), []);

    // Not for a moment's absence, but for a long one.
    api.serve_kind(Kind::VirtualNode, false);
    seen.quiet(250).await;
    assert_eq!(seen.next().await, ["-VirtualNode shop/a"]);
    assert_eq!(seen.updates.records().all(), Vec::new());

    api.serve_kind(Kind::VirtualNode, true);
    api.put(Kind::VirtualNode, node("a", 2));
    assert_eq!(seen.next().await, ["+VirtualNode shop/a"]);
    assert_eq!(seen.port("a"), Some(2));
}

#[tokio::test]
async fn dropping_the_updates_ends_the_watches() {
    let (api, seen) = settled().await;
    drop(seen);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let asked = api.requests("").len();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(api.requests("").len(), asked);
}
