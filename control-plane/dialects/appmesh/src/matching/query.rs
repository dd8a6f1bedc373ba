//! Conditions on query parameters.

use tulle_crds::appmesh::QueryParameterMatcher;
use tulle_model::Str;
use tulle_model::matching::QueryMatch;

use super::{EmptyBlock, empty_block};
use crate::field::Field;
use crate::report::{LeftOut, Report, code};

/// Conditions on query parameters.
pub(crate) fn queries(
    report: &mut Report,
    field: &Field,
    matchers: &[QueryParameterMatcher],
    empty: EmptyBlock,
) -> Result<Vec<QueryMatch>, LeftOut> {
    let results: Vec<_> = matchers
        .iter()
        .enumerate()
        .map(|(index, matcher)| query(report, &field.index(index), matcher, empty))
        .collect();
    results.into_iter().collect()
}

/// The longest name of a query parameter that Envoy takes, in bytes.
const LONGEST_QUERY_NAME: usize = 1024;

fn query(
    report: &mut Report,
    field: &Field,
    matcher: &QueryParameterMatcher,
    empty: EmptyBlock,
) -> Result<QueryMatch, LeftOut> {
    if matcher.name.is_empty() || matcher.name.len() > LONGEST_QUERY_NAME {
        return Err(report.error(
            code::INVALID,
            &field.key("name"),
            format!("the name of a query parameter has 1 to {LONGEST_QUERY_NAME} bytes"),
            "name the parameter",
        ));
    }
    let exact = match &matcher.match_ {
        None => None,
        Some(value) => {
            if value.exact.is_none() {
                empty_block(
                    report,
                    &field.key("match"),
                    empty,
                    "Missing Match criteria for one or more exact query match block",
                )?;
            }
            value.exact.as_deref().map(Str::from)
        }
    };
    Ok(QueryMatch {
        name: matcher.name.as_str().into(),
        exact,
    })
}
