use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use tulle_model::fragment::{Fragment, Translated};
use tulle_model::selector::Requirement;

use super::super::slot::{Key, Slots};
use super::*;
use crate::key::Fact;
use crate::tests::make::pod;

/// Selectors and pods of one namespace, and all that there is to know of them, by brute force.
#[derive(Default)]
struct Bench {
    facts: Facts,
    slots: Slots,
    selectors: Selectors,
    added: BTreeMap<Arc<Selector>, SlotId>,
    pods: BTreeMap<ObjectId, Labels>,
}

fn namespace() -> Str {
    "shop".into()
}

fn pod_id(name: &str) -> ObjectId {
    ObjectId::new("", "Pod", &namespace(), name)
}

impl Bench {
    /// Puts a pod in the place of what was known of it; gives the slots that are told.
    fn put(&mut self, name: &str, labels: Option<Labels>, ready: bool) -> Vec<SlotId> {
        let id = pod_id(name);
        let translated = labels.as_ref().map(|labels| {
            let mut pod = pod(&format!("{}/{name}", namespace()), &[], &[]);
            pod.labels = labels.clone();
            pod.ready = ready;
            Arc::new(Translated {
                fragments: vec![Fragment::from(pod)],
                findings: vec![],
            })
        });
        self.facts.replace(&id, translated);
        match labels {
            Some(labels) => self.pods.insert(id, labels),
            None => self.pods.remove(&id),
        };
        let changes = self.facts.effects().pods.into_iter();
        let told = changes
            .map(|change| (self.selectors).follow(change.before.first(), change.after.first()));
        told.flatten().collect()
    }

    fn add(&mut self, selector: Selector) {
        let selector = Arc::new(selector);
        if !self.added.contains_key(&selector) {
            let fact = Fact::Pods(namespace(), selector.clone());
            let slot = self.slots.add(Key::Fact(fact));
            self.selectors
                .add(&namespace(), &selector, slot, &self.facts);
            self.added.insert(selector, slot);
        }
    }

    fn remove(&mut self, selector: &Arc<Selector>) {
        if let Some(slot) = self.added.remove(selector) {
            self.selectors.remove(&namespace(), selector, slot);
            self.slots.remove(slot);
        }
    }

    fn check(&self) {
        for selector in self.added.keys() {
            let fits = self.pods.iter();
            let fits = fits.filter(|(_, labels)| selector.matches(labels));
            let kept = self.selectors.pods(&namespace(), selector);
            assert!(kept.iter().eq(fits.map(|(pod, _)| pod)), "{selector:?}");
        }
    }

    /// Against how many selectors a pod is held at most.
    fn near(&self) -> usize {
        let own = &self.selectors.namespaces[&namespace()];
        let near = self.pods.values().map(|labels| own.near(labels).count());
        near.max().unwrap_or_default()
    }
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    let pairs = pairs.iter();
    pairs
        .map(|&(key, value)| (key.into(), value.into()))
        .collect()
}

/// Wants each of these labels.
fn all(pairs: &[(&str, &str)]) -> Selector {
    let requirements = pairs.iter().map(|&(key, value)| Requirement {
        key: key.into(),
        operator: Operator::In(vec![value.into()]),
    });
    Selector {
        requirements: requirements.collect(),
    }
}

const SERVICES: usize = 300;

