//! Changes of headers of two passes as those of one.

use std::collections::BTreeSet;

use tulle_model::Str;
use tulle_model::extras::HeaderEdits;

/// What is done to headers, in two steps where one cannot say it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderSteps {
    /// The first step.
    pub first: HeaderEdits,
    /// What is done to what the first step made.
    pub then: HeaderEdits,
}

impl HeaderSteps {
    /// One change after the other.
    ///
    /// Values with command operators are evaluated before anything is changed, and may come out empty, in which case nothing
    /// is set. So they stay a step of their own where another comes before them.
    pub fn new(first: &HeaderEdits, then: &HeaderEdits) -> Self {
        if !first.is_empty() && !is_literal(then) {
            return Self {
                first: first.clone(),
                then: then.clone(),
            };
        }
        Self {
            first: joined(first, then),
            then: HeaderEdits::default(),
        }
    }

    /// Both as one step, for an answer that Envoy gives itself; there is but one step for those. Operators see the headers
    /// as they were before the first.
    pub fn as_one(&self) -> HeaderEdits {
        joined(&self.first, &self.then)
    }
}

/// One change with the effect of two, whose second has literal values.
///
/// In one change Envoy takes away first, then sets, then adds. So whatever the second does to a header comes last, but for what
/// it would take away or replace of the first: that is left out.
fn joined(first: &HeaderEdits, then: &HeaderEdits) -> HeaderEdits {
    let removed: BTreeSet<&Str> = then.remove.iter().collect();
    let set: BTreeSet<&Str> = then.set.iter().map(|(name, _)| name).collect();
    let stays = |name: &Str| !removed.contains(name);
    let values = |list: &[(Str, Str)], stays: &dyn Fn(&Str) -> bool| -> Vec<(Str, Str)> {
        let kept = list.iter().filter(|(name, _)| stays(name));
        kept.cloned().collect()
    };
    let mut joined = HeaderEdits {
        set: values(&first.set, &|name| stays(name) && !set.contains(name)),
        add: values(&first.add, &|name| stays(name) && !set.contains(name)),
        remove: first.remove.clone(),
    };
    joined.set.extend(then.set.iter().cloned());
    joined.add.extend(then.add.iter().cloned());
    joined.remove.extend(then.remove.iter().cloned());
    joined.set.sort();
    joined.remove.sort();
    joined.remove.dedup();
    joined
}

/// Whether no value has a command operator in it.
fn is_literal(edits: &HeaderEdits) -> bool {
    let mut values = edits.set.iter().chain(&edits.add);
    values.all(|(_, value)| literal(value).is_some())
}

/// The text that a value stands for, if there is no command operator in it.
pub(super) fn literal(value: &str) -> Option<String> {
    let parts: Vec<&str> = value.split("%%").collect();
    let plain = parts.iter().all(|part| !part.contains('%'));
    plain.then(|| parts.join("%"))
}

#[cfg(test)]
mod tests;
