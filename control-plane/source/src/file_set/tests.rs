use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A router whose route has this weight; what is not a number breaks it.
fn router(name: &str, weight: &str) -> String {
    format!(
        "apiVersion: appmesh.k8s.aws/v1beta2\nkind: VirtualRouter\nmetadata: {{name: {name}, \
         namespace: shop}}\nspec:\n  routes:\n  - name: all\n    httpRoute:\n      match: {{prefix: \
         /}}\n      action:\n        weightedTargets:\n        - weight: {weight}\n"
    )
}

fn mesh(name: &str) -> String {
    format!("apiVersion: appmesh.k8s.aws/v1beta2\nkind: Mesh\nmetadata: {{name: {name}}}\n")
}

/// A file set that tells what it does as text.
#[derive(Default)]
struct Files(FileSet);

impl Files {
    fn save(&mut self, file: &str, text: &str) -> Vec<String> {
        self.apply(file, Content::Bytes(text.as_bytes()))
    }

    fn apply(&mut self, file: &str, content: Content<'_>) -> Vec<String> {
        let changes = self.0.apply(Path::new(file), content);
        changes
            .iter()
            .map(|change| {
                assert_eq!(
                    change.object.as_ref().map(|o| &o.place),
                    self.0.get(&change.key).map(|o| &o.place)
                );
                match &change.object {
                    Some(observed) => format!("{} {}", change.key, weight(observed)),
                    None => format!("{} gone", change.key),
                }
            })
            .collect()
    }

    fn now(&self) -> Vec<String> {
        self.0
            .objects()
            .map(|(key, observed)| format!("{key} {}", weight(observed)))
            .collect()
    }

    fn problems(&self) -> Vec<String> {
        self.0.problems().iter().map(ToString::to_string).collect()
    }
}

fn weight(observed: &Observed) -> i64 {
    let tulle_crds::Object::VirtualRouter(router) = &observed.object else {
        return 0;
    };
    let route = router
        .spec
        .routes
        .first()
        .and_then(|route| route.http_route.as_ref());
    route.map_or(-1, |route| route.action.weighted_targets[0].weight)
}

const NOTHING: [String; 0] = [];

#[test]
fn objects_come_change_and_go() {
    let mut files = Files::default();
    assert_eq!(
        files.save("a.yaml", &router("color", "1")),
        ["VirtualRouter shop/color 1"]
    );
    assert_eq!(
        files.save("a.yaml", &router("color", "2")),
        ["VirtualRouter shop/color 2"]
    );
    assert_eq!(
        files.save("a.yaml", &router("other", "2")),
        [
            "VirtualRouter shop/color gone",
            "VirtualRouter shop/other 2"
        ]
    );
    assert_eq!(
        files.apply("a.yaml", Content::Gone),
        ["VirtualRouter shop/other gone"]
    );
    assert_eq!(files.apply("a.yaml", Content::Gone), NOTHING);
    assert_eq!(files.now(), NOTHING);
}

#[test]
fn what_says_the_same_is_no_change_but_moves_its_place() {
    let mut files = Files::default();
    files.save("a.yaml", &router("color", "1"));
    assert_eq!(files.save("a.yaml", &router("color", "1")), NOTHING);
    assert_eq!(
        files.save("a.yaml", &format!("# comment\n{}", router("color", "0x1"))),
        NOTHING
    );
    let (_, observed) = files.0.objects().next().unwrap();
    assert_eq!(observed.place.as_ref().unwrap().line, 3);
    let commented = router("color", "1").replace("spec:", "status: {}\nspec:");
    assert_eq!(files.save("a.yaml", &commented), NOTHING);
    let unknown = router("color", "1").replace("spec:", "spec:\n  colour: 1");
    assert_eq!(
        files.save("a.yaml", &unknown),
        ["VirtualRouter shop/color 1"]
    );
}

