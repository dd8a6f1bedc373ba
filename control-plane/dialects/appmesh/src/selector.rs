//! Label selectors, checked by the rules of Kubernetes.

use tulle_crds::appmesh::{LabelSelector, LabelSelectorRequirement};
use tulle_model::id::shared;
use tulle_model::selector::{Operator, Requirement, Selector};

use crate::field::Field;
use crate::report::{LeftOut, Report, code};

/// A selector of which absence means "nothing" (namespaceSelector, podSelector). One that cannot
/// be evaluated selects nothing either.
pub(crate) fn selector(
    report: &mut Report,
    field: &Field,
    selector: Option<&LabelSelector>,
) -> Option<Selector> {
    requirements(report, field, selector?).ok()
}

/// A selector of which absence means "everything" (gatewayRouteSelector). One that cannot be
/// evaluated selects nothing.
pub(crate) fn selector_or_everything(
    report: &mut Report,
    field: &Field,
    selector: Option<&LabelSelector>,
) -> Selector {
    let Some(selector) = selector else {
        return Selector::default();
    };
    requirements(report, field, selector).unwrap_or_else(|LeftOut| nothing())
}

/// A selector that no labels satisfy: a value out of an empty list.
fn nothing() -> Selector {
    Selector {
        requirements: vec![Requirement {
            key: "".into(),
            operator: Operator::In(Vec::new()),
        }],
    }
}

fn requirements(
    report: &mut Report,
    field: &Field,
    selector: &LabelSelector,
) -> Result<Selector, LeftOut> {
    let count = selector.match_labels.len() + selector.match_expressions.len();
    let mut requirements = Vec::with_capacity(count);
    let mut result = Ok(());
    for (key, value) in &selector.match_labels {
        let field = field.key("matchLabels").key(key);
        match check_key(report, &field, key).and(check_value(report, &field, value)) {
            Ok(()) => requirements.push(Requirement {
                key: shared(key),
                operator: Operator::In(vec![shared(value)]),
            }),
            Err(LeftOut) => result = Err(LeftOut),
        }
    }
    for (index, expression) in selector.match_expressions.iter().enumerate() {
        let field = field.key("matchExpressions").index(index);
        match requirement(report, &field, expression) {
            Ok(requirement) => requirements.push(requirement),
            Err(LeftOut) => result = Err(LeftOut),
        }
    }
    result.map(|()| Selector { requirements })
}

fn requirement(
    report: &mut Report,
    field: &Field,
    expression: &LabelSelectorRequirement,
) -> Result<Requirement, LeftOut> {
    check_key(report, &field.key("key"), &expression.key)?;
    let values_field = field.key("values");
    let values = || {
        expression
            .values
            .iter()
            .map(|value| shared(value))
            .collect()
    };
    let operator = match expression.operator.as_str() {
        "In" | "NotIn" if expression.values.is_empty() => {
            return Err(report.error(
                code::SELECTOR,
                &values_field,
                format!(
                    "{} needs at least one value; the selector selects nothing",
                    expression.operator
                ),
                "list the values, or use Exists or DoesNotExist",
            ));
        }
        "In" => Operator::In(values()),
        "NotIn" => Operator::NotIn(values()),
        "Exists" | "DoesNotExist" if !expression.values.is_empty() => {
            return Err(report.error(
                code::SELECTOR,
                &values_field,
                format!(
                    "{} takes no values; the selector selects nothing",
                    expression.operator
                ),
                "remove the values, or use In or NotIn",
            ));
        }
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        other => {
            return Err(report.error(
                code::SELECTOR,
                &field.key("operator"),
                format!(
                    "{other:?} is no operator of a label selector; the selector selects nothing"
                ),
                "use In, NotIn, Exists or DoesNotExist",
            ));
        }
    };
    for (index, value) in expression.values.iter().enumerate() {
        check_value(report, &values_field.index(index), value)?;
    }
    Ok(Requirement {
        key: shared(&expression.key),
        operator,
    })
}

fn check_key(report: &mut Report, field: &Field, key: &str) -> Result<(), LeftOut> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if is_name(name) && prefix.is_none_or(is_dns_subdomain) {
        return Ok(());
    }
    Err(report.error(
        code::SELECTOR,
        field,
        format!("{key:?} cannot be the key of a label; the selector selects nothing"),
        "a key is an optional DNS name and `/`, then 1 to 63 letters, digits, `-`, `_` or `.`",
    ))
}

fn check_value(report: &mut Report, field: &Field, value: &str) -> Result<(), LeftOut> {
    if value.is_empty() || is_name(value) {
        return Ok(());
    }
    Err(report.error(
        code::SELECTOR,
        field,
        format!("{value:?} cannot be the value of a label; the selector selects nothing"),
        "a value is at most 63 letters, digits, `-`, `_` or `.`",
    ))
}

/// Up to 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends.
fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    bytes.len() <= 63
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

fn is_dns_subdomain(text: &str) -> bool {
    let edge = |byte: Option<&u8>| {
        byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    text.len() <= 253
        && text.split('.').all(|label| {
            let bytes = label.as_bytes();
            edge(bytes.first())
                && edge(bytes.last())
                && bytes
                    .iter()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
        })
}
