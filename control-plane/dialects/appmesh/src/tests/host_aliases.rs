//! `tulle.dev/host-aliases`.

use super::*;

const KEY: &str = "tulle.dev/host-aliases";

/// The aliases of a service with this annotation, and code and field of what is told of it.
fn aliases(text: &str) -> (Vec<String>, Vec<String>) {
    let mut object = object(
        "VirtualService",
        json!({"awsName": "Colour.shop.svc.cluster.local"}),
    )
    .unwrap();
    object.metadata_mut().annotations = Some([(KEY.to_owned(), text.to_owned())].into());
    let translated = translate(&object, &[]).unwrap();
    let Some(Fragment::Service(service)) = translated.fragments.first() else {
        panic!("{translated:?}");
    };
    assert_eq!(&*service.host, "colour.shop.svc.cluster.local");
    let told = translated.findings.iter().map(|finding| {
        assert!(!finding.help.is_empty());
        let field = finding
            .field
            .replace(&format!("metadata.annotations[{KEY}]"), "");
        format!("{} {}{field}", finding.severity, finding.code)
    });
    let aliases = service.host_aliases.iter().map(ToString::to_string);
    (aliases.collect(), told.collect())
}

#[test]
fn names_stand_with_commas_blanks_or_in_a_list() {
    for text in [
        "colour, colour.shop",
        "colour colour.shop",
        " Colour.SHOP,\n  colour,",
        "[colour, colour.shop]",
        "- colour.shop\n- COLOUR",
        r#"["colour", "colour.shop"]"#,
    ] {
        let (aliases, told) = aliases(text);
        assert_eq!(aliases, ["colour", "colour.shop"], "{text}");
        assert!(told.is_empty(), "{text}: {told:?}");
    }
    // What YAML would read as something else is a name like any other.
    assert_eq!(aliases("no, 10.0.0.1").0, ["10.0.0.1", "no"]);
    assert_eq!(aliases("[8080, true]").0, ["8080", "true"]);
}

#[test]
fn what_is_no_name_is_passed_over_alone() {
    for (text, expected, told) in [
        ("", vec![], "error invalid-value"),
        (" , ", vec![], "error invalid-value"),
        ("a, *.shop", vec!["a"], "error invalid-value"),
        ("a, *", vec!["a"], "error invalid-value"),
        ("a b:8080", vec!["a"], "error invalid-value"),
        ("a, b/c", vec!["a"], "error invalid-value"),
        ("a, a..b", vec!["a"], "error invalid-value"),
        ("a, a", vec!["a"], "warning duplicate"),
        ("a, A", vec!["a"], "warning duplicate"),
        (
            "a, colour.shop.svc.CLUSTER.local",
            vec!["a"],
            "warning no-effect",
        ),
        ("[a, [b]]", vec!["a"], "error invalid-value[1]"),
        ("[a, '*.b']", vec!["a"], "error invalid-value[1]"),
        ("{a: b}", vec![], "error invalid-value"),
        ("[a", vec![], "error invalid-value"),
    ] {
        assert_eq!(
            aliases(text),
            (
                expected.iter().map(ToString::to_string).collect(),
                vec![told.to_owned()]
            ),
            "{text}"
        );
    }
}
