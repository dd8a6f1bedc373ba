//! More hosts of services that share a port: each host leads to one service.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tulle_model::extras::HOST_ALIASES;
use tulle_model::{Finding, ObjectId, Severity, Str, codes};

use super::Call;
use crate::reader::Reader;

/// Takes from a port's HTTP services the aliases that lead to another one for the same client: a service's own host comes before
/// any alias, and of two that have the same alias the first by namespace and name keeps it, as with hosts themselves.
pub(super) fn settle(calls: &mut [Call], reader: &mut Reader<'_>) {
    if calls
        .iter()
        .all(|call| call.reach.routes.host_aliases.is_empty())
    {
        return;
    }
    let mut owners: BTreeMap<Str, Owner> = BTreeMap::new();
    for call in calls.iter() {
        let object = call.reach.routes.object.clone();
        owners.insert(call.host().clone(), Owner { object, own: true });
    }
    let mut by_name: Vec<&mut Call> = calls.iter_mut().collect();
    by_name.sort_by(|a, b| a.reach.routes.object.cmp(&b.reach.routes.object));
    for call in by_name {
        let routes = &call.reach.routes;
        let mut lost = BTreeSet::new();
        for alias in &routes.host_aliases {
            if let Some(owner) = owners.get(alias) {
                reader.report(conflict(&routes.object, alias, owner));
                lost.insert(alias.clone());
                continue;
            }
            let object = routes.object.clone();
            owners.insert(alias.clone(), Owner { object, own: false });
        }
        if !lost.is_empty() {
            let routes = Arc::make_mut(&mut call.reach.routes);
            routes.host_aliases.retain(|alias| !lost.contains(alias));
        }
    }
}

/// Whom a host leads to.
struct Owner {
    object: ObjectId,
    /// It is its own host, no alias.
    own: bool,
}

fn conflict(object: &ObjectId, alias: &Str, owner: &Owner) -> Finding {
    let what = if owner.own { "host" } else { "alias" };
    let owner = &owner.object;
    Finding::new(
        Severity::Error,
        codes::DUPLICATE_NAME,
        object,
        &format!("metadata.annotations[{HOST_ALIASES}]"),
        format!("{alias} is the {what} of {owner}, which has it for clients that may call both on one port"),
    )
    .help(format!("take {alias} from the list of one of the two"))
}
