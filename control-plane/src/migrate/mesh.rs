//! Objects of App Mesh's kinds, namespaces, and what the old controller leaves behind.

use std::collections::BTreeSet;

use serde_json::Value;
use tulle_crds::Kind;

use super::{Context, Note, Seen, Verdict};

/// The label and annotation by which App Mesh injects.
pub(super) const INJECTOR: &str = "appmesh.k8s.aws/sidecarInjectorWebhook";
const FINALIZERS: &str = "finalizers.appmesh.k8s.aws/";

/// What is to be known of an App Mesh object beside what the mesh's own rooms find.
pub(super) fn notes(
    seen: &Seen,
    context: &Context<'_>,
    remarks: &mut BTreeSet<String>,
) -> Vec<Note> {
    let mut notes = Vec::new();
    if Kind::from_manifest(&seen.api_version, &seen.kind).is_none() {
        notes.push(match seen.api_version == tulle_crds::appmesh::API_VERSION {
            false => seen.note(
                Verdict::Decide,
                "apiVersion",
                format!(
                    "{} was given up by App Mesh itself and is not read",
                    seen.api_version
                ),
                &[
                    "leave the object out, if there is one of v1beta2 beside it",
                    "write it anew as v1beta2: its fields have other names and places",
                ],
            ),
            true => seen.note(
                Verdict::Decide,
                "kind",
                format!("App Mesh has no kind {}", seen.kind),
                &["correct the kind", "leave the object out"],
            ),
        });
        return notes;
    }
    left_behind(seen, remarks);
    let spec = &seen.value["spec"];
    match seen.kind.as_str() {
        "VirtualNode" => cloud_map(seen, spec, &mut notes),
        "VirtualService" => resolvable(seen, spec, context, &mut notes),
        _ => {}
    }
    arns(spec, "spec", seen, &mut notes);
    notes
}

/// What every object that was exported from a cluster carries.
fn left_behind(seen: &Seen, remarks: &mut BTreeSet<String>) {
    let metadata = &seen.value["metadata"];
    let finalizers = metadata["finalizers"].as_array().into_iter().flatten();
    if finalizers
        .filter_map(Value::as_str)
        .any(|name| name.starts_with(FINALIZERS))
    {
        remarks.insert(
            "Finalizers of the old controller may stay: Tulle takes them off an object that is deleted, also one whose \
             deletion hangs already."
                .to_owned(),
        );
    }
    if !metadata["uid"].is_null() || !seen.value["status"].is_null() {
        remarks.insert(
            "Objects as kubectl prints them (uid, status, meshRef with a uid) are accepted; `--write FOLDER` writes them \
             without what only a cluster knows."
                .to_owned(),
        );
    }
}

fn cloud_map(seen: &Seen, spec: &Value, notes: &mut Vec<Note>) {
    let discovery = &spec["serviceDiscovery"]["awsCloudMap"];
    let (Some(service), Some(namespace)) = (
        discovery["serviceName"].as_str(),
        discovery["namespaceName"].as_str(),
    ) else {
        return;
    };
    let attributes = match discovery["attributes"].as_array() {
        Some(attributes) if !attributes.is_empty() => " and whose attributes agree",
        _ => "",
    };
    notes.push(seen.note(
        Verdict::Differs,
        "spec.serviceDiscovery.awsCloudMap",
        format!("nothing is registered in, or read from, Cloud Map service {service} of {namespace}"),
        &[&format!(
            "endpoints are the ready pods of the VirtualNodes that name this service and namespace{attributes}"
        )],
    ));
}

