//! The status that an object should have.

use std::borrow::Cow;
use std::collections::BTreeMap;

use tulle_model::{Finding, ObjectId, Severity};

use crate::arn::ArnSpace;
use crate::facts::Facts;
use crate::kind::{self, Kind};
use crate::message;
use crate::refusal::Refused;

/// The reason of a condition where proxies refuse what the object says.
pub const REJECTED_BY_ENVOY: &str = "RejectedByEnvoy";
/// The reason where only proxies of other namespaces refuse it.
const REJECTED_ELSEWHERE: &str = "RejectedElsewhere";
/// What is told of that: not in their words, nor by their names, which are none of this namespace's business.
fn elsewhere(object: &ObjectId) -> String {
    let another = match &*object.namespace {
        "" => "a proxy",
        _ => "a proxy of another namespace",
    };
    format!(
        "{another} does not accept what is made of this object, and keeps what it had; `tulle proxy status` tells which and why"
    )
}
/// The reason of a condition that has nothing to complain of.
const ACTIVE: &str = "Active";
/// Most notices of one object; the condition's message has them all.
const MOST_NOTICES: usize = 8;

/// What is to be said on one object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AppMeshStatus {
    /// The one condition; `None` for kinds whose status has none.
    pub condition: Option<Condition>,
    /// The generation that the rest speaks of.
    pub generation: Option<i64>,
    /// The ARN; `None` where it is not known: then what is on record stays.
    pub arn: Option<String>,
    /// ARNs of a router's routes by their names; `None` where there are none to tell.
    pub routes: Option<BTreeMap<String, String>>,
    /// What is worth a Warning event.
    pub notices: Vec<Notice>,
}

impl AppMeshStatus {
    /// Whether another status says the same of another generation.
    pub(crate) fn differs_in_generation_alone(&self, other: &Self) -> bool {
        self.generation != other.generation
            && (&self.condition, &self.arn, &self.routes, &self.notices)
                == (&other.condition, &other.arn, &other.routes, &other.notices)
    }
}

/// `<Kind>Active`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Condition {
    /// The kind, followed by `Active`.
    pub type_: Cow<'static, str>,
    /// Whether the object is in effect as a whole.
    pub active: bool,
    /// A word for programs.
    pub reason: Cow<'static, str>,
    /// For people; empty where there is nothing to say.
    pub message: String,
}

/// An error, as an event tells it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Notice {
    /// A word for programs.
    pub reason: String,
    /// For people.
    pub message: String,
}

/// What there is to say on `object`: an error among the `findings` or a refusal by a proxy of its own namespace makes it
/// inactive, warnings and hints stand in the message of an active one. What a proxy of another namespace refuses is a warning:
/// who may run a pod somewhere must not be able to make others' objects look bad. `generation` is the one that was translated. `None` where there is nothing to write and
/// nothing to tell.
pub fn desired(
    object: &ObjectId,
    generation: Option<i64>,
    facts: Option<&Facts>,
    findings: &[Finding],
    refused: &[Refused],
    space: &ArnSpace,
) -> Option<AppMeshStatus> {
    let kind = kind::of(object)?;
    let statements = Statements::new(object, findings, refused);
    if !kind.reports {
        return (!statements.notices.is_empty()).then_some(AppMeshStatus {
            condition: None,
            generation: None,
            arn: None,
            routes: None,
            notices: statements.notices,
        });
    }
    let arn = facts.and_then(|facts| space.arn(kind, facts));
    let routes = (kind.kind == "VirtualRouter")
        .then_some(())
        .and(facts.zip(arn.as_ref()))
        .map(|(facts, arn)| {
            let named = |route| (format!("{route}"), format!("{arn}/route/{route}"));
            facts.routes.iter().map(named).collect()
        });
    Some(AppMeshStatus {
        condition: Some(statements.condition(kind)),
        generation,
        arn,
        routes,
        notices: statements.notices,
    })
}

/// All that is said on an object, worst first.
struct Statements {
    lines: Vec<String>,
    notices: Vec<Notice>,
    /// Reason of the worst, where it is more than a hint.
    reason: Option<String>,
}

impl Statements {
    fn new(object: &ObjectId, findings: &[Finding], refused: &[Refused]) -> Self {
        let (mut refused, foreign): (Vec<&Refused>, Vec<&Refused>) = refused
            .iter()
            .partition(|refused| refused.key.namespace() == Some(&*object.namespace));
        refused.sort();
        let mut findings: Vec<&Finding> = findings.iter().collect();
        findings.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.cmp(b)));
        let mut lines = Vec::new();
        let mut notices = Vec::new();
        for refused in refused {
            let text = message::refusal(refused);
            lines.push(format!("error: {text}"));
            notices.push(Notice {
                reason: REJECTED_BY_ENVOY.to_owned(),
                message: text,
            });
        }
        let mut reason = notices.first().map(|first| first.reason.clone());
        let mut foreign = (!foreign.is_empty()).then(|| format!("warning: {}", elsewhere(object)));
        for finding in findings {
            if finding.severity < Severity::Error
                && let Some(line) = foreign.take()
            {
                lines.push(line);
                reason.get_or_insert_with(|| REJECTED_ELSEWHERE.to_owned());
            }
            let text = message::finding(finding);
            lines.push(format!("{}: {text}", finding.severity));
            let word = message::reason(&finding.code);
            if finding.severity >= Severity::Warning {
                reason.get_or_insert_with(|| word.clone());
            }
            if finding.severity == Severity::Error {
                notices.push(Notice {
                    reason: word,
                    message: text,
                });
            }
        }
        if let Some(line) = foreign {
            lines.push(line);
            reason.get_or_insert_with(|| REJECTED_ELSEWHERE.to_owned());
        }
        lines.dedup();
        notices.dedup();
        notices.truncate(MOST_NOTICES);
        Self {
            lines,
            notices,
            reason,
        }
    }

    fn condition(&self, kind: &Kind) -> Condition {
        Condition {
            type_: kind.condition.into(),
            active: self.notices.is_empty(),
            reason: self.reason.clone().map_or(ACTIVE.into(), Cow::from),
            message: message::join(&self.lines),
        }
    }
}

#[cfg(test)]
mod tests;
