//! Outlier detection.

use std::time::Duration;

use tulle_crds::appmesh;
use tulle_model::traffic::OutlierDetection;

use crate::duration::duration;
use crate::field::Field;
use crate::number::{COUNT, number};
use crate::report::{LeftOut, Report, code};

const PERCENT: std::ops::RangeInclusive<u32> = 0..=100;

/// What clients do with hosts that answer with errors; all of it or nothing.
pub(super) fn outlier_detection(
    report: &mut Report,
    field: &Field,
    given: &appmesh::OutlierDetection,
) -> Option<OutlierDetection> {
    let consecutive_errors = number(
        report,
        &field.key("maxServerErrors"),
        given.max_server_errors,
        COUNT,
    );
    let interval = positive(report, &field.key("interval"), given.interval);
    let base_ejection = positive(
        report,
        &field.key("baseEjectionDuration"),
        given.base_ejection_duration,
    );
    let max_ejection_percent = number(
        report,
        &field.key("maxEjectionPercent"),
        given.max_ejection_percent,
        PERCENT,
    );
    Some(OutlierDetection {
        consecutive_errors: consecutive_errors.ok()?,
        interval: interval.ok()?,
        base_ejection: base_ejection.ok()?,
        max_ejection_percent: max_ejection_percent.ok()?,
    })
}

/// Envoy refuses a time of no length here.
fn positive(
    report: &mut Report,
    field: &Field,
    given: appmesh::Duration,
) -> Result<Duration, LeftOut> {
    if given.value == 0 {
        return Err(report.error(
            code::INVALID,
            &field.key("value"),
            "nothing is judged, and no host is left alone, for no time at all",
            "give a number above 0, or remove outlierDetection",
        ));
    }
    let length = duration(report, field, given).ok_or(LeftOut)?;
    // What is longer than a century came back as no limit.
    match length.is_zero() {
        true => Err(LeftOut),
        false => Ok(length),
    }
}
