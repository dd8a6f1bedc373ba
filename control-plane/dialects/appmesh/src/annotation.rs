//! Annotations of our own group (`tulle.dev/…`) whose values are small YAML or JSON, read strictly.
//!
//! Whatever is wrong is told at `metadata.annotations[…]` with the member that is meant. Every reader gives [`LeftOut`] after
//! it has told why; whoever called it leaves out what it was reading, and nothing of the object but that.

pub(crate) mod known;
mod percent;
mod quoted;

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Value};
use serde_saphyr::options::DuplicateKeyPolicy;
use tulle_crds::core::ObjectMeta;

use crate::field::Field;
use crate::report::{LeftOut, Report, code};

/// How deep lists and mappings may be nested: more than any value needs.
const MAX_DEPTH: usize = 16;
/// How many values an annotation may hold, aliases unfolded; the API server takes no more than 256 KiB of text.
const MAX_VALUES: usize = 20_000;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Given {
    pub(crate) field: Field,
    value: Value,
}

/// A mapping whose members are taken out one by one; [`Members::end`] tells of those that nobody took.
#[derive(Debug)]
pub(crate) struct Members {
    pub(crate) field: Field,
    left: Map<String, Value>,
    known: Vec<&'static str>,
}

/// The text of an annotation, as it is.
pub(crate) fn text<'a>(metadata: &'a ObjectMeta, key: &str) -> Option<(Field, &'a str)> {
    let text = metadata.annotations.as_ref()?.get(key)?;
    Some((Field::metadata_entry("annotations", key), text))
}

/// The value of an annotation; `None` if it is absent, or is no YAML, which is told.
pub(crate) fn given(report: &mut Report, metadata: &ObjectMeta, key: &str) -> Option<Given> {
    let (field, text) = text(metadata, key)?;
    match parse(text) {
        Ok(value) => Some(Given { field, value }),
        Err(why) => {
            report.error(
                code::INVALID,
                &field,
                format!("not valid YAML: {why}; the annotation is passed over"),
                "write YAML or JSON as docs/annotations.md shows it",
            );
            None
        }
    }
}

fn parse(text: &str) -> Result<Value, String> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_nodes: MAX_VALUES,
            max_events: 3 * MAX_VALUES,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_VALUES },
        duplicate_keys: DuplicateKeyPolicy::Error,
        emit_comments: false,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let message = error.without_snippet().to_string();
        let message = message.lines().next().unwrap_or_default();
        let Some(place) = error.location() else {
            return message.to_owned();
        };
        let (line, column) = (place.line(), place.column());
        let own = format!(" at line {line}, column {column}");
        let message = message.strip_suffix(&own).unwrap_or(message);
        format!("line {line}, column {column}: {message}")
    })
}

impl Given {
    /// The entries of a list; anything else is the one entry there is.
    pub(crate) fn entries(self) -> Vec<Self> {
        let Self { field, value } = self;
        match value {
            Value::Array(values) => values
                .into_iter()
                .enumerate()
                .map(|(index, value)| Self {
                    field: field.index(index),
                    value,
                })
                .collect(),
            value => vec![Self { field, value }],
        }
    }

    /// The entries of a list, and nothing else.
    pub(crate) fn list(self, report: &mut Report, help: &str) -> Result<Vec<Self>, LeftOut> {
        match self.value {
            Value::Array(_) => Ok(self.entries()),
            _ => Err(self.wrong(report, "a list", help)),
        }
    }

    /// The members of a mapping.
    pub(crate) fn members(self, report: &mut Report, help: &str) -> Result<Members, LeftOut> {
        match self.value {
            Value::Object(left) => Ok(Members {
                field: self.field,
                left,
                known: Vec::new(),
            }),
            _ => Err(self.wrong(report, "a mapping", help)),
        }
    }

    /// Every member of a mapping whose keys are the user's, in their order.
    pub(crate) fn pairs(
        self,
        report: &mut Report,
        help: &str,
    ) -> Result<Vec<(String, Self)>, LeftOut> {
        let members = self.members(report, help)?;
        let field = members.field;
        let pairs = members.left.into_iter().map(|(key, value)| {
            let field = field.key(&key);
            (key, Self { field, value })
        });
        Ok(pairs.collect())
    }

    /// Text; a number or a boolean is text as well, as it would be in an annotation of its own.
    pub(crate) fn string(self, report: &mut Report, help: &str) -> Result<String, LeftOut> {
        match self.value {
            Value::String(text) => Ok(text),
            Value::Number(number) => Ok(number.to_string()),
            Value::Bool(value) => Ok(value.to_string()),
            _ => Err(self.wrong(report, "text", help)),
        }
    }

