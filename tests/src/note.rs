//! Figures that a test has measured, for the people who read its run.

use std::fs::File;
use std::io::Write;

/// Notes a line: on stderr, and in the file `TULLE_NOTES`, which `tests/run` prints at its end.
pub fn note(line: &str) {
    eprintln!("{line}");
    if let Some(path) = std::env::var_os("TULLE_NOTES") {
        let file = File::options().create(true).append(true).open(path);
        let noted = file.and_then(|mut file| writeln!(file, "{line}"));
        noted.expect("TULLE_NOTES names a file that can be written");
    }
}
