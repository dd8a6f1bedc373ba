use super::*;

fn intern(name: &str) -> Arc<str> {
    Arc::from(name)
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn a_first_request_that_only_gives_up_is_the_form_of_old() {
    let mut subscription = Subscription::default();
    let asked = subscription.adjust(Collection::Whole, &[], &strings(&["a"]), intern);
    assert_eq!(subscription, Subscription::Legacy);
    assert!(asked.wildcard_gained);
    assert_eq!(asked.dropped, [("a".into(), false)]);
}

#[test]
fn the_star_may_be_given_up_in_the_form_of_old() {
    let mut subscription = Subscription::Legacy;
    let asked = subscription.adjust(Collection::Whole, &[], &strings(&["*"]), intern);
    assert!(asked.wildcard_lost);
    assert!(!subscription.covers("a"));
}

#[test]
fn asked_for_and_given_up_in_one_request_is_given_up() {
    let mut subscription = Subscription::default();
    let asked = subscription.adjust(
        Collection::Named,
        &strings(&["a", "b"]),
        &strings(&["a"]),
        intern,
    );
    assert_eq!(asked.named, ["b".into()]);
    assert_eq!(asked.dropped, [("a".into(), true)]);
    assert_eq!(subscription.named(), 1);
}

#[test]
fn many_names_stay_sorted_and_single() {
    let mut subscription = Subscription::default();
    for round in 0..3 {
        let names: Vec<String> = (0..1_000)
            .rev()
            .map(|n| format!("n{:04}", n * (round + 1) % 1_500))
            .collect();
        subscription.adjust(Collection::Named, &names, &[], intern);
    }
    let Subscription::Named { names, .. } = &subscription else {
        panic!()
    };
    let all: Vec<&Arc<str>> = names.iter().collect();
    assert!(all.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(subscription.covers("n0999"));
}
