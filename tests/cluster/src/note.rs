//! Figures that a case has measured, for the people who read its run.

use std::io::Write;

/// Notes a line: on stderr, and in the file `TULLE_NOTES`, which `tests/run` prints at its end.
pub fn note(line: &str) {
    eprintln!("{line}");
    if let Some(path) = std::env::var_os("TULLE_NOTES") {
        let file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(path);
        let noted = file.and_then(|mut file| writeln!(file, "{line}"));
        noted.expect("TULLE_NOTES names a file that can be written");
    }
}