/// Whether applications find an address for the name that they call.
fn resolvable(seen: &Seen, spec: &Value, context: &Context<'_>, notes: &mut Vec<Note>) {
    let given = spec["awsName"].as_str().filter(|name| !name.is_empty());
    let default = format!("{}.{}", seen.name, seen.namespace);
    let host = given.unwrap_or(&default);
    let mut parts = host.split('.');
    let service = parts.next().unwrap_or_default();
    let namespace = parts.next().unwrap_or(&seen.namespace);
    let rest: Vec<&str> = parts.collect();
    let like_a_service = rest.is_empty() || rest[0] == "svc";
    if like_a_service && context.services.contains(&(namespace, service)) {
        return;
    }
    let of_cloud_map = context.cloud_map.iter().any(|domain| {
        host.strip_suffix(domain)
            .is_some_and(|rest| rest.ends_with('.'))
    });
    let field = "spec.awsName";
    if of_cloud_map {
        notes.push(seen.note(
            Verdict::Decide,
            field,
            format!("applications have to resolve {host}, which Cloud Map's DNS answered"),
            &[
                "let Tulle answer it: `tulle dns corefile` prints the entry for the cluster's DNS",
                "name the VirtualService after a Kubernetes Service, which needs no selector, and let applications call that",
                "nothing, if a DNS server of yours answers it: any address will do for HTTP",
            ],
        ));
        return;
    }
    if !like_a_service {
        // The mesh's own findings tell of other names.
        return;
    }
    let services_are_known = context
        .services
        .iter()
        .any(|(known, _)| *known == namespace);
    notes.push(match services_are_known {
        true => seen.note(
            Verdict::Decide,
            field,
            format!("applications have to resolve {host}, and no Service here has that name"),
            &[
                "make a Service of that name; it needs no selector",
                "nothing, if the Service is there and only these manifests do not hold it",
            ],
        ),
        // Nothing can be said of a name whose Service may be elsewhere.
        false => seen.note(
            Verdict::AsIs,
            field,
            format!("{host} resolves if there is a Service {service} in namespace {namespace}; no Service of it is here"),
            &[],
        ),
    });
}

/// ARNs, wherever they stand in a reference.
fn arns(value: &Value, path: &str, seen: &Seen, notes: &mut Vec<Note>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                let path = format!("{path}.{key}");
                match member.as_str() {
                    Some(arn) if is_reference(key) => {
                        let resource = arn.splitn(6, ':').nth(5).unwrap_or(arn);
                        // mesh/NAME/virtualNode/NAME
                        let member = resource.splitn(3, '/').nth(2).unwrap_or(resource);
                        notes.push(seen.note(
                            Verdict::Differs,
                            &path,
                            format!("region, account and mesh of {arn} are passed over"),
                            &[&format!(
                                "it means {} of this cluster's mesh",
                                member.replace('/', " ")
                            )],
                        ));
                    }
                    _ => arns(member, &path, seen, notes),
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                arns(item, &format!("{path}[{index}]"), seen, notes);
            }
        }
        _ => {}
    }
}

fn is_reference(key: &str) -> bool {
    [
        "virtualServiceARN",
        "virtualNodeARN",
        "virtualRouterARN",
        "virtualGatewayARN",
    ]
    .contains(&key)
}

/// A namespace that App Mesh injects into.
pub(super) fn namespace(seen: &Seen) -> Option<Vec<Note>> {
    let labels = &seen.value["metadata"]["labels"];
    let mode = labels[INJECTOR].as_str()?;
    let mut notes = Vec::new();
    if !mode.eq_ignore_ascii_case("enabled") {
        return Some(notes);
    }
    let enforced = labels["pod-security.kubernetes.io/enforce"].as_str();
    if let Some(level @ ("baseline" | "restricted")) = enforced {
        notes.push(seen.note(
            Verdict::Decide,
            "metadata.labels[pod-security.kubernetes.io/enforce]",
            format!("Pod Security {level} refuses the container that redirects traffic, as it refused App Mesh's"),
            &[
                "label the namespace privileged",
                "use App Mesh's CNI plugin, with the annotation appmesh.k8s.aws/appmeshCNI: enabled on its pods",
            ],
        ));
    }
    Some(notes)
}

/// Webhooks of the old controller: while it is away they refuse what they are asked of.
pub(super) fn webhooks(seen: &Seen) -> Option<Vec<Note>> {
    let webhooks = seen.value["webhooks"].as_array()?;
    let is_old = |webhook: &Value| {
        let name = webhook["name"].as_str().unwrap_or_default();
        let service = webhook["clientConfig"]["service"]["name"].as_str();
        name.ends_with(".appmesh.k8s.aws") && service.is_none_or(|name| name != "tulle")
    };
    webhooks.iter().any(is_old).then(|| {
        vec![seen.note(
            Verdict::Decide,
            "",
            "webhooks of the old controller: while nobody answers them, every App Mesh object and every pod of a labelled \
             namespace is refused"
                .to_owned(),
            &[
                "keep the old controller running until no pod needs it, then helm uninstall appmesh-controller",
                "if the controller is gone already, kubectl delete this configuration",
            ],
        )]
    })
}

impl Seen {
    pub(super) fn note(
        &self,
        verdict: Verdict,
        field: &str,
        what: String,
        instead: &[&str],
    ) -> Note {
        Note {
            verdict,
            place: self.locate(field),
            field: field.to_owned(),
            what,
            instead: instead.iter().map(|text| (*text).to_owned()).collect(),
        }
    }
}
