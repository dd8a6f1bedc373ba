//! What Envoy takes of changed headers and of faults.

use tulle_model::extras::{AbortAnswer, Fault, HeaderEdits, RouteExtras};
use tulle_model::logging::format;

use super::{Refusal, text};

/// Headers that a change may set and add. Envoy takes 1,000 in a route, which may be of a gateway's change and a router's.
const MOST_HEADERS: usize = 500;
/// Bytes of a name or a value.
const LONGEST: usize = 16_384;

/// All of a route's.
pub(super) fn of_route<T>(extras: &RouteExtras<T>) -> Result<(), Refusal> {
    header_edits(&extras.request_headers)?;
    header_edits(&extras.response_headers)?;
    extras.fault.as_ref().map_or(Ok(()), fault)
}

/// A change of headers.
pub(super) fn header_edits(edits: &HeaderEdits) -> Result<(), Refusal> {
    if edits.set.len() + edits.add.len() > MOST_HEADERS {
        return Err(Refusal::new(
            "changed headers",
            "there are too many of them",
        ));
    }
    for (name, value) in edits.set.iter().chain(&edits.add) {
        header_name(name)?;
        let what = format!("value of header {name}");
        text(&what, value)?;
        if value.len() > LONGEST {
            return Err(Refusal::new(what, "it is too long"));
        }
        format::check(value).map_err(|error| Refusal {
            what,
            why: error.to_string(),
            help: error.help(),
        })?;
    }
    edits.remove.iter().try_for_each(|name| header_name(name))
}

fn header_name(name: &str) -> Result<(), Refusal> {
    text("header name", name)?;
    let why = match name {
        "" => "it is empty",
        _ if name.len() > LONGEST => "it is too long",
        _ if name.starts_with(':') || name.eq_ignore_ascii_case("host") => "no route may change it",
        _ => return Ok(()),
    };
    Err(Refusal::new(format!("changed header {name:?}"), why))
}

fn fault(fault: &Fault) -> Result<(), Refusal> {
    if fault.delay.is_some_and(|delay| delay.duration.is_zero()) {
        return Err(Refusal::new("delay", "it is zero"));
    }
    match fault.abort.map(|abort| abort.answer) {
        Some(AbortAnswer::Http(status)) if !(200..600).contains(&status) => {
            let what = format!("abort with status {status}");
            Err(Refusal::new(what, "it is no status from 200 to 599"))
        }
        _ => Ok(()),
    }
}
