//! Where file events wait for the worker: a bounded map, filled by the watcher's thread.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RenameMode};
use notify::{Event, EventKind};

/// Past this many paths everything is looked at anyway.
const MOST_PATHS: usize = 4096;

/// One thing that happened at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Occurrence {
    /// Data was written, or a file was made: more may follow.
    Written,
    /// Only something about the file changed, such as its mode.
    Described,
    /// A writer closed the file, or it was put there by a rename: it is whole.
    Completed,
    /// Something was made, moved or removed, so that other files may be there now.
    Moved,
}

/// How a file is that something happened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It may not be whole yet.
    Touched,
    /// It is whole.
    Complete,
}

/// What happened at a path since the worker last looked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Happened {
    /// Whether something was made, moved or removed, so that other files may be there now.
    pub(super) moved: bool,
    /// How the file is that is there now, if anything happened to it.
    pub(super) state: Option<State>,
}

impl Happened {
    fn then(self, event: Occurrence) -> Self {
        match (event, self.state) {
            (Occurrence::Moved, _) => Self {
                moved: true,
                state: None,
            },
            (Occurrence::Completed, _) => Self {
                state: Some(State::Complete),
                ..self
            },
            (Occurrence::Described, Some(state)) => Self {
                state: Some(state),
                ..self
            },
            (Occurrence::Described | Occurrence::Written, _) => Self {
                state: Some(State::Touched),
                ..self
            },
        }
    }
}

/// The events since the worker last looked.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// What happened where.
    pub(super) paths: BTreeMap<PathBuf, Happened>,
    /// Events were lost: everything has to be looked at.
    pub(super) lost: bool,
    /// Nobody wants to know any more.
    pub(super) closed: bool,
    /// When the first of these events was seen.
    pub(super) since: Option<Instant>,
}

/// The inbox.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    events: Mutex<Events>,
    arrived: Condvar,
}

impl Inbox {
    /// Takes in what the watcher tells.
    pub(super) fn put(&self, event: notify::Result<Event>) {
        let (paths, occurrence, lost) = match event {
            Ok(event) if event.need_rescan() => (Vec::new(), None, true),
            Ok(event) => (event.paths, occurrence(event.kind), false),
            Err(error) => {
                tracing::warn!(%error, "watching manifests failed: looking at everything anew");
                (Vec::new(), None, true)
            }
        };
        if occurrence.is_none() && !lost {
            return;
        }
        self.change(|events| {
            events.since.get_or_insert_with(Instant::now);
            events.lost |= lost;
            if let Some(occurrence) = occurrence {
                for path in paths {
                    let happened = events.paths.entry(path).or_default();
                    *happened = happened.then(occurrence);
                }
            }
            if events.paths.len() > MOST_PATHS {
                events.paths.clear();
                events.lost = true;
            }
        });
    }

    /// Ends the worker.
    pub(super) fn close(&self) {
        self.change(|events| events.closed = true);
    }

    /// Takes all events, waiting for one until `until`, for ever without it.
    pub(super) fn take(&self, until: Option<Instant>) -> Events {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if events.since.is_some() || events.closed {
                return std::mem::take(&mut *events);
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Events::default();
            }
            events = match left {
                None => self
                    .arrived
                    .wait(events)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(left) => {
                    let woken = self.arrived.wait_timeout(events, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn change(&self, change: impl FnOnce(&mut Events)) {
        change(&mut self.events.lock().unwrap_or_else(PoisonError::into_inner));
        self.arrived.notify_one();
    }
}

fn occurrence(kind: EventKind) -> Option<Occurrence> {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some(Occurrence::Completed),
        // Opening and reading, which the worker itself does.
        EventKind::Access(_) => None,
        EventKind::Create(CreateKind::Folder) | EventKind::Remove(_) => Some(Occurrence::Moved),
        EventKind::Modify(ModifyKind::Name(mode)) => match mode {
            RenameMode::To => Some(Occurrence::Completed),
            // Both ends were told before.
            RenameMode::Both => None,
            RenameMode::From | RenameMode::Any | RenameMode::Other => Some(Occurrence::Moved),
        },
        EventKind::Modify(ModifyKind::Metadata(_)) => Some(Occurrence::Described),
        EventKind::Create(_) | EventKind::Modify(_) | EventKind::Any | EventKind::Other => {
            Some(Occurrence::Written)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(occurrences: &[Occurrence]) -> Happened {
        occurrences
            .iter()
            .fold(Happened::default(), |happened, occurrence| {
                happened.then(*occurrence)
            })
    }

    #[test]
    fn the_last_state_of_a_file_counts() {
        use Occurrence::{Completed, Described, Moved, Written};
        let happened = |moved, state| Happened { moved, state };
        let complete = Some(State::Complete);
        let touched = Some(State::Touched);
        assert_eq!(
            after(&[Written, Written, Completed]),
            happened(false, complete)
        );
        assert_eq!(after(&[Completed, Described]), happened(false, complete));
        assert_eq!(after(&[Completed, Written]), happened(false, touched));
        assert_eq!(after(&[Described]), happened(false, touched));
        assert_eq!(
            after(&[Moved, Written, Completed]),
            happened(true, complete)
        );
        assert_eq!(after(&[Written, Completed, Moved]), happened(true, None));
    }

    #[test]
    fn too_many_paths_become_a_look_at_everything() {
        let inbox = Inbox::default();
        for number in 0..=MOST_PATHS {
            let event = Event::new(EventKind::Remove(notify::event::RemoveKind::File));
            inbox.put(Ok(event.add_path(PathBuf::from(number.to_string()))));
        }
        let events = inbox.take(None);
        assert!(events.lost && events.paths.is_empty());
        assert!(inbox.take(Some(Instant::now())).since.is_none());
    }

    #[test]
    fn an_overflow_of_the_system_is_a_look_at_everything() {
        let inbox = Inbox::default();
        let event = Event::new(EventKind::Other).set_flag(notify::event::Flag::Rescan);
        inbox.put(Ok(event));
        assert!(inbox.take(None).lost);
        inbox.put(Err(notify::Error::generic("broken")));
        assert!(inbox.take(None).lost);
    }
}
