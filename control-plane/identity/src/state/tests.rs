use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn directory_and_files_are_private() {
    let top = tempfile::tempdir().unwrap();
    let path = top.path().join("deep/state");
    let state = StateDirectory::open(&path).unwrap();
    assert_eq!(mode(&path), 0o700);
    let locked = state.lock().unwrap();
    assert!(locked.read("x").unwrap().is_none());
    locked.write("x", &Secret::new(b"one".to_vec())).unwrap();
    locked.write("x", &Secret::new(b"two".to_vec())).unwrap();
    assert_eq!(locked.read("x").unwrap().unwrap().expose(), b"two");
    assert_eq!(mode(&path.join("x")), 0o600);
    assert_eq!(mode(&path.join(LOCK)), 0o600);
    let mut names: Vec<_> = fs::read_dir(&path)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, [LOCK, "x"], "nothing temporary stays");
}

#[test]
fn open_doors_are_refused_with_a_way_out() {
    let top = tempfile::tempdir().unwrap();
    let path = top.path().join("state");
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    let error = StateDirectory::open(&path).unwrap_err().to_string();
    assert!(
        error.contains("0755") && error.contains("chmod 0700"),
        "{error}"
    );

    fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
    let state = StateDirectory::open(&path).unwrap();
    fs::write(path.join("key"), "k").unwrap();
    fs::set_permissions(path.join("key"), Permissions::from_mode(0o640)).unwrap();
    let error = state.read("key").unwrap_err().to_string();
    assert!(
        error.contains("0640") && error.contains("chmod 0600"),
        "{error}"
    );

    fs::write(top.path().join("file"), "").unwrap();
    assert!(StateDirectory::open(&top.path().join("file")).is_err());
}
