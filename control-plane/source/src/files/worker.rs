//! The task that owns the files: turns file events into looks at files, and looks into batches.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tulle_runtime::mailbox::Sender;

use super::inbox::{Events, Happened, Inbox, State};
use super::read::{Reading, read};
use super::scan::{self, Scan, is_hidden, is_manifest_name};
use super::schedule::{Look, QUIET, Schedule};
use super::watch::Watch;
use crate::change::{Batch, Change, Place};
use crate::file_set::FileSet;
use crate::problem::{Problem, ProblemKind, Severity};

/// How often all files are looked at where they cannot be watched.
const POLL: Duration = Duration::from_secs(2);
/// When folders are looked at once more after something moved: a watch of a folder that is removed
/// and made anew at once can end late.
const AFTERWARDS: Duration = Duration::from_millis(100);

/// Owns the files' state.
#[derive(Debug)]
pub(super) struct Worker {
    named: Vec<PathBuf>,
    watch: Option<Watch>,
    scan: Scan,
    set: FileSet,
    schedule: Schedule,
    /// When the folders are looked at again, and when the event behind it was seen.
    rescan: Option<(Instant, Instant)>,
    /// When they are looked at once more.
    again: Option<Instant>,
    /// Changes that were not sent yet, and when the oldest event behind them was seen.
    changes: BTreeMap<tulle_crds::ObjectKey, Change>,
    seen: Option<Instant>,
    /// What was sent last.
    problems: Arc<[Problem]>,
    passed_over: Arc<BTreeMap<(String, String), usize>>,
}

impl Worker {
    /// A worker for these paths that has read nothing yet. Without a watch it can only
    /// [`Worker::start`].
    pub(super) fn new(named: &[PathBuf], watch: Option<Watch>) -> Self {
        let mut named = named.to_vec();
        named.sort();
        Self {
            named,
            watch,
            scan: Scan::default(),
            set: FileSet::new(),
            schedule: Schedule::default(),
            rescan: None,
            again: None,
            changes: BTreeMap::new(),
            seen: None,
            problems: Arc::default(),
            passed_over: Arc::default(),
        }
    }

    /// Reads everything there is.
    pub(super) fn start(&mut self) -> Batch {
        let seen = Instant::now();
        self.scan = self.scan_and_watch();
        let files: Vec<_> = self.scan.files.keys().cloned().collect();
        for file in files {
            self.apply(&file, &read(&file));
        }
        self.batch(seen)
    }

    /// Goes on until the inbox is closed or nobody receives.
    pub(super) fn run(&mut self, inbox: &Inbox, sender: &Sender<(), Batch>) {
        loop {
            let events = inbox.take(self.wake());
            if events.closed {
                return;
            }
            let now = Instant::now();
            let complete = self.sort(events, now);
            if let Some(due) = self.again.take_if(|due| *due <= now) {
                self.rescan_at(due, due);
            }
            let rescan = self.rescan.take_if(|(due, _)| *due <= now);
            if let Some((_, seen)) = rescan {
                self.rescan(&complete, seen, now);
            }
            for (file, look) in self.schedule.take_due(now) {
                self.look(&file, look);
            }
            if rescan.is_none() && self.seen.is_none() {
                continue;
            }
            if let Some(batch) = self.news() {
                let sent = sender.send_with((), |unread| match unread {
                    Some(unread) => unread.then(batch),
                    None => batch,
                });
                if sent.is_err() {
                    return;
                }
            }
        }
    }

    fn wake(&mut self) -> Option<Instant> {
        let blind = self
            .watch
            .as_ref()
            .is_none_or(|watch| watch.failure().is_some());
        if (blind || self.scan.missing) && self.rescan.is_none() {
            let due = Instant::now() + POLL;
            self.rescan = Some((due, due));
        }
        let rescan = self.rescan.map(|(due, _)| due);
        [self.schedule.next(), rescan, self.again]
            .into_iter()
            .flatten()
            .min()
    }

    /// Sets looks and scans for what happened; gives the real paths of files that are whole.
    fn sort(&mut self, events: Events, now: Instant) -> BTreeSet<PathBuf> {
        let seen = events.since.unwrap_or(now);
        let mut complete = BTreeSet::new();
        if events.lost {
            self.rescan_at(now, seen);
        }
        for (path, happened) in events.paths {
            match self.scan.by_real_path.get(&path) {
                Some(file) if !happened.moved => match happened.state {
                    Some(State::Complete) => {
                        self.schedule.complete(file, seen);
                        // A link was put in its place: what it leads to must be watched.
                        if path.is_symlink() {
                            self.rescan_at(now, seen);
                        }
                    }
                    Some(State::Touched) => self.schedule.touched(file, seen),
                    None => {}
                },
                _ if !self.concerns(&path, happened) => {}
                _ => {
                    let whole = happened.moved || happened.state == Some(State::Complete);
                    self.rescan_at(if whole { now } else { now + QUIET }, seen);
                    if happened.moved {
                        self.again = Some(now + AFTERWARDS);
                    }
                    if happened.state == Some(State::Complete) {
                        complete.insert(path);
                    }
                }
            }
        }
        complete
    }

