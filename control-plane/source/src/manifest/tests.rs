use super::*;
use crate::problem::Severity;

const MESH: &str = "apiVersion: appmesh.k8s.aws/v1beta2\nkind: Mesh\nmetadata:\n  name: color\n";

fn read_as(file: &str, text: &str) -> Manifest {
    read(&Path::new(file).into(), text, &Known::default()).0
}

fn read_yaml(text: &str) -> Manifest {
    read_as("m.yaml", text)
}

fn keys(manifest: &Manifest) -> Vec<String> {
    manifest
        .objects
        .iter()
        .map(|declared| declared.key.to_string())
        .collect()
}

fn place(place: Option<&Place>) -> String {
    place.unwrap().to_string()
}

fn line(problem: &Problem) -> u32 {
    problem.place.as_ref().unwrap().line
}

fn problems(manifest: &Manifest) -> Vec<String> {
    manifest.problems.iter().map(ToString::to_string).collect()
}

fn router(spec: &str) -> String {
    format!(
        "apiVersion: appmesh.k8s.aws/v1beta2\nkind: VirtualRouter\n\
         metadata:\n  name: color\n  namespace: shop\nspec:\n{spec}"
    )
}

#[test]
fn several_documents_and_their_places() {
    let text = format!("# a mesh\n{MESH}---\n\n---\n{}", router("  routes: []\n"));
    let manifest = read_yaml(&text);
    assert_eq!(problems(&manifest), Vec::<String>::new());
    assert_eq!(keys(&manifest), ["Mesh color", "VirtualRouter shop/color"]);
    let places: Vec<_> = manifest
        .objects
        .iter()
        .map(|declared| place(declared.observed.as_ref().unwrap().place.as_ref()))
        .collect();
    assert_eq!(places, ["m.yaml:3:1", "m.yaml:10:1"]);
}

#[test]
fn a_wrong_field_is_told_with_its_line_and_column() {
    let spec = "  routes:\n  - name: all\n    httpRoute:\n      match:\n        prefix: 5\n      \
                action:\n        weightedTargets:\n        - weight: 101\n";
    let manifest = read_yaml(&router(spec));
    assert_eq!(
        problems(&manifest),
        [
            "m.yaml:14:19: VirtualRouter shop/color: \
             spec.routes[0].httpRoute.action.weightedTargets[0].weight: expected a number from 0 \
             to 100, found 101",
            "m.yaml:11:17: VirtualRouter shop/color: spec.routes[0].httpRoute.match.prefix: \
             expected a string, found 5 (put it in quotes: \"5\")",
        ]
    );
    assert_eq!(keys(&manifest), ["VirtualRouter shop/color"]);
    assert!(manifest.objects[0].observed.is_none());
    assert!(!manifest.unreadable_documents);
}

#[test]
fn a_missing_field_is_told_where_it_should_be() {
    let manifest = read_yaml(&router("  routes:\n  - priority: 1\n"));
    assert_eq!(
        problems(&manifest),
        ["m.yaml:8:5: VirtualRouter shop/color: spec.routes[0].name: required, but missing"]
    );
}

#[test]
fn a_broken_document_leaves_the_others_alone() {
    let text = format!("{MESH}---\nkind: [\n---\n{}", router("  routes: []\n"));
    let manifest = read_yaml(&text);
    assert_eq!(keys(&manifest), ["Mesh color", "VirtualRouter shop/color"]);
    assert!(manifest.unreadable_documents);
    assert_eq!(manifest.problems.len(), 1);
    assert_eq!(line(&manifest.problems[0]), 6);
    assert!(manifest.problems[0].message.starts_with("not valid YAML: "));
}

