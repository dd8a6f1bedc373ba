use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn resource(url: TypeUrl, name: &str, version: &str) -> Arc<Resource> {
    Arc::new(Resource::new(url, name, version, b""))
}

fn many(count: usize, version: &str) -> Vec<Arc<Resource>> {
    let name = |n| format!("{n:03}");
    (0..count)
        .map(|n| resource(TypeUrl::EDS, &name(n), version))
        .collect()
}

#[test]
fn the_first_of_a_name_counts() {
    let layer = Layer::new([
        resource(TypeUrl::CDS, "b", "1"),
        resource(TypeUrl::CDS, "a", "1"),
        resource(TypeUrl::CDS, "b", "2"),
        resource(TypeUrl::EDS, "b", "3"),
    ]);
    let shown: Vec<String> = layer.iter().map(|own| format!("{own:?}")).collect();
    assert_eq!(
        shown,
        ["Cluster/a@1", "Cluster/b@1", "ClusterLoadAssignment/b@3"]
    );
    assert_eq!(layer.len(), 3);
    assert!(!layer.is_empty() && Layer::default().is_empty());
}

#[test]
fn an_exchange_copies_what_lies_beside_it_and_nothing_else() {
    let before = Layer::new(many(1000, "1"));
    let mut now = before.clone();
    now.exchange(resource(TypeUrl::EDS, "500", "2"));
    now.exchange(resource(TypeUrl::EDS, "not there", "2"));
    now.exchange(resource(TypeUrl::CDS, "500", "2"));
    let [a, b] = [&before, &now].map(|layer| layer.of(TypeUrl::EDS).unwrap());
    assert!(Arc::ptr_eq(a.names(), b.names()));
    let copied = a.chunks.iter().zip(&b.chunks);
    assert_eq!(copied.filter(|(a, b)| !Arc::ptr_eq(a, b)).count(), 1);
    assert_eq!(
        format!("{:?}", now.changes_since(&before)),
        "[Put(ClusterLoadAssignment/500@2)]"
    );
    assert_eq!(&**before.get(TypeUrl::EDS, "500").unwrap().version(), "1");
    assert_eq!(now.len(), 1000);
}

#[test]
fn what_requires_what_is_known() {
    let listener = |version: &str| Resource::new(TypeUrl::LDS, "l", version, b"");
    let key = |url| [(url, Arc::from("x"))];
    let mut layer = Layer::new([Arc::new(listener("1").with_requires(key(TypeUrl::CDS)))]);
    let requires = |layer: &Layer| layer.of(TypeUrl::LDS).unwrap().requires().to_vec();
    assert_eq!(requires(&layer), [TypeUrl::CDS]);
    layer.exchange(Arc::new(listener("2").with_requires(key(TypeUrl::RDS))));
    assert_eq!(requires(&layer), [TypeUrl::CDS, TypeUrl::RDS]);
}

type Map = BTreeMap<(usize, String), u8>;

const URLS: [TypeUrl; 2] = [TypeUrl::CDS, TypeUrl::EDS];

fn map() -> impl Strategy<Value = Map> {
    let name = (0..70u8).prop_map(|name| format!("{name:02}"));
    prop::collection::btree_map((0..2usize, name), 0..3u8, 0..90)
}

fn layer(map: &Map) -> Layer {
    Layer::new(
        map.iter()
            .map(|((url, name), version)| resource(URLS[*url], name, &version.to_string())),
    )
}

proptest! {
    #[test]
    fn changes_lead_from_one_layer_to_another(before in map(), now in map(), exchanged in map()) {
        let mut layers = [layer(&before), layer(&now)];
        let mut maps = [before, now];
        for ((url, name), version) in &exchanged {
            layers[1].exchange(resource(URLS[*url], name, &version.to_string()));
            if let Some(own) = maps[1].get_mut(&(*url, name.clone())) {
                *own = *version;
            }
        }
        let [before, now] = &maps;
        for ((url, name), version) in now {
            let found = layers[1].get(URLS[*url], name).unwrap();
            prop_assert_eq!(&**found.version(), &version.to_string());
        }
        let mut expected = BTreeMap::new();
        for key in before.keys().chain(now.keys()) {
            if before.get(key) != now.get(key) {
                expected.insert((URLS[key.0], key.1.clone()), now.get(key).map(u8::to_string));
            }
        }
        let changes = layers[1].changes_since(&layers[0]);
        prop_assert_eq!(changes.len(), expected.len());
        for change in changes {
            let (key, version) = match change {
                Change::Put(own) => {
                    ((own.type_url(), own.name().to_string()), Some(own.version().to_string()))
                }
                Change::Remove(url, name) => ((url, name.to_string()), None),
            };
            prop_assert_eq!(expected.get(&key), Some(&version));
        }
    }
}
