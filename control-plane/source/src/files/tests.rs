//! The real file system and the real watch.

use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};

use super::*;

/// Long enough for a loaded machine; a test that passes does not wait for it.
const PATIENCE: Duration = Duration::from_secs(10);

fn mesh(name: &str, aws_name: &str) -> String {
    format!(
        "apiVersion: appmesh.k8s.aws/v1beta2\nkind: Mesh\nmetadata: {{name: {name}}}\nspec: \
         {{awsName: \"{aws_name}\"}}\n"
    )
}

/// Watched paths and the state that the batches add up to.
struct Watched {
    updates: FileUpdates,
    state: std::collections::BTreeMap<String, String>,
    problems: Vec<String>,
    /// Every object that was told gone.
    gone: Vec<String>,
}

impl Watched {
    fn start(paths: &[&Path]) -> Self {
        let paths: Vec<_> = paths.iter().map(|path| path.to_path_buf()).collect();
        let (first, updates) = FileSource::start(&paths).unwrap();
        let mut watched = Self {
            updates,
            state: Default::default(),
            problems: Vec::new(),
            gone: Vec::new(),
        };
        watched.take(first);
        watched
    }

    fn take(&mut self, batch: Batch) {
        for change in batch.changes {
            let name = change.key.name;
            match change.object.as_deref().map(|observed| &observed.object) {
                Some(tulle_crds::Object::Mesh(mesh)) => {
                    self.state
                        .insert(name, mesh.spec.aws_name.clone().unwrap_or_default());
                }
                _ => {
                    self.state.remove(&name);
                    self.gone.push(name);
                }
            }
        }
        self.problems = batch.problems.iter().map(ToString::to_string).collect();
    }

    /// Waits until the state is this and gives the time it took.
    async fn until(&mut self, expected: &[(&str, &str)]) -> Duration {
        let begin = Instant::now();
        let expected = expected
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()));
        let expected = expected.collect();
        while self.state != expected {
            self.next(PATIENCE)
                .await
                .unwrap_or_else(|| panic!("still {:?}", self.state));
        }
        begin.elapsed()
    }

    async fn until_problem(&mut self, part: &str) {
        while !self.problems.iter().any(|problem| problem.contains(part)) {
            self.next(PATIENCE)
                .await
                .unwrap_or_else(|| panic!("still {:?}", self.problems));
        }
    }

    async fn next(&mut self, patience: Duration) -> Option<()> {
        let batch = tokio::time::timeout(patience, self.updates.next())
            .await
            .ok()??;
        self.take(batch);
        Some(())
    }

    /// Nothing is told for a while.
    async fn quiet(&mut self) {
        assert!(
            self.next(Duration::from_millis(300)).await.is_none(),
            "{:?}",
            self.state
        );
    }
}

fn replace(path: &Path, text: &str) {
    let temporary = path.with_file_name(".tmp-save");
    fs::write(&temporary, text).unwrap();
    fs::rename(&temporary, path).unwrap();
}

#[tokio::test]
async fn saves_take_effect() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.yaml");
    fs::write(&file, mesh("a", "0")).unwrap();
    let mut watched = Watched::start(&[folder.path()]);
    watched.until(&[("a", "0")]).await;

    for round in 1..=5 {
        let value = round.to_string();
        replace(&file, &mesh("a", &value));
        watched.until(&[("a", &value)]).await;
        fs::write(&file, mesh("a", &format!("{value}0"))).unwrap();
        watched.until(&[("a", &format!("{value}0"))]).await;
    }
    fs::write(&file, mesh("a", "50")).unwrap();
    watched.quiet().await;
    assert_eq!(watched.gone, Vec::<String>::new());
}

