//! What the page of annotations shows is golden, and there is nothing to be told of it.

use std::path::Path;

#[test]
fn every_example_of_an_annotation_is_a_case_without_findings() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("../docs/annotations.md")).expect("readable");
    let clean: Vec<String> = std::fs::read_dir(root.join("golden/appmesh"))
        .expect("readable")
        .map(|entry| entry.expect("an entry").path())
        .filter(|case| !case.join("findings.txt").exists())
        .filter_map(|case| std::fs::read_to_string(case.join("in.yaml")).ok())
        .collect();
    let examples = page.split("```yaml\n").skip(1);
    let examples: Vec<&str> = examples
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(!examples.is_empty(), "the page shows nothing");
    for example in examples {
        let shown = clean.iter().any(|case| case.contains(example));
        assert!(shown, "no golden case has\n{example}");
    }
}
