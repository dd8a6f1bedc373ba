//! A plan for people.

use std::fmt::Write;

use super::{Item, Note, Plan, Verdict};
use crate::analyze::{BOLD, PLAIN, counted};

/// The text; its colours are for a terminal and have to be taken out for anything else.
pub fn text(plan: &Plan) -> String {
    let mut text = String::new();
    for item in &plan.items {
        if item.verdict() != Verdict::AsIs {
            one(&mut text, item);
        }
    }
    let as_they_are: Vec<&str> = plan
        .items
        .iter()
        .filter(|item| item.verdict() == Verdict::AsIs)
        .map(|item| item.title.as_str())
        .collect();
    if !as_they_are.is_empty() {
        let _ = writeln!(text, "{BOLD}run as they are{PLAIN}");
        for title in &as_they_are {
            let _ = writeln!(text, "  {title}");
        }
        text.push('\n');
    }
    if !plan.remarks.is_empty() {
        let _ = writeln!(text, "{BOLD}for all of them{PLAIN}");
        for remark in &plan.remarks {
            let _ = writeln!(text, "  {remark}");
        }
        text.push('\n');
    }
    let _ = writeln!(
        text,
        "{}: {} to decide, {} different, {} as before",
        counted(plan.items.len(), "object"),
        plan.count(Verdict::Decide),
        plan.count(Verdict::Differs),
        plan.count(Verdict::AsIs)
    );
    if plan.unconcerned > 0 {
        let _ = writeln!(
            text,
            "not of the mesh: {}",
            counted(plan.unconcerned, "object")
        );
    }
    text
}

fn one(text: &mut String, item: &Item) {
    let _ = write!(text, "{BOLD}{}{PLAIN}", item.title);
    if let Some(place) = &item.place {
        let _ = write!(text, " ({place})");
    }
    text.push('\n');
    for note in &item.notes {
        tell(text, note);
    }
    text.push('\n');
}

fn tell(text: &mut String, note: &Note) {
    let colour = match note.verdict {
        Verdict::AsIs => "",
        Verdict::Differs => "\u{1b}[33m",
        Verdict::Decide => "\u{1b}[31m",
    };
    let _ = write!(text, "  {colour}{}{PLAIN}", note.verdict);
    if let Some(place) = &note.place {
        let _ = write!(text, " {}:{}", place.line, place.column);
    }
    if !note.field.is_empty() {
        let _ = write!(text, " {}", note.field);
    }
    let _ = writeln!(text, "\n    {}", note.what);
    let word = match note.verdict {
        Verdict::Decide => "choice",
        _ => "instead",
    };
    for instead in &note.instead {
        let _ = writeln!(text, "    {word}: {instead}");
    }
}