    /// A whole number of a range; digits in quotes are one too.
    pub(crate) fn number(
        self,
        report: &mut Report,
        range: RangeInclusive<u32>,
    ) -> Result<u32, LeftOut> {
        let help = format!("give a number from {} to {}", range.start(), range.end());
        let number = match &self.value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => digits(text),
            _ => None,
        };
        match number.map(u32::try_from) {
            Some(Ok(number)) if range.contains(&number) => Ok(number),
            Some(_) => Err(report.error(
                code::INVALID,
                &self.field,
                format!("{} is out of range; {PASSED_OVER}", self.shown()),
                help,
            )),
            None => Err(self.wrong(report, "a whole number", &help)),
        }
    }

    /// A length of time such as `1s`, `250ms` or `1m30s`; more than zero, at most a day.
    pub(crate) fn duration(self, report: &mut Report) -> Result<Duration, LeftOut> {
        const HELP: &str =
            "write a number and ms, s, m or h, such as 1s, 250ms or 1m30s; at most 24h";
        let text = match &self.value {
            Value::String(text) => text.as_str(),
            _ => return Err(self.wrong(report, "a duration", HELP)),
        };
        match duration(text) {
            Some(length) if (Duration::from_millis(1)..=LONGEST).contains(&length) => Ok(length),
            Some(_) => Err(report.error(
                code::INVALID,
                &self.field,
                format!("{text} is out of range; {PASSED_OVER}"),
                HELP,
            )),
            None => Err(self.wrong(report, "a duration", HELP)),
        }
    }

    /// A number with or without a fraction, or text, as it is written.
    pub(crate) fn shown(&self) -> String {
        let shown = self.value.to_string();
        match shown.char_indices().nth(60) {
            Some((end, _)) => format!("{}…", &shown[..end]),
            None => shown,
        }
    }

    /// Says what was expected in its place.
    pub(crate) fn wrong(&self, report: &mut Report, expected: &str, help: &str) -> LeftOut {
        let shown = self.shown();
        let message = format!("{shown} is not {expected}; {PASSED_OVER}");
        report.error(code::INVALID, &self.field, message, help)
    }
}

/// What becomes of what cannot be read.
pub(crate) const PASSED_OVER: &str = "it is passed over";

/// The longest time that makes sense where requests wait.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

impl Members {
    /// Takes a member out; `None` if it is absent.
    pub(crate) fn take(&mut self, key: &'static str) -> Option<Given> {
        self.known.push(key);
        let value = self.left.remove(key)?;
        let field = self.field.key(key);
        Some(Given { field, value })
    }

    /// Takes out a member that there has to be.
    pub(crate) fn require(
        &mut self,
        report: &mut Report,
        key: &'static str,
        help: &str,
    ) -> Result<Given, LeftOut> {
        let given = self.take(key);
        given.ok_or_else(|| {
            let message = format!("{key} is missing; {PASSED_OVER}");
            report.error(code::MISSING, &self.field, message, help)
        })
    }

    /// Tells of every member that was not taken: an error, for it may be one that was meant to count.
    pub(crate) fn end(self, report: &mut Report) -> Result<(), LeftOut> {
        let help = format!("the members are {}", self.known.join(", "));
        let mut end = Ok(());
        for key in self.left.keys() {
            let message = format!("there is no member {key:?}; {PASSED_OVER}");
            end = Err(report.error(code::UNKNOWN, &self.field.key(key), message, &help));
        }
        end
    }
}

fn digits(text: &str) -> Option<i64> {
    let all = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // What no machine counts is still a number, if one out of range.
    all.then(|| text.parse().unwrap_or(i64::MAX))
}

/// Whole numbers with units, added up; `None` if it is nothing of the kind.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut sum = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let unit = rest.find(|own: char| !own.is_ascii_digit())?;
        let number = u64::try_from(digits(&rest[..unit])?).ok()?;
        rest = &rest[unit..];
        let end = rest
            .find(|own: char| own.is_ascii_digit())
            .unwrap_or(rest.len());
        let millis = match &rest[..end] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60 * 1000,
            "h" => 60 * 60 * 1000,
            _ => return None,
        };
        sum = sum.saturating_add(Duration::from_millis(number.saturating_mul(millis)));
        rest = &rest[end..];
    }
    Some(sum)
}

#[cfg(test)]
mod tests;
