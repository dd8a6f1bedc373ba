//! The objects of a set of files: a pure state machine from what files hold to changes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use tulle_crds::ObjectKey;
use xxhash_rust::xxh3::xxh3_128;

use crate::change::{Change, Observed, Place};
use crate::manifest::{self, Known};
use crate::problem::{Problem, ProblemKind, Severity};

/// Largest file that is read. A mesh of 10,000 objects fits twice.
pub const MAX_FILE_BYTES: u64 = 8 << 20;

/// What a look at a file found.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// Its bytes.
    Bytes(&'a [u8]),
    /// There is no such file: its objects go.
    Gone,
    /// It has this many bytes, more than [`MAX_FILE_BYTES`]. Its last good objects stay.
    TooLarge(u64),
    /// It could not be read, and why. Its last good objects stay.
    Unreadable(&'a str),
}

/// Everything known of a set of files. Feed it with [`FileSet::apply`]; the same contents give the
/// same objects in whatever order they come.
///
/// - A file or document that cannot be read, and an object that its kind's definition rejects,
///   keep their last good objects until the file is mended or no longer names them.
/// - Where several files or documents hold one object, the first by file name, then by its place
///   in the file, counts.
#[derive(Debug, Default)]
pub struct FileSet {
    files: BTreeMap<Arc<Path>, FileState>,
    /// Who holds each object; the first counts.
    claims: BTreeMap<ObjectKey, BTreeMap<Rank, Arc<Observed>>>,
    /// Objects with more than one claim.
    contested: BTreeSet<ObjectKey>,
}

/// The order of claims to one object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// Claims that are only remembered, because the file cannot be read as a whole, come after
    /// claims that files make.
    remembered: bool,
    file: Arc<Path>,
    position: usize,
}

#[derive(Debug, Default)]
struct FileState {
    /// Hash of the bytes that `held` and `problems` come from; `None` if they come from no bytes.
    digest: Option<u128>,
    held: Vec<Held>,
    problems: Vec<Problem>,
    passed_over: BTreeMap<(String, String), usize>,
    known: Known,
}

/// An object that a file holds.
#[derive(Debug)]
struct Held {
    key: ObjectKey,
    observed: Arc<Observed>,
    remembered: bool,
}

impl FileSet {
    /// No files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in what a file holds now and says which objects changed by it, in the order of their
    /// keys. What did not change is not told again.
    pub fn apply(&mut self, file: &Path, content: Content<'_>) -> Vec<Change> {
        let file = self
            .files
            .get_key_value(file)
            .map_or_else(|| file.into(), |(file, _)| Arc::clone(file));
        let state = match content {
            Content::Gone => {
                let old = self.files.remove(&file).unwrap_or_default();
                return self.replace(&file, old.held, &[]);
            }
            Content::Bytes(bytes) => {
                let digest = Some(xxh3_128(bytes));
                let old = self.files.remove(&file).unwrap_or_default();
                if old.digest == digest {
                    self.files.insert(file, old);
                    return Vec::new();
                }
                let new = FileState {
                    digest,
                    ..read(&file, bytes, &old.held, &old.known)
                };
                let changes = self.replace(&file, old.held, &new.held);
                self.files.insert(file, new);
                return changes;
            }
            Content::TooLarge(bytes) => refused(&file, too_large(bytes)),
            Content::Unreadable(why) => refused(&file, format!("cannot be read: {why}")),
        };
        let held = self.files.remove(&file).unwrap_or_default().held;
        self.files.insert(file, FileState { held, ..state });
        Vec::new()
    }

    /// Everything that is wrong now, sorted by place.
    pub fn problems(&self) -> Vec<Problem> {
        let of_files = self
            .files
            .values()
            .flat_map(|state| &state.problems)
            .cloned();
        let mut problems: Vec<_> = of_files.chain(self.contests()).collect();
        problems.sort();
        problems.dedup();
        problems
    }

    /// The object of this name.
    pub fn get(&self, key: &ObjectKey) -> Option<&Arc<Observed>> {
        self.claims.get(key)?.values().next()
    }

    /// All objects, in the order of their keys.
    pub fn objects(&self) -> impl Iterator<Item = (&ObjectKey, &Arc<Observed>)> {
        self.claims
            .iter()
            .filter_map(|(key, claims)| Some((key, claims.values().next()?)))
    }

    /// The files that are known, in their order.
    pub fn files(&self) -> impl Iterator<Item = &Arc<Path>> {
        self.files.keys()
    }

    /// Whether a file holds an object now.
    pub fn holds_objects(&self, file: &Path) -> bool {
        self.files
            .get(file)
            .is_some_and(|state| !state.held.is_empty())
    }

    /// How many documents of which `apiVersion` and `kind` are passed over now.
    pub fn passed_over(&self) -> BTreeMap<(String, String), usize> {
        let mut sum = BTreeMap::new();
        for (kind, count) in self.files.values().flat_map(|state| &state.passed_over) {
            *sum.entry(kind.clone()).or_default() += count;
        }
        sum
    }

