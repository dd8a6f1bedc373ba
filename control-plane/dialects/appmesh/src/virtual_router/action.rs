//! Where a route sends what it matches.

use tulle_crds::appmesh::{RouteAction, WeightedTarget};
use tulle_model::fragment::Target;

use crate::field::Field;
use crate::names::{self, Pointer};
use crate::ports;
use crate::report::{LeftOut, Report, code};

/// The largest weight. Shares are relative, so this bounds nothing but the number itself.
const LARGEST_WEIGHT: i64 = 100;

/// The targets that can be used. One that cannot be is left out, and its share goes to the others;
/// a route without any is left out itself.
pub(super) fn targets(
    report: &mut Report,
    action: &Field,
    given: &RouteAction,
) -> Result<Vec<Target>, LeftOut> {
    let field = action.key("weightedTargets");
    if given.weighted_targets.is_empty() {
        return Err(report.error(
            code::MISSING,
            &field,
            "the route has no target",
            "list at least one weighted target",
        ));
    }
    let mut targets: Vec<Target> = given
        .weighted_targets
        .iter()
        .enumerate()
        .filter_map(|(index, given)| target(report, &field.index(index), given).ok())
        .collect();
    targets.shrink_to_fit();
    if targets.is_empty() {
        Err(LeftOut)
    } else {
        Ok(targets)
    }
}

fn target(report: &mut Report, field: &Field, given: &WeightedTarget) -> Result<Target, LeftOut> {
    let pointer = Pointer {
        kind: "virtualNode",
        arn: given.virtual_node_arn.as_deref(),
        reference: given.virtual_node_ref.as_ref(),
    };
    let workload = names::reference(report, field, pointer);
    let port = ports::optional_port(report, &field.key("port"), given.port);
    let weight = weight(report, &field.key("weight"), given.weight);
    Ok(Target {
        workload: workload?,
        port: port?,
        weight: weight?,
    })
}

fn weight(report: &mut Report, field: &Field, given: i64) -> Result<u32, LeftOut> {
    match u32::try_from(given) {
        Ok(weight) if given <= LARGEST_WEIGHT => Ok(weight),
        _ => Err(report.error(
            code::INVALID,
            field,
            format!("{given} is no weight; the target is left out"),
            format!("give a number from 0 to {LARGEST_WEIGHT}; shares are relative to the sum"),
        )),
    }
}
