//! The table of settings in the documentation is that of the code.

use crate::inject::known::{ANNOTATIONS, Effect, VARIABLES};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/sidecar-settings.md");

fn table(head: &str, before: &str, rows: &[(&str, Effect)]) -> String {
    let mut table = format!("| {head} | | |\n|---|---|---|\n");
    for (name, effect) in rows {
        let (word, text) = (effect.word(), effect.text());
        table.push_str(&format!("| `{before}{name}` | {word} | {text} |\n"));
    }
    table
}

/// The part of the page between two marks.
fn replaced(page: &str, name: &str, text: &str) -> String {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->\n"));
    let (head, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("{begin}"));
    let (_, tail) = rest.split_once(&end).unwrap_or_else(|| panic!("{end}"));
    format!("{head}{begin}{text}{end}{tail}")
}

#[test]
fn the_page_lists_what_the_code_lists() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let now = replaced(&page, "annotations", &table("annotation", "", ANNOTATIONS));
    let now = replaced(&now, "variables", &table("variable", "", VARIABLES));
    if page != now && std::env::var_os("TULLE_UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(PAGE, now).unwrap();
        return;
    }
    assert_eq!(page, now, "TULLE_UPDATE=1 writes it anew");
}

#[test]
fn lists_are_sorted_and_name_each_once() {
    for list in [VARIABLES, ANNOTATIONS] {
        for pair in list.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{} {}", pair[0].0, pair[1].0);
        }
    }
}

/// Every variable and annotation that this crate's sources speak of is in the lists, and whatever is said to be honoured is
/// spoken of.
#[test]
fn the_lists_are_what_the_sources_read() {
    let mut read = String::new();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/inject");
    for file in [
        "annotations.rs",
        "names.rs",
        "environment.rs",
        "gateway.rs",
        "sds.rs",
        "tuning.rs",
        "tuning/figures.rs",
        "tuning/tracing.rs",
    ] {
        let text = std::fs::read_to_string(format!("{folder}/{file}")).unwrap();
        read.push_str(text.split("#[cfg(test)]").next().unwrap());
    }
    let words: Vec<&str> = read.split('"').skip(1).step_by(2).collect();
    for word in &words {
        let variable = word.contains('_')
            && word
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
            && !["POD_NAME", "POD_NAMESPACE", "TEN_THOUSAND"].contains(word);
        if variable {
            assert!(VARIABLES.iter().any(|(name, _)| name == word), "{word}");
        }
        if let Some(annotation) = word.strip_prefix("appmesh.k8s.aws/") {
            assert!(
                ANNOTATIONS.iter().any(|(name, _)| *name == annotation),
                "{annotation}"
            );
        }
    }
    for (name, effect) in VARIABLES {
        if matches!(effect, Effect::Honoured(_) | Effect::Differs(_)) {
            assert!(words.contains(name), "{name} is read nowhere");
        }
    }
    for (name, effect) in ANNOTATIONS {
        if matches!(effect, Effect::Honoured(_) | Effect::Differs(_)) {
            let name = format!("appmesh.k8s.aws/{name}");
            assert!(words.contains(&name.as_str()), "{name} is read nowhere");
        }
    }
}
