use super::*;

fn read(name: &str, text: &str) -> Vec<RawObject> {
    read_objects(&Path::new(name).into(), text)
}

fn place(object: &RawObject, field: &str) -> (u32, u32) {
    let place = object.locate(field);
    (place.line, place.column)
}

const ROUTER: &str = "\
apiVersion: appmesh.k8s.aws/v1beta2
kind: VirtualRouter
metadata:
  name: color
  annotations:
    tulle.dev/mtls: strict
spec:
  routes:
    - name: one
      httpRoute:
        match:
          prefix: /
    - {name: two, httpRoute: {match: {prefix: 5}}}
";

#[test]
fn fields_stand_at_their_keys_and_elements_where_they_begin() {
    let text = format!("# first\n---\n{ROUTER}");
    let objects = read("m.yaml", &text);
    let [object] = objects.as_slice() else {
        panic!("{objects:?}")
    };
    assert_eq!(object.place.to_string(), "m.yaml:4:1");
    for (field, at) in [
        ("spec", (9, 1)),
        ("spec.routes[0]", (11, 7)),
        ("spec.routes[0].httpRoute", (12, 7)),
        ("spec.routes[0].httpRoute.match.prefix", (14, 11)),
        ("spec.routes[1].httpRoute.match.prefix", (15, 39)),
        ("metadata.annotations[tulle.dev/mtls]", (8, 5)),
        ("tulle.dev/mtls", (8, 5)),
    ] {
        assert_eq!(place(object, field), at, "{field}");
    }
}

#[test]
fn what_is_not_there_stands_at_the_nearest_parent() {
    let objects = read("m.yaml", ROUTER);
    for (field, at) in [
        (
            "spec.routes[0].httpRoute.action.weightedTargets[3]",
            (10, 7),
        ),
        ("spec.routes[7].name", (8, 3)),
        ("spec.listeners", (7, 1)),
        ("", (2, 1)),
        ("nonsense[", (2, 1)),
        ("..[[]]", (2, 1)),
        ("status.conditions", (2, 1)),
    ] {
        assert_eq!(place(&objects[0], field), at, "{field}");
    }
}

#[test]
fn lists_and_json_have_places_too() {
    let list = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: apps/v1\n  kind: Deployment\n  metadata: {name: x}\n";
    let objects = read("m.yaml", list);
    assert_eq!(objects.len(), 1);
    assert_eq!(objects[0].kind, "Deployment");
    assert_eq!(place(&objects[0], "metadata.name"), (6, 14));

    let meshes = "apiVersion: appmesh.k8s.aws/v1beta2\nkind: MeshList\nitems:\n- metadata: {name: one}\n  spec: {}\n";
    let objects = read("m.yaml", meshes);
    assert_eq!(objects[0].value["kind"], "Mesh");
    assert_eq!(objects[0].value["apiVersion"], "appmesh.k8s.aws/v1beta2");
    assert_eq!(objects[0].place.to_string(), "m.yaml:4:3");
    assert_eq!(place(&objects[0], "spec"), (5, 3));

    let json = "{\n  \"apiVersion\": \"v1\", \"kind\": \"Pod\",\n  \"spec\": {\n    \"containers\": [{\"name\": \"a\"},\n      {\"name\": \"b\"}]}}\n{\"apiVersion\": \"v1\", \"kind\": \"Service\"}\n";
    let objects = read("m.json", json);
    assert_eq!(objects.len(), 2);
    assert_eq!(objects[0].place.to_string(), "m.json:2:23");
    assert_eq!(place(&objects[0], "spec.containers[1].name"), (5, 8));
    assert_eq!(objects[1].place.to_string(), "m.json:6:22");
}

#[test]
fn what_is_broken_or_no_object_is_left_out() {
    assert_eq!(
        read("m.yaml", "a: [\n---\nb: 1\n---\n- c\n---\nkind: Mesh\n").len(),
        0
    );
    assert_eq!(read("m.json", "{\"apiVersion\": }").len(), 0);
}

#[test]
fn of_keys_that_are_there_twice_the_last_counts_and_is_found() {
    let text = "apiVersion: v1\nkind: Service\nspec: {a: 1}\nspec: {b: 2}\n";
    let objects = read("m.yaml", text);
    assert_eq!(objects[0].value["spec"], serde_json::json!({"b": 2}));
    assert_eq!(place(&objects[0], "spec.b"), (4, 8));
}
