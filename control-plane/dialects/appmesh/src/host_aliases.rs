//! `tulle.dev/host-aliases`: more hosts by which a service is called.

use std::collections::BTreeSet;

use tulle_crds::core::ObjectMeta;
use tulle_model::Str;
use tulle_model::extras::HOST_ALIASES;

use crate::annotation::{self, Given, PASSED_OVER};
use crate::field::Field;
use crate::hosts;
use crate::report::{LeftOut, Report, code};

const HELP: &str = "write names with commas or blanks between, or a YAML list of them";

/// The hosts besides its own `host` by which a service is called, sorted. A name that is none is passed over alone.
pub(crate) fn host_aliases(report: &mut Report, metadata: &ObjectMeta, host: &str) -> Vec<Str> {
    let mut aliases = BTreeSet::new();
    for (field, text) in written(report, metadata) {
        let Ok(alias) = alias(report, &field, &text) else {
            continue;
        };
        if *alias == *host {
            let message = format!("{alias} is the service's own host");
            report.warning(code::NO_EFFECT, &field, message, "remove it from the list");
        } else if !aliases.insert(alias.clone()) {
            let message = format!("{alias} is in the list already");
            report.warning(code::DUPLICATE, &field, message, "keep one of the two");
        }
    }
    aliases.into_iter().collect()
}

/// The entries as they are written: a YAML list starts with a bracket or a dash, which no name does.
fn written(report: &mut Report, metadata: &ObjectMeta) -> Vec<(Field, String)> {
    let Some((field, text)) = annotation::text(metadata, HOST_ALIASES) else {
        return Vec::new();
    };
    let is_yaml = text
        .trim_start()
        .starts_with(['[', '-', '{', '"', '\'', '#']);
    if !is_yaml {
        let names = text.split(|c: char| c == ',' || c.is_whitespace());
        let names = names.filter(|name| !name.is_empty());
        let names: Vec<_> = names.map(|name| (field.clone(), name.to_owned())).collect();
        if names.is_empty() {
            let message = format!("it holds no name; {PASSED_OVER}");
            report.error(code::INVALID, &field, message, HELP);
        }
        return names;
    }
    let Some(given) = annotation::given(report, metadata, HOST_ALIASES) else {
        return Vec::new();
    };
    let entries = given.list(report, HELP).unwrap_or_default();
    let read = |given: Given| Some((given.field.clone(), given.string(report, HELP).ok()?));
    entries.into_iter().filter_map(read).collect()
}

fn alias(report: &mut Report, field: &Field, text: &str) -> Result<Str, LeftOut> {
    if text.contains('*') {
        let message = format!("{text:?} is a wildcard, and a service has names; {PASSED_OVER}");
        let help = "write out the names that clients use";
        return Err(report.error(code::INVALID, field, message, help));
    }
    hosts::host(report, field, text)
}
