//! Changes of headers: which, and to what.

use std::collections::BTreeSet;

use tulle_crds::core::ObjectMeta;
use tulle_model::Str;
use tulle_model::extras::HeaderEdits;
use tulle_model::logging::format;

use crate::annotation::known::{REQUEST_HEADERS, RESPONSE_HEADERS};
use crate::annotation::{self, Given, PASSED_OVER};
use crate::field::Field;
use crate::matching::is_token;
use crate::report::{LeftOut, Report, code};

/// How many headers may be set and added; Envoy takes 1,000 of a gateway's route and a router's together.
const MOST: usize = 100;
/// Bytes of a name; Envoy takes 16,384, and 60 KiB for all headers together.
const LONGEST_NAME: usize = 256;
/// Bytes of a value.
const LONGEST_VALUE: usize = 4096;

/// Headers that belong to one connection, or say how long a message is.
const FRAMING: [&str; 10] = [
    "connection",
    "content-length",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
];

/// The mark of what a proxy has passed on once.
const PASSED: &str = "x-tulle-passed";

/// Whose headers are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Request,
    Response,
}

/// Both annotations of a GatewayRoute, each of which is the setting itself.
pub(crate) fn of_gateway_route(
    report: &mut Report,
    metadata: &ObjectMeta,
) -> (HeaderEdits, HeaderEdits) {
    let mut read = |key, side| {
        let given = annotation::given(report, metadata, key)?;
        edits(report, given, side).ok()
    };
    let request = read(REQUEST_HEADERS, Side::Request).unwrap_or_default();
    let response = read(RESPONSE_HEADERS, Side::Response).unwrap_or_default();
    (request, response)
}

/// `{set: {name: value}, add: {name: value or list}, remove: [name]}`.
pub(super) fn edits(report: &mut Report, given: Given, side: Side) -> Result<HeaderEdits, LeftOut> {
    const HELP: &str = "write set, add and remove, such as {set: {x-one: \"1\"}, remove: [x-two]}";
    let mut members = given.members(report, HELP)?;
    let field = members.field.clone();
    let (set, add, remove) = (
        members.take("set"),
        members.take("add"),
        members.take("remove"),
    );
    // Everything is read before the first error ends it, so that all findings come at once.
    let ended = members.end(report);
    let mut names = Names {
        side,
        seen: BTreeSet::new(),
    };
    let set = set.map_or(Ok(Vec::new()), |given| names.values(report, given, false));
    let add = add.map_or(Ok(Vec::new()), |given| names.values(report, given, true));
    let remove = remove.map_or(Ok(Vec::new()), |given| names.removed(report, given));
    ended?;
    let mut edits = HeaderEdits {
        set: set?,
        add: add?,
        remove: remove?,
    };
    if edits.set.len() + edits.add.len() > MOST {
        return Err(report.error(
            code::INVALID,
            &field,
            format!("more than {MOST} headers are set and added; {PASSED_OVER}"),
            "change fewer headers",
        ));
    }
    edits.set.sort();
    edits.remove.sort();
    Ok(edits)
}

/// The names that occur, each of which may occur once.
struct Names {
    side: Side,
    seen: BTreeSet<Str>,
}

impl Names {
    /// A mapping from names to values; `several`: or to lists of them.
    fn values(
        &mut self,
        report: &mut Report,
        given: Given,
        several: bool,
    ) -> Result<Vec<(Str, Str)>, LeftOut> {
        const HELP: &str = "write a mapping from headers to their values";
        let mut values = Ok(Vec::new());
        for (name, given) in given.pairs(report, HELP)? {
            let name = self.name(report, &given.field, &name, false);
            let given = match several {
                true => given.entries(),
                false => vec![given],
            };
            for given in given {
                let value = value(report, given);
                match (&mut values, &name, value) {
                    (Ok(values), Ok(name), Ok(value)) => values.push((name.clone(), value)),
                    _ => values = Err(LeftOut),
                }
            }
        }
        values
    }

    fn removed(&mut self, report: &mut Report, given: Given) -> Result<Vec<Str>, LeftOut> {
        const HELP: &str = "write a list of names of headers";
        let mut names = Ok(Vec::new());
        for given in given.list(report, HELP)? {
            let field = given.field.clone();
            let name = given
                .quoted(report)
                .and_then(|name| self.name(report, &field, &name, true));
            match (&mut names, name) {
                (Ok(names), Ok(name)) => names.push(name),
                _ => names = Err(LeftOut),
            }
        }
        names
    }

    /// The name in lower case.
    fn name(
        &mut self,
        report: &mut Report,
        field: &Field,
        given: &str,
        removed: bool,
    ) -> Result<Str, LeftOut> {
        let name = given.to_ascii_lowercase();
        if let Some((code, why, help)) = self.refusal(&name, removed) {
            let message = format!("{given:?} {why}; {PASSED_OVER}");
            return Err(report.error(code, field, message, help));
        }
        let name = Str::from(name);
        if !self.seen.insert(name.clone()) {
            return Err(report.error(
                code::CONFLICT,
                field,
                format!("{name} occurs before; {PASSED_OVER}"),
                "keep each header once in set, add and remove together: set takes the place of every earlier value",
            ));
        }
        Ok(name)
    }

    /// Why a header cannot be changed, and the way out.
    fn refusal(
        &self,
        name: &str,
        removed: bool,
    ) -> Option<(tulle_model::Code, &'static str, &'static str)> {
        if name.starts_with(':') || name == "host" {
            let help = "paths and hosts are rewritten by a GatewayRoute's action.rewrite";
            return Some((
                code::REFUSED,
                "is nothing that Envoy lets a route change",
                help,
            ));
        }
        if !is_token(name) || name.len() > LONGEST_NAME {
            let help = "use letters, digits and !#$%&'*+-.^_`|~, 256 at most";
            return Some((code::INVALID, "is no name of a header", help));
        }
        if FRAMING.contains(&name) {
            let why = "belongs to the connection, and Envoy writes it itself";
            return Some((code::INVALID, why, "leave it to Envoy"));
        }
        if name == PASSED {
            let why = "is Tulle's own mark";
            return Some((code::RESERVED, why, "choose another name"));
        }
        match self.side {
            Side::Request if name.starts_with("x-envoy-") && !removed => Some((
                code::RESERVED,
                "is an order to Envoy, which would hold in place of the route's own settings",
                "set the route's timeout and retryPolicy, or choose another name",
            )),
            Side::Response if name == "server" => Some((
                code::INVALID,
                "is written by Envoy after all routes",
                "choose another name",
            )),
            Side::Request | Side::Response => None,
        }
    }
}

/// A header's value, in which Envoy's command operators may stand.
fn value(report: &mut Report, given: Given) -> Result<Str, LeftOut> {
    let field = given.field.clone();
    let text = given.quoted(report)?;
    let visible = text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t'));
    if text.is_empty() || !visible || text.trim_ascii() != text || text.len() > LONGEST_VALUE {
        return Err(report.error(
            code::INVALID,
            &field,
            format!("it is no value of a header; {PASSED_OVER}"),
            "write up to 4,096 visible characters of ASCII, without spaces around them",
        ));
    }
    if let Err(error) = format::check(&text) {
        let message = format!("Envoy refuses it: {error}; {PASSED_OVER}");
        return Err(report.error(code::REFUSED, &field, message, error.help()));
    }
    Ok(text.into())
}
