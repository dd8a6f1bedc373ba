//! The table that `tulle demo --once` prints: a line as soon as a step is over.

use std::time::Duration;

use super::statistics::FALSE_ALARM;

/// The table so far.
#[derive(Debug)]
pub(crate) struct Report {
    all_as_declared: bool,
}

/// One step of the tour.
#[derive(Debug)]
pub(crate) struct Row {
    /// The step.
    pub(crate) what: String,
    /// What the manifests ask for.
    pub(crate) declared: String,
    /// What was seen.
    pub(crate) observed: String,
    /// How many requests it was seen in.
    pub(crate) requests: u64,
    /// How many requests of the load were lost meanwhile.
    pub(crate) lost: u64,
    /// From the save to the last proxy that took it.
    pub(crate) taken: Option<Duration>,
    /// Whether what was seen is what was asked for.
    pub(crate) holds: bool,
}

impl Report {
    /// Prints the head of the table.
    pub(crate) fn start() -> Self {
        line(
            "step",
            "declared",
            "observed",
            "requests",
            "lost",
            "save→ACK",
            "",
        );
        Self {
            all_as_declared: true,
        }
    }

    /// Prints a step.
    pub(crate) fn row(&mut self, row: Row) {
        let holds = row.holds && row.lost == 0;
        self.all_as_declared &= holds;
        let taken = row.taken.map_or("–".to_owned(), |taken| {
            format!("{} ms", taken.as_millis())
        });
        let verdict = if holds { "ok" } else { "NOT AS DECLARED" };
        let (requests, lost) = (row.requests.to_string(), row.lost.to_string());
        line(
            &row.what,
            &row.declared,
            &row.observed,
            &requests,
            &lost,
            &taken,
            verdict,
        );
    }

    /// Prints a remark.
    pub(crate) fn note(&self, text: &str) {
        anstream::println!("{text}");
    }

    /// Prints how shares were judged, and the closing line.
    pub(crate) fn end(&self, requests: u64, lost: u64) {
        anstream::println!(
            "shares: χ² test with a false alarm in {:.0} runs of a step; a weight of 0 must get nothing",
            1.0 / FALSE_ALARM
        );
        anstream::println!("{requests} requests, {lost} lost");
    }

    /// Whether every step was as declared, and lost nothing.
    pub(crate) fn all_as_declared(&self) -> bool {
        self.all_as_declared
    }
}

fn line(
    what: &str,
    declared: &str,
    observed: &str,
    requests: &str,
    lost: &str,
    taken: &str,
    verdict: &str,
) {
    let line = format!(
        "{what:<27} {declared:<27} {observed:<31} {requests:>8} {lost:>5} {taken:>9}  {verdict}"
    );
    anstream::println!("{}", line.trim_end());
}
