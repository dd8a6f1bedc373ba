//! Numbers with a range.

use std::fmt;
use std::ops::RangeInclusive;

use crate::field::Field;
use crate::report::{LeftOut, Report, code};

/// What counts things: from one on, as far as Envoy counts.
pub(crate) const COUNT: RangeInclusive<u32> = 1..=u32::MAX;

/// A number of a range; any other is an error.
pub(crate) fn number<T>(
    report: &mut Report,
    field: &Field,
    given: i64,
    range: RangeInclusive<T>,
) -> Result<T, LeftOut>
where
    T: TryFrom<i64> + PartialOrd + fmt::Display,
{
    match T::try_from(given) {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(report.error(
            code::INVALID,
            field,
            format!("{given} is out of range"),
            format!("give a number from {} to {}", range.start(), range.end()),
        )),
    }
}