    /// Whether what happened at a path that is no manifest yet may change what is read.
    fn concerns(&self, path: &Path, happened: Happened) -> bool {
        if self.scan.points.contains(path) || self.scan.folders.contains(path) {
            return true;
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return false;
        };
        let name = Path::new(name);
        self.scan.folders.contains(parent)
            && !is_hidden(name)
            && (happened.moved || is_manifest_name(name) || path.is_dir())
    }

    fn rescan_at(&mut self, due: Instant, seen: Instant) {
        let (known_due, known_seen) = self.rescan.unwrap_or((due, seen));
        self.rescan = Some((due.min(known_due), seen.min(known_seen)));
    }

    /// Looks at the folders and sets looks at the files that may have changed.
    fn rescan(&mut self, complete: &BTreeSet<PathBuf>, seen: Instant, now: Instant) {
        let old = std::mem::take(&mut self.scan);
        self.scan = self.scan_and_watch();

        for (file, found) in &self.scan.files {
            let before = old.files.get(file);
            if complete.contains(&found.real) {
                self.schedule.complete(file, seen);
            } else if before
                .is_none_or(|before| before.real != found.real || before.stamp != found.stamp)
            {
                if found.stamp.younger_than(QUIET) {
                    self.schedule.touched(file, now);
                } else {
                    self.schedule.complete(file, seen);
                }
            }
        }
        for file in self.set.files() {
            if !self.scan.files.contains_key(file) {
                self.schedule.confirm(file, seen, now);
            }
        }
    }

    fn scan_and_watch(&mut self) -> Scan {
        let mut folders = BTreeSet::new();
        let scan = scan::scan(&self.named, &mut |folder| {
            if folders.insert(folder.to_owned())
                && let Some(watch) = &mut self.watch
            {
                watch.add(folder);
            }
        });
        if let Some(watch) = &mut self.watch {
            watch.keep_only(&folders);
        }
        scan
    }

    fn look(&mut self, file: &Arc<Path>, look: Look) {
        self.saw(look.seen);
        let reading = if self.scan.files.contains_key(file) {
            read(file)
        } else if self.is_under_unreadable(file) {
            return;
        } else {
            Reading::Gone
        };
        let in_doubt = reading.may_be_a_save_under_way() && self.set.holds_objects(file);
        if in_doubt && !look.confirms {
            self.schedule.confirm(file, look.seen, Instant::now());
        } else {
            self.apply(file, &reading);
        }
    }

    fn saw(&mut self, seen: Instant) {
        self.seen = Some(self.seen.map_or(seen, |known| known.min(seen)));
    }

    fn is_under_unreadable(&self, file: &Path) -> bool {
        self.scan
            .unreadable
            .iter()
            .any(|(folder, _)| file.starts_with(folder))
    }

    fn apply(&mut self, file: &Path, reading: &Reading) {
        for change in self.set.apply(file, reading.content()) {
            self.changes.insert(change.key.clone(), change);
        }
    }

    /// A batch, if there is anything to tell.
    fn news(&mut self) -> Option<Batch> {
        let seen = self.seen.unwrap_or_else(Instant::now);
        let problems = Arc::clone(&self.problems);
        let passed_over = Arc::clone(&self.passed_over);
        let batch = self.batch(seen);
        let news = !batch.changes.is_empty()
            || batch.problems != problems
            || batch.passed_over != passed_over;
        news.then_some(batch)
    }

    /// What there is to tell; empties it.
    fn batch(&mut self, seen: Instant) -> Batch {
        // A file that is being moved is in two places for a moment: that is no problem to tell.
        if !self.schedule.is_confirming() {
            let mut problems = self.set.problems();
            problems.extend(self.own_problems());
            problems.sort();
            if *problems != *self.problems {
                self.problems = problems.into();
            }
            let passed_over = self.set.passed_over();
            if passed_over != *self.passed_over {
                self.passed_over = Arc::new(passed_over);
            }
        }
        self.seen = None;
        Batch {
            changes: std::mem::take(&mut self.changes).into_values().collect(),
            problems: Arc::clone(&self.problems),
            passed_over: Arc::clone(&self.passed_over),
            seen,
        }
    }

    fn own_problems(&self) -> Vec<Problem> {
        let problem = |file: &Path, severity, kind, message| Problem {
            place: Some(Place::file(file.into())),
            severity,
            kind,
            object: None,
            field: None,
            message,
            help: None,
        };
        let mut problems: Vec<_> = self
            .scan
            .unreadable
            .iter()
            .map(|(folder, why)| {
                problem(
                    folder,
                    Severity::Error,
                    ProblemKind::Unreadable,
                    format!("the folder cannot be read: {why}"),
                )
            })
            .collect();
        if let Some((folder, why)) = self.watch.as_ref().and_then(Watch::failure) {
            let folder = if folder.as_os_str().is_empty() {
                Path::new(".")
            } else {
                folder
            };
            let every = POLL.as_secs();
            let message = format!("cannot be watched: {why}; files are looked at every {every} s");
            problems.push(problem(
                folder,
                Severity::Warning,
                ProblemKind::Unwatched,
                message,
            ));
        }
        problems
    }
}