#[test]
fn syntax_errors_are_told_without_a_second_position() {
    for (text, line, column, message) in [
        (
            "a: b: c\n",
            1,
            5,
            "not valid YAML: mapping values are not allowed in this context",
        ),
        ("a: [1, 2\n", 1, 4, "not valid YAML: unclosed bracket '['"),
        ("a: *nope\n", 1, 4, "not valid YAML: "),
        (
            "a: &a [*a]\n",
            1,
            8,
            "an alias inside of what it stands for",
        ),
        ("a:\n\t- b\n", 2, 2, "not valid YAML: tabs disallowed"),
        ("a: \u{1}\n", 1, 4, "not valid YAML: unexpected character"),
        ("? [a]\n: b\n", 1, 3, "not valid YAML: "),
    ] {
        let manifest = read_yaml(text);
        let [problem] = manifest.problems.as_slice() else {
            panic!("{text:?}: {manifest:?}")
        };
        assert_eq!(
            problem
                .place
                .as_ref()
                .map(|place| (place.line, place.column)),
            Some((line, column)),
            "{problem}"
        );
        assert!(problem.message.starts_with(message), "{problem}");
        assert!(!problem.message.contains(" at line "), "{problem}");
    }
}

#[test]
fn what_unfolds_to_too_much_is_refused() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    let deep_flow = format!("a: {}{}\n", "[".repeat(500), "]".repeat(500));
    let deep_block: String = (0..500)
        .map(|level| format!("{}a:\n", " ".repeat(level)))
        .collect();
    for text in [bomb, deep_flow, deep_block] {
        let manifest = read_yaml(&format!("{text}---\n{MESH}"));
        assert_eq!(keys(&manifest), ["Mesh color"]);
        let [problem] = manifest.problems.as_slice() else {
            panic!("{:?}", manifest.problems)
        };
        assert!(
            problem.message.ends_with("the document is refused"),
            "{problem}"
        );
    }
}

#[test]
fn nesting_as_deep_as_schemas_is_fine() {
    let levels: String = (0..55)
        .map(|level| format!("{}a:\n", " ".repeat(level + 2)))
        .collect();
    let manifest = read_yaml(&format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nspec:\n{levels}"
    ));
    assert_eq!(problems(&manifest), Vec::<String>::new());
    assert_eq!(manifest.passed_over.values().sum::<usize>(), 1);
}

#[test]
fn of_duplicate_keys_the_last_counts_with_a_warning() {
    let manifest = read_yaml(&router("  awsName: one\n  routes: []\n  awsName: two\n"));
    assert_eq!(
        problems(&manifest),
        [
            "m.yaml:9:3: VirtualRouter shop/color: spec.awsName: the key is here twice; the last \
          one counts (remove one)"
        ]
    );
    assert_eq!(manifest.problems[0].severity, Severity::Warning);
    let observed = manifest.objects[0].observed.as_ref().unwrap();
    let tulle_crds::Object::VirtualRouter(router) = &observed.object else {
        panic!()
    };
    assert_eq!(router.spec.aws_name.as_deref(), Some("two"));
}

#[test]
fn anchors_and_merge_keys_work_within_a_document() {
    let manifest = read_yaml(&router(
        "  routes:\n  - name: one\n    httpRoute: &route\n      match: {prefix: /}\n      \
         action: {weightedTargets: [{weight: 1}]}\n  - name: two\n    httpRoute:\n      <<: *route\n",
    ));
    assert_eq!(problems(&manifest), Vec::<String>::new());
    let observed = manifest.objects[0].observed.as_ref().unwrap();
    let tulle_crds::Object::VirtualRouter(router) = &observed.object else {
        panic!()
    };
    assert_eq!(
        router.spec.routes[0].http_route,
        router.spec.routes[1].http_route
    );
}

#[test]
fn kinds_that_tulle_does_not_know_are_counted() {
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n---\n";
    let manifest = read_yaml(&format!("{deployment}{deployment}{MESH}"));
    let deployments = ("apps/v1".to_owned(), "Deployment".to_owned());
    assert_eq!(manifest.passed_over, BTreeMap::from([(deployments, 2)]));
    assert_eq!(problems(&manifest), Vec::<String>::new());
}

