//! To which Mesh an object belongs, and to which VirtualGateway a GatewayRoute: decided once, when the object is made.

use tulle_model::selector::Labels;

use super::denial::{Denial, of_membership};
use super::directory::{Directory, GatewayRecord, MeshRecord};
use super::{Operation, Subject};

/// The mesh of the object. A mesh named in the manifest has to be one that selects the namespace, so that what was read from
/// a cluster or a backup can be applied again; its UID is not looked at.
pub(super) fn mesh<'d>(
    subject: &Subject<'_>,
    directory: &'d dyn Directory,
) -> Result<&'d MeshRecord, Denial> {
    let namespace = subject.namespace;
    let matching = selecting(directory, namespace);
    let mesh = match (subject.new.mesh(), matching.as_slice()) {
        (Some(named), matching) => {
            matching
                .iter()
                .find(|mesh| mesh.name == named)
                .ok_or_else(|| {
                    of_membership(
                        subject,
                        &read_only(subject, "spec.meshRef"),
                        &format!(
                            "it names mesh {named:?}, but {}; remove the field",
                            belongs(namespace, matching)
                        ),
                    )
                })?
        }
        (None, [mesh]) => mesh,
        (None, []) => {
            return Err(of_membership(
                subject,
                &format!(
                    "failed to find matching mesh for namespace: {namespace}, expecting 1 but found 0"
                ),
                &format!(
                    "label namespace {namespace} so that the namespaceSelector of one Mesh selects it, or create that Mesh first"
                ),
            ));
        }
        (None, several) => {
            return Err(of_membership(
                subject,
                &format!(
                    "found multiple matching meshes for namespace: {namespace}, expecting 1 but found {}: {}",
                    several.len(),
                    mesh_names(several)
                ),
                "narrow the namespaceSelectors, or name one of them in spec.meshRef.name",
            ));
        }
    };
    if mesh.terminating {
        return Err(of_membership(
            subject,
            &format!(
                "unable to create new content in mesh {} because it is being terminated",
                mesh.name
            ),
            "wait until it is gone and create it anew",
        ));
    }
    Ok(mesh)
}

/// The gateway of a GatewayRoute of this mesh.
pub(super) fn gateway<'d>(
    subject: &Subject<'_>,
    directory: &'d dyn Directory,
    mesh: &MeshRecord,
) -> Result<&'d GatewayRecord, Denial> {
    let empty = Labels::new();
    let labels = directory
        .namespace_labels(subject.namespace)
        .unwrap_or(&empty);
    let route_labels = subject.new.labels();
    let matching: Vec<&GatewayRecord> = directory
        .gateways()
        .into_iter()
        .filter(|gateway| {
            let selects = |namespaces: &tulle_model::selector::Selector| namespaces.matches(labels);
            gateway.namespaces.as_ref().is_some_and(selects)
                && gateway.routes.matches(&route_labels)
        })
        .collect();
    let route = subject.shown_name;
    let gateway = match (subject.new.gateway(), matching.as_slice()) {
        (Some((namespace, name)), matching) => matching
            .iter()
            .find(|gateway| gateway.namespace == namespace && gateway.name == name)
            .ok_or_else(|| {
                let selecting = match matching {
                    [] => "no virtualGateway selects this route".to_owned(),
                    _ => format!("this route is selected by {}", gateway_names(matching)),
                };
                of_membership(
                    subject,
                    &read_only(subject, "spec.virtualGatewayRef"),
                    &format!("it names {namespace}/{name}, but {selecting}; remove the field"),
                )
            })?,
        (None, [gateway]) => gateway,
        (None, []) => {
            return Err(of_membership(
                subject,
                &format!(
                    "failed to find matching virtualGateway for gatewayRoute: {route}, expecting 1 but found 0"
                ),
                &format!(
                    "a VirtualGateway's namespaceSelector has to select namespace {} and its gatewayRouteSelector this route's labels",
                    subject.namespace
                ),
            ));
        }
        (None, several) => {
            return Err(of_membership(
                subject,
                &format!(
                    "found multiple matching virtualGateways for gatewayRoute: {route}, expecting 1 but found {}: {}",
                    several.len(),
                    gateway_names(several)
                ),
                "narrow their selectors, or name one of them in spec.virtualGatewayRef",
            ));
        }
    };
    if mesh_of(directory, gateway) == Some(mesh.name.as_str()) {
        return Ok(gateway);
    }
    Err(of_membership(
        subject,
        "virtualGateway referenced does not belong to the mesh referenced in GatewayRoute Create",
        &format!(
            "VirtualGateway {}/{} is not in mesh {}",
            gateway.namespace, gateway.name, mesh.name
        ),
    ))
}

/// The gateway's mesh; where it was made while no webhook ran, its namespace decides.
fn mesh_of<'d>(directory: &'d dyn Directory, gateway: &'d GatewayRecord) -> Option<&'d str> {
    if let Some(mesh) = &gateway.mesh {
        return Some(mesh);
    }
    match selecting(directory, &gateway.namespace).as_slice() {
        [mesh] => Some(&mesh.name),
        _ => None,
    }
}

fn selecting<'d>(directory: &'d dyn Directory, namespace: &str) -> Vec<&'d MeshRecord> {
    let empty = Labels::new();
    let labels = directory.namespace_labels(namespace).unwrap_or(&empty);
    let mut meshes = directory.meshes();
    meshes.retain(|mesh| {
        mesh.namespaces
            .as_ref()
            .is_some_and(|selector| selector.matches(labels))
    });
    meshes
}

fn read_only(subject: &Subject<'_>, field: &str) -> String {
    let verb = match subject.operation {
        Operation::Create => "create",
        Operation::Update | Operation::Delete => "update",
    };
    format!(
        "{} {verb} may not specify read-only field: {field}",
        subject.kind
    )
}

fn belongs(namespace: &str, matching: &[&MeshRecord]) -> String {
    match matching {
        [] => format!("no mesh selects namespace {namespace}"),
        _ => format!(
            "namespace {namespace} belongs to mesh {}",
            mesh_names(matching)
        ),
    }
}

fn mesh_names(meshes: &[&MeshRecord]) -> String {
    let names: Vec<&str> = meshes.iter().map(|mesh| mesh.name.as_str()).collect();
    names.join(",")
}

fn gateway_names(gateways: &[&GatewayRecord]) -> String {
    let names: Vec<String> = gateways
        .iter()
        .map(|gateway| format!("{}/{}", gateway.namespace, gateway.name))
        .collect();
    names.join(",")
}
