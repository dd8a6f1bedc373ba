//! Conditions on requests: paths, methods, headers, query parameters, gRPC services.

use tulle_crds::appmesh::HttpMethod;
use tulle_model::{Str, re2};

use crate::field::Field;
use crate::report::{LeftOut, Report, code};

mod header;
mod path;
mod query;

pub(crate) use header::{headers, is_token};
pub(crate) use path::{grpc_path, is_outside_paths, path_match};
pub(crate) use query::queries;

/// The largest program of a regular expression, in RE2 instructions.
///
/// App Mesh's image set Envoy's limit to exactly this, so no expression that worked there is larger.
pub const MAX_REGEX_PROGRAM_SIZE: u32 = 1000;

/// What an empty `match: {}` block of a header or query parameter means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EmptyBlock {
    /// The same as none: it only has to be present. A warning tells the user so.
    Presence,
    /// It is refused, as App Mesh's admission did.
    Refused,
}

/// The method. A CONNECT request has no path, and so no route by path ever meets it.
pub(crate) fn method(
    report: &mut Report,
    field: &Field,
    method: Option<HttpMethod>,
) -> Option<Str> {
    let method = method?;
    if method == HttpMethod::Connect {
        report.warning(
            code::NEVER_MATCHES,
            field,
            "a CONNECT request has no path, so no route meets it",
            "remove the route, or name another method",
        );
    }
    Some(method.as_str().into())
}

fn check_regex(report: &mut Report, field: &Field, regex: &str) -> Result<(), LeftOut> {
    re2::check(regex, MAX_REGEX_PROGRAM_SIZE).map_err(|refusal| {
        report.error(
            code::REGEX,
            field,
            format!("RE2, by which Envoy matches, refuses {regex:?}: {refusal}"),
            refusal.help(),
        )
    })
}

fn empty_block(
    report: &mut Report,
    field: &Field,
    empty: EmptyBlock,
    refusal: &str,
) -> Result<(), LeftOut> {
    match empty {
        EmptyBlock::Presence => {
            report.warning(
                code::NO_EFFECT,
                field,
                "the block is empty, so it only has to be present",
                "leave the block out, or fill it in",
            );
            Ok(())
        }
        EmptyBlock::Refused => Err(report.error(
            code::MISSING,
            field,
            refusal,
            "fill the block in; to ask only whether it is present, leave the block out",
        )),
    }
}
