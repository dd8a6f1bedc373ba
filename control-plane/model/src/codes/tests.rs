use super::{ALL, Code};

#[test]
fn words_are_kebab_case_sorted_and_each_there_once() {
    for pair in ALL.windows(2) {
        assert!(pair[0] < pair[1], "{} stands before {}", pair[0], pair[1]);
    }
    for code in ALL {
        let kebab = |letter: char| letter.is_ascii_lowercase() || letter == '-';
        assert!(code.chars().all(kebab), "{code}");
        assert!(code.starts_with(|first: char| first.is_ascii_lowercase()));
    }
}

#[test]
fn each_says_what_it_means_and_the_way_out() {
    for code in ALL {
        for text in [code.meaning(), code.way_out()] {
            assert!(text.ends_with('.'), "{code}: {text:?}");
            assert_eq!(text.trim(), text, "{code}");
            assert!(!text.contains(['\n', '|']), "{code}: {text:?}");
        }
    }
}

#[test]
fn a_code_is_written_and_read_as_its_word() {
    for code in ALL {
        assert_eq!(Code::named(code.word()), Some(*code));
        let word = serde_json::to_string(code).expect("a string");
        assert_eq!(word, format!("\"{code}\""));
    }
    assert_eq!(Code::named("no-such-code"), None);
}

const PAGE: &str = "\
# Findings

What Tulle has to say about a manifest is a finding: a severity, a code, the object and field, a sentence, and the way out. The same
findings are in the conditions of objects, in warnings of `kubectl apply`, in the log, at `/debug/findings`, and in what
[`tulle analyze`](analyze.md) prints. Codes are stable: a script or a filter may rely on them.

| severity | |
|---|---|
| error | a part of the object has no effect until it is mended; everything else goes on |
| warning | the object works, but perhaps not as its author expects |
| info | good to know; nothing is lost |

The severity below is the usual one; a single finding may have another. This page is made from the table in
`control-plane/model/src/codes.rs`: `TULLE_UPDATE=1 cargo test -p tulle-model` writes it anew.

| code | severity | meaning | way out |
|---|---|---|---|
";

fn page() -> String {
    let rows = ALL.iter().map(|code| {
        format!(
            "| `{code}` | {} | {} | {} |\n",
            code.usual_severity(),
            code.meaning(),
            code.way_out()
        )
    });
    PAGE.to_owned() + &rows.collect::<String>()
}

#[test]
fn the_page_of_findings_is_this_table() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/findings.md");
    if std::env::var_os("TULLE_UPDATE").is_some() {
        std::fs::write(&path, page()).expect("writable");
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == page(),
        "docs/findings.md is not what the table says; run TULLE_UPDATE=1 cargo test -p tulle-model"
    );
}