#[test]
fn a_bad_object_keeps_its_last_good_version_until_it_is_gone() {
    let mut files = Files::default();
    files.save(
        "a.yaml",
        &format!("{}---\n{}", router("color", "1"), router("other", "1")),
    );
    let edit = format!("{}---\n{}", router("color", "blue"), router("other", "2"));
    assert_eq!(files.save("a.yaml", &edit), ["VirtualRouter shop/other 2"]);
    assert_eq!(
        files.now(),
        ["VirtualRouter shop/color 1", "VirtualRouter shop/other 2"]
    );
    assert_eq!(
        files.problems(),
        ["a.yaml:11:19: VirtualRouter shop/color: \
          spec.routes[0].httpRoute.action.weightedTargets[0].weight: expected a whole number, found \
          \"blue\""]
    );
    assert_eq!(
        files.save("a.yaml", &router("other", "2")),
        ["VirtualRouter shop/color gone"],
        "no longer named"
    );
    assert_eq!(files.problems(), NOTHING);
}

#[test]
fn a_bad_object_that_was_never_good_is_not_there() {
    let mut files = Files::default();
    assert_eq!(files.save("a.yaml", &router("color", "blue")), NOTHING);
    assert_eq!(files.problems().len(), 1);
    assert_eq!(
        files.save("a.yaml", &router("color", "3")),
        ["VirtualRouter shop/color 3"]
    );
    assert_eq!(files.problems(), NOTHING);
}

#[test]
fn a_broken_document_keeps_what_the_file_no_longer_names() {
    let mut files = Files::default();
    let whole = format!("{}---\n{}", router("color", "1"), router("other", "1"));
    files.save("a.yaml", &whole);
    let broken = whole
        .replacen("spec:", "spec: [", 1)
        .replace("weight: 1", "weight: 2");
    assert_eq!(
        files.save("a.yaml", &broken),
        ["VirtualRouter shop/other 2"]
    );
    assert_eq!(
        files.now(),
        ["VirtualRouter shop/color 1", "VirtualRouter shop/other 2"]
    );
    assert_eq!(
        files.save("a.yaml", &router("other", "2")),
        ["VirtualRouter shop/color gone"]
    );
}

/// Ten ways to spoil a file; none takes an object away, each is told, all are mended by a save.
#[test]
fn spoiled_files_keep_their_last_good_objects() {
    let good = router("color", "1");
    let spoils: [(&str, Vec<u8>); 10] = [
        (
            "cut in the middle of a string",
            good[..good.find("shop").unwrap() + 2].into(),
        ),
        ("an open bracket", good.replace("all", "[all").into()),
        ("a tab", good.replace("  - name", "\t- name").into()),
        ("text", b"hello\n".into()),
        ("not UTF-8", [good.as_bytes(), b"# \xff\n"].concat()),
        ("a zero byte", good.replace("shop", "sh\0p").into()),
        ("an unknown alias", good.replace("all", "*all").into()),
        (
            "a wrong type",
            good.replace("weight: 1", "weight: one").into(),
        ),
        ("no name", good.replace("name: color", "nam: color").into()),
        (
            "10 MB",
            [good.as_bytes(), &b"#".repeat(10_000_000)].concat(),
        ),
    ];
    for (what, bytes) in spoils {
        let mut files = Files::default();
        files.save("a.yaml", &good);
        files.save("b.yaml", &mesh("color"));
        assert_eq!(
            files.apply("a.yaml", Content::Bytes(&bytes)),
            NOTHING,
            "{what}"
        );
        assert_eq!(
            files.now(),
            ["Mesh color 0", "VirtualRouter shop/color 1"],
            "{what}"
        );
        let problems = files.0.problems();
        assert!(
            problems
                .iter()
                .any(|problem| problem.severity == Severity::Error),
            "{what}"
        );
        assert!(
            problems
                .iter()
                .all(|problem| problem.place.as_ref().unwrap().file.as_ref() == Path::new("a.yaml"))
        );
        assert_eq!(files.save("a.yaml", &good), NOTHING, "{what}");
        assert_eq!(files.problems(), NOTHING, "{what}");
    }
}

