//! An analysis for people: by object, then a line that sums it up.

use std::collections::BTreeMap;
use std::fmt::Write;

use tulle_model::{Code, Severity};

use super::{Analysis, Statement};

/// The text; its colours are for a terminal and have to be taken out for anything else.
pub fn text(analysis: &Analysis) -> String {
    let mut text = String::new();
    let mut last = None;
    for statement in &analysis.statements {
        let title = title(statement);
        if last.as_ref() != Some(&title) {
            if last.is_some() {
                text.push('\n');
            }
            let _ = writeln!(text, "{BOLD}{title}{PLAIN}");
            last = Some(title);
        }
        one(&mut text, statement);
    }
    if last.is_some() {
        text.push('\n');
    }
    sum(&mut text, analysis);
    text
}

pub(crate) const BOLD: &str = "\u{1b}[1m";
pub(crate) const PLAIN: &str = "\u{1b}[0m";

fn colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "\u{1b}[31m",
        Severity::Warning => "\u{1b}[33m",
        Severity::Info => "\u{1b}[34m",
    }
}

/// Under which heading a statement stands: its object, or its file.
fn title(statement: &Statement) -> String {
    match (&statement.object, &statement.place) {
        (Some(object), _) => object.to_string(),
        (None, Some(place)) => place.file.display().to_string(),
        (None, None) => "cluster".to_owned(),
    }
}

fn one(text: &mut String, statement: &Statement) {
    let Statement {
        place,
        severity,
        code,
        field,
        message,
        help,
        ..
    } = statement;
    let _ = write!(text, "  {}{severity}{PLAIN}", colour(*severity));
    if let Some(place) = place {
        let _ = write!(text, " {place}");
    }
    if !field.is_empty() {
        let _ = write!(text, " {field}");
    }
    let _ = writeln!(text, " [{code}]\n    {message}");
    if !help.is_empty() {
        let _ = writeln!(text, "    way out: {help}");
    }
}

fn sum(text: &mut String, analysis: &Analysis) {
    let counts: Vec<String> = [Severity::Error, Severity::Warning, Severity::Info]
        .into_iter()
        .map(|severity| (analysis.count(severity), severity))
        .filter(|(count, _)| *count > 0)
        .map(|(count, severity)| counted(count, &severity.to_string()))
        .collect();
    let found = match counts.is_empty() {
        true => "no findings".to_owned(),
        false => counts.join(", "),
    };
    let _ = writeln!(text, "{found} in {}", counted(analysis.objects, "object"));
    let mut by_code: BTreeMap<Code, usize> = BTreeMap::new();
    for statement in &analysis.statements {
        *by_code.entry(statement.code).or_default() += 1;
    }
    if by_code.len() > 1 {
        let codes: Vec<String> = by_code
            .iter()
            .map(|(code, count)| format!("{code} {count}"))
            .collect();
        let _ = writeln!(text, "by code: {}", codes.join(", "));
    }
    if !analysis.passed_over.is_empty() {
        let kinds: Vec<String> = analysis
            .passed_over
            .iter()
            .map(|((api_version, kind), count)| format!("{count} {kind} of {api_version}"))
            .collect();
        let _ = writeln!(text, "not of the mesh: {}", kinds.join(", "));
    }
}

/// `1 error`, `2 errors`.
pub(crate) fn counted(count: usize, thing: &str) -> String {
    match count {
        1 => format!("1 {thing}"),
        _ => format!("{count} {thing}s"),
    }
}
