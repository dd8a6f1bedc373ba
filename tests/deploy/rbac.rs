//! The rendered roles allow what `docs/rbac.md` gives a reason for, and nothing else.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use crate::helm::{object, objects, root};

/// One verb on one resource (or path), of one name or of any.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Permission {
    place: String,
    group: String,
    resource: String,
    name: Option<String>,
    verb: String,
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref().unwrap_or("any");
        write!(
            f,
            "{}: {} {} {} ({name})",
            self.place, self.verb, self.group, self.resource
        )
    }
}

fn strings(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items
        .map(|item| item.as_str().expect("text").to_owned())
        .collect()
}

fn of_rule(place: &str, rule: &Value, found: &mut Vec<Permission>) {
    let groups = strings(&rule["apiGroups"]);
    let group = match (groups.as_slice(), rule["nonResourceURLs"].is_array()) {
        ([], true) => "–",
        ([group], false) if group.is_empty() => "core",
        ([group], false) => group.as_str(),
        _ => panic!("one API group a rule: {rule}"),
    };
    let mut resources = strings(&rule["resources"]);
    resources.extend(strings(&rule["nonResourceURLs"]));
    let mut names: Vec<Option<String>> = strings(&rule["resourceNames"])
        .into_iter()
        .map(Some)
        .collect();
    if names.is_empty() {
        names.push(None);
    }
    for resource in &resources {
        for name in &names {
            for verb in strings(&rule["verbs"]) {
                found.push(Permission {
                    place: place.to_owned(),
                    group: group.to_owned(),
                    resource: resource.clone(),
                    name: name.clone(),
                    verb,
                });
            }
        }
    }
}

/// What the chart's roles allow.
fn rendered() -> Vec<Permission> {
    let objects = objects(&["--set", "podMonitor.enabled=true"]);
    let mut found = Vec::new();
    for (kind, place) in [("ClusterRole", "cluster"), ("Role", "own")] {
        let role = object(&objects, kind, "tulle");
        for rule in role["rules"].as_array().expect("rules") {
            of_rule(place, rule, &mut found);
        }
    }
    found
}

fn listed(cell: &str) -> Vec<String> {
    cell.split(',').map(|part| part.trim().to_owned()).collect()
}

/// What the table of `docs/rbac.md` gives a reason for.
fn documented() -> Vec<Permission> {
    let text = std::fs::read_to_string(root().join("docs/rbac.md")).expect("readable");
    let kinds: Vec<String> = tulle_crds::crd::appmesh_crds()
        .into_iter()
        .map(|crd| crd.spec.names.plural)
        .collect();
    let mut found = Vec::new();
    for line in text.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [place, group, resources, names, verb, why, without] = cells.as_slice() else {
            panic!("seven cells in {line}");
        };
        if *place == "where" {
            continue;
        }
        assert!(!why.is_empty() && !without.is_empty(), "no reason: {line}");
        let resources = match *resources {
            "the seven kinds" => kinds.clone(),
            "the six with a status, /status" => kinds
                .iter()
                .filter(|kind| *kind != "backendgroups")
                .map(|kind| format!("{kind}/status"))
                .collect(),
            resources => listed(resources),
        };
        let names: Vec<Option<String>> = match *names {
            "" => vec![None],
            names => listed(names).into_iter().map(Some).collect(),
        };
        for resource in &resources {
            for name in &names {
                found.push(Permission {
                    place: (*place).to_owned(),
                    group: (*group).to_owned(),
                    resource: resource.clone(),
                    name: name.clone(),
                    verb: (*verb).to_owned(),
                });
            }
        }
    }
    found
}

fn once(permissions: Vec<Permission>, whence: &str) -> BTreeSet<Permission> {
    let mut seen = BTreeSet::new();
    for permission in permissions {
        let text = permission.to_string();
        assert!(seen.insert(permission), "{whence} says twice: {text}");
    }
    seen
}

#[test]
fn every_verb_has_its_reason_and_every_reason_its_verb() {
    let rendered = once(rendered(), "the chart");
    let documented = once(documented(), "docs/rbac.md");
    let without_reason: Vec<String> = rendered
        .difference(&documented)
        .map(|p| p.to_string())
        .collect();
    let not_allowed: Vec<String> = documented
        .difference(&rendered)
        .map(|p| p.to_string())
        .collect();
    assert!(
        without_reason.is_empty() && not_allowed.is_empty(),
        "no reason in docs/rbac.md: {without_reason:#?}\nnot in the chart: {not_allowed:#?}"
    );
}

#[test]
fn nothing_is_a_star() {
    for permission in rendered() {
        let text = permission.to_string();
        assert!(!text.contains('*'), "{text}");
    }
}

/// Secrets hold what is not ours to read.
#[test]
fn secrets_are_of_the_own_namespace_and_named() {
    for permission in rendered() {
        if permission.resource == "secrets" {
            assert_eq!(permission.place, "own", "{permission}");
            assert!(
                permission.name.is_some() || permission.verb == "create",
                "{permission}"
            );
        }
    }
}

/// Verbs by which a role gives itself more than it has.
#[test]
fn nothing_escalates() {
    for permission in rendered() {
        let verb = permission.verb.as_str();
        assert!(
            !["escalate", "bind", "impersonate", "approve", "sign"].contains(&verb),
            "{permission}"
        );
        let changes = ["create", "update", "patch", "delete"].contains(&verb);
        assert!(
            !(changes && permission.group == "rbac.authorization.k8s.io"),
            "{permission}"
        );
        assert!(!(changes && permission.resource == "pods"), "{permission}");
    }
}

#[test]
fn the_roles_are_bound_to_the_service_account_and_to_nobody_else() {
    let objects = objects(&[]);
    for (kind, role) in [
        ("ClusterRoleBinding", "ClusterRole"),
        ("RoleBinding", "Role"),
    ] {
        let binding = object(&objects, kind, "tulle");
        assert_eq!(binding["roleRef"]["kind"], role);
        assert_eq!(binding["roleRef"]["name"], "tulle");
        assert_eq!(
            binding["subjects"],
            serde_json::json!([
                {"kind": "ServiceAccount", "name": "tulle", "namespace": "tulle-system"}
            ])
        );
    }
}
