use tulle_model::ObjectId;

use super::*;

fn object_with(text: &str) -> ObjectMeta {
    ObjectMeta {
        annotations: Some([("tulle.dev/x".to_owned(), text.to_owned())].into()),
        ..Default::default()
    }
}

/// What is told of a value that nothing can be made of.
fn refused(text: &str) -> String {
    let mut report = Report::new(ObjectId::new("g", "K", "n", "x"));
    assert!(given(&mut report, &object_with(text), "tulle.dev/x").is_none());
    report.into_findings()[0].message.to_string()
}

#[test]
fn lengths_of_time_are_sums_of_whole_units() {
    for (text, millis) in [
        ("1s", Some(1000)),
        ("250ms", Some(250)),
        ("1m30s", Some(90_000)),
        ("2h0m1ms", Some(7_200_001)),
        ("0s", Some(0)),
        ("", None),
        ("1", None),
        ("s", None),
        ("1 s", None),
        ("-1s", None),
        ("1.5s", None),
        ("1S", None),
        ("1d", None),
        ("1s2", None),
    ] {
        assert_eq!(duration(text), millis.map(Duration::from_millis), "{text}");
    }
    assert!(duration("99999999999999999999h").is_some_and(|long| long > LONGEST));
}

#[test]
fn values_that_unfold_to_too_much_are_refused() {
    let deep = "[".repeat(100) + &"]".repeat(100);
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]";
    for text in [
        deep.as_str(),
        bomb,
        "a: &a [*a]",
        "a: 1\na: 2",
        "a\n---\nb",
        "\u{0}",
    ] {
        let message = refused(text);
        assert!(message.starts_with("not valid YAML: "), "{message}");
        assert!(
            message.ends_with("; the annotation is passed over"),
            "{message}"
        );
        assert!(!message.contains('\n') && message.len() < 300, "{message}");
    }
}

#[test]
fn members_that_nobody_takes_are_told_with_those_that_there_are() {
    let mut report = Report::new(ObjectId::new("g", "K", "n", "x"));
    let given = given(
        &mut report,
        &object_with("{a: 1, b: 2, c: 3}"),
        "tulle.dev/x",
    )
    .unwrap();
    let mut members = given.members(&mut report, "").unwrap();
    assert_eq!(members.take("a").unwrap().number(&mut report, 1..=1), Ok(1));
    assert!(members.take("z").is_none());
    assert_eq!(members.end(&mut report), Err(LeftOut));
    let told: Vec<String> = report
        .into_findings()
        .iter()
        .map(|own| format!("{} {}", own.field, own.help))
        .collect();
    assert_eq!(
        told,
        [
            "metadata.annotations[tulle.dev/x].b the members are a, z",
            "metadata.annotations[tulle.dev/x].c the members are a, z",
        ]
    );
}
