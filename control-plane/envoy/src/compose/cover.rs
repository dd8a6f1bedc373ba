//! Routes that no request reaches.

use super::{ComposedRoute, PathCondition, conditions};

/// Whether every request that fits `late` fits `early`; may say no where a yes is hard to see.
pub(super) fn covers(early: &ComposedRoute, late: &ComposedRoute) -> bool {
    early
        .path_headers
        .iter()
        .all(|header| late.path_headers.contains(header))
        && path_covers(&early.path, &late.path)
        && conditions::implies(&late.rest, &early.rest)
}

fn path_covers(early: &PathCondition, late: &PathCondition) -> bool {
    match (early, late) {
        // Every path begins with a slash.
        (PathCondition::Prefix(prefix), _) if matches!(&**prefix, "" | "/") => true,
        (
            PathCondition::Prefix(prefix),
            PathCondition::Prefix(text) | PathCondition::Exact(text),
        ) => text.starts_with(&**prefix),
        (early, late) => early == late,
    }
}
