use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use tulle_model::extras::HeaderEdits;

use super::{HeaderSteps, joined, literal};

type Headers = Vec<(String, String)>;

/// What Envoy does in one step: first it takes away, then it sets, then it adds.
fn step(edits: &HeaderEdits, headers: &Headers) -> Headers {
    let mut headers = headers.clone();
    headers.retain(|(name, _)| edits.remove.iter().all(|removed| **removed != **name));
    for (name, value) in &edits.set {
        headers.retain(|(other, _)| **other != **name);
        headers.push((name.to_string(), value.to_string()));
    }
    let added = edits.add.iter();
    headers.extend(added.map(|(name, value)| (name.to_string(), value.to_string())));
    headers
}

/// The values of each header, in their order; the order of different headers means nothing.
fn values(mut headers: Headers) -> Headers {
    headers.sort_by(|a, b| a.0.cmp(&b.0));
    headers
}

fn edits() -> impl Strategy<Value = HeaderEdits> {
    let one = (select(vec!["a", "b", "c"]), 0..4_u8, select(vec!["1", "2"]));
    vec(one, 0..6).prop_map(|all| {
        let mut edits = HeaderEdits::default();
        for (name, what, value) in all {
            let pair = (name.into(), value.into());
            let taken = edits.remove.iter().any(|own| &**own == name)
                || edits.set.iter().any(|(own, _)| &**own == name);
            match what {
                0 if !taken && edits.add.iter().all(|(own, _)| &**own != name) => {
                    edits.set.push(pair);
                }
                1 if !taken && edits.add.iter().all(|(own, _)| &**own != name) => {
                    edits.remove.push(name.into());
                }
                2 | 3 if !taken => edits.add.push(pair),
                _ => {}
            }
        }
        edits.set.sort();
        edits.remove.sort();
        edits
    })
}

fn headers() -> impl Strategy<Value = Headers> {
    let header = (
        select(vec!["a", "b", "c", "d"]),
        select(vec!["1", "2", "3"]),
    );
    vec(
        header.prop_map(|(name, value)| (name.to_owned(), value.to_owned())),
        0..5,
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..Default::default() })]
    #[test]
    fn one_step_does_what_two_would_do(first in edits(), then in edits(), headers in headers()) {
        let expected = values(step(&then, &step(&first, &headers)));
        prop_assert_eq!(values(step(&joined(&first, &then), &headers)), expected.clone());
        let steps = HeaderSteps::new(&first, &then);
        prop_assert_eq!(&steps.then, &HeaderEdits::default(), "literal values need one step");
        prop_assert_eq!(values(step(&steps.as_one(), &headers)), expected);
    }
}

fn set(name: &str, value: &str) -> HeaderEdits {
    HeaderEdits {
        set: vec![(name.into(), value.into())],
        ..HeaderEdits::default()
    }
}

#[test]
fn what_the_second_takes_away_or_replaces_is_gone() {
    let remove = HeaderEdits {
        remove: vec!["a".into()],
        ..HeaderEdits::default()
    };
    assert_eq!(joined(&set("a", "1"), &remove), remove);
    assert_eq!(joined(&set("a", "1"), &set("a", "2")), set("a", "2"));
    let both = HeaderEdits {
        remove: vec!["a".into()],
        ..set("a", "1")
    };
    assert_eq!(joined(&remove, &set("a", "1")), both);
}

#[test]
fn operators_stay_a_step_of_their_own_behind_another() {
    let operator = set("a", "%REQ(b)%");
    let alone = HeaderSteps::new(&HeaderEdits::default(), &operator);
    assert_eq!((&alone.first, alone.then.is_empty()), (&operator, true));
    let two = HeaderSteps::new(&set("b", "1"), &operator);
    assert_eq!((two.first, two.then), (set("b", "1"), operator.clone()));
    let one = HeaderSteps::new(&operator, &set("b", "100%%"));
    assert!(one.then.is_empty());
}

#[test]
fn a_doubled_percent_sign_is_one() {
    assert_eq!(literal("50%% of %%"), Some("50% of %".to_owned()));
    assert_eq!(literal("%%%REQ(a)%"), None);
    assert_eq!(literal("%PROTOCOL%"), None);
}
