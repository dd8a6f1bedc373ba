//! What goes to stdout and stderr: colour only on a terminal, and no fuss when a reader goes away.

use std::io::{ErrorKind, Write};

use tulle_model::Severity;

/// Writes to stdout. A reader that has closed its end (`tulle … | head`) has seen enough: that is no error.
pub(super) fn out(text: &str) -> anyhow::Result<()> {
    let mut stdout = anstream::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Writes a line to stderr that begins with a coloured word of the severity.
pub(super) fn complain(severity: Severity, text: &str) {
    let colour = match severity {
        Severity::Error => "\u{1b}[1;31m",
        Severity::Warning => "\u{1b}[1;33m",
        Severity::Info => "\u{1b}[1;34m",
    };
    // Nobody is left to be told if stderr is gone.
    let _ = writeln!(anstream::stderr(), "{colour}{severity}\u{1b}[0m: {text}");
}
