//! Fields that may not change once the object is there.

use tulle_crds::Kind;

use super::Subject;
use super::denial::Fault;
use super::stored::Stored;

/// One fault that lists every such field. What counts is what the fields mean: a default written out is no change, nor is
/// another UID in a reference to the same object.
pub(super) fn check(subject: &Subject<'_>, old: &Stored<'_>) -> Option<Fault> {
    let new = &subject.new;
    let mut changed = Vec::new();
    if subject.kind != Kind::BackendGroup && aws_name(new) != aws_name(old) {
        changed.push("spec.awsName");
    }
    // What was made while no webhook ran is not fixed yet.
    if old.mesh().is_some_and(|mesh| new.mesh() != Some(mesh)) {
        changed.push("spec.meshRef");
    }
    if old
        .gateway()
        .is_some_and(|gateway| new.gateway() != Some(gateway))
    {
        changed.push("spec.virtualGatewayRef");
    }
    if old
        .cloud_map()
        .is_some_and(|registry| new.cloud_map() != Some(registry))
    {
        changed.push("spec.serviceDiscovery.awsCloudMap");
    }
    if changed.is_empty() {
        return None;
    }
    Some(Fault::new(
        "spec",
        format!(
            "{} update may not change these fields: {}",
            subject.kind,
            changed.join(",")
        ),
        "keep their values, or delete the object and create it anew",
    ))
}

fn aws_name(object: &Stored<'_>) -> Option<String> {
    object
        .aws_name()
        .map(str::to_owned)
        .or_else(|| object.default_aws_name())
}
