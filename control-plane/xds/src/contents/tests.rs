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
