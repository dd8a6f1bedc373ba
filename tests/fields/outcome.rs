//! All that follows from manifests: configuration, pods, statuses, findings.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tulle_control_plane::engine::Group;
use tulle_control_plane::offline;
use tulle_injector::inject::{InjectConfig, Namespace, PodRequest, candidates, inject};
use tulle_model::fragment::Fragment;
use tulle_model::policy::MtlsMode;
use tulle_model::settings::Settings;
use tulle_model::{ObjectId, Str};
use tulle_status::ArnSpace;
use tulle_tests::built::Built;

/// All that follows from manifests.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What is sent to proxies: proxy, type and name, to the message itself, as it may have another version and be the same.
    config: BTreeMap<(String, &'static str, String), Vec<u8>>,
    /// What pods become, by namespace and name.
    pods: BTreeMap<String, String>,
    /// The ARNs of objects, and those of routes.
    statuses: BTreeMap<ObjectId, String>,
    /// What is said.
    findings: BTreeSet<String>,
}

impl Outcome {
    /// Of these manifests.
    pub(crate) fn of(documents: &[Value]) -> Self {
        let mut built = Built::new(documents, settings());
        let mut config = BTreeMap::new();
        for proxy in built.engine.proxies() {
            let group = Group {
                proxy,
                capture: "transparent".parse().expect("a capture"),
            };
            for resource in offline::resources(&mut built.engine, &group) {
                let key = (
                    group.proxy.to_string(),
                    resource.type_url().short(),
                    resource.name().to_string(),
                );
                config.insert(key, resource.message().to_vec());
            }
        }
        Self {
            config,
            pods: pods(documents, &built),
            statuses: statuses(&built),
            findings: built.said().into_iter().collect(),
        }
    }

    /// Where this and another differ, in a word each; what is merely said comes last.
    pub(crate) fn differences(&self, other: &Self) -> Vec<&'static str> {
        let mut types: BTreeSet<&'static str> = BTreeSet::new();
        for (one, two) in [(self, other), (other, self)] {
            let changed = one
                .config
                .iter()
                .filter(|(key, message)| two.config.get(*key) != Some(*message));
            types.extend(changed.map(|((_, type_url, _), _)| *type_url));
        }
        let mut places: Vec<&'static str> = types.into_iter().collect();
        for (differs, place) in [
            (self.pods != other.pods, PODS),
            (self.statuses != other.statuses, STATUS),
            (self.findings != other.findings, FINDINGS),
        ] {
            if differs {
                places.push(place);
            }
        }
        places
    }

    /// What is said of errors that another does not say.
    pub(crate) fn new_errors<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a String> {
        let new = self.findings.difference(&other.findings);
        new.filter(|finding| finding.starts_with("error"))
    }

    /// What is said.
    pub(crate) fn findings(&self) -> &BTreeSet<String> {
        &self.findings
    }
}

/// Injected pods.
pub(crate) const PODS: &str = "pods";
/// ARNs.
pub(crate) const STATUS: &str = "status";
/// What the user is told.
pub(crate) const FINDINGS: &str = "findings";

fn settings() -> Settings {
    let mut settings = Settings {
        mtls: Some(MtlsMode::Off),
        ..Settings::default()
    };
    settings.names.served = true;
    settings
}

/// Every pod as it is let in.
fn pods(documents: &[Value], built: &Built) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let of_kind = |kind: &'static str| {
        let documents = documents.iter();
        documents.filter(move |document| document["kind"] == kind)
    };
    let mut pods = BTreeMap::new();
    for pod in of_kind("Pod") {
        let namespace = text(&pod["metadata"]["namespace"]);
        let found = of_kind("Namespace").find(|found| found["metadata"]["name"] == *namespace);
        let labels = found.map(|found| found["metadata"]["labels"].clone());
        let labels: BTreeMap<String, String> =
            serde_json::from_value(labels.unwrap_or_default()).expect("labels");
        let fragments = built.objects.values().flat_map(|made| &made.fragments);
        let candidates = candidates(fragments, &namespace, &labels);
        let request = PodRequest {
            namespace: Namespace {
                name: &namespace,
                labels: &labels,
            },
            pod,
            candidates: &candidates,
            system_namespace: "tulle-system",
        };
        let outcome = match inject(&request, &InjectConfig::default()) {
            Ok(outcome) => outcome.pod.to_string(),
            Err(rejection) => rejection.to_string(),
        };
        pods.insert(
            format!("{namespace}/{}", text(&pod["metadata"]["name"])),
            outcome,
        );
    }
    pods
}

/// The ARNs of every object.
fn statuses(built: &Built) -> BTreeMap<ObjectId, String> {
    let fragments = || {
        let objects = built.objects.iter();
        objects.filter_map(|(id, made)| Some((id, made.fragments.first()?)))
    };
    let mut aliases: BTreeMap<&tulle_model::Name, &Str> = BTreeMap::new();
    for (_, fragment) in fragments() {
        match fragment {
            Fragment::Mesh(mesh) => aliases.insert(&mesh.name, &mesh.alias),
            Fragment::Gateway(gateway) => aliases.insert(&gateway.name, &gateway.alias),
            _ => None,
        };
    }
    let mut statuses = BTreeMap::new();
    for (id, fragment) in fragments() {
        let gateway = match fragment {
            Fragment::GatewayRoute(route) => built.engine.gateway_of(&route.name),
            _ => None,
        };
        let alias = |name| aliases.get(name).map(|alias| &***alias);
        let mesh = built.engine.mesh_of(fragment).and_then(alias);
        let facts = tulle_status::facts(fragment, mesh, gateway.and_then(alias));
        let status =
            tulle_status::desired(id, None, facts.as_ref(), &[], &[], &ArnSpace::default());
        if let Some(status) = status {
            statuses.insert(id.clone(), format!("{:?} {:?}", status.arn, status.routes));
        }
    }
    statuses
}
