//! What is said of objects: in the log when it is new, and on a page of `/debug` while it is so.

use std::sync::Arc;

use serde_json::{Value, json};
use tulle_model::Severity;
use tulle_source::{Place, Problem};

use super::Mesh;

impl Mesh {
    pub(super) fn findings_page(&self) -> Value {
        let with_place = |mut value: Value, place: Option<&Place>| {
            if let Some(place) = place {
                value["file"] = json!(place.file);
                value["line"] = json!(place.line);
            }
            value
        };
        let findings: Vec<Value> = self
            .ledger
            .findings()
            .iter()
            .map(|finding| with_place(json!(finding), self.places.get(&finding.object)))
            .collect();
        let refusals: Vec<Value> = self
            .ledger
            .refusals()
            .iter()
            .map(|(resource, refusal)| {
                let mut value = json!(refusal);
                value["severity"] = json!("error");
                value["resource"] = json!(resource);
                with_place(
                    value,
                    refusal
                        .objects
                        .first()
                        .and_then(|object| self.places.get(object)),
                )
            })
            .collect();
        let problems: Vec<Value> = self.problems.iter().map(problem_json).collect();
        json!({ "findings": findings, "problems": problems, "refusals": refusals })
    }

    pub(super) fn tell_problems(&mut self, problems: Arc<[Problem]>) {
        for problem in problems.iter() {
            if !self.problems.contains(problem) {
                match problem.severity {
                    tulle_source::Severity::Error => tracing::error!("{problem}"),
                    tulle_source::Severity::Warning => tracing::warn!("{problem}"),
                }
            }
        }
        for problem in self.problems.iter() {
            if !problems.contains(problem) {
                tracing::info!("mended: {problem}");
            }
        }
        self.problems = problems;
    }

    pub(super) fn tell_findings(&mut self) {
        let Some(findings) = self.engine.news() else {
            return;
        };
        if let Some(cluster) = &mut self.cluster {
            cluster.board.findings_changed();
        }
        let news = self.ledger.set_findings(findings.into_iter().collect());
        for finding in news.appeared {
            let place = self
                .places
                .get(&finding.object)
                .map(|place| format!("{place}: "))
                .unwrap_or_default();
            let statement = finding.statement();
            match finding.severity {
                Severity::Error => tracing::error!("{place}{statement}"),
                Severity::Warning => tracing::warn!("{place}{statement}"),
                Severity::Info => tracing::info!("{place}{statement}"),
            }
        }
        for finding in news.mended {
            tracing::info!("mended: {}", finding.statement());
        }
    }
}

fn problem_json(problem: &Problem) -> Value {
    json!({
        "severity": problem.severity.to_string(),
        "file": problem.place.as_ref().map(|place| &place.file),
        "line": problem.place.as_ref().map(|place| place.line),
        "column": problem.place.as_ref().map(|place| place.column),
        "object": problem.object.as_ref().map(ToString::to_string),
        "field": problem.field,
        "message": problem.message,
        "help": problem.help,
    })
}
