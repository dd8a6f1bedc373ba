//! Failures on purpose.

use std::time::Duration;

use tulle_model::extras::{Abort, AbortAnswer, Delay, Fault};
use tulle_model::fragment::Route;
use tulle_model::policy::Protocol;

use crate::annotation::{Given, PASSED_OVER};
use crate::field::Field;
use crate::report::{LeftOut, Report, code};

/// `{delay: {percent, duration}, abort: {percent, httpStatus | grpcStatus}}`; `None` if neither strikes anything.
pub(super) fn fault(report: &mut Report, given: Given) -> Result<Option<Fault>, LeftOut> {
    const HELP: &str = "write delay, abort or both, such as {abort: {percent: 5, httpStatus: 503}}";
    let mut members = given.members(report, HELP)?;
    let field = members.field.clone();
    let (delay_given, abort_given) = (members.take("delay"), members.take("abort"));
    let ended = members.end(report);
    if delay_given.is_none() && abort_given.is_none() && ended.is_ok() {
        let message = format!("neither delay nor abort is there; {PASSED_OVER}");
        return Err(report.error(code::MISSING, &field, message, HELP));
    }
    let delay = delay_given.map(|given| delay(report, given)).transpose();
    let abort = abort_given.map(|given| abort(report, given)).transpose();
    ended?;
    // A share of nothing is how a fault is switched off.
    let fault = Fault {
        delay: delay?.filter(|delay| delay.share.millionths() > 0),
        abort: abort?.filter(|abort| abort.share.millionths() > 0),
    };
    Ok(Some(fault).filter(|fault| *fault != Fault::default()))
}

fn delay(report: &mut Report, given: Given) -> Result<Delay, LeftOut> {
    const HELP: &str = "write percent and duration, such as {percent: 5, duration: 2s}";
    let mut members = given.members(report, HELP)?;
    let share = members.require(report, "percent", HELP);
    let duration = members.require(report, "duration", HELP);
    let ended = members.end(report);
    let share = share.and_then(|given| given.percent(report));
    let duration = duration.and_then(|given| given.duration(report));
    ended?;
    let duration: Duration = duration?;
    Ok(Delay {
        share: share?,
        duration,
    })
}

fn abort(report: &mut Report, given: Given) -> Result<Abort, LeftOut> {
    const HELP: &str =
        "write percent and httpStatus or grpcStatus, such as {percent: 5, httpStatus: 503}";
    let mut members = given.members(report, HELP)?;
    let field = members.field.clone();
    let share = members.require(report, "percent", HELP);
    let (http, grpc) = (members.take("httpStatus"), members.take("grpcStatus"));
    let ended = members.end(report);
    let share = share.and_then(|given| given.percent(report));
    let answer = match (http, grpc) {
        (Some(http), None) => http.number(report, 200..=599).map(|status| {
            let status = u16::try_from(status).expect("a number of three digits");
            AbortAnswer::Http(status)
        }),
        (None, Some(grpc)) => grpc.number(report, 0..=16).map(AbortAnswer::Grpc),
        (None, None) => {
            let message = format!("httpStatus is missing; {PASSED_OVER}");
            Err(report.error(code::MISSING, &field, message, HELP))
        }
        (Some(_), Some(_)) => {
            let message = format!("httpStatus and grpcStatus exclude each other; {PASSED_OVER}");
            Err(report.error(code::CONFLICT, &field, message, "keep one of the two"))
        }
    };
    ended?;
    Ok(Abort {
        share: share?,
        answer: answer?,
    })
}

/// The fault as far as it means something on a route of this protocol: to a caller that speaks no gRPC Envoy would answer 200.
pub(super) fn fitting(
    report: &mut Report,
    field: &Field,
    route: &Route,
    fault: Fault,
) -> Option<Fault> {
    let is_grpc = |abort: &Abort| matches!(abort.answer, AbortAnswer::Grpc(_));
    if route.protocol != Protocol::Http || !fault.abort.as_ref().is_some_and(is_grpc) {
        return Some(fault);
    }
    report.error(
        code::INVALID,
        &field.key("abort").key("grpcStatus"),
        format!(
            "route {} is an httpRoute, whose callers know no gRPC status; {PASSED_OVER} there",
            route.name
        ),
        "write httpStatus, which gRPC's callers understand too",
    );
    Some(Fault {
        abort: None,
        ..fault
    })
    .filter(|fault| *fault != Fault::default())
}
