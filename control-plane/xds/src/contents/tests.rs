use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn put(name: &str, version: &str) -> Change {
    Change::Put(Arc::new(Resource::new(TypeUrl::CDS, name, version, b"")))
}

fn contents() -> Contents {
    let mut contents = Contents::new(TypeTable::envoy());
    contents.replace(vec![], 1);
    contents
}

#[test]
fn only_what_really_changed_is_dirty() {
    let mut contents = contents();
    assert_eq!(
        contents
            .apply(vec![put("a", "1"), put("b", "1")], 2)
            .names
            .len(),
        2
    );
    assert!(contents.apply(vec![put("a", "1")], 3).is_empty());
    assert!(
        contents
            .apply(vec![Change::Remove(TypeUrl::CDS, "z".into())], 4)
            .is_empty()
    );
    assert_eq!(contents.batch(), 2);
    assert_eq!(contents.apply(vec![put("a", "2")], 5).names.len(), 1);
    assert_eq!(contents.batch(), 5);
}

#[test]
fn types_not_served_are_ignored() {
    let mut contents = contents();
    let odd = TypeUrl::new("type.googleapis.com/example.Odd");
    let resource = Arc::new(Resource::new(odd, "x", "1", b""));
    assert!(
        contents
            .apply(vec![Change::Put(resource.clone())], 2)
            .is_empty()
    );
    assert!(
        contents
            .apply(vec![Change::Remove(odd, "x".into())], 3)
            .is_empty()
    );
    assert!(contents.replace(vec![resource], 4).is_empty());
}

#[test]
fn replacing_marks_what_differs() {
    let mut contents = contents();
    contents.apply(vec![put("a", "1"), put("b", "1"), put("c", "1")], 2);
    let resource =
        |name: &str, version: &str| Arc::new(Resource::new(TypeUrl::CDS, name, version, b""));
    let dirty = contents.replace(
        vec![resource("a", "1"), resource("b", "2"), resource("d", "1")],
        3,
    );
    let names: Vec<&str> = dirty.names.iter().map(|(_, name)| &**name).collect();
    assert_eq!(names, ["b", "c", "d"]);
    assert!(!dirty.all);
}

#[test]
fn the_first_filling_is_news_even_if_it_is_empty() {
    let mut contents = Contents::new(TypeTable::envoy());
    assert!(contents.replace(vec![], 1).all);
    assert!(contents.replace(vec![], 2).is_empty());
}

#[test]
fn too_many_names_become_all() {
    let mut contents = contents();
    let mut dirty = Dirty::default();
    for part in 0..2 {
        let changes = (0..MOST_NAMES)
            .map(|n| put(&format!("{part}-{n}"), "1"))
            .collect();
        dirty.merge(&contents.apply(changes, part + 2));
    }
    assert!(dirty.all);
    assert!(dirty.names.is_empty());
}

#[test]
fn within_one_batch_the_last_change_of_a_name_counts() {
    let mut contents = contents();
    contents.apply(
        vec![
            put("a", "1"),
            Change::Remove(TypeUrl::CDS, "a".into()),
            put("a", "3"),
        ],
        2,
    );
    let of = TypeTable::envoy().index_of(TypeUrl::CDS).unwrap();
    assert_eq!(&**contents.get(of, "a").unwrap().version(), "3");
}

#[test]
fn what_many_hold_is_held_once_and_changed_for_one() {
    let of = TypeTable::envoy().index_of(TypeUrl::CDS).unwrap();
    let resource =
        |name: &str, version: &str| Arc::new(Resource::new(TypeUrl::CDS, name, version, b""));
    let layer = Layer::new([resource("a", "1"), resource("b", "1")]);
    let mut scopes = [contents(), contents()];
    for scope in &mut scopes {
        let dirty = scope.replace_over(&layer, vec![resource("own", "1")], 2);
        assert_eq!(dirty.names.len(), 3);
    }
    let [one, other] = &mut scopes;
    assert!(Arc::ptr_eq(one.base(of), other.base(of)));
    one.apply(
        vec![put("a", "2"), Change::Remove(TypeUrl::CDS, "b".into())],
        3,
    );
    assert!(one.get(of, "b").is_none() && one.all(of).count() == 2);
    assert_eq!(other.all(of).count(), 3);
    // what it held before others did is no news when they do, and nothing of it is kept beside
    let mut layer = layer.clone();
    layer.exchange(resource("a", "2"));
    let dirty = one.apply_over(&layer, vec![put("a", "2"), put("b", "1")], 4);
    let names: Vec<&str> = dirty.names.iter().map(|(_, name)| &**name).collect();
    assert_eq!(names, ["b"]);
    let dirty = other.apply_over(&layer, vec![put("a", "2")], 4);
    assert_eq!(dirty.names.len(), 1);
    assert!(Arc::ptr_eq(one.base(of), other.base(of)));
}

