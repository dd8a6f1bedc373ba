//! When a file that something happened to is looked at.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a file must be left alone before it is taken to be whole, where nothing says that its
/// writer is done.
pub(super) const QUIET: Duration = Duration::from_millis(40);
/// A writer that never pauses is not waited for longer than this.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Files to look at, and when.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    waiting: BTreeMap<Arc<Path>, Look>,
}

/// A look that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    due: Instant,
    /// When the first event behind it was seen.
    pub(super) seen: Instant,
    /// Whether an earlier look found the file gone or empty, which now counts if it still is.
    pub(super) confirms: bool,
}

impl Schedule {
    /// The file is whole: look at once.
    pub(super) fn complete(&mut self, file: &Arc<Path>, now: Instant) {
        let look = self.entry(file, now);
        (look.due, look.confirms) = (now, false);
    }

    /// The file is being written: look when it has been quiet for a while.
    pub(super) fn touched(&mut self, file: &Arc<Path>, now: Instant) {
        let look = self.entry(file, now);
        look.due = (now + QUIET).min(look.seen + LONGEST_WAIT);
        look.confirms = false;
    }

    /// The file is gone or empty: look again to be sure.
    pub(super) fn confirm(&mut self, file: &Arc<Path>, seen: Instant, now: Instant) {
        let look = Look {
            due: now + QUIET,
            seen,
            confirms: true,
        };
        self.waiting.entry(Arc::clone(file)).or_insert(look);
    }

    /// Whether a file that is gone or empty waits to be looked at again.
    pub(super) fn is_confirming(&self) -> bool {
        self.waiting.values().any(|look| look.confirms)
    }

    /// When the next look is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.waiting.values().map(|look| look.due).min()
    }

    /// Takes out what is due, in the order of the files.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<(Arc<Path>, Look)> {
        let due: Vec<_> = self
            .waiting
            .iter()
            .filter(|(_, look)| look.due <= now)
            .map(|(file, look)| (Arc::clone(file), *look))
            .collect();
        for (file, _) in &due {
            self.waiting.remove(file);
        }
        due
    }

    fn entry(&mut self, file: &Arc<Path>, now: Instant) -> &mut Look {
        let look = Look {
            due: now,
            seen: now,
            confirms: false,
        };
        self.waiting.entry(Arc::clone(file)).or_insert(look)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn due(schedule: &mut Schedule, at: Instant) -> Vec<bool> {
        schedule
            .take_due(at)
            .into_iter()
            .map(|(_, look)| look.confirms)
            .collect()
    }

    #[test]
    fn a_complete_file_is_due_at_once() {
        let (mut schedule, now) = (Schedule::default(), Instant::now());
        let file: Arc<Path> = Path::new("a").into();
        schedule.touched(&file, now);
        assert_eq!(due(&mut schedule, now), [false; 0]);
        schedule.complete(&file, now + MS);
        assert_eq!(schedule.next(), Some(now + MS));
        assert_eq!(due(&mut schedule, now + MS), [false]);
        assert_eq!(schedule.next(), None);
    }

    #[test]
    fn writing_is_waited_for_but_not_for_ever() {
        let (mut schedule, now) = (Schedule::default(), Instant::now());
        let file: Arc<Path> = Path::new("a").into();
        for step in 0..=1000 {
            schedule.touched(&file, now + step * 10 * MS);
        }
        assert_eq!(schedule.next(), Some(now + LONGEST_WAIT));

        let other: Arc<Path> = Path::new("b").into();
        schedule.touched(&other, now);
        schedule.touched(&other, now + 30 * MS);
        assert_eq!(due(&mut schedule, now + QUIET), [false; 0]);
        assert_eq!(due(&mut schedule, now + 30 * MS + QUIET), [false]);
    }

    #[test]
    fn a_new_write_undoes_a_confirmation() {
        let (mut schedule, now) = (Schedule::default(), Instant::now());
        let file: Arc<Path> = Path::new("a").into();
        schedule.confirm(&file, now, now);
        assert_eq!(due(&mut schedule, now + QUIET), [true]);
        schedule.confirm(&file, now, now);
        schedule.complete(&file, now + MS);
        assert_eq!(due(&mut schedule, now + MS), [false]);
    }
}
