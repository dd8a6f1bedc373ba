//! Every right that the chart gives Tulle was used, and nothing that Tulle asked for was refused: by the API server's own
//! audit log of all that the other cases did.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;
use tulle_cluster::case::Case;
use tulle_cluster::files::AUDIT_LOG;
use tulle_cluster::run::Run;
use tulle_cluster::tulle::NAMESPACE;

/// Of these, that a case of `rare.rs` uses it, which takes longer than cases of every run may.
const ONLY_IN_LONG_RUNS: &[&str] = &["patch events.k8s.io events"];
/// What Kubernetes lets every client ask (`docs/rbac.md`): discovery and the version.
const OF_EVERYBODY: &[&str] = &["/api", "/apis", "/version"];

/// A verb on a resource or path. `name`: none is any.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Access {
    verb: String,
    /// Group and resource with subresource; or a path.
    what: String,
    name: Option<String>,
    /// None is all.
    namespace: Option<String>,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.what)?;
        if let Some(name) = &self.name {
            write!(f, " named {name}")?;
        }
        match &self.namespace {
            Some(namespace) => write!(f, " in {namespace}"),
            None => Ok(()),
        }
    }
}

impl Access {
    /// Whether this right is what allowed a request.
    fn allows(&self, request: &Self) -> bool {
        self.verb == request.verb
            && self.what == request.what
            && (self.name.is_none() || self.name == request.name)
            && (self.namespace.is_none() || self.namespace == request.namespace)
    }

    /// Whether a request watches what this right lists.
    fn watched_by(&self, request: &Self) -> bool {
        request.verb == "watch" && self.what == request.what && self.name == request.name
    }

    fn is_one_of(&self, known: &[&str]) -> bool {
        known.contains(&format!("{} {}", self.verb, self.what).as_str())
    }

    fn is_of_everybody(&self) -> bool {
        let below = |path: &&str| {
            let rest = self.what.strip_prefix(*path);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.verb == "get" && OF_EVERYBODY.iter().any(below)
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn texts(value: &Value) -> Vec<String> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(text)
        .collect()
}

fn resource(group: &str, resource: &str) -> String {
    if group.is_empty() {
        return resource.to_owned();
    }
    format!("{group} {resource}")
}

/// What a role allows, each verb of each thing alone.
fn rights(role: &Value, namespace: Option<&str>) -> Vec<Access> {
    let mut all = Vec::new();
    for rule in role["rules"].as_array().into_iter().flatten() {
        let mut things = texts(&rule["nonResourceURLs"]);
        for group in texts(&rule["apiGroups"]) {
            let resources = texts(&rule["resources"]);
            things.extend(resources.iter().map(|name| resource(&group, name)));
        }
        let mut names: Vec<Option<String>> = texts(&rule["resourceNames"])
            .into_iter()
            .map(Some)
            .collect();
        if names.is_empty() {
            names.push(None);
        }
        for what in &things {
            for verb in texts(&rule["verbs"]) {
                all.extend(names.iter().map(|name| Access {
                    verb: verb.clone(),
                    what: what.clone(),
                    name: name.clone(),
                    namespace: namespace.map(str::to_owned),
                }));
            }
        }
    }
    all
}

/// What one line of the audit log asked for, and whether it was refused for want of a right.
fn request(event: &Value) -> (Access, bool) {
    let object = &event["objectRef"];
    let what = match object["resource"].as_str() {
        None => {
            let path = event["requestURI"].as_str().unwrap_or_default();
            path.split('?').next().unwrap_or_default().to_owned()
        }
        Some(name) => {
            let group = object["apiGroup"].as_str().unwrap_or_default();
            let name = match object["subresource"].as_str() {
                None => name.to_owned(),
                Some(sub) => format!("{name}/{sub}"),
            };
            resource(group, &name)
        }
    };
    let access = Access {
        verb: text(&event["verb"]).unwrap_or_default(),
        what,
        name: text(&object["name"]),
        namespace: text(&object["namespace"]),
    };
    // An answer of 403 alone may be for a namespace that is being deleted.
    let refused = event["annotations"]["authorization.k8s.io/decision"] == "forbid";
    (access, refused)
}

/// All that Tulle's account has asked of the API server since the cluster is up: it alone is in the log.
fn requests(cluster: &Run) -> BTreeSet<(Access, bool)> {
    let folder = cluster.path("logs");
    let mut all = BTreeSet::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with(AUDIT_LOG) {
            continue;
        }
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            // The last line may be half written.
            let Ok(event) = serde_json::from_str::<Value>(line) else {
                continue;
            };
            let (access, refused) = request(&event);
            // A server-side apply that makes its object needs, and has used, the right to create it.
            if access.verb == "patch" && event["responseStatus"]["code"] == 201 {
                let verb = "create".to_owned();
                all.insert((
                    Access {
                        verb,
                        ..access.clone()
                    },
                    refused,
                ));
            }
            all.insert((access, refused));
        }
    }
    assert!(
        !all.is_empty(),
        "no audit log in {}: the cluster is older than the log; take it down",
        folder.display()
    );
    all
}

/// Runs when all others have run: `tests/run cluster` without a filter.
#[test]
fn last_every_right_was_used_and_nothing_was_refused() {
    let case = Case::alone();
    let mut rights_of_tulle = rights(&case.get("clusterrole tulle"), None);
    rights_of_tulle.extend(rights(
        &case.get(&format!("role tulle -n {NAMESPACE}")),
        Some(NAMESPACE),
    ));
    assert!(rights_of_tulle.len() > 50, "{rights_of_tulle:?}");
    let requests = requests(&case.cluster);
    // An API server that just starts refuses everything, and so does one whose roles Helm has taken away already: what the
    // roles allow is refused for no want of a right.
    let refused = requests
        .iter()
        .filter(|(access, refused)| *refused && !access.is_of_everybody())
        // A case names a Secret that Tulle may not read yet, to see what is said of it.
        .filter(|(access, _)| access.namespace.as_deref() != Some("named-secrets"))
        .filter(|(access, _)| !rights_of_tulle.iter().any(|right| right.allows(access)))
        .map(|(access, _)| format!("refused: {access}"));
    let unused = rights_of_tulle
        .iter()
        .filter(|right| !right.is_one_of(ONLY_IN_LONG_RUNS))
        // This API server begins watches with the whole list; those before 1.32, and those where that is off, are asked for
        // the list first. The scripted API servers of `tulle-source` hold that both ways are gone.
        .filter(|right| {
            right.verb != "list"
                || !requests
                    .iter()
                    .any(|(request, _)| right.watched_by(request))
        })
        .filter(|right| {
            !requests
                .iter()
                .any(|(request, refused)| !refused && right.allows(request))
        })
        .map(|right| format!("never used: {right}"));
    let wrong: Vec<String> = refused.chain(unused).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