type Map = BTreeMap<String, u8>;

#[derive(Debug, Clone)]
enum Step {
    Put(String, u8),
    Remove(String),
    Replace(Map, Map),
    Over(Map, Map),
}

fn step() -> impl Strategy<Value = Step> {
    let name = || (0..12u8).prop_map(|name| format!("{name:02}"));
    let map = move |most| prop::collection::btree_map(name(), 0..3u8, 0..most);
    prop_oneof![
        4 => (name(), 0..3u8).prop_map(|(name, version)| Step::Put(name, version)),
        2 => name().prop_map(Step::Remove),
        1 => (map(8), map(4)).prop_map(|(layer, own)| Step::Replace(layer, own)),
        2 => (map(8), map(4)).prop_map(|(layer, own)| Step::Over(layer, own)),
    ]
}

proptest! {
    /// A layer and what stands before it are together a map, and what is told to have changed is what did.
    #[test]
    fn layers_are_a_way_to_hold_a_map(steps in prop::collection::vec(step(), 1..40)) {
        let of = TypeTable::envoy().index_of(TypeUrl::CDS).unwrap();
        let resource =
            |(name, version): (&String, &u8)| Arc::new(Resource::new(TypeUrl::CDS, name.as_str(), version.to_string(), b""));
        let layer_of = |map: &Map| Layer::new(map.iter().map(resource));
        let mut contents = contents();
        // what is held alike, and `None` where it is taken away before it
        let (mut base, mut own): (Map, BTreeMap<String, Option<u8>>) = Default::default();
        let seen = |base: &Map, own: &BTreeMap<String, Option<u8>>| {
            let mut seen = base.clone();
            for (name, version) in own {
                match version {
                    Some(version) => seen.insert(name.clone(), *version),
                    None => seen.remove(name),
                };
            }
            seen
        };
        for (n, step) in steps.into_iter().enumerate() {
            let batch = n as u64 + 2;
            let before = seen(&base, &own);
            let dirty = match step {
                Step::Put(name, version) => {
                    let dirty = contents.apply(vec![put(&name, &version.to_string())], batch);
                    own.insert(name, Some(version));
                    dirty
                }
                Step::Remove(name) => {
                    let dirty = contents.apply(vec![Change::Remove(TypeUrl::CDS, name.as_str().into())], batch);
                    own.insert(name, None);
                    dirty
                }
                Step::Replace(layer, news) => {
                    let resources = news.iter().map(resource).collect();
                    let dirty = contents.replace_over(&layer_of(&layer), resources, batch);
                    base = layer;
                    own = news.into_iter().map(|(name, version)| (name, Some(version))).collect();
                    dirty
                }
                Step::Over(layer, news) => {
                    let changes = news.iter().map(resource).map(Change::Put).collect();
                    let dirty = contents.apply_over(&layer_of(&layer), changes, batch);
                    // what is held alike after all, and what is taken away where nothing is, hides nothing any more
                    own.retain(|name, version| layer.get(name) != version.as_ref());
                    base = layer;
                    own.extend(news.into_iter().map(|(name, version)| (name, Some(version))));
                    dirty
                }
            };
            own.retain(|name, version| base.get(name) != version.as_ref());
            let now = seen(&base, &own);
            let held: Map = contents
                .all(of)
                .map(|held| (held.name().to_string(), held.version().parse().unwrap()))
                .collect();
            prop_assert_eq!(&held, &now);
            for n in 0..12 {
                let name = format!("{n:02}");
                let version = contents.get(of, &name).map(|held| held.version().parse().unwrap());
                prop_assert_eq!(version, now.get(&name).copied());
            }
            let dirty: Vec<&str> = dirty.names.iter().map(|(_, name)| &**name).collect();
            for name in before.keys().chain(now.keys()) {
                let differs = before.get(name) != now.get(name);
                prop_assert!(!differs || dirty.contains(&name.as_str()), "{} is not told", name);
            }
        }
    }
}
