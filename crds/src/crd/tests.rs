use std::path::PathBuf;

use super::*;

fn root(crd: &CustomResourceDefinition) -> &JSONSchemaProps {
    crd.spec.versions[0]
        .schema
        .as_ref()
        .unwrap()
        .open_api_v3_schema
        .as_ref()
        .unwrap()
}

/// Named fields of a schema: objects, lists, maps and scalars each count one. What a list or map
/// holds is not a node of its own, but its fields are.
fn nodes(schema: &JSONSchemaProps) -> usize {
    let mut count = 0;
    for property in schema.properties.iter().flat_map(|p| p.values()) {
        count += 1 + nodes(property);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(element)) = &schema.items {
        count += nodes(element);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &schema.additional_properties {
        count += nodes(values);
    }
    count
}

#[test]
fn every_schema_node_is_there() {
    let counts: Vec<_> = appmesh_crds()
        .iter()
        .map(|crd| {
            let properties = root(crd).properties.as_ref().unwrap();
            assert_eq!(properties.keys().collect::<Vec<_>>(), ["spec", "status"]);
            let of = |name: &str| 1 + nodes(&properties[name]);
            (crd.spec.names.kind.clone(), of("spec"), of("status"))
        })
        .collect();
    let expected = [
        ("BackendGroup", 7, 1),
        ("GatewayRoute", 123, 9),
        ("Mesh", 13, 9),
        ("VirtualGateway", 95, 9),
        ("VirtualNode", 158, 9),
        ("VirtualRouter", 158, 10),
        ("VirtualService", 16, 9),
    ];
    assert_eq!(
        counts,
        expected.map(|(kind, spec, status)| (kind.to_owned(), spec, status))
    );
    assert_eq!(
        counts
            .iter()
            .map(|(_, spec, status)| spec + status)
            .sum::<usize>(),
        626
    );
}

#[test]
fn definitions_are_shaped_as_upstream() {
    for crd in appmesh_crds() {
        let kind = crd.spec.names.kind.as_str();
        assert_eq!(crd.spec.group, "appmesh.k8s.aws", "{kind}");
        assert_eq!(crd.spec.names.short_names, None, "{kind}");
        let cluster = kind == "Mesh";
        assert_eq!(
            crd.spec.scope,
            if cluster { "Cluster" } else { "Namespaced" },
            "{kind}"
        );
        let categories = (!cluster).then(|| vec!["all".to_owned()]);
        assert_eq!(crd.spec.names.categories, categories, "{kind}");

        let [version] = crd.spec.versions.as_slice() else {
            panic!("{kind}: one version")
        };
        assert_eq!(
            (version.name.as_str(), version.served, version.storage),
            ("v1beta2", true, true)
        );
        assert!(
            version.subresources.as_ref().unwrap().status.is_some(),
            "{kind}"
        );
        let columns: Vec<_> = version
            .additional_printer_columns
            .iter()
            .flatten()
            .map(|column| {
                (
                    column.name.as_str(),
                    column.type_.as_str(),
                    column.json_path.clone(),
                )
            })
            .collect();
        let arn = format!(".status.{}{}ARN", kind[..1].to_lowercase(), &kind[1..]);
        let expected = [
            ("ARN", "string", arn),
            ("AGE", "date", ".metadata.creationTimestamp".to_owned()),
        ];
        let expected = if kind == "BackendGroup" {
            &expected[..0]
        } else {
            &expected[..]
        };
        assert_eq!(columns, expected, "{kind}");

        let root = root(&crd);
        assert_eq!(
            root.x_kubernetes_preserve_unknown_fields,
            Some(true),
            "{kind}"
        );
        assert_eq!(root.required, None, "{kind}: spec is optional");
        assert_plain(kind, root);
    }
}

/// No default, null, pattern, rule or union anywhere, and every node has a type.
fn assert_plain(place: &str, schema: &JSONSchemaProps) {
    assert!(schema.type_.is_some(), "{place}: type");
    assert!(
        schema.default.is_none() && schema.nullable.is_none(),
        "{place}: default"
    );
    assert!(schema.pattern.is_none(), "{place}: pattern");
    assert!(schema.x_kubernetes_validations.is_none(), "{place}: rule");
    let unions = [&schema.any_of, &schema.one_of, &schema.all_of];
    assert!(
        unions.iter().all(|union| union.is_none()) && schema.not.is_none(),
        "{place}: union"
    );
    for (name, property) in schema.properties.iter().flatten() {
        assert!(
            property.description.is_some(),
            "{place}.{name}: description"
        );
        assert_plain(&format!("{place}.{name}"), property);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(element)) = &schema.items {
        assert_plain(&format!("{place}[]"), element);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &schema.additional_properties {
        assert_plain(&format!("{place}[*]"), values);
    }
}

#[test]
fn checked_in_yaml_is_what_the_types_say() {
    const HEADER: &str = "\
---
# Generated from the Rust types in crds/src. Change those, then run
# TULLE_UPDATE=1 cargo test -p tulle-crds
";
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("yaml");
    let update = std::env::var_os("TULLE_UPDATE").is_some();
    if update {
        std::fs::create_dir_all(&folder).unwrap();
    }

    let mut names = Vec::new();
    for crd in appmesh_crds() {
        let generated = format!("{HEADER}{}", to_yaml(&crd).unwrap());
        let back: CustomResourceDefinition = serde_saphyr::from_str(&generated).unwrap();
        assert_eq!(back, crd, "the YAML reads back as the same definition");

        let file = folder.join(file_name(&crd));
        if update {
            std::fs::write(&file, &generated).unwrap();
        }
        let checked_in = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            checked_in == generated,
            "{} is not what the types say; run TULLE_UPDATE=1 cargo test -p tulle-crds",
            file.display()
        );
        names.push(file_name(&crd));
    }

    let mut present: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    present.sort();
    assert_eq!(present, names, "no file is left over");
}