#[test]
fn files_that_cannot_be_read_keep_their_objects() {
    let mut files = Files::default();
    files.save("a.yaml", &router("color", "1"));
    assert_eq!(files.apply("a.yaml", Content::TooLarge(10 << 20)), NOTHING);
    assert_eq!(
        files.problems(),
        ["a.yaml: 10 MiB, more than the 8 MiB that a manifest may have"]
    );
    assert_eq!(
        files.apply("a.yaml", Content::Unreadable("permission denied")),
        NOTHING
    );
    assert_eq!(
        files.problems(),
        ["a.yaml: cannot be read: permission denied"]
    );
    assert_eq!(files.save("a.yaml", &router("color", "1")), NOTHING);
    assert_eq!(files.problems(), NOTHING);
    assert_eq!(
        files.apply("b.yaml", Content::Bytes(b"a: 1\nb\xc3: 2\n")),
        NOTHING
    );
    assert_eq!(
        files.problems(),
        ["b.yaml:2:2: not UTF-8 text: byte 0xc3 (save the file as UTF-8)"]
    );
}

#[test]
fn of_two_declarations_the_first_counts() {
    let mut files = Files::default();
    assert_eq!(
        files.save("b.yaml", &router("color", "2")),
        ["VirtualRouter shop/color 2"]
    );
    assert_eq!(files.save("c.yaml", &router("color", "3")), NOTHING);
    assert_eq!(
        files.problems(),
        ["c.yaml:2:1: VirtualRouter shop/color: declared twice; b.yaml:2:1 counts (remove one)"]
    );
    assert_eq!(
        files.save("a.yaml", &router("color", "1")),
        ["VirtualRouter shop/color 1"]
    );
    assert_eq!(files.problems().len(), 2);
    assert_eq!(
        files.apply("a.yaml", Content::Gone),
        ["VirtualRouter shop/color 2"]
    );
    assert_eq!(
        files.apply("b.yaml", Content::Gone),
        ["VirtualRouter shop/color 3"]
    );
    assert_eq!(files.problems(), NOTHING);

    let twice = format!("{}---\n{}", router("color", "5"), router("color", "6"));
    assert_eq!(files.save("c.yaml", &twice), ["VirtualRouter shop/color 5"]);
    assert_eq!(
        files.problems(),
        ["c.yaml:14:1: VirtualRouter shop/color: declared twice; c.yaml:2:1 counts (remove one)"]
    );
    assert_eq!(
        files.save("c.yaml", &twice.replace("weight: 5", "weight: x")),
        NOTHING
    );
}

#[test]
fn an_object_that_moved_out_of_a_broken_file_counts_where_it_is() {
    let mut files = Files::default();
    files.save("a.yaml", &router("color", "1"));
    assert_eq!(files.save("a.yaml", "kind: [\n"), NOTHING);
    assert_eq!(
        files.save("b.yaml", &router("color", "2")),
        ["VirtualRouter shop/color 2"]
    );
    assert!(
        files
            .problems()
            .iter()
            .all(|problem| !problem.contains("declared twice"))
    );
}

#[test]
fn passed_over_kinds_are_counted_over_all_files() {
    let mut files = Files::default();
    for file in ["a.yaml", "b.yaml"] {
        files.save(
            file,
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n",
        );
    }
    let kind = ("v1".to_owned(), "ConfigMap".to_owned());
    assert_eq!(files.0.passed_over(), BTreeMap::from([(kind, 2)]));
    files.apply("a.yaml", Content::Gone);
    assert_eq!(files.0.passed_over().values().sum::<usize>(), 1);
}

