//! Running programs to their end.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::Context;

/// Runs a program to its end with `input` and returns what it printed.
///
/// # Errors
/// It could not be started, or it failed: its own words are in the error.
pub fn output_of(command: &mut Command, input: &[u8]) -> anyhow::Result<String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{}", command.get_program().display()))?;
    let mut stdin = child.stdin.take().context("a pipe to the program")?;
    let input = input.to_owned();
    let writer = std::thread::spawn(move || {
        // A program that does not read its input is not wrong.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output()?;
    let _ = writer.join();
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let arguments: Vec<_> = command
        .get_args()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    anyhow::bail!(
        "{} {} ({}):\n{}{}",
        command.get_program().display(),
        arguments.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Runs a program to its end, without input.
///
/// # Errors
/// As [`output_of`].
pub fn run(command: &mut Command) -> anyhow::Result<String> {
    output_of(command, b"")
}

/// Runs a program with arguments separated by spaces.
///
/// # Errors
/// As [`output_of`].
pub fn run_words(words: &str) -> anyhow::Result<String> {
    let mut words = words.split_whitespace();
    let program = words.next().context("a program")?;
    run(Command::new(program).args(words))
}