#[test]
fn another_version_of_a_known_kind_is_a_warning() {
    let manifest = read_yaml(&MESH.replace("v1beta2", "v1beta1"));
    assert_eq!(
        problems(&manifest),
        [
            "m.yaml:2:1: apiVersion: Mesh color of appmesh.k8s.aws/v1beta1 is passed over (Tulle reads \
          appmesh.k8s.aws/v1beta2)"
        ]
    );
}

#[test]
fn lists_are_unpacked() {
    let list = "apiVersion: v1\nkind: List\nitems:\n\
                - {apiVersion: v1, kind: Namespace, metadata: {name: shop}}\n\
                - {apiVersion: v1, kind: ConfigMap, metadata: {name: x}}\n---\n\
                apiVersion: appmesh.k8s.aws/v1beta2\nkind: MeshList\nitems:\n\
                - metadata: {name: one}\n- metadata: {name: two}\n";
    let manifest = read_yaml(list);
    assert_eq!(keys(&manifest), ["Namespace shop", "Mesh one", "Mesh two"]);
    assert_eq!(manifest.passed_over.values().sum::<usize>(), 1);

    let manifest = read_yaml("apiVersion: v1\nkind: List\nitems: {}\n");
    assert_eq!(problems(&manifest), ["m.yaml:3:8: items: expected a list"]);
    assert!(
        read_yaml("apiVersion: v1\nkind: List\n")
            .problems
            .is_empty()
    );
}

#[test]
fn what_is_no_object_is_told() {
    let told = |text: &str| problems(&read_yaml(text));
    assert_eq!(
        told("replicas: 1\n"),
        ["m.yaml:1:1: no apiVersion and no kind: the document is passed over"]
    );
    assert_eq!(
        told("kind: Mesh\n"),
        ["m.yaml:1:1: apiVersion: required, but missing"]
    );
    assert_eq!(
        told("apiVersion: v1\nkind: 5\n"),
        ["m.yaml:2:7: kind: expected a string"]
    );
    assert_eq!(
        told("apiVersion: v1\n"),
        ["m.yaml:1:1: kind: required, but missing"]
    );
    let text = ["m.yaml:1:1: not a Kubernetes object: expected apiVersion, kind and metadata"];
    assert_eq!(told("just text\n"), text);
    assert_eq!(told("- a\n- b\n"), text);
    assert_eq!(told("~\n"), Vec::<String>::new());
}

#[test]
fn json_files_are_read_with_positions() {
    let json = "{\n\t\"apiVersion\": \"appmesh.k8s.aws/v1beta2\",\n\t\"kind\": \"Mesh\",\n\t\
                \"metadata\": {\"name\": \"color\"},\n\t\"spec\": {\"awsName\": 5}\n}\n";
    let manifest = read_as("m.json", &format!("{json}\n{json}"));
    let places: Vec<_> = manifest
        .problems
        .iter()
        .map(|problem| place(problem.place.as_ref()))
        .collect();
    assert_eq!(places, ["m.json:5:22", "m.json:12:22"]);

    let broken = read_as("m.json", "{\"apiVersion\": }");
    assert_eq!(
        problems(&broken),
        ["m.json:1:16: not valid JSON: expected value"]
    );
}

#[test]
fn pruned_parts_neither_count_nor_harm() {
    let manifest = read_yaml(
        "apiVersion: appmesh.k8s.aws/v1beta2\nkind: Mesh\nmetadata:\n  name: color\n  \
         resourceVersion: \"5\"\n  managedFields: nonsense\n  annotations:\n    \
         kubectl.kubernetes.io/last-applied-configuration: \"{}\"\nstatus: nonsense\n",
    );
    assert_eq!(problems(&manifest), Vec::<String>::new());
    let plain = read_yaml(MESH);
    let object = |manifest: &Manifest| {
        manifest.objects[0]
            .observed
            .as_ref()
            .unwrap()
            .object
            .clone()
    };
    assert_eq!(object(&manifest), object(&plain));
}

