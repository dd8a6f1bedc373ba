use super::*;

/// Texts and whether Envoy 1.38.3, 1.39.3 and 1.40.0 all take them, as tried on them.
pub(crate) const TRIED: &str = include_str!("tried.txt");

#[test]
fn the_verdicts_are_those_of_the_supported_envoys() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in TRIED.lines() {
        let (verdict, text) = line.split_once(' ').unwrap();
        let text: String = serde_json::from_str(text).unwrap();
        count += 1;
        if check(&text).is_ok() != (verdict == "takes") {
            wrong.push(format!("{text:?} is not {verdict}: {:?}", check(&text)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 1500, "only {count} texts");
}

#[test]
fn programs_are_refused_whatever_envoy_says() {
    for text in [
        "%CEL(1)%",
        "%TYPED_CEL(1)%",
        r#"%COALESCE({"operators":["PROTOCOL"]})%"#,
    ] {
        assert!(
            matches!(check(text), Err(FormatError::Program(_))),
            "{text}"
        );
    }
}

#[test]
fn commands_that_a_version_lacks_are_refused() {
    for text in ["%LISTENER_NAME%", "%UPSTREAM_SERVER_NAME%"] {
        assert!(
            matches!(check(text), Err(FormatError::Unknown(_))),
            "{text}"
        );
    }
}

#[test]
fn the_commands_are_sorted() {
    assert!(commands::find("ACCESS_LOG_TYPE").is_some());
    assert!(commands::find("VIRTUAL_CLUSTER_NAME").is_some());
}