#[tokio::test]
async fn files_come_move_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mut watched = Watched::start(&[folder.path()]);
    fs::write(at("a.yaml"), mesh("a", "1")).unwrap();
    watched.until(&[("a", "1")]).await;
    replace(&at("b.yml"), &mesh("b", "1"));
    watched.until(&[("a", "1"), ("b", "1")]).await;
    fs::rename(at("a.yaml"), at("c.yaml")).unwrap();
    watched.quiet().await;
    fs::rename(at("c.yaml"), at("c.txt")).unwrap();
    watched.until(&[("b", "1")]).await;
    fs::remove_file(at("b.yml")).unwrap();
    watched.until(&[]).await;
    fs::write(at("note.txt"), mesh("n", "1")).unwrap();
    fs::write(at(".hidden.yaml"), mesh("h", "1")).unwrap();
    watched.quiet().await;
}

#[tokio::test]
async fn new_folders_are_watched_too() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir_in(folder.path().parent().unwrap()).unwrap();
    let mut watched = Watched::start(&[folder.path()]);
    let deep = folder.path().join("x/y/z");
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("a.yaml"), mesh("a", "1")).unwrap();
    watched.until(&[("a", "1")]).await;
    fs::write(deep.join("a.yaml"), mesh("a", "2")).unwrap();
    watched.until(&[("a", "2")]).await;

    let moved_in = outside.path().join("sub");
    fs::create_dir(&moved_in).unwrap();
    fs::write(moved_in.join("b.yaml"), mesh("b", "1")).unwrap();
    fs::rename(&moved_in, folder.path().join("sub")).unwrap();
    watched.until(&[("a", "2"), ("b", "1")]).await;
    fs::write(folder.path().join("sub/b.yaml"), mesh("b", "2")).unwrap();
    watched.until(&[("a", "2"), ("b", "2")]).await;

    fs::rename(folder.path().join("sub"), outside.path().join("back")).unwrap();
    watched.until(&[("a", "2")]).await;
    fs::remove_dir_all(folder.path().join("x")).unwrap();
    watched.until(&[]).await;
}

#[tokio::test]
async fn a_folder_made_anew_is_watched_again() {
    let folder = tempfile::tempdir().unwrap();
    let sub = folder.path().join("sub");
    let mut watched = Watched::start(&[folder.path()]);
    for round in 0..20 {
        let value = round.to_string();
        fs::create_dir(&sub).unwrap();
        fs::write(sub.join("a.yaml"), mesh("a", &value)).unwrap();
        watched.until(&[("a", &value)]).await;
        fs::remove_dir_all(&sub).unwrap();
    }
    fs::create_dir(&sub).unwrap();
    fs::write(sub.join("a.yaml"), mesh("a", "last")).unwrap();
    watched.until(&[("a", "last")]).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    fs::write(sub.join("a.yaml"), mesh("a", "still")).unwrap();
    watched.until(&[("a", "still")]).await;
}

#[tokio::test]
async fn the_named_folder_itself_may_go_and_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let named = folder.path().join("manifests");
    fs::create_dir(&named).unwrap();
    fs::write(named.join("a.yaml"), mesh("a", "1")).unwrap();
    let mut watched = Watched::start(&[&named]);
    watched.until(&[("a", "1")]).await;
    fs::remove_dir_all(&named).unwrap();
    watched.until(&[]).await;
    fs::create_dir(&named).unwrap();
    fs::write(named.join("a.yaml"), mesh("a", "2")).unwrap();
    watched.until(&[("a", "2")]).await;
}

#[tokio::test]
async fn a_file_named_itself_is_watched() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("manifests.txt");
    fs::write(&file, mesh("a", "1")).unwrap();
    let mut watched = Watched::start(&[&file]);
    watched.until(&[("a", "1")]).await;
    replace(&file, &mesh("a", "2"));
    watched.until(&[("a", "2")]).await;
    fs::write(&file, mesh("a", "3")).unwrap();
    watched.until(&[("a", "3")]).await;
    fs::write(folder.path().join("b.yaml"), mesh("b", "1")).unwrap();
    watched.quiet().await;
    fs::remove_file(&file).unwrap();
    watched.until(&[]).await;
    fs::write(&file, mesh("a", "4")).unwrap();
    watched.until(&[("a", "4")]).await;
}