    /// Puts a file's new claims in the place of its old ones.
    fn replace(&mut self, file: &Arc<Path>, old: Vec<Held>, new: &[Held]) -> Vec<Change> {
        let keys: BTreeSet<&ObjectKey> = old.iter().chain(new).map(|held| &held.key).collect();
        let before: Vec<_> = keys.iter().map(|key| self.get(key).cloned()).collect();

        for key in &keys {
            if let Some(claims) = self.claims.get_mut(*key) {
                claims.retain(|rank, _| rank.file != *file);
            }
        }
        for (position, held) in new.iter().enumerate() {
            let rank = Rank {
                remembered: held.remembered,
                file: Arc::clone(file),
                position,
            };
            let claims = self.claims.entry(held.key.clone()).or_default();
            claims.insert(rank, Arc::clone(&held.observed));
        }

        let mut changes = Vec::new();
        for (key, before) in keys.into_iter().zip(before) {
            let claims = self.claims.get(key).map_or(0, BTreeMap::len);
            if claims > 1 {
                self.contested.insert(key.clone());
            } else {
                self.contested.remove(key);
            }
            if claims == 0 {
                self.claims.remove(key);
            }
            let after = self.get(key);
            let same = match (&before, after) {
                (Some(before), Some(after)) => before.says_the_same(after),
                (None, None) => true,
                _ => false,
            };
            if !same {
                changes.push(Change {
                    key: key.clone(),
                    object: after.cloned(),
                });
            }
        }
        changes
    }

    /// Says of each object that is held more than once who does not count. A claim that is only
    /// remembered is no contest: its file's own problem tells of it.
    fn contests(&self) -> impl Iterator<Item = Problem> {
        self.contested.iter().flat_map(|key| {
            let mut claims = self
                .claims
                .get(key)
                .into_iter()
                .flatten()
                .filter(|(rank, _)| !rank.remembered);
            let winner = claims
                .next()
                .and_then(|(_, observed)| observed.place.clone());
            claims.filter_map(move |(_, observed)| {
                Some(Problem {
                    place: observed.place.clone(),
                    severity: Severity::Error,
                    kind: ProblemKind::DeclaredTwice,
                    object: Some(key.clone()),
                    field: None,
                    message: format!("declared twice; {} counts", winner.as_ref()?),
                    help: Some("remove one".to_owned()),
                })
            })
        })
    }
}

/// Reads bytes; what cannot be read stays as it was.
fn read(file: &Arc<Path>, bytes: &[u8], before: &[Held], known: &Known) -> FileState {
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let refusal = if size > MAX_FILE_BYTES {
        Some(refused(file, too_large(size)))
    } else {
        std::str::from_utf8(bytes)
            .err()
            .map(|error| not_text(file, bytes, error.valid_up_to()))
    };
    if let Some(refusal) = refusal {
        return FileState {
            held: before.iter().map(Held::clone).collect(),
            ..refusal
        };
    }

    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let (manifest, known) = manifest::read(file, text, known);
    // Of an object that was there twice the first counts, so it is put in last.
    let last_good: BTreeMap<_, _> = before.iter().rev().map(|held| (&held.key, held)).collect();
    let named: BTreeSet<_> = manifest
        .objects
        .iter()
        .map(|declared| &declared.key)
        .collect();

    let remembered = before
        .iter()
        .filter(|held| manifest.unreadable_documents && !named.contains(&held.key))
        .map(|held| Held {
            remembered: true,
            ..held.clone()
        });
    let declared = manifest.objects.iter().filter_map(|declared| {
        let observed = declared
            .observed
            .as_ref()
            .or_else(|| last_good.get(&declared.key).map(|held| &held.observed))?;
        Some(Held {
            key: declared.key.clone(),
            observed: Arc::clone(observed),
            remembered: false,
        })
    });
    FileState {
        digest: None,
        held: declared.chain(remembered).collect(),
        problems: manifest.problems,
        passed_over: manifest.passed_over,
        known,
    }
}

impl Clone for Held {
    fn clone(&self) -> Self {
        Self {
            key: self.key.clone(),
            observed: Arc::clone(&self.observed),
            remembered: self.remembered,
        }
    }
}

fn refused(file: &Arc<Path>, message: String) -> FileState {
    let problem = Problem {
        place: Some(Place::file(Arc::clone(file))),
        severity: Severity::Error,
        kind: ProblemKind::Unreadable,
        object: None,
        field: None,
        message,
        help: None,
    };
    FileState {
        problems: vec![problem],
        ..FileState::default()
    }
}

fn too_large(bytes: u64) -> String {
    format!(
        "{} MiB, more than the {} MiB that a manifest may have",
        bytes >> 20,
        MAX_FILE_BYTES >> 20
    )
}

fn not_text(file: &Arc<Path>, bytes: &[u8], good: usize) -> FileState {
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let before = &bytes[..good];
    let line = number(before.iter().filter(|byte| **byte == b'\n').count() + 1);
    let line_start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let column = number(
        String::from_utf8_lossy(&before[line_start..])
            .chars()
            .count()
            + 1,
    );
    let mut state = refused(file, format!("not UTF-8 text: byte {:#04x}", bytes[good]));
    for problem in &mut state.problems {
        if let Some(place) = &mut problem.place {
            (place.line, place.column) = (line, column);
        }
        problem.help = Some("save the file as UTF-8".to_owned());
    }
    state
}

#[cfg(test)]
mod tests;