fn document() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["red", "green", "blue"]);
    prop_oneof![
        4 => (name.clone(), 0..3).prop_map(|(name, weight): (&str, i32)| router(name, &weight.to_string())),
        2 => name.clone().prop_map(mesh),
        1 => name.prop_map(|name| router(name, "much")),
        1 => Just("kind: [\n".to_owned()),
        1 => Just("apiVersion: v1\nkind: ConfigMap\n".to_owned()),
    ]
}

fn file_text() -> impl Strategy<Value = String> {
    prop::collection::vec(document(), 0..4).prop_map(|documents| documents.join("---\n"))
}

fn file_name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a.yaml", "b.yaml", "c/a.yaml"])
}

fn snapshot(files: &Files) -> (Vec<String>, Vec<String>) {
    (files.now(), files.problems())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_of_files_makes_no_difference(
        contents in prop::collection::btree_map(file_name(), file_text(), 0..4),
        shuffled in Just(()).prop_perturb(|(), mut random| random.random::<u64>()),
    ) {
        let mut orders: Vec<Vec<_>> = vec![contents.iter().collect(), contents.iter().rev().collect()];
        let mut third: Vec<_> = contents.iter().collect();
        if !third.is_empty() {
            let by = (shuffled % third.len() as u64) as usize;
            third.rotate_left(by);
        }
        orders.push(third);
        let results: Vec<_> = orders.into_iter().map(|order| {
            let mut files = Files::default();
            for (file, text) in order {
                files.save(file, text);
            }
            snapshot(&files)
        }).collect();
        prop_assert_eq!(&results[0], &results[1]);
        prop_assert_eq!(&results[0], &results[2]);
    }

    /// Changes add up to the state, and once all files are whole the history is forgotten.
    #[test]
    fn changes_add_up_and_history_does_not_matter(
        history in prop::collection::vec((file_name(), prop::option::of(file_text())), 0..12),
        last in prop::collection::btree_map(file_name(), prop::sample::select(vec![
            router("red", "1"), mesh("blue"), String::new(),
        ]), 3),
    ) {
        let mut files = Files::default();
        let mut told: BTreeMap<ObjectKey, Arc<Observed>> = BTreeMap::new();
        let saves = history.iter().map(|(file, text)| (*file, text.as_deref()));
        for (file, text) in saves.chain(last.iter().map(|(file, text)| (*file, Some(text.as_str())))) {
            let content = text.map_or(Content::Gone, |text| Content::Bytes(text.as_bytes()));
            for change in files.0.apply(Path::new(file), content) {
                match change.object {
                    Some(observed) => {
                        if let Some(before) = told.insert(change.key, Arc::clone(&observed)) {
                            prop_assert!(!before.says_the_same(&observed), "told twice");
                        }
                    }
                    None => prop_assert!(told.remove(&change.key).is_some(), "gone twice"),
                }
            }
            prop_assert_eq!(told.len(), files.0.objects().count());
            for (key, observed) in files.0.objects() {
                prop_assert!(told[key].says_the_same(observed));
            }
        }
        let mut fresh = Files::default();
        for (file, text) in &last {
            fresh.save(file, text);
        }
        prop_assert_eq!(snapshot(&files), snapshot(&fresh));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut files = Files::default();
        files.save("a.yaml", &mesh("color"));
        files.apply("a.yaml", Content::Bytes(&bytes));
        files.apply("a.json", Content::Bytes(&bytes));
    }

    #[test]
    fn no_damage_makes_it_panic_or_lose_other_files(
        at in 0..200_usize,
        damage in "[\\x00-\\x7f]{0,3}",
        removed in 0..5_usize,
    ) {
        let good = router("color", "1");
        let start = at.min(good.len());
        let end = (start + removed).min(good.len());
        let damaged = format!("{}{damage}{}", &good[..start], &good[end..]);
        let mut files = Files::default();
        files.save("b.yaml", &mesh("color"));
        files.save("a.yaml", &good);
        files.save("a.yaml", &damaged);
        prop_assert!(files.now().contains(&"Mesh color 0".to_owned()));
    }
}
