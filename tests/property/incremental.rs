//! Incremental equals rebuilt, through every room from files to encoded resources.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use proptest::prelude::*;
use tulle_control_plane::engine::{Engine, Group, Resources, Update};
use tulle_control_plane::translate::translate;
use tulle_model::settings::Settings;
use tulle_source::{Content, FileSet};
use tulle_xds::{Change, Resource, ResourceKey, Store, TypeTable, TypeUrl};

use crate::universe::{Step, step};

/// What a group holds: by type and name the version, the bytes and what is required.
type Contents = BTreeMap<(String, String), (String, Vec<u8>, Vec<ResourceKey>)>;

fn note(contents: &mut Contents, resource: &Resource) {
    let key = (resource.type_url().to_string(), resource.name().to_string());
    let (version, bytes) = (resource.version().to_string(), resource.message().to_vec());
    contents.insert(key, (version, bytes, resource.requires().to_vec()));
}

fn all(resources: &Resources) -> Contents {
    let mut contents = Contents::new();
    resources
        .iter()
        .for_each(|resource| note(&mut contents, resource));
    contents
}

/// The same of what the server would send.
fn stored(store: &Store, group: &Group) -> Contents {
    let types = [
        TypeUrl::CDS,
        TypeUrl::EDS,
        TypeUrl::SDS,
        TypeUrl::LDS,
        TypeUrl::RDS,
    ];
    let mut contents = Contents::new();
    for resource in types
        .iter()
        .flat_map(|url| store.list(&group.scope(), *url))
    {
        note(&mut contents, &resource);
    }
    contents
}

fn path(file: usize) -> PathBuf {
    PathBuf::from(format!("{file}.yaml"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn what_proxies_hold_is_what_a_fresh_start_would_give(steps in prop::collection::vec(step(), 1..25)) {
        let mut files = FileSet::new();
        let mut engine = Engine::new(Settings::default());
        let mut held: BTreeMap<Group, Contents> = BTreeMap::new();
        let mut opened: BTreeSet<Group> = BTreeSet::new();
        let (store, _feed) = Store::new(TypeTable::envoy());
        let mut objects = BTreeMap::new();
        for step in steps {
            let changes = match &step {
                Step::Save(file, text) => files.apply(&path(*file), Content::Bytes(text.as_bytes())),
                Step::Delete(file) => files.apply(&path(*file), Content::Gone),
            };
            for change in &changes {
                match &change.object {
                    Some(_) => objects.insert(change.key.clone(), change.clone()),
                    None => objects.remove(&change.key),
                };
            }
            let outcome = engine.apply(changes.iter().map(translate).collect());
            for (group, update) in outcome.updates {
                let contents = held.entry(group.clone()).or_default();
                match update {
                    Update::Fill(resources) => {
                        *contents = all(&resources);
                        store.replace_over(&group.scope(), &resources.layer, resources.own);
                    }
                    Update::Change(changes) => {
                        store.apply_over(&group.scope(), &changes.layer, changes.list.clone());
                        for change in changes.list {
                            match change {
                                Change::Put(resource) => note(contents, &resource),
                                Change::Remove(type_url, name) => {
                                    let key = (type_url.to_string(), name.to_string());
                                    prop_assert!(contents.remove(&key).is_some(), "removed what was not held: {:?}", key);
                                }
                            }
                        }
                    }
                }
            }
            for proxy in engine.proxies() {
                let group = Group { proxy, capture: "transparent".parse().expect("a mode") };
                if opened.insert(group.clone()) && let Some(resources) = engine.open(&group) {
                    held.insert(group.clone(), all(&resources));
                    store.replace_over(&group.scope(), &resources.layer, resources.own);
                }
            }
            // The oracle: everything anew.
            let mut fresh = Engine::new(Settings::default());
            fresh.apply(objects.values().map(translate).collect());
            prop_assert_eq!(fresh.proxies(), engine.proxies());
            for group in &opened {
                // A proxy that nobody declares any more keeps what it has.
                if let Some(wanted) = fresh.open(group).map(|resources| all(&resources)) {
                    prop_assert_eq!(held.get(group), Some(&wanted), "{}", group);
                }
            }
            for (group, contents) in &held {
                prop_assert_eq!(&stored(&store, group), contents, "{}", group);
            }
            prop_assert_eq!(fresh.findings(), engine.findings());
        }
    }
}