#[test]
fn a_pods_status_stays() {
    let manifest = read_yaml(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: front-0}\nstatus: {podIP: 127.0.0.5}\n",
    );
    let observed = manifest.objects[0].observed.as_ref().unwrap();
    let tulle_crds::Object::Pod(pod) = &observed.object else {
        panic!()
    };
    assert_eq!(
        pod.status.as_ref().unwrap().pod_ip.as_deref(),
        Some("127.0.0.5")
    );
}

#[test]
fn unknown_fields_and_the_byte_order_mark_are_accepted() {
    let text = format!("\u{feff}{MESH}spec:\n  colour: blue\r\n");
    let manifest = read_yaml(&text);
    assert_eq!(problems(&manifest), Vec::<String>::new());
    let observed = manifest.objects[0].observed.as_ref().unwrap();
    assert_eq!(observed.unknown_fields, ["spec.colour"]);
}

#[test]
fn an_object_without_a_name_is_a_document_that_cannot_be_told() {
    let manifest = read_yaml(&MESH.replace("name:", "nam:"));
    assert!(manifest.unreadable_documents);
    assert_eq!(
        problems(&manifest),
        ["m.yaml:4:3: metadata.name: Mesh: required, but missing"]
    );
}

#[test]
fn documents_that_stay_are_not_read_again_but_move() {
    let file: Arc<Path> = Path::new("m.yaml").into();
    let bad = router("  routes: 5\n");
    let (before, known) = read(&file, &format!("{MESH}---\n{bad}"), &Known::default());
    let text = format!("# one\n# line more\n---\n{MESH}---\n{bad}");
    let (after, _) = read(&file, &text, &known);
    let (fresh, _) = read(&file, &text, &Known::default());
    assert_eq!(
        problems(&before),
        ["m.yaml:12:11: VirtualRouter shop/color: spec.routes: expected a list, found 5"]
    );
    assert_eq!(problems(&after), problems(&fresh));
    assert_eq!(line(&after.problems[0]), 15);
    assert_eq!(keys(&after), keys(&fresh));
    let place = |manifest: &Manifest| manifest.objects[0].observed.as_ref().unwrap().place.clone();
    assert_eq!(place(&after), place(&fresh));
}

#[test]
fn variables_of_templates_are_told_and_the_object_is_read() {
    let manifest = read_yaml(&router(
        "  awsName: ${NAME}\n  routes:\n  - name: all\n    httpRoute:\n      match: {prefix: /}\n      \
         action: {weightedTargets: [{virtualNodeRef: {name: \"{{ node }}\"}, weight: 1}]}\n",
    ));
    assert_eq!(
        problems(&manifest),
        [
            "m.yaml:7:12: VirtualRouter shop/color: spec.awsName: the template variable ${NAME} is not filled in \
             (fill in the template first, with envsubst or the tool that it is for)",
            "m.yaml:12:58: VirtualRouter shop/color: \
             spec.routes[0].httpRoute.action.weightedTargets[0].virtualNodeRef.name: the template variable {{ node }} is \
             not filled in (fill in the template first, with envsubst or the tool that it is for)",
        ]
    );
    assert!(manifest.objects[0].observed.is_some());
    assert_eq!(manifest.problems[0].kind, crate::ProblemKind::Placeholder);
}

#[test]
fn a_name_that_is_a_variable_is_told_where_it_stands() {
    let manifest = read_yaml(&MESH.replace("color", "${MESH_NAME}"));
    let lines: Vec<u32> = manifest.problems.iter().map(line).collect();
    assert_eq!(lines, [4, 4], "{:?}", problems(&manifest));
    assert!(problems(&manifest)[0].contains("fill in the template first"));
}
