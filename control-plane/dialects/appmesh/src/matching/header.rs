//! Conditions on headers, which gRPC metadata are too.

use tulle_crds::appmesh::{HeaderMatcher, HeaderValueMatch};
use tulle_model::Str;
use tulle_model::matching::{HeaderMatch, ValueMatch};

use super::{EmptyBlock, check_regex, empty_block};
use crate::field::Field;
use crate::report::{LeftOut, Report, code};

/// Conditions on headers or gRPC metadata; every entry is looked at, so that all that is wrong is
/// said at once.
pub(crate) fn headers(
    report: &mut Report,
    field: &Field,
    matchers: &[HeaderMatcher],
    empty: EmptyBlock,
) -> Result<Vec<HeaderMatch>, LeftOut> {
    let results: Vec<_> = matchers
        .iter()
        .enumerate()
        .map(|(index, matcher)| header(report, &field.index(index), matcher, empty))
        .collect();
    results.into_iter().collect()
}

fn header(
    report: &mut Report,
    field: &Field,
    matcher: &HeaderMatcher,
    empty: EmptyBlock,
) -> Result<HeaderMatch, LeftOut> {
    if !is_header_name(&matcher.name) {
        return Err(report.error(
            code::INVALID,
            &field.key("name"),
            format!("{:?} is no name of a header", matcher.name),
            "use letters, digits and !#$%&'*+-.^_`|~",
        ));
    }
    let value = match &matcher.match_ {
        None => None,
        Some(value) => header_value(report, &field.key("match"), &matcher.name, value, empty)?,
    };
    Ok(HeaderMatch {
        name: matcher.name.to_ascii_lowercase().into(),
        invert: matcher.invert.unwrap_or(false),
        value,
    })
}

fn header_value(
    report: &mut Report,
    field: &Field,
    name: &str,
    value: &HeaderValueMatch,
    empty: EmptyBlock,
) -> Result<Option<ValueMatch>, LeftOut> {
    let HeaderValueMatch {
        exact,
        prefix,
        range,
        regex,
        suffix,
    } = value;
    let set = usize::from(range.is_some())
        + [exact, prefix, regex, suffix]
            .into_iter()
            .filter(|text| text.is_some())
            .count();
    if set > 1 {
        return Err(report.error(
            code::CONFLICT,
            field,
            format!("Too many Match Filters specified, only 1 allowed per header. Header: {name}"),
            "keep one of exact, prefix, suffix, regex and range; repeat the header for more conditions",
        ));
    }
    if let Some(range) = range {
        if range.end <= range.start {
            return Err(report.error(
                code::INVALID,
                &field.key("range"),
                "Invalid Match Range specified, end has to be greater than start",
                "the range holds start and ends before end",
            ));
        }
        return Ok(Some(ValueMatch::Range {
            start: range.start,
            end: range.end,
        }));
    }
    let text =
        |report: &mut Report, key: &str, text: &str| header_text(report, &field.key(key), text);
    if let Some(exact) = exact {
        return Ok(Some(ValueMatch::Exact(text(report, "exact", exact)?)));
    }
    if let Some(prefix) = prefix {
        return Ok(Some(ValueMatch::Prefix(text(report, "prefix", prefix)?)));
    }
    if let Some(suffix) = suffix {
        return Ok(Some(ValueMatch::Suffix(text(report, "suffix", suffix)?)));
    }
    if let Some(regex) = regex {
        check_regex(report, &field.key("regex"), regex)?;
        return Ok(Some(ValueMatch::Regex(regex.as_str().into())));
    }
    empty_block(
        report,
        field,
        empty,
        "Missing Match criteria for one or more header match block",
    )?;
    Ok(None)
}

/// What a header's value is compared with: something, and nothing that a value never holds.
fn header_text(report: &mut Report, field: &Field, text: &str) -> Result<Str, LeftOut> {
    if text.is_empty() || text.contains(|c: char| c.is_control() && c != '\t') {
        return Err(report.error(
            code::INVALID,
            field,
            "a header's value is compared with a text that is not empty and has no control characters",
            "to ask only whether the header is there, leave `match` out",
        ));
    }
    Ok(text.into())
}

/// RFC 9110's token, or one of HTTP/2's pseudo-headers, which begin with a colon.
fn is_header_name(name: &str) -> bool {
    is_token(name.strip_prefix(':').unwrap_or(name))
}

/// RFC 9110's token.
pub(crate) fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
