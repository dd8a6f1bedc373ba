//! What has pods: what the injector makes of them, their annotations, AWS's images.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tulle_injector::inject::known::{self, Effect};
use tulle_injector::inject::{InjectConfig, Namespace, PodRequest, WARNING, candidates, inject};
use tulle_model::ProxyKind;

use super::mesh::INJECTOR;
use super::{Context, Note, Seen, Verdict};

const PREFIX: &str = "appmesh.k8s.aws/";
/// AWS's images, by the part of the name that every registry and region has in common.
const ENVOY_IMAGE: &str = "aws-appmesh-envoy";
const CAPTURE_IMAGE: &str = "aws-appmesh-proxy-route-manager";
const CONTROLLER_IMAGE: &str = "appmesh-controller";
const ENV: &str = "sidecarEnv";
const ENV_JSON: &str = "sidecarEnvJson";

/// `None` for what has no pods, or only such as App Mesh has nothing to do with.
pub(super) fn notes(
    seen: &Seen,
    context: &Context<'_>,
    remarks: &mut BTreeSet<String>,
) -> Option<Vec<Note>> {
    let path = template(seen)?;
    let pod = seen.value.pointer(&path)?;
    let field = path.trim_start_matches('/').replace('/', ".");
    if images(pod).any(|(_, image)| image.contains(CONTROLLER_IMAGE)) {
        return Some(vec![seen.note(
            Verdict::Decide,
            "",
            "the old controller".to_owned(),
            &["uninstall it when no pod has an old Envoy any more; both can run until then (docs/migrate-from-appmesh.md)"],
        )]);
    }
    // What the old controller put into a running pod is not in what the pod is made from.
    if seen.kind == "Pod" && !seen.value["metadata"]["ownerReferences"].is_null() {
        if images(pod).any(|(_, image)| image.contains(ENVOY_IMAGE)) {
            remarks.insert(
                "Running pods have an old Envoy until they are made anew: `kubectl rollout restart`, a namespace at a time."
                    .to_owned(),
            );
        }
        return None;
    }

    let labels = context
        .namespaces
        .get(seen.namespace.as_str())
        .cloned()
        .unwrap_or_default();
    let candidates = candidates(&context.fragments, &seen.namespace, &labels);
    let request = PodRequest {
        namespace: Namespace {
            name: &seen.namespace,
            labels: &labels,
        },
        pod,
        candidates: &candidates,
        system_namespace: "tulle-system",
    };
    let mut look = Look {
        seen,
        pod,
        field: &field,
        notes: Vec::new(),
    };
    let annotated = look.annotations();
    let aws_images: Vec<(String, &str)> = images(pod)
        .filter(|(_, image)| image.contains(ENVOY_IMAGE) || image.contains(CAPTURE_IMAGE))
        .collect();
    let outcome = match inject(&request, &InjectConfig::default()) {
        Err(rejection) => {
            look.decide(
                "",
                format!("its pods are refused, as App Mesh refused them: {rejection}"),
                &[
                    "let the podSelector of one VirtualNode or VirtualGateway of the namespace select them",
                    &format!("annotate them {INJECTOR}: disabled, if they are not of the mesh"),
                ],
            );
            return Some(look.notes);
        }
        Ok(outcome) => outcome,
    };
    let concerned = outcome.proxy.is_some()
        || annotated
        || !aws_images.is_empty()
        || labels.contains_key(INJECTOR);
    if !concerned {
        return None;
    }
    for warning in &outcome.warnings {
        let warning = warning.strip_prefix(WARNING).unwrap_or(warning);
        look.differs("", warning.to_owned(), &[]);
    }
    let proxy = outcome.proxy.as_ref().map(|proxy| proxy.kind);
    look.aws_images(&aws_images, proxy);
    if proxy == Some(ProxyKind::VirtualGateway) {
        look.gateway();
    }
    Some(look.notes)
}

fn effect(table: &[(&str, Effect)], name: &str) -> Option<Effect> {
    let row = table.iter().find(|(known, _)| *known == name);
    row.map(|(_, effect)| *effect)
}

fn before_equals(pair: &str) -> Option<&str> {
    Some(pair.split_once('=')?.0.trim())
}

/// Where the pod is in an object that has some.
fn template(seen: &Seen) -> Option<String> {
    let path = match (seen.api_version.as_str(), seen.kind.as_str()) {
        ("v1", "Pod") => "",
        ("apps/v1", "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet")
        | ("batch/v1", "Job")
        | ("v1", "ReplicationController") => "/spec/template",
        ("batch/v1", "CronJob") => "/spec/jobTemplate/spec/template",
        _ => return None,
    };
    Some(path.to_owned())
}

/// The containers' fields and images.
fn images(pod: &Value) -> impl Iterator<Item = (String, &str)> {
    ["initContainers", "containers"]
        .into_iter()
        .flat_map(|list| {
            let containers = pod["spec"][list].as_array().into_iter().flatten();
            containers
                .enumerate()
                .filter_map(move |(index, container)| {
                    Some((
                        format!("spec.{list}[{index}].image"),
                        container["image"].as_str()?,
                    ))
                })
        })
}