/// Saves as editors do them, with pauses where the file is away, empty or half written.
#[tokio::test]
async fn a_save_under_way_takes_nothing_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.yaml");
    let text = |value: &str| format!("{}---\n{}", mesh("a", value), mesh("b", value));
    fs::write(&path, text("0")).unwrap();
    let mut watched = Watched::start(&[folder.path()]);
    let (mut judged, mut round) = (0, 0);
    while judged < 10 {
        round += 1;
        assert!(round < 500, "this machine never rests for so short a time");
        // How long the file was really left as it was: on a busy machine longer than a save under way is waited for.
        let (mut away, mut last) = (Duration::ZERO, Instant::now());
        let mut step = |save: &mut dyn FnMut()| {
            save();
            away = away.max(last.elapsed());
            last = Instant::now();
            std::thread::sleep(Duration::from_millis(10));
        };
        let value = format!("r{round}");
        let new = text(&value);
        match round % 4 {
            // Cut to nothing, then written in pieces by the same writer.
            0 => {
                let mut file = None;
                step(&mut || file = Some(fs::File::create(&path).unwrap()));
                let mut file = file.expect("made");
                for part in new.as_bytes().chunks(40) {
                    step(&mut || file.write_all(part).unwrap());
                }
            }
            // Cut to nothing and closed, then written by another writer.
            1 => {
                step(&mut || fs::write(&path, "").unwrap());
                step(&mut || fs::write(&path, &new).unwrap());
            }
            // Moved away as a backup, then made anew.
            2 => {
                let backup = folder.path().join("a.yaml~");
                step(&mut || fs::rename(&path, &backup).unwrap());
                step(&mut || fs::write(&path, &new).unwrap());
            }
            // Removed, then renamed into place.
            _ => {
                step(&mut || fs::remove_file(&path).unwrap());
                step(&mut || replace(&path, &new));
            }
        }
        watched.until(&[("a", &value), ("b", &value)]).await;
        let gone = std::mem::take(&mut watched.gone);
        if away < schedule::QUIET {
            judged += 1;
            assert_eq!(gone, Vec::<String>::new(), "round {round}");
        }
    }
    fs::write(&path, "").unwrap();
    watched.until(&[]).await;
}

#[tokio::test]
async fn a_broken_save_keeps_the_last_good_objects_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a.yaml"), folder.path().join("b.yaml"));
    fs::write(&a, mesh("a", "1")).unwrap();
    fs::write(&b, mesh("b", "1")).unwrap();
    let mut watched = Watched::start(&[folder.path()]);
    fs::write(&a, "kind: [").unwrap();
    watched.until_problem("a.yaml:1:7: not valid YAML").await;
    fs::write(&b, mesh("b", "2")).unwrap();
    watched.until(&[("a", "1"), ("b", "2")]).await;
    let large = fs::File::create(&a).unwrap();
    large.set_len(10_000_000).unwrap();
    drop(large);
    watched.until_problem("9 MiB, more than the 8 MiB").await;
    fs::write(&a, mesh("a", "3")).unwrap();
    watched.until(&[("a", "3"), ("b", "2")]).await;
    assert_eq!(watched.problems, Vec::<String>::new());
    assert_eq!(watched.gone, Vec::<String>::new());
}

#[cfg(unix)]
#[tokio::test]
async fn a_mounted_config_map_changes_as_one() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let version = |number: u32| {
        let data = at(&format!("..v{number}"));
        fs::create_dir(&data).unwrap();
        for name in ["a", "b"] {
            fs::write(
                data.join(format!("{name}.yaml")),
                mesh(name, &number.to_string()),
            )
            .unwrap();
        }
        symlink(format!("..v{number}"), at("..data_tmp")).unwrap();
        fs::rename(at("..data_tmp"), at("..data")).unwrap();
        if number > 1 {
            fs::remove_dir_all(at(&format!("..v{}", number - 1))).unwrap();
        }
    };
    version(1);
    symlink("..data/a.yaml", at("a.yaml")).unwrap();
    symlink("..data/b.yaml", at("b.yaml")).unwrap();
    let (folder_watched, file_named) = (&mut Watched::start(&[folder.path()]), at("a.yaml"));
    let mut file_watched = Watched::start(&[&file_named]);
    for number in 2..6 {
        version(number);
        let value = number.to_string();
        folder_watched.until(&[("a", &value), ("b", &value)]).await;
        file_watched.until(&[("a", &value)]).await;
    }
    assert_eq!(folder_watched.gone, Vec::<String>::new());
}

