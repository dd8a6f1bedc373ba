//! When things are tried, given up and tried again.

use std::time::Duration;

/// When things are tried, given up and tried again. The values by default are meant for clusters;
/// tests have shorter ones.
#[derive(Clone, Debug)]
pub struct Timing {
    /// How long a watch lasts: then it is made anew from where it was, so that one that has died
    /// unnoticed is replaced. Whole seconds.
    pub watch: Duration,
    /// How long after its end a watch that the server should have ended is given up.
    pub overdue: Duration,
    /// How long the server may take to begin its answer to a watch.
    pub answer: Duration,
    /// How long the server may take for a page of a list, or be silent within a streaming list.
    pub list: Duration,
    /// Least time between the beginnings of two lists of a collection.
    pub list_spacing: Duration,
    /// Wait after the first failure; it doubles with each further one.
    pub retry_first: Duration,
    /// Longest wait after a failure, unless the server asks for more.
    pub retry_most: Duration,
    /// How long a collection must be absent until it counts as such before it was ever there.
    pub absent_at_start: Duration,
    /// How long a collection must be absent until its objects are gone.
    pub absent_later: Duration,
    /// How often an absent collection is looked for.
    pub absent_poll: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            watch: Duration::from_secs(40),
            overdue: Duration::from_secs(3),
            answer: Duration::from_secs(8),
            list: Duration::from_secs(30),
            list_spacing: Duration::from_millis(500),
            retry_first: Duration::from_millis(400),
            retry_most: Duration::from_secs(4),
            absent_at_start: Duration::from_secs(1),
            absent_later: Duration::from_secs(15),
            absent_poll: Duration::from_secs(4),
        }
    }
}
