use std::time::{Duration, Instant};

use super::*;

fn cds(name: &str, version: &str) -> Arc<Resource> {
    Arc::new(Resource::new(TypeUrl::CDS, name, version, b""))
}

fn scope() -> Scope {
    Scope::new("group")
}

#[test]
fn a_part_is_not_taken_for_the_whole() {
    let (store, _feed) = Store::new(TypeTable::envoy());
    assert_eq!(
        store.apply(&scope(), vec![Change::Put(cds("a", "1"))]),
        None
    );
    assert!(store.get(&scope(), TypeUrl::CDS, "a").is_none());
    // not even where a stream waits already
    let _stream = store.attach(&scope(), None);
    assert_eq!(
        store.apply(&scope(), vec![Change::Put(cds("a", "1"))]),
        None
    );
    let batch = store.replace(&scope(), vec![cds("a", "1")]);
    assert_eq!(
        store.apply(&scope(), vec![Change::Put(cds("a", "1"))]),
        Some(batch),
        "nothing new"
    );
    assert!(store.apply(&scope(), vec![Change::Put(cds("a", "2"))]) > Some(batch));
}

#[test]
fn streams_hear_of_their_scope_only() {
    let (store, _feed) = Store::new(TypeTable::envoy());
    let other = Scope::new("other");
    store.replace(&scope(), vec![]);
    store.replace(&other, vec![]);
    let (one, two) = (store.attach(&scope(), None), store.attach(&other, None));
    store.apply(
        &scope(),
        vec![Change::Put(cds("a", "1")), Change::Put(cds("b", "1"))],
    );
    store.apply(&scope(), vec![Change::Put(cds("a", "2"))]);
    assert_eq!(one.take().names.len(), 2, "latest wins");
    assert!(one.take().is_empty());
    assert!(two.take().is_empty());
}

#[test]
fn a_resource_may_be_shared_between_scopes() {
    let (store, _feed) = Store::new(TypeTable::envoy());
    let shared = cds("a", "1");
    store.replace(&scope(), vec![shared.clone()]);
    store.replace(&Scope::new("other"), vec![shared.clone()]);
    let found = store.get(&Scope::new("other"), TypeUrl::CDS, "a").unwrap();
    assert!(Arc::ptr_eq(&found, &shared));
    assert_eq!(store.list(&scope(), TypeUrl::CDS).len(), 1);
}

#[test]
fn interest_is_told_until_somebody_fills_the_scope() {
    let (store, mut feed) = Store::new(TypeTable::envoy());
    let first = store.attach(&scope(), None);
    let _second = store.attach(&scope(), None);
    assert_eq!(feed.try_next(), Some(Event::Interest { scope: scope() }));
    assert_eq!(feed.try_next(), None, "one place a scope");
    assert!(first.read(0, |contents| !contents.is_any_ready()));
    store.replace(&scope(), vec![]);
    let _third = store.attach(&scope(), None);
    assert_eq!(feed.try_next(), None);
}

#[test]
fn idleness_is_told_after_a_grace_period() {
    let (store, mut feed) = Store::new(TypeTable::envoy());
    store.replace(&scope(), vec![]);
    let grace = Duration::from_secs(30);
    let stream = store.attach(&scope(), None);
    store.sweep(grace, Instant::now() + 2 * grace);
    assert_eq!(feed.try_next(), None, "it is used");
    assert!(!store.drop_scope(&scope()));
    drop(stream);
    store.sweep(grace, Instant::now());
    assert_eq!(feed.try_next(), None);
    // back in time
    let stream = store.attach(&scope(), None);
    store.sweep(grace, Instant::now() + 2 * grace);
    assert_eq!(feed.try_next(), None);
    drop(stream);
    store.sweep(grace, Instant::now() + 2 * grace);
    assert_eq!(feed.try_next(), Some(Event::Idle { scope: scope() }));
    store.sweep(grace, Instant::now() + 3 * grace);
    assert_eq!(feed.try_next(), None, "once");
    assert!(store.drop_scope(&scope()));
    assert!(store.scopes().is_empty());
}

#[test]
fn a_scope_that_was_filled_and_never_used_is_idle_too() {
    let (store, mut feed) = Store::new(TypeTable::envoy());
    store.replace(&scope(), vec![]);
    store.sweep(Duration::ZERO, Instant::now() + Duration::from_secs(1));
    assert_eq!(feed.try_next(), Some(Event::Idle { scope: scope() }));
}

#[test]
fn the_newest_word_on_a_scope_counts() {
    let (store, mut feed) = Store::new(TypeTable::envoy());
    drop(store.attach(&scope(), None));
    store.sweep(Duration::ZERO, Instant::now() + Duration::from_secs(1));
    assert_eq!(feed.try_next(), Some(Event::Idle { scope: scope() }));
    assert_eq!(feed.try_next(), None);
}

#[test]
fn many_threads_do_not_lock_each_other_out() {
    let (store, _feed) = Store::new(TypeTable::envoy());
    std::thread::scope(|threads| {
        for thread in 0..4 {
            let store = store.clone();
            threads.spawn(move || {
                for round in 0..500 {
                    let scope = Scope::new(format!("s{}", round % 3));
                    match (thread + round) % 4 {
                        0 => drop(store.attach(&scope, None)),
                        1 => drop(store.replace(&scope, vec![cds("a", &round.to_string())])),
                        2 => drop(store.drop_scope(&scope)),
                        _ => {
                            let stream = store.attach(&scope, None);
                            stream.read(0, |contents| (stream.take(), contents.batch()));
                            store.apply(&scope, vec![Change::Put(cds("b", &round.to_string()))]);
                            store.sweep(Duration::ZERO, Instant::now());
                            store.scopes();
                        }
                    }
                }
            });
        }
    });
}

#[test]
fn what_a_caller_rejected_is_forgotten_with_its_own_scope() {
    let (store, _feed) = Store::new(TypeTable::envoy());
    let quarantine = Arc::new(Quarantine::new(Duration::from_secs(600), 10));
    store.tell_drops(&quarantine);
    let own = Scope::new("own pod");
    let now = Instant::now();
    quarantine.add(&scope(), "", &cds("a", "1"), None, now);
    quarantine.add(&own, "", &cds("a", "1"), None, now);
    let stream = store.attach(&scope(), Some(&own));
    assert!(!store.drop_scope(&own));
    assert_eq!(quarantine.len(), 2);
    drop(stream);
    assert!(store.drop_scope(&own) && store.drop_scope(&scope()));
    let rejects = |scope: &Scope| quarantine.rejects(scope, "", TypeUrl::CDS, &cds("a", "1"), now);
    assert!(rejects(&scope()), "its next proxy is spared it");
    assert!(!rejects(&own));
}
