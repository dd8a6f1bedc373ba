//! How much is held and how much was worked.

use std::collections::BTreeMap;

/// Counters for metrics and tests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Nodes computed since the index was made, by kind.
    pub computed: BTreeMap<&'static str, u64>,
    /// Nodes held now, by kind.
    pub nodes: BTreeMap<&'static str, usize>,
    /// Lookups that something depends on now.
    pub facts: usize,
}