struct Look<'a> {
    seen: &'a Seen,
    pod: &'a Value,
    /// Path of the pod in its object.
    field: &'a str,
    notes: Vec<Note>,
}

impl Look<'_> {
    fn add(&mut self, verdict: Verdict, field: &str, what: String, instead: &[&str]) {
        let field = match (self.field, field) {
            (outer, "") => outer.to_owned(),
            ("", inner) => inner.to_owned(),
            (outer, inner) => format!("{outer}.{inner}"),
        };
        self.notes
            .push(self.seen.note(verdict, &field, what, instead));
    }

    fn decide(&mut self, field: &str, what: String, choices: &[&str]) {
        self.add(Verdict::Decide, field, what, choices);
    }

    fn differs(&mut self, field: &str, what: String, instead: &[&str]) {
        self.add(Verdict::Differs, field, what, instead);
    }

    /// Whether the pod has annotations of App Mesh's; says which have another effect, or none.
    fn annotations(&mut self) -> bool {
        let annotations = self.pod["metadata"]["annotations"].as_object();
        let ours: Vec<(&str, &str)> = annotations
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.strip_prefix(PREFIX)?, value.as_str()?)))
            .collect();
        for (name, value) in &ours {
            let field = format!("metadata.annotations[{PREFIX}{name}]");
            match *name {
                ENV => self.variables(&field, value.split(',').filter_map(before_equals)),
                ENV_JSON => {
                    let list: Vec<BTreeMap<String, Value>> =
                        serde_json::from_str(value).unwrap_or_default();
                    let names = list.iter().flatten().map(|(name, _)| name.as_str());
                    self.variables(&field, names);
                }
                _ => match effect(known::ANNOTATIONS, name) {
                    Some(effect) => self.effect(&field, name, effect),
                    None => self.differs(
                        &field,
                        format!("App Mesh has no annotation {name}: it does nothing, as before"),
                        &[],
                    ),
                },
            }
        }
        !ours.is_empty()
    }

    /// What becomes of variables of the container `envoy`.
    fn variables<'n>(&mut self, field: &str, names: impl Iterator<Item = &'n str>) {
        let mut without = Vec::new();
        for name in names {
            match effect(known::VARIABLES, name) {
                Some(Effect::None(_)) => without.push(name),
                Some(effect) => self.effect(field, name, effect),
                // Envoy has it as it is.
                None => {}
            }
        }
        if !without.is_empty() {
            let what = format!("variables without an effect: {}", without.join(", "));
            self.differs(field, what, &["they can stay"]);
        }
    }

    fn effect(&mut self, field: &str, name: &str, effect: Effect) {
        match effect {
            // The injector itself warns of what it refuses.
            Effect::Honoured(_) | Effect::Refused(_) => {}
            Effect::Differs(text) => {
                self.differs(field, format!("{name} works otherwise"), &[text])
            }
            Effect::None(text) => self.differs(field, format!("{name} has no effect"), &[text]),
        }
    }

    fn aws_images(&mut self, images: &[(String, &str)], proxy: Option<ProxyKind>) {
        let skips = self.pod["metadata"]["annotations"]
            [format!("{PREFIX}virtualGatewaySkipImageOverride")]
        .as_str()
        .is_some_and(|word| word.eq_ignore_ascii_case("enabled"));
        for (field, image) in images {
            match proxy {
                Some(ProxyKind::VirtualGateway) if image.contains(ENVOY_IMAGE) && skips => self.decide(
                    field,
                    format!("the annotation virtualGatewaySkipImageOverride keeps {image}, which does not start without App Mesh"),
                    &["remove the annotation", "name an image of stock Envoy 1.38 to 1.40 that has `envoy` on its search path"],
                ),
                Some(ProxyKind::VirtualGateway) if image.contains(ENVOY_IMAGE) => self.differs(
                    field,
                    format!("{image} is not pulled"),
                    &["the container runs stock Envoy: the image of `proxy.image`, command and arguments of Tulle's"],
                ),
                _ => self.decide(
                    field,
                    format!("{image} waits for App Mesh for ever, and nothing here replaces it"),
                    &[
                        "remove the container: Tulle puts its own into pods that a VirtualNode selects",
                        "give a gateway's pods to a VirtualGateway by its podSelector, and its container the name envoy",
                    ],
                ),
            }
        }
    }

    /// Variables of a gateway's container, and a hook that needs a shell, where there is none any more.
    fn gateway(&mut self) {
        let containers = self.pod["spec"]["containers"].as_array();
        let mut containers = containers.into_iter().flatten().enumerate();
        let Some((index, envoy)) = containers.find(|(_, container)| container["name"] == "envoy")
        else {
            return;
        };
        let env = envoy["env"].as_array().into_iter().flatten();
        let names = env.filter_map(|variable| variable["name"].as_str());
        self.variables(&format!("spec.containers[{index}].env"), names);
        if envoy["lifecycle"]["preStop"]["exec"].is_object() {
            self.decide(
                &format!("spec.containers[{index}].lifecycle.preStop"),
                "the hook runs a program, and stock Envoy's image has neither shell nor programs"
                    .to_owned(),
                &["remove the hook: Tulle sets preStop.sleep and takes the listeners away meanwhile"],
            );
        }
    }
}