#[cfg(unix)]
#[tokio::test]
async fn links_out_of_the_folder_are_followed() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("real.yaml");
    fs::write(&target, mesh("a", "1")).unwrap();
    symlink(&target, folder.path().join("a.yaml")).unwrap();
    let mut watched = Watched::start(&[folder.path()]);
    fs::write(&target, mesh("a", "2")).unwrap();
    watched.until(&[("a", "2")]).await;
    replace(&target, &mesh("a", "3"));
    watched.until(&[("a", "3")]).await;
    fs::remove_file(folder.path().join("a.yaml")).unwrap();
    watched.until(&[]).await;
}

#[tokio::test]
async fn without_a_watch_files_are_looked_at_now_and_then() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.yaml");
    fs::write(&path, mesh("a", "1")).unwrap();
    let inbox = Arc::new(Inbox::default());
    let watch = Watch::impossible("no watches left");
    let mut worker = Worker::new(&[folder.path().to_owned()], Some(watch));
    let first = worker.start();
    assert!(
        first.problems[0]
            .to_string()
            .contains("cannot be watched: no watches left")
    );
    let (sender, receiver) = mailbox::mailbox();
    thread::spawn({
        let inbox = Arc::clone(&inbox);
        move || worker.run(&inbox, &sender)
    });
    let mut watched = Watched {
        updates: FileUpdates { receiver, inbox },
        state: Default::default(),
        problems: Vec::new(),
        gone: Vec::new(),
    };
    watched.take(first);
    fs::write(&path, mesh("a", "2")).unwrap();
    watched.until(&[("a", "2")]).await;
    fs::remove_file(&path).unwrap();
    watched.until(&[]).await;
}

#[tokio::test]
async fn a_burst_is_one_batch_for_a_slow_reader() {
    let folder = tempfile::tempdir().unwrap();
    let mut watched = Watched::start(&[folder.path()]);
    for number in 0..50 {
        let name = format!("m{number}");
        fs::write(folder.path().join(format!("{name}.yaml")), mesh(&name, "1")).unwrap();
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    watched.next(PATIENCE).await.unwrap();
    assert_eq!(watched.state.len(), 50);
    watched.quiet().await;
}

#[tokio::test]
async fn saves_are_told_fast() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.yaml");
    fs::write(&path, mesh("a", "x")).unwrap();
    let mut watched = Watched::start(&[folder.path()]);
    watched.until(&[("a", "x")]).await;
    let mut times = Vec::new();
    for round in 0..40 {
        let value = format!("v{round}");
        tokio::time::sleep(Duration::from_millis(5)).await;
        if round % 2 == 0 {
            fs::write(&path, mesh("a", &value)).unwrap();
        } else {
            replace(&path, &mesh("a", &value));
        }
        times.push(watched.until(&[("a", &value)]).await);
    }
    times.sort();
    let median = times[times.len() / 2];
    eprintln!(
        "save to batch: median {median:?}, longest {:?}",
        times[times.len() - 1]
    );
    assert!(median < Duration::from_millis(20), "{times:?}");
}

#[test]
fn a_named_path_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none");
    let error = FileSource::read_once(std::slice::from_ref(&missing)).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{}: no such file or folder", missing.display())
    );
    assert!(matches!(
        FileSource::start(&[missing]),
        Err(StartError::Missing { .. })
    ));
}

#[test]
fn reading_once_needs_no_watch() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.yaml"), mesh("a", "1")).unwrap();
    fs::write(folder.path().join("b.yaml"), "kind: [").unwrap();
    let batch = FileSource::read_once(&[folder.path().to_owned()]).unwrap();
    assert_eq!((batch.changes.len(), batch.problems.len()), (1, 1));
}
