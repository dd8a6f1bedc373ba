//! What the user is told though the object is accepted.

use tulle_crds::{Object, Violation};
use tulle_model::{Finding, Severity};

use super::limits;

/// Warnings to one request. The API server cuts off at 4,096 bytes in all.
const MOST_WARNINGS: usize = 5;
/// Bytes of one warning; the API server may cut longer ones.
const LONGEST_WARNING: usize = 255;

/// What a translation and AWS's API would say about the object: what has no effect comes first.
pub(super) fn of_object(object: &Object, unknown_fields: &[String]) -> Vec<String> {
    let mut findings = crate::translate(object, unknown_fields)
        .map(|translated| translated.findings)
        .unwrap_or_default();
    findings.extend(limits::aws_limits(object));
    findings.retain(|finding| finding.severity >= Severity::Warning);
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    bounded(findings.iter().map(text).collect())
}

/// What makes the object unreadable though the API server takes it.
pub(super) fn of_violations(violations: &[Violation]) -> Vec<String> {
    bounded(violations.iter().map(Violation::to_string).collect())
}

fn text(finding: &Finding) -> String {
    let mut text = format!("{}: {}", finding.field, finding.message);
    if !finding.help.is_empty() {
        text.push_str("; ");
        text.push_str(&finding.help);
    }
    text
}

fn bounded(mut texts: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    texts.retain(|text| seen.insert(text.clone()));
    if texts.len() > MOST_WARNINGS {
        let left_off = texts.len() - (MOST_WARNINGS - 1);
        texts.truncate(MOST_WARNINGS - 1);
        texts.push(format!(
            "{left_off} more warnings: see the object's status and events"
        ));
    }
    texts.into_iter().map(|text| clean(&text)).collect()
}

/// A text as an HTTP header may carry it.
fn clean(text: &str) -> String {
    const CUT: &str = "…";
    let mut clean: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if clean.len() > LONGEST_WARNING {
        let mut end = LONGEST_WARNING - CUT.len();
        while !clean.is_char_boundary(end) {
            end -= 1;
        }
        clean.truncate(end);
        clean.push_str(CUT);
    }
    clean
}