/// The labels of a service that Helm installed, in a version.
fn release(n: usize, version: &str) -> [(&'static str, String); 3] {
    [
        ("app.kubernetes.io/instance", "shop".to_owned()),
        ("app.kubernetes.io/name", format!("s{n}")),
        ("app.kubernetes.io/version", version.to_owned()),
    ]
}

fn pairs<'p>(release: &'p [(&'static str, String)]) -> Vec<(&'static str, &'p str)> {
    release
        .iter()
        .map(|(key, value)| (*key, &**value))
        .collect()
}

/// Services of three pods each, and a selector for each; `selectors_first` as where objects are there before their pods.
fn releases(selectors_first: bool) -> Bench {
    let mut bench = Bench::default();
    for selectors in [selectors_first, !selectors_first] {
        for n in 0..SERVICES {
            let own = release(n, "v1");
            if selectors {
                bench.add(all(&pairs(&own)));
                continue;
            }
            for replica in 0..3 {
                bench.put(&format!("s{n}-{replica}"), Some(labels(&pairs(&own))), true);
            }
        }
    }
    bench
}

#[test]
fn labels_that_all_pods_share_make_no_crowd() {
    for selectors_first in [true, false] {
        let mut bench = releases(selectors_first);
        bench.check();
        // Two labels are shared by all.
        assert!(bench.near() <= 2 * NO_CROWD + 1, "{}", bench.near());
        // What hangs on a crowded value is put no worse when others go.
        for n in 0..SERVICES / 2 {
            bench.remove(&Arc::new(all(&pairs(&release(n, "v1")))));
        }
        for n in 0..SERVICES {
            bench.add(all(&pairs(&release(n, "v2"))));
            bench.put(
                &format!("s{n}-new"),
                Some(labels(&pairs(&release(n, "v2")))),
                true,
            );
        }
        bench.check();
        assert!(bench.near() <= 3 * NO_CROWD, "{}", bench.near());
    }
}

#[test]
fn a_pod_that_changes_beside_its_labels_is_told_to_what_fits_it() {
    let mut bench = releases(false);
    let own = labels(&pairs(&release(7, "v1")));
    let selector = Arc::new(all(&pairs(&release(7, "v1"))));
    assert_eq!(bench.put("s7-1", Some(own.clone()), true), []);
    assert_eq!(
        bench.put("s7-1", Some(own), false),
        [bench.added[&selector]]
    );
    bench.check();
}

#[test]
fn a_label_is_followed_only_once_another_is_crowded() {
    let mut bench = Bench::default();
    for n in 0..=NO_CROWD {
        let own = &bench.selectors.namespaces;
        assert!(own.values().all(|own| own.labels.len() == 1));
        bench.add(all(&[("app", "web"), ("version", &format!("v{n}"))]));
    }
    assert_eq!(bench.selectors.namespaces[&namespace()].labels.len(), 2);
}

fn operator() -> impl Strategy<Value = Operator> {
    prop_oneof![
        4 => vec(0..3_u8, 1..2).prop_map(|values| Operator::In(texts(&values))),
        2 => vec(0..3_u8, 0..4).prop_map(|values| Operator::In(texts(&values))),
        1 => vec(0..3_u8, 0..3).prop_map(|values| Operator::NotIn(texts(&values))),
        1 => Just(Operator::Exists),
        1 => Just(Operator::DoesNotExist),
    ]
}

fn texts(values: &[u8]) -> Vec<Str> {
    values
        .iter()
        .map(|value| value.to_string().into())
        .collect()
}

fn selector() -> impl Strategy<Value = Selector> {
    let requirement = (0..3_u8, operator()).prop_map(|(key, operator)| Requirement {
        key: key.to_string().into(),
        operator,
    });
    vec(requirement, 0..4).prop_map(|requirements| Selector { requirements })
}

#[derive(Debug, Clone)]
enum Step {
    Add(Selector),
    /// One of those that are there.
    Remove(usize),
    /// A pod and its labels' values; `None` where it has no such label.
    Put(u8, [Option<u8>; 3], bool),
    Delete(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let value = || prop::option::weighted(0.8, 0..3_u8);
    let put = (0..8_u8, [value(), value(), value()], any::<bool>());
    prop_oneof![
        4 => selector().prop_map(Step::Add),
        2 => any::<usize>().prop_map(Step::Remove),
        4 => put.prop_map(|(pod, values, ready)| Step::Put(pod, values, ready)),
        1 => (0..8_u8).prop_map(Step::Delete),
    ]
}

impl Bench {
    fn step(&mut self, step: Step) {
        let (name, labels, ready) = match step {
            Step::Add(selector) => return self.add(selector),
            Step::Remove(which) => {
                let which = which.checked_rem(self.added.len());
                let selector = which
                    .and_then(|which| self.added.keys().nth(which))
                    .cloned();
                if let Some(selector) = selector {
                    self.remove(&selector);
                }
                return;
            }
            Step::Put(pod, values, ready) => {
                let labels = values.iter().zip(0..).filter_map(|(value, key): (_, u8)| {
                    Some((key.to_string().into(), (*value)?.to_string().into()))
                });
                (pod.to_string(), Some(labels.collect()), ready)
            }
            Step::Delete(pod) => (pod.to_string(), None, false),
        };
        let before = self.pods.get(&pod_id(&name)).cloned();
        let known = self.facts.pods.get(&pod_id(&name));
        let same = before == labels && known.is_none_or(|pod| pod.ready == ready);
        let states = [before, labels.clone()];
        let fits = |selector: &Selector| {
            let mut states = states.iter().flatten();
            states.any(|labels| selector.matches(labels))
        };
        let told = self.put(&name, labels, ready);
        let added = self.added.iter();
        let mut expected: Vec<SlotId> = added
            .filter(|(selector, _)| !same && fits(selector))
            .map(|(_, slot)| *slot)
            .collect();
        expected.sort_unstable();
        assert_eq!(told, expected);
    }
}

proptest! {
    #[test]
    fn what_is_kept_and_told_is_what_fits(steps in vec(step(), 1..80)) {
        let mut bench = Bench::default();
        for step in steps {
            bench.step(step);
            bench.check();
        }
        let added: Vec<_> = bench.added.keys().cloned().collect();
        for selector in &added {
            bench.remove(selector);
        }
        assert!(bench.selectors.namespaces.is_empty());
    }
}
