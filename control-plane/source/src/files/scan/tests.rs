#![cfg(unix)]

use std::os::unix::fs::symlink;

use super::*;

fn names(scan: &Scan, root: &Path) -> Vec<String> {
    scan.files
        .keys()
        .map(|file| {
            file.strip_prefix(root)
                .unwrap_or(file)
                .display()
                .to_string()
        })
        .collect()
}

fn scan_only(named: &[&Path]) -> Scan {
    scan(
        &named
            .iter()
            .map(|path| path.to_path_buf())
            .collect::<Vec<_>>(),
        &mut |_| {},
    )
}

fn write(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, "").unwrap();
}

#[test]
fn folders_are_read_with_all_that_is_in_them() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for name in [
        "b.yaml",
        "a.yml",
        "c.json",
        "sub/deep/d.yaml", // these count
        "note.txt",
        ".hidden.yaml",
        ".git/x.yaml",
        "b.yaml~",
        "#b.yaml#",
        ".b.yaml.swp",
        "#x.yaml",
        "b.yaml.bak",
    ] {
        write(&root.join(name));
    }
    let scan = scan_only(&[root]);
    assert_eq!(
        names(&scan, root),
        ["a.yml", "b.yaml", "c.json", "sub/deep/d.yaml"]
    );
    assert!(!scan.missing && scan.unreadable.is_empty());
}

#[test]
fn a_named_file_may_have_any_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("manifests.txt");
    write(&file);
    let scan = scan_only(&[&file]);
    assert_eq!(names(&scan, folder.path()), ["manifests.txt"]);
    assert!(scan.points.contains(&fs::canonicalize(&file).unwrap()));
    assert!(scan_only(&[&folder.path().join("none")]).missing);
}

#[test]
fn a_file_counts_once_however_it_is_reached() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(&root.join("sub/a.yaml"));
    symlink("sub/a.yaml", root.join("link.yaml")).unwrap();
    symlink("sub", root.join("other")).unwrap();
    symlink("..", root.join("sub/loop")).unwrap();
    symlink("self", root.join("self")).unwrap();
    symlink("nowhere.yaml", root.join("dangling.yaml")).unwrap();
    let scan = scan_only(&[root, &root.join("sub/a.yaml")]);
    assert_eq!(scan.files.len(), 1);
    assert_eq!(names(&scan, root), ["link.yaml"]);
}

#[test]
fn a_mounted_config_map_is_read_and_watched_through_its_links() {
    let folder = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(folder.path()).unwrap();
    write(&root.join("..2026_01_01/front.yaml"));
    symlink("..2026_01_01", root.join("..data")).unwrap();
    symlink("..data/front.yaml", root.join("front.yaml")).unwrap();

    let mut watched = Vec::new();
    let scan = scan(std::slice::from_ref(&root), &mut |path| {
        watched.push(path.to_owned())
    });
    assert_eq!(names(&scan, &root), ["front.yaml"]);
    let real = root.join("..2026_01_01/front.yaml");
    assert_eq!(scan.by_real_path.keys().collect::<Vec<_>>(), [&real]);
    assert!(scan.points.contains(&root.join("..data")));
    assert!(watched.contains(&root) && watched.contains(&root.join("..2026_01_01")));
}

#[test]
fn folders_on_the_way_of_links_are_watched() {
    let folder = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(folder.path()).unwrap();
    write(&root.join("releases/1/a.yaml"));
    symlink("releases/1", root.join("current")).unwrap();
    fs::create_dir(root.join("m")).unwrap();
    symlink(root.join("current/a.yaml"), root.join("m/a.yaml")).unwrap();

    let mut watched = Vec::new();
    let scan = scan(&[root.join("m")], &mut |path| watched.push(path.to_owned()));
    assert_eq!(names(&scan, &root), ["m/a.yaml"]);
    assert!(scan.points.contains(&root.join("current")));
    assert!(watched.contains(&root), "{watched:?}");
}

#[test]
fn an_unreadable_folder_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(&root.join("a.yaml"));
    let mut scanner = Scanner {
        scan: Scan::default(),
        watch: &mut |_| {},
    };
    // A file in the place of a folder cannot be listed, even by root.
    scanner.folder(root, &root.join("a.yaml"), 0);
    assert_eq!(scanner.scan.unreadable.len(), 1);
}
